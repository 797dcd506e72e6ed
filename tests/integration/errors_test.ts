/**
 * Every error that a user can meet: what it says, its exit code, and that nothing half-made is left.
 *
 * An error is one sentence without a period that begins with what was tried, then a line on what to
 * do where that is known, and never a stack trace.
 */

import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { assertHostIsAsBefore, lookAtHost } from "./support/host.ts";
import { BINARY, entriesOf, host, isInstalled } from "./support/project.ts";
import { type StartOptions, Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

interface ErrorCase {
  readonly name: string;
  readonly args: readonly string[];
  readonly code: number;
  /** What the sentence has to say. */
  readonly error: RegExp;
  /** What the second line has to say; undefined where there is none. */
  readonly hint?: RegExp;
  readonly options?: () => StartOptions | Promise<StartOptions>;
  /** Makes what the case needs, and gives what takes it away again. */
  readonly prepare?: () => Promise<(() => Promise<unknown>) | void>;
  readonly ignore?: boolean;
}

/** Names of all that a failing command could leave in the workspace. */
function remains(): string[] {
  const folders = ["containers", "images", "images/.rootfs"];
  return folders.flatMap((folder) =>
    entriesOf(workspace.path(folder)).map(({ name }) => `${folder}/${name}`)
  );
}

let isWarm = false;

/** Makes what the first of all containers makes for good: bridge, rules, parents of cgroups. */
async function warmUp(): Promise<void> {
  if (!isWarm) assertEquals((await workspace.run(["alpine", "true"])).code, 0);
  isWarm = true;
}

function test({ name, args, code, error, hint, options, prepare, ignore }: ErrorCase): void {
  Deno.test({ name, ignore: ignore ?? false }, async () => {
    await warmUp();
    const undo = await prepare?.();
    try {
      const started = await options?.();
      const [before, files] = [lookAtHost(), remains()];
      const outcome = await workspace.run(args, started);
      const lines = outcome.stderr.split("\n");
      assertMatch(lines[0], /^gocontainer: [^\n]*[^.]$/, outcome.stderr);
      assertMatch(lines[0], error, outcome.stderr);
      if (hint === undefined) assertEquals(lines[1], "");
      else assertMatch(lines[1], hint);
      assertEquals(/^Usage: /m.test(outcome.stderr), outcome.code === 1, outcome.stderr);
      if (outcome.code !== 1) {
        assertEquals(lines.length, hint === undefined ? 2 : 3, outcome.stderr);
      }
      assertNotMatch(outcome.stderr, /^ +at |Error:|undefined|\[object|os error/m);
      assertEquals(outcome.stdout, "");
      assertEquals(outcome.code, code);
      assertEquals(remains(), files);
      await assertHostIsAsBefore(before);
    } finally {
      await undo?.();
    }
  });
}

/** Puts a file into the images folder for one case. */
function withImage(file: string, content: string | Uint8Array): ErrorCase["prepare"] {
  return async () => {
    const path = workspace.path(`images/${file}`);
    if (typeof content === "string") await Deno.writeTextFile(path, content);
    else await Deno.writeFile(path, content);
    return () => Deno.remove(path);
  };
}

const run = (...args: string[]) => ["-net=none", "alpine", ...args];

// Who may, and what is missing on the machine.

test({
  name: "another user than root is told to use sudo",
  args: ["alpine", "true"],
  code: 125,
  error: /: only root may$/,
  hint: /sudo/,
  options: async () => {
    const folder = await Deno.makeTempDir({ prefix: "gocontainer-test-" });
    await Deno.chmod(folder, 0o755);
    await Deno.copyFile(BINARY, `${folder}/gocontainer`);
    await Deno.chmod(`${folder}/gocontainer`, 0o755);
    publicFolder = folder;
    const through = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    return { cwd: "/", binary: `${folder}/gocontainer`, through };
  },
  prepare: () => Promise.resolve(() => Deno.remove(publicFolder, { recursive: true })),
});

let publicFolder = "";

/** Runs with a /usr/sbin and /usr/bin that lack programs, in a mount namespace of its own. */
function without(...programs: string[]): () => StartOptions {
  const script = `
    n=0
    for folder in /usr/sbin /usr/bin /sbin /bin /usr/local/sbin /usr/local/bin; do
      for program in ${programs.join(" ")}; do
        [ -e $folder/$program ] || [ -L $folder/$program ] || continue
        n=$((n + 1)); mkdir -p "$0/up$n" "$0/work$n"
        mount -t overlay -o "lowerdir=$folder,upperdir=$0/up$n,workdir=$0/work$n" overlay $folder
        rm $folder/$program
      done
    done
    exec "$@"`;
  return () => {
    const layers = Deno.makeTempDirSync({ dir: workspace.folder });
    return { through: ["unshare", "--mount", "sh", "-c", script, layers] };
  };
}

test({
  name: "without ip the package to install is named",
  args: ["alpine", "true"],
  code: 125,
  error: /the program ip is not installed/,
  hint: /iproute2.*-net none/,
  options: without("ip"),
});

Deno.test("without ip, -net none and -net host work all the same", async () => {
  for (const mode of ["none", "host"]) {
    const { code, stderr } = await workspace.run(["-net", mode, "alpine", "true"], without("ip")());
    assertEquals([code, stderr], [0, ""]);
  }
});

const FEATURES: readonly (readonly [call: string, error: RegExp])[] = [
  ["unshare", /make the container's first process.*unshare/],
  ["fsopen", /mount.*fsopen/],
  ["open_tree", /open_tree/],
  ["mount_setattr", /mount_setattr/],
  ["openat2", /openat2/],
  ["pivot_root", /pivot_root/],
  ["close_range", /close_range/],
];

for (const [call, error] of FEATURES) {
  test({
    name: `a kernel without ${call} is told by that name`,
    args: run("true"),
    code: 125,
    error,
    hint: new RegExp(`The kernel has no ${call}\\(2\\): use Linux \\d`),
    options: () => ({
      through: ["strace", "-f", "-qqq", "-o", "/dev/null", `-einject=${call}:error=ENOSYS`],
    }),
    ignore: !isInstalled("strace"),
  });
}

const MACHINE_LIMITS: readonly (readonly [injection: string, error: RegExp, hint: RegExp])[] = [
  ["unshare:error=ENOSPC", /: unshare 0x.*: ENOSPC/, /^A limit of namespaces is reached: see/],
  ["move_mount:error=ENOSPC", /: move_mount .*: ENOSPC/, /^A limit of mounts is reached: see/],
  ["open_tree:error=ENOSPC", /: open_tree .*: ENOSPC/, /^A limit of mounts is reached: see/],
  ["openat2:error=ENFILE", /: openat2 .*: ENFILE/, /^This machine may have no more files open/],
];

for (const [injection, error, hint] of MACHINE_LIMITS) {
  test({
    name: `a limit of the machine is told as that: ${injection}`,
    args: run("true"),
    code: 125,
    error,
    hint,
    options: () => ({
      through: ["strace", "-f", "-qqq", "-o", "/dev/null", `-einject=${injection}`],
    }),
    ignore: !isInstalled("strace"),
  });
}

/** Runs a command with another ip, in a mount namespace of its own. */
function withIp(content: string): () => Promise<StartOptions> {
  return async () => {
    const path = workspace.path("ip");
    await Deno.writeTextFile(path, content, { mode: 0o755 });
    const script = `for ip in /usr/sbin/ip /sbin/ip /usr/bin/ip /bin/ip; do
      [ ! -e $ip ] || mount --bind "$0" $ip
    done; exec "$@"`;
    return { through: ["unshare", "--mount", "sh", "-c", script, path] };
  };
}

test({
  name: "an ip whose interpreter is missing",
  args: ["alpine", "true"],
  code: 125,
  error: /run "\/.*\/ip": No such file or directory$/,
  hint: /^Its interpreter is missing, or \/dev\/null is/,
  options: withIp("#!/nowhere/sh\n"),
});

test({
  name: "no process left for ip",
  args: ["alpine", "true"],
  code: 125,
  error: /run "\/.*\/ip": Resource temporarily unavailable$/,
  hint: /^A limit of processes is reached: see ulimit -u and pids\.max of the cgroup$/,
  options: () => ({
    through: ["strace", "-f", "-qqq", "-o", "/dev/null", "-einject=clone3,vfork:error=EAGAIN"],
  }),
  ignore: !isInstalled("strace"),
});

test({
  name: "a state folder on a full disk, in which nothing is left",
  args: run("true"),
  code: 125,
  error: /write down the state of container ".*": openat ".*\/state\.json\.new": ENOSPC \(No space/,
  hint: /^Make room there, or name another folder to the runtime's commands with --root$/,
  options: () => {
    // Room for the folder, its lock and a container's folder.
    const script = `mount -t tmpfs -o mode=755,nr_inodes=4 small /run && "$@"
      code=$?; ls /run/gocontainer >&2; exit $code`;
    return { through: ["unshare", "--mount", "sh", "-c", script, "sh"] };
  },
});

test({
  name: "a limit of file sizes that a container's config is beyond",
  args: run("true"),
  code: 125,
  error: /make the container's folder ".*": write ".*\/config\.json\.new": EFBIG/,
  hint: /^This process may write no file of more than 4096 bytes: raise the limit \(ulimit -f\)$/,
  options: () => ({ through: ["/bin/sh", "-c", 'ulimit -f 8; exec "$0" "$@"'] }),
});

// Images.

test({
  name: "an image that is not there: those that are, the nearest first",
  args: ["-net=none", "-pull=never", "alpin", "true"],
  code: 125,
  error: /^gocontainer: use image "alpin": there is no such image in "\/.*\/images"$/,
  hint: /^Did you mean "alpine"\? There are: "alpine", "another"$/,
  prepare: withImage("another.tar", "x"),
});

test({
  name: "a platform that is none",
  args: ["-platform", "linux/", ...run("true")],
  code: 125,
  error: /read the platform "linux\/": it is not OS\/ARCH/,
  hint: /^Give one such as/,
});

test({
  name: "the image in the binary for another platform",
  args: ["-i", "/run/no-images", "-platform", "linux/s390x", ...run("true")],
  code: 125,
  error: /use image "alpine" for linux\/s390x: the one in the binary is for linux\/a/,
  hint: /^Give .* in full/,
});

test({
  name: "a saved image that is not there, given as docker has it",
  args: ["load", "-i", "saved.tar.gz"],
  code: 1,
  error: /load images into "saved\.tar\.gz": it is no folder$/,
  hint: /load saved\.tar\.gz$/,
});

test({
  name: "an images folder that is not there",
  args: ["-i", "/no/such/folder", "-net=none", "-pull=never", "debian", "true"],
  code: 125,
  error: /use image "debian": the folder "\/no\/such\/folder" does not exist/,
  hint: /./,
});

test({
  name: "two archives that match are named",
  args: ["-net=none", "two", "true"],
  code: 125,
  error: /use image "two": "two.tar" and "two.tar.xz" match in /,
  hint: /Keep one/,
  prepare: async () => {
    const undo = await Promise.all(
      [withImage("two.tar", ""), withImage("two.tar.xz", "")].map((make) => make!()),
    );
    return async () => {
      for (const remove of undo) await remove?.();
    };
  },
});

test({
  name: "an archive of an unknown kind",
  args: ["-net=none", "packed", "true"],
  code: 125,
  error: /use image "packed": "packed.zip" in ".*" is of a kind that cannot be read/,
  hint: /\.tar\.gz/,
  prepare: withImage("packed.zip", "PK"),
});

test({
  name: "an archive with nothing in it",
  args: ["-net=none", "empty", "true"],
  code: 125,
  error: /extract image "empty": ".*\/empty.tar" is empty/,
  hint: /^Copy or download it again$/,
  prepare: withImage("empty.tar", ""),
});

test({
  name: "an archive that is none",
  args: ["-net=none", "broken", "true"],
  code: 125,
  error: /extract image "broken": ".*\/broken.tar" /,
  hint: /^Give a tar archive, plain or compressed by gzip, xz or zstd$/,
  prepare: withImage("broken.tar", "no archive at all, ".repeat(100)),
});

test({
  name: "an archive that is cut off",
  args: ["-net=none", "cut", "true"],
  code: 125,
  error: /extract image "cut": ".*\/cut.tar" is truncated/,
  hint: /^Copy or download it again$/,
  prepare: async () => {
    await host("tar", "-cf", workspace.path("whole.tar"), "-C", "/etc", "passwd", "group");
    const whole = await Deno.readFile(workspace.path("whole.tar"));
    return withImage("cut.tar", whole.subarray(0, 700))!();
  },
});

const HOSTILE: readonly (readonly [kind: string, transform: string])[] = [
  ["leaves its folder with ..", "s,^f,../../../../decoy/f,"],
  ["has an absolute name", "s,^f,/decoy/f,"],
];

for (const [kind, transform] of HOSTILE) {
  test({
    name: `an archive that ${kind}`,
    args: ["-net=none", "hostile", "true"],
    code: 125,
    error: /extract image "hostile": ".*\/hostile.tar" is hostile: ".*decoy\/f" /,
    hint: /^Who made it is not to be trusted/,
    prepare: async () => {
      await Deno.writeTextFile(workspace.path("f"), "evil");
      const archive = workspace.path("images/hostile.tar");
      await host("tar", "-cPf", archive, "--transform", transform, "-C", workspace.folder, "f");
      return async () => {
        await Deno.remove(archive);
        assertEquals(entriesOf("/decoy"), []);
      };
    },
  });
}

for (const name of ["..", "a..b", "a,b", "", ".hidden", "a\\b", "a b"]) {
  test({
    name: `"${name}" is no name of an image`,
    args: ["-net=none", name, "true"],
    code: 125,
    error: new RegExp(`use image ${RegExp.escape(JSON.stringify(name))}: the name `),
    hint: /An image is named as/,
  });
}

for (
  const name of ["/alpine", "../etc/passwd", "a:", "a:b:c", "a@b", "A/b:c", "a/..", "a//b", "a:,"]
) {
  test({
    name: `"${name}" is no reference to an image`,
    args: ["-net=none", name, "true"],
    code: 125,
    error: new RegExp(
      `read the (image reference ${RegExp.escape(JSON.stringify(name))}|digest "b")`,
    ),
    hint: /./,
  });
}

test({
  name: "folders on a file system that overlay cannot use",
  args: run("true"),
  code: 125,
  error: /mount the overlay of image and changes on ".*": .* \(overlay: filesystem .*EINVAL/,
  hint: /images and containers folders must lie on a file system that overlay can use/,
  options: () => ({ cwd: workspace.path("stacked") }),
  prepare: async () => {
    // An overlay cannot be the upper layer of another one.
    const [lower, upper, work, merged] = ["images", "upper", "work", "stacked"]
      .map((name) => workspace.path(name));
    for (const path of [`${upper}/images`, work, merged]) {
      await Deno.mkdir(path, { recursive: true });
    }
    await Deno.symlink(await workspace.alpine(), `${upper}/images/alpine`);
    const layers = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
    await host("mount", "-t", "overlay", "-o", layers, "stacked", merged);
    return () => host("umount", merged);
  },
});

// Folders.

for (const [option, folder] of [["-i", "open-images"], ["-c", "open-containers"]]) {
  test({
    name: `a folder for ${option} that others can write`,
    args: [option, folder, ...run("true")],
    code: 125,
    error: new RegExp(`use folder "${folder}": others can write "/.*/${folder}" \\(mode 0777\\)$`),
    hint: /chmod go-w /,
    prepare: async () => {
      await Deno.mkdir(workspace.path(folder));
      await Deno.chmod(workspace.path(folder), 0o777);
      return () => Deno.remove(workspace.path(folder));
    },
  });
}

async function withReadOnlyFolder(): Promise<() => Promise<void>> {
  const path = workspace.path("read-only");
  await Deno.mkdir(path);
  await host("mount", "-t", "tmpfs", "-o", "ro,mode=755", "read-only", path);
  return async () => {
    await host("umount", path);
    await Deno.remove(path);
  };
}

test({
  name: "a folder that cannot be made, for nothing can be written there",
  args: ["-c", "read-only/containers", ...run("true")],
  code: 125,
  error: /make folder ".*\/read-only\/containers": mkdirat ".*": EROFS \(Read-only file system\)$/,
  hint: /^Give a folder that can be written$/,
  prepare: withReadOnlyFolder,
});

test({
  name: "a folder for containers that is a file",
  args: ["-c", "/etc/passwd/x", ...run("true")],
  code: 125,
  error: /use folder "\/etc\/passwd\/x": "\/etc\/passwd" is not a folder$/,
  hint: /^Give the path of a folder$/,
});

test({
  name: "a folder for images that is a file",
  args: ["-i", "/etc/passwd", ...run("true")],
  code: 125,
  error: /use folder "\/etc\/passwd": "\/etc\/passwd" is not a folder$/,
  hint: /^Give the path of a folder$/,
});

test({
  name: "a folder for images that is no path",
  args: ["-i", "", ...run("true")],
  code: 125,
  error: /use folder "": this is no path$/,
  hint: /^Give the path of a folder$/,
});

test({
  name: "a folder for containers where the kernel makes none",
  args: ["-c", "/proc/x", ...run("true")],
  code: 125,
  error: /make folder "\/proc\/x": mkdirat "\/proc\/x": ENOENT \(No such file or directory\)$/,
  hint: /^Give a folder that can be written$/,
});

test({
  name: "a folder for images where the kernel makes none",
  args: ["-i", "/proc", ...run("true")],
  code: 125,
  error: /make folder "\/proc\/.rootfs": mkdirat ".*": ENOENT \(No such file or directory\)$/,
  hint: /^Give an images folder that can be written with -i$/,
});

/** A disk for containers with so much left: free blocks of 4 KiB, and files. */
function withSmallDisk(blocks: number, files: number): ErrorCase["prepare"] {
  return async () => {
    const path = workspace.path("small");
    await Deno.mkdir(path);
    const size = `mode=755,size=64k,nr_inodes=${files + 2}`;
    await host("mount", "-t", "tmpfs", "-o", size, "small", path);
    await Deno.writeFile(`${path}/fill`, new Uint8Array((16 - blocks) * 4096));
    return async () => {
      await host("umount", path);
      await Deno.remove(path);
    };
  };
}

const FULL_DISKS: readonly (readonly [blocks: number, files: number, error: RegExp])[] = [
  [8, 0, /make the container's folder "\/.*": mkdirat ".*": ENOSPC \(No space left on device\)$/],
  [8, 2, /make the container's folder "\/.*": mkdirat ".*": ENOSPC \(No space left on device\)$/],
  [
    0,
    20,
    /make the container's folder "\/.*": write ".*\/hosts": ENOSPC \(No space left on device\)$/,
  ],
  [
    1,
    20,
    /make the container's folder "\/.*": write ".*\/hostname": ENOSPC \(No space left on device\)$/,
  ],
  [
    3,
    20,
    /make the container's folder "\/.*": write ".*\/config.json.new": ENOSPC \(No space left/,
  ],
  [
    8,
    10,
    /mount the overlay of image and changes on "\/.*": .*: ENOSPC \(No space left on device\)$/,
  ],
];

for (const [blocks, files, error] of FULL_DISKS) {
  test({
    name: `a disk for containers with room for ${blocks} blocks and ${files} files`,
    args: ["-c", "small", ...run("true")],
    code: 125,
    error,
    hint: /[Mm]ake room, or give a folder on another (disk|one) with -c$/,
    prepare: withSmallDisk(blocks, files),
  });
}

const FULL_FOR_VOLUMES: readonly (readonly [files: number, error: RegExp])[] = [
  [
    4,
    /make the container's folder "\/.*": mkdirat ".*\/volumes": ENOSPC \(No space left on device\)$/,
  ],
  [
    5,
    /make the image's volume "\/data": mkdirat ".*\/volumes\/0": ENOSPC \(No space left on device\)$/,
  ],
];

for (const [files, error] of FULL_FOR_VOLUMES) {
  test({
    name: `a disk for containers with room for ${files} files, and an image with a volume`,
    args: ["-c", "small", "-net=none", "voluminous", "true"],
    code: 125,
    error,
    hint: /^Make room, or give a folder on another disk with -c$/,
    prepare: async () => {
      await host("tar", "-cf", workspace.path("root.tar"), "-C", "/etc", "passwd", "group");
      const args = ["import", "-c", "VOLUME /data", "root.tar", "voluminous"];
      assertEquals((await workspace.run(args)).code, 0);
      const unmount = await withSmallDisk(8, files)!();
      return async () => {
        await unmount?.();
        await Deno.remove(workspace.path("images/.store"), { recursive: true });
      };
    },
  });
}

test({
  name: "a folder for containers in which nothing can be made",
  args: ["-c", "read-only", ...run("true")],
  code: 125,
  error: /make the container's folder "\/.*\/read-only\/[0-9a-f-]+": .*Read-only file system\)?$/,
  hint: /-c/,
  prepare: withReadOnlyFolder,
});

test({
  name: "a timeline that cannot be written",
  args: ["-trace", "/no/such/folder/file", ...run("true")],
  code: 125,
  error: /write the timeline "\/no\/such\/folder\/file": No such file or directory$/,
  hint: /folder/,
});

// The command.

test({
  name: "a command that is not found",
  args: run("no-such-command"),
  code: 127,
  error: /run "no-such-command": command not found in the container$/,
  hint: /PATH, \/usr\/local\/sbin:/,
});

for (const shell of ["bash", "/bin/bash"]) {
  test({
    name: `of the shell ${shell} that is not there the one that is`,
    args: run(shell, "-c", "true"),
    code: 127,
    error: /run "(bash": command|\/bin\/bash": no such file) .*in the container$/,
    hint: /^The shell that it has is \/bin\/sh$/,
  });
}

test({
  name: "a command that is looked for in no folder",
  args: ["-e", "PATH=", ...run("true")],
  code: 127,
  error: /run "true": command not found in the container$/,
  hint: /^Its PATH names no folder$/,
});

test({
  name: "a command without a name",
  args: run(""),
  code: 127,
  error: /run "": command not found/,
  hint: /PATH/,
});

test({
  name: "a path that is not there",
  args: run("/no/such/file"),
  code: 127,
  error: /run "\/no\/such\/file": no such file in the container$/,
  hint: /image/,
});

test({
  name: "a file without the permission to be executed",
  args: run("/etc/passwd"),
  code: 126,
  error: /run "\/etc\/passwd": not executable$/,
  hint: /chmod \+x/,
});

test({
  name: "a file that only others than the user may execute",
  args: ["-v", "p:/p", "-u", "nobody", ...run("/p")],
  code: 126,
  error: /run "\/p": not executable$/,
  hint: /chmod \+x/,
  prepare: async () => {
    const undo = await withProgram("#!/bin/sh\n")!();
    await Deno.chmod(workspace.path("p"), 0o700);
    return undo;
  },
});

test({
  name: "a file in a folder that the user may not search",
  args: ["-u", "nobody", ...run("/root/x")],
  code: 126,
  error: /run "\/root\/x": the folder "\/root" on the way to it may not be searched by this user$/,
  hint: /chmod o\+x/,
});

test({
  name: "a link into a folder that the user may not search",
  args: ["-v", "p:/p", "-u", "nobody", ...run("/p/link")],
  code: 126,
  error: /run "\/p\/link": a folder on the way to it may not be searched by this user$/,
  hint: /chmod o\+x/,
  prepare: withLink("/root/x"),
});

test({
  name: "a link to itself as command",
  args: ["-v", "p:/p", ...run("/p/link")],
  code: 126,
  error: /run "\/p\/link": its symbolic links go round in circles$/,
  hint: /readlink/,
  prepare: withLink("link"),
});

/** A folder for the container that has a symbolic link. */
function withLink(target: string): ErrorCase["prepare"] {
  return async () => {
    const folder = workspace.path("p");
    await Deno.mkdir(folder);
    await Deno.symlink(target, `${folder}/link`);
    return () => Deno.remove(folder, { recursive: true });
  };
}

test({
  name: "a program on a mount with noexec",
  args: ["-v", "p:/p", ...run("/p/true")],
  code: 126,
  error: /run "\/p\/true": it lies on a mount with the option noexec$/,
  hint: /^Mount it without that option/,
  prepare: async () => {
    const folder = workspace.path("p");
    await Deno.mkdir(folder);
    await host("mount", "-t", "tmpfs", "-o", "noexec,mode=755", "noexec", folder);
    await Deno.writeTextFile(`${folder}/true`, "#!/bin/sh\n", { mode: 0o755 });
    return async () => {
      await host("umount", folder);
      await Deno.remove(folder);
    };
  },
});

test({
  name: "a folder as command",
  args: run("/etc"),
  code: 126,
  error: /run "\/etc": it is a folder$/,
  hint: /such as \/bin\/sh$/,
});

/** A program that is put into the container at /p. */
function withProgram(content: string | Uint8Array): ErrorCase["prepare"] {
  return async () => {
    const path = workspace.path("p");
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(path, bytes, { mode: 0o755 });
    return () => Deno.remove(path);
  };
}

const program = (
  code: number,
  name: string,
  content: string | Uint8Array,
  error: RegExp,
  hint?: RegExp,
) =>
  test({
    name,
    args: ["-v", "p:/p", ...run("/p")],
    code,
    error,
    ...(hint ? { hint } : {}),
    prepare: withProgram(content),
  });

/** The head of a 64-bit ELF file for a machine, with a program header that names a loader: elf(5). */
function elf(machine: number, loader = ""): Uint8Array {
  const bytes = new Uint8Array(64 + 56 + 64);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true); // ET_EXEC
  view.setUint16(18, machine, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, 0x400000n, true);
  view.setBigUint64(32, 64n, true); // e_phoff
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true); // e_phentsize
  view.setUint16(56, loader === "" ? 0 : 1, true);
  const PT_INTERP = 3;
  view.setUint32(64, PT_INTERP, true);
  view.setBigUint64(64 + 8, 120n, true); // p_offset
  view.setBigUint64(64 + 32, BigInt(loader.length + 1), true); // p_filesz
  bytes.set(new TextEncoder().encode(loader), 120);
  return bytes;
}

const [OWN, FOREIGN, FOREIGN_NAME] = Deno.build.arch === "x86_64"
  ? [62, 183, "aarch64"]
  : [183, 62, "x86_64"];

program(
  126,
  "a program for another architecture",
  elf(FOREIGN),
  new RegExp(`run "/p": it is made for ${FOREIGN_NAME}, this machine is ${Deno.build.arch}$`),
  /architecture/,
);

for (
  const [name, content] of Object.entries({
    "a program of which only the beginning is there": elf(OWN, "/lib/ld.so").slice(0, 100),
    "a program whose headers lie at the end of what is looked at, and have no size": headersAtEnd(),
  })
) {
  program(126, name, content, /run "\/p": the program is damaged, the kernel cannot/, /anew/);
}

/** As nobody makes one, but for those who look for what reads it. */
function headersAtEnd(): Uint8Array {
  const bytes = new Uint8Array(4096);
  bytes.set(elf(OWN, "/lib/ld.so"));
  const view = new DataView(bytes.buffer);
  view.setBigUint64(32, 4095n, true); // e_phoff
  view.setUint16(54, 0, true); // e_phentsize
  return bytes;
}

program(
  127,
  "a program whose loader is missing",
  elf(OWN, "/lib64/ld-nowhere.so.2"),
  /run "\/p": its loader "\/lib64\/ld-nowhere\.so\.2" is not in the container$/,
  /static/,
);

for (
  const [name, loader] of Object.entries({
    "is not executable": "/etc/passwd",
    "is no program": "/usr/share/udhcpc/default.script",
  })
) {
  program(
    126,
    `a program whose loader ${name}`,
    elf(OWN, loader),
    new RegExp(`run "/p": its loader "${RegExp.escape(loader)}" cannot be loaded$`),
    /executable file/,
  );
}

test({
  name: "a program whose loader is an empty file",
  args: ["-v", "p:/p", "-v", "loader:/loader", ...run("/p")],
  code: 126,
  error: /run "\/p": its loader "\/loader" cannot be loaded$/,
  hint: /executable file/,
  prepare: async () => {
    const undo = await withProgram(elf(OWN, "/loader"))!();
    await Deno.writeTextFile(workspace.path("loader"), "", { mode: 0o755 });
    return async () => {
      await undo?.();
      await Deno.remove(workspace.path("loader"));
    };
  },
});

program(
  127,
  "a script whose interpreter is missing",
  "#!/usr/bin/perl5 -w\n",
  /run "\/p": its interpreter "\/usr\/bin\/perl5" is not in the container$/,
  /#!/,
);

program(
  127,
  "a script with line ends of Windows",
  "#!/bin/sh\r\necho hi\r\n",
  /run "\/p": its interpreter "\/bin\/sh\\r" is not in the container$/,
  /CR LF/,
);

for (
  const [name, line, code, error, hint] of [
    [
      "an interpreter that is not executable",
      "#!/etc/passwd",
      126,
      /its interpreter "\/etc\/passwd" is not executable$/,
      /chmod \+x/,
    ],
    [
      "an interpreter that not everybody may run, but runs another one",
      "#!/i/private",
      126,
      /its interpreter "\/i\/private" is not executable$/,
      /chmod \+x/,
    ],
    ["a folder as interpreter", "#! /etc -x", 126, /its interpreter "\/etc" is a folder$/, /#!/],
    [
      "an interpreter for another architecture",
      "#!/i/foreign sh",
      126,
      new RegExp(`its interpreter "/i/foreign" is made for ${FOREIGN_NAME}, this machine is `),
      /architecture/,
    ],
    [
      "an interpreter that is a script of one for another architecture",
      "#!/i/script",
      126,
      /the interpreter "\/i\/foreign" of its interpreter "\/i\/script" is made for /,
      /architecture/,
    ],
    [
      "an interpreter whose loader is missing",
      "#!/i/dynamic",
      127,
      /the loader "\/lib64\/ld-nowhere" of its interpreter "\/i\/dynamic" is not in /,
      /static/,
    ],
    [
      "an interpreter whose loader is no program",
      "#!/i/unfit",
      126,
      /the loader "\/i\/foreign" of its interpreter "\/i\/unfit" cannot be loaded$/,
      /executable file/,
    ],
    [
      "an interpreter that is neither program nor script",
      "#!/i/text",
      126,
      /its interpreter "\/i\/text" is neither a program nor a script/,
      /#!/,
    ],
    [
      "an interpreter that is a link to itself",
      "#!/i/circle",
      126,
      /the symbolic links of its interpreter "\/i\/circle" go round in circles$/,
      /readlink/,
    ],
    [
      "itself as interpreter",
      "#!/p",
      126,
      /its interpreter is a script, and so is that one's, more than five times$/,
      /#!/,
    ],
  ] as const
) {
  test({
    name: `a script with ${name}`,
    args: ["-v", "p:/p", "-v", "interpreters:/i", "-u", "nobody", ...run("/p")],
    code,
    error: new RegExp(`run "/p": ${error.source}`),
    hint,
    prepare: async () => {
      const folder = workspace.path("interpreters");
      await Deno.mkdir(folder);
      const put = (name: string, content: Uint8Array | string, mode = 0o755) => {
        const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
        return Deno.writeFile(`${folder}/${name}`, bytes, { mode });
      };
      await put("foreign", elf(FOREIGN));
      await put("script", "#!/i/foreign\n");
      await put("dynamic", elf(OWN, "/lib64/ld-nowhere"));
      await put("unfit", elf(OWN, "/i/foreign"));
      await put("text", "echo hi\n");
      await put("private", "#!/bin/sh\n", 0o700);
      await Deno.symlink("circle", `${folder}/circle`);
      const undo = await withProgram(`${line}\n`)!();
      return async () => {
        await undo?.();
        await Deno.remove(folder, { recursive: true });
      };
    },
  });
}

test({
  name: "a script whose interpreter's interpreter is in a folder that the user may not search",
  args: ["-v", "p:/p", "-userns", "auto", "-u", "nobody", ...run("/p/outer")],
  code: 126,
  error:
    /run "\/p\/outer": the folder "\/root" on the way to the interpreter "\/root\/x" of its interpreter "\/p\/inner" may not be searched by this user$/,
  hint: /chmod o\+x/,
  prepare: async () => {
    const folder = workspace.path("p");
    await Deno.mkdir(folder);
    await Deno.writeTextFile(`${folder}/outer`, "#!/p/inner\n", { mode: 0o755 });
    await Deno.writeTextFile(`${folder}/inner`, "#!/root/x\n", { mode: 0o755 });
    return () => Deno.remove(folder, { recursive: true });
  },
});

Deno.test("a script runs through five interpreters", async () => {
  const script = (index: number) => `#!${index === 0 ? "/bin/echo" : `/i/${index - 1}`} ${index}\n`;
  const folder = workspace.path("five");
  await Deno.mkdir(folder);
  for (let index = 0; index < 5; index++) {
    await Deno.writeTextFile(`${folder}/${index}`, script(index), { mode: 0o755 });
  }
  const { code, stdout } = await workspace.run(["-v", "five:/i", ...run("/i/4")]);
  assertEquals([code, stdout], [0, "0 /i/0 1 /i/1 2 /i/2 3 /i/3 4 /i/4\n"]);
});

program(126, "an empty file as command", "", /run "\/p": the file is empty$/, /anew/);

program(
  126,
  "a program of another system",
  Uint8Array.from([0xcf, 0xfa, 0xed, 0xfe, 7, 0, 0, 1, 3, 0, 0, 0, 2, 0, 0, 0]),
  /run "\/p": neither a program nor a script/,
  /made for Linux/,
);

program(
  126,
  "a file that is neither program nor script",
  "echo hi\n",
  /run "\/p": neither a program nor a script/,
  /sh \/p/,
);

// Limits.

for (const value of ["x", "1.5.5M", "-1", "10X", ""]) {
  test({
    name: `-mem "${value}" is no size`,
    args: ["-mem", value, ...run("true")],
    code: 1,
    error: new RegExp(`read "-mem ${RegExp.escape(value)}": not a size$`),
    hint: /512M/,
  });
}

for (const value of ["0.1", "9000T"]) {
  test({
    name: `-mem ${value} is out of range`,
    args: ["-mem", value, ...run("true")],
    code: 1,
    error: new RegExp(`read "-mem ${value}": out of range$`),
    hint: /at least 1 byte/,
  });
}

test({
  name: "-mem with fewer bytes than any program needs",
  args: ["-mem", "1K", ...run("true")],
  code: 125,
  error: /memory\.limit to 1024 bytes: too small to start a program$/,
  hint: /\d [KM]iB/,
});

const LIMITS: readonly (readonly [option: string, value: string, range: string])[] = [
  ["-cpu", "1", "2 to 262144"],
  ["-cpu", "262145", "2 to 262144"],
  ["-cpu", "-5", "2 to 262144"],
  ["-cpu", "many", "2 to 262144"],
  ["-cpus", "0.001", "0.01 to 8192"],
  ["-cpus", "1e3", "0.01 to 8192"],
  ["-pids", "-2", "1 to 4194304"],
  ["-pids", "99999999", "1 to 4194304"],
];

for (const [option, value, range] of LIMITS) {
  test({
    name: `${option} ${value} is out of range`,
    args: [option, value, ...run("true")],
    code: 1,
    error: new RegExp(`read "${option} ${value}": not a (whole )?number from ${range}$`),
    ...(option === "-cpu" ? { hint: /-cpus 1\.5$/ } : {}),
  });
}

// Network.

const CIDRS: readonly (readonly [option: string, value: string, error: RegExp])[] = [
  ["-bridge-addr", "10.10.10.1", /the prefix length is missing$/],
  ["-bridge-addr", "10.10.10/24", /an IPv4 address has four numbers$/],
  ["-bridge-addr", "10.10.10.256/24", /"256" is not a number from 0 to 255$/],
  ["-bridge-addr", "10.10.10.1/33", /the prefix length is not a number from 0 to 32$/],
  ["-bridge-addr", "fe80::1/64", /IPv6 addresses are not supported$/],
  ["-bridge-addr", "10.10.10.0/24", /it is the network address of its subnet$/],
  ["-bridge-addr", "127.0.0.1/8", /hosts cannot have addresses that begin with 0, 127/],
  ["-container-addr", "ten", /the prefix length is missing$/],
  ["-container-addr", "10.10.11.2/24", /it lies outside the bridge's subnet 10\.10\.10\.0\/24$/],
  ["-container-addr", "10.10.10.1/24", /the bridge itself has this address$/],
  ["-container-addr", "10.10.10.255/24", /it is the broadcast address of its subnet$/],
  ["-container-addr", "10.10.10.2/25", /its prefix is not that of the bridge's subnet/],
];

for (const [option, value, error] of CIDRS) {
  test({
    name: `${option} ${value} is refused`,
    args: [option, value, "alpine", "true"],
    code: 125,
    error: new RegExp(`${option} "${RegExp.escape(value)}": .*${error.source}`),
    hint: /./,
  });
}

/** Runs a container that sleeps until the case is over. */
function withContainer(...options: string[]): ErrorCase["prepare"] {
  return async () => {
    const script = "echo ready; exec sleep 1000";
    const running = workspace.start([...options, "alpine", "/bin/sh", "-c", script]);
    await running.says(/ready/);
    return async () => {
      running.kill("SIGTERM");
      await running.end();
    };
  };
}

test({
  name: "an address that another container has",
  args: ["-container-addr", "10.10.10.77/24", "alpine", "true"],
  code: 125,
  error: /"10\.10\.10\.77\/24": container "[0-9a-f-]{36}" has this address$/,
  hint: /-container-addr/,
  prepare: withContainer("-container-addr", "10.10.10.77/24"),
});

test({
  name: "an address for the bridge while a container uses the old one",
  args: ["-bridge-addr", "10.87.0.1/24", "alpine", "true"],
  code: 125,
  error: /the address 10\.10\.10\.1\/24 of "goContainers0" .* it is the gateway of "[0-9a-f-]{36}"/,
  hint: /-bridge-addr 10\.10\.10\.1\/24/,
  prepare: withContainer(),
});

test({
  name: "a subnet that another interface has",
  args: ["-bridge-addr", "10.87.1.1/24", "alpine", "true"],
  code: 125,
  error: /the subnet 10\.87\.1\.0\/24 .* interface "gctest0" has the address 10\.87\.1\.9\/24$/,
  hint: /-bridge-addr/,
  prepare: async () => {
    await host("ip", "link", "add", "gctest0", "type", "bridge");
    await host("ip", "address", "add", "10.87.1.9/24", "dev", "gctest0");
    return () => host("ip", "link", "delete", "gctest0");
  },
});

test({
  name: "-net with a mode that is none",
  args: ["-net", "bridges", "alpine", "true"],
  code: 1,
  error: /read "-net bridges": no such network$/,
  hint: /bridge, none, host or container:ID/,
});

test({
  name: "-container-addr without the bridge's network",
  args: ["-net", "none", "-container-addr", "10.10.10.7/24", "alpine", "true"],
  code: 1,
  error: /read "-container-addr 10\.10\.10\.7\/24": it is for the bridge's network$/,
  hint: /Leave it out, or "-net none"/,
});

test({
  name: "-net with a container that is not running",
  args: ["-net", "container:nobody", "alpine", "true"],
  code: 125,
  error: /find container "nobody": no such container is running$/,
  hint: /./,
});

// Names, users, folders inside, volumes, variables.

for (const name of ["a/b", "..", ".", "a,b", "a:b", "-x", "", "x".repeat(129)]) {
  test({
    name: `"${name.slice(0, 20)}" is no name of a container`,
    args: [`-name=${name}`, ...run("true")],
    code: 125,
    error: new RegExp(`use "${RegExp.escape(name)}" as container name: not allowed$`),
    hint: /Begin with a letter or digit/,
  });
}

test({
  name: "a name that another container has",
  args: ["-name", "taken", ...run("true")],
  code: 125,
  error: /name the container "taken": the name is in use$/,
  hint: /[0-9a-f-]{36}/,
  prepare: withContainer("-net=none", "-name", "taken"),
});

test({
  name: "a hostname of two lines, the second of which moves the cursor",
  args: ["-hostname", "box\n\x1b[Aother", ...run("true")],
  code: 1,
  error: /read "-hostname box\\u000a\\u001b\[Aother": not a hostname$/,
  hint: /letters/,
});

test({
  name: "a hostname that is none",
  args: ["-hostname", "two words", ...run("true")],
  code: 1,
  error: /read "-hostname two words": not a hostname$/,
  hint: /64/,
});

const USERS: readonly (readonly [user: string, error: RegExp, hint?: RegExp])[] = [
  ["nobody2", /use user "nobody2": the image's \/etc\/passwd has no such user$/, /number/],
  ["root:nogroup2", /use group "nogroup2": the image's \/etc\/group has no such group$/, /number/],
  ["4294967296", /use id 4294967296: the highest is 2147483647$/, /lower number/],
  ["-1", /use user "-1": /, /number/],
  ["a:b:c", /use user "a:b:c": this is not USER\[:GROUP\]$/, /as in nobody:nogroup or 1000:1000$/],
];

for (const [user, error, hint] of USERS) {
  test({
    name: `-u ${user} is refused`,
    args: [`-u=${user}`, ...run("true")],
    code: 125,
    error,
    ...(hint ? { hint } : {}),
  });
}

test({
  name: "a working folder that is relative",
  args: ["-w", "tmp", ...run("true")],
  code: 1,
  error: /read "-w tmp": not an absolute path$/,
  hint: /from \//,
});

test({
  name: "a working folder that is a file",
  args: ["-w", "/etc/passwd", ...run("true")],
  code: 125,
  error: /make the working folder "\/etc\/passwd": "\/etc\/passwd" is not a folder$/,
  hint: /^Give a folder that is there, or one that can be made$/,
});

const PLACE = /another place/;
const VOLUMES: readonly (readonly [volume: string, code: number, error: RegExp, hint?: RegExp])[] =
  [
    ["/etc", 1, /read "-v \/etc": not a volume$/, /SRC:DST/],
    ["/etc:relative", 1, /read "-v \/etc:relative": not a volume$/, /SRC:DST/],
    ["/etc:/x:rx", 1, /read "-v \/etc:\/x:rx": "rx" is none of ro, rw, idmap$/, /SRC:DST/],
    ["/etc:/x:rslave", 1, /"rslave" is none of ro, rw, idmap$/, /^Leave it out: .* mounted later/],
    ["/etc:/", 1, /the root itself cannot be replaced$/, /SRC:DST/],
    [
      "/no/such.conf:/x",
      125,
      /mount "\/no\/such\.conf" in the container: there is/,
      /^Give a file/,
    ],
    ["/no/such:/x", 125, /mount "\/no\/such" in the container: there is no such/, /mkdir -p/],
    [
      "/etc:/proc/x",
      125,
      /bind "\/etc" on "\/proc\/x": nothing may be mounted over \/proc$/,
      PLACE,
    ],
    ["/etc/passwd:/etc", 125, /bind "\/etc\/passwd" on "\/etc": "\/etc" is a folder/, PLACE],
    ["/etc:/etc/passwd", 125, /bind .*: "\/etc\/passwd" is not a folder$/, PLACE],
  ];

for (const [volume, code, error, hint] of VOLUMES) {
  test({
    name: `-v ${volume} is refused`,
    args: ["-v", volume, ...run("true")],
    code,
    error,
    ...(hint ? { hint } : {}),
  });
}

test({
  name: "a variable without a name",
  args: ["-e", "=value", ...run("true")],
  code: 1,
  error: /read "-e =value": not a variable$/,
  hint: /KEY=VALUE/,
});

test({
  name: "a switch that is neither true nor false",
  args: ["-rm=maybe", ...run("true")],
  code: 1,
  error: /read the option "-rm=maybe": it is true or false$/,
});

test({
  name: "gc with arguments",
  args: ["gc", "now"],
  code: 1,
  error: /run "gc": it takes no arguments$/,
});

Deno.test("a state folder that others can write is refused", async () => {
  const { mode } = await Deno.stat("/run/gocontainer");
  await Deno.chmod("/run/gocontainer", 0o777);
  try {
    for (const args of [run("true"), ["gc"]]) {
      const { code, stderr } = await workspace.run(args);
      assertEquals(code, 125);
      assertMatch(
        stderr,
        /use the state folder "\/run\/gocontainer": others can write there\n.*chmod/,
      );
    }
  } finally {
    await Deno.chmod("/run/gocontainer", mode! & 0o7777);
  }
  assert((await workspace.run(run("true"))).code === 0);
});
