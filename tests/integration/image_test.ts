/** lib/image against GNU tar and the kernel: what is extracted, by whom, and what is left. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { ContainerError } from "../../lib/errors.ts";
import { extractRootfs } from "../../lib/image/extract.ts";
import { findRootfs } from "../../lib/image/rootfs.ts";
import { moduleFlags } from "../../tools/modules.ts";
import { BINARY } from "./support/project.ts";
import { difference, manifest, run, setAttribute, sh, TrialFolder } from "./image_lab.ts";

const root = Deno.uid() === 0;

function test(
  name: string,
  body: (trial: TrialFolder) => void | Promise<void>,
  ignore = false,
): void {
  Deno.test({ name: `image: ${name}`, ignore: !root || ignore }, async () => {
    using trial = new TrialFolder();
    await body(trial);
  });
}

/** A tree with one of everything that a root file system can have. */
function makeTree(path: string): void {
  Deno.mkdirSync(path);
  sh(
    `
    mkdir -p bin usr/bin usr/lib etc dev tmp root var/empty deep srv/sgid
    echo busybox > bin/busybox; chmod 4755 bin/busybox
    ln bin/busybox bin/sh; ln bin/busybox usr/bin/env
    ln -s busybox bin/ls; ln -s /usr/bin/env etc/env; ln -s ../../../../../etc/passwd etc/outside
    ln -s nowhere etc/dangling; ln etc/dangling etc/dangling-too
    chown -h 1:2 etc/dangling
    printf 'root:x:0:0:root:/root:/bin/sh\\n' > etc/passwd
    : > etc/empty
    printf x > etc/shadow; chmod 0640 etc/shadow; chown 0:42 etc/shadow
    head -c 1000000 /dev/urandom > usr/lib/large; chown 4294967294:65534 usr/lib/large
    head -c 511 /dev/urandom > usr/lib/511; head -c 512 /dev/urandom > usr/lib/512
    head -c 513 /dev/urandom > usr/lib/513
    mkfifo -m 0620 tmp/fifo; mknod -m 0666 dev/null c 1 3; mknod -m 0660 dev/disk b 259 1048575
    mknod -m 0600 dev/whiteout c 0 0; chown 0:6 dev/disk
    chmod 1777 tmp; chmod 0700 root; chmod 2775 srv/sgid; chown 3:4 srv/sgid
    chmod 0000 var/empty; chmod 0111 usr/lib/511
    truncate -s 20M usr/lib/hole; printf begin | dd of=usr/lib/hole conv=notrunc status=none
    printf middle | dd of=usr/lib/hole bs=1M seek=7 conv=notrunc status=none
    printf end | dd of=usr/lib/hole bs=1M seek=19 conv=notrunc status=none
    truncate -s 3M usr/lib/only-hole
    printf 'a' > "name with spaces and \\" quotes"
    printf 'b' > $'newline\\nand\\ttab'; printf 'c' > $'not-utf8-\\xff\\xfe'; printf 'd' > 'ümläut-ß-中文'
    long=$(printf 'n%.0s' {1..200}); d=deep; for i in 1 2 3 4 5 6; do d=$d/$long; mkdir $d; done
    printf 'deep' > $d/file; ln -s $(printf 't%.0s' {1..1000}) deep/long-target; ln $d/file deep/link
    printf 'e' > deep/$(printf 'm%.0s' {1..255})
    touch -d '1969-12-31 23:59:58.25 UTC' etc/before; touch -d '2040-02-03 04:05:06.789012345' etc/after
    touch -hd '2001-02-03 04:05:06.5' etc/env
    touch -d '2011-01-01 00:00:00.123456789' usr usr/bin deep; touch -d '1980-01-01' .
    `,
    path,
  );
  // 0xc0 and the like are no UTF-8: file capabilities must come through as the bytes they are.
  const capability = Uint8Array.fromHex("0100000280ff0000c0ff000000000000000000e0");
  setAttribute(`${path}/usr/lib/512`, "security.capability", capability);
  setAttribute(`${path}/usr/lib/512`, "user.binary", Uint8Array.fromHex("00ff0a3d00"));
  setAttribute(`${path}/usr/lib/513`, "user.equals=and%", new TextEncoder().encode("x=y\n"));
  setAttribute(`${path}/srv`, "user.on-a-folder", new TextEncoder().encode("yes"));
  setAttribute(`${path}/etc/shadow`, "user.empty", new Uint8Array(0));
}

/** Shows the first lines in which two trees differ, if any. */
function assertSameTree(
  expected: ReadonlyMap<string, string>,
  actual: ReadonlyMap<string, string>,
): void {
  const lines = difference(expected, actual);
  assert(lines.length === 0, lines.slice(0, 10).join("\n"));
}

/** Extracts an archive with the module, and gives the root's path. */
async function extract(folder: string, name: string): Promise<string> {
  assertEquals(findRootfs(folder, name), undefined);
  const rootfs = await extractRootfs(folder, name);
  assertEquals(findRootfs(folder, name), rootfs);
  return rootfs.path;
}

/** The same by GNU tar. */
function extractByTar(archive: string, folder: string): string {
  const path = `${folder}/by-tar`;
  Deno.mkdirSync(path);
  run("tar", [
    "-xpf",
    archive,
    "-C",
    path,
    "--numeric-owner",
    "--same-owner",
    "--xattrs",
    "--xattrs-include=*",
    "--delay-directory-restore",
  ]);
  return path;
}

for (
  const [name, options] of Object.entries({
    "POSIX": ["--format=posix", "--xattrs", "--xattrs-include=*"],
    "POSIX, sparse 1.0": ["--format=posix", "--xattrs", "--xattrs-include=*", "-S"],
    "POSIX, sparse 0.1": ["--format=posix", "-S", "--sparse-version=0.1"],
    "POSIX, sparse 0.0": ["--format=posix", "-S", "--sparse-version=0.0"],
    "GNU": ["--format=gnu"],
    "GNU, sparse": ["--format=gnu", "-S"],
    "old GNU": ["--format=oldgnu"],
    "POSIX, folder names last": ["--format=posix", "--no-recursion", "--null", "-T", "../reversed"],
  })
) {
  test(`a tree with everything, in the format ${name}, is as GNU tar extracts it`, async (trial) => {
    const tree = `${trial.path}/tree`;
    makeTree(tree);
    sh("find . -depth -print0 | sort -zr > ../reversed", tree);
    const images = trial.folder("images");
    const listed = options.includes("-T") ? [] : ["."];
    run("tar", ["-cf", `${images}/tree.tar`, "--numeric-owner", ...options, ...listed], tree);
    const expected = await manifest(extractByTar(`${images}/tree.tar`, trial.path));
    const actual = await manifest(await extract(images, "tree"));
    assert(expected.size > 50, `${expected.size}`);
    assertSameTree(expected, actual);
    if (options.includes("--xattrs")) {
      assertSameTree(await manifest(tree), actual);
    }
  });
}

const ALPINE = Deno.env.get("GOCONTAINER_IMAGE_MIRROR") ??
  new URL("../../../shared/images", import.meta.url).pathname;

/** The archive of Alpine for this machine in the mirror folder, if there is one. */
function alpineArchive(): string | undefined {
  try {
    const found = [...Deno.readDirSync(ALPINE)].find(({ name }) =>
      name.startsWith("alpine-minirootfs-") && name.endsWith(`-${Deno.build.arch}.tar.gz`)
    );
    return found && `${ALPINE}/${found.name}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

test("Alpine is as GNU tar extracts it, and as it was packed", async (trial) => {
  const images = trial.folder("images");
  const archive = alpineArchive()!;
  Deno.copyFileSync(archive, `${images}/alpine.tar.gz`);
  const expected = await manifest(extractByTar(archive, trial.path));
  const path = await extract(images, "alpine");
  assert(expected.size > 500);
  assertSameTree(expected, await manifest(path));
  assertEquals(Deno.readLinkSync(`${path}/bin/sh`), "/bin/busybox");
}, alpineArchive() === undefined);

test("a part of this machine is as GNU tar extracts it", async (trial) => {
  const images = trial.folder("images");
  const parents = ["usr", "usr/share", "var", "var/lib", "var/lib/dpkg"].filter(exists);
  const paths = ["etc", "usr/sbin", "var/lib/dpkg/info", "usr/share/zoneinfo", "dev"].filter(
    exists,
  );
  sh(
    `tar --xattrs --xattrs-include='*' --format=posix -S --numeric-owner --one-file-system \
       --warning=no-file-ignored -cf ${images}/machine.tar --no-recursion . ${parents.join(" ")} \
       --recursion ${paths.join(" ")}`,
    "/",
  );
  const expected = await manifest(extractByTar(`${images}/machine.tar`, trial.path));
  assert(expected.size > 1000);
  assertSameTree(expected, await manifest(await extract(images, "machine")));
});

test("a sparse file takes no more room than its data", async (trial) => {
  const images = trial.folder("images");
  sh(
    `truncate -s 1G hole; printf x | dd of=hole bs=1M seek=500 conv=notrunc status=none
     tar --format=posix -Scf images/posix.tar hole; tar --format=gnu -Scf images/gnu.tar hole`,
    trial.path,
  );
  for (const name of ["posix", "gnu"]) {
    const { size, blocks } = Deno.statSync(`${await extract(images, name)}/hole`);
    assertEquals(size, 1024 ** 3);
    assert(blocks! * 512 < 1024 ** 2, `${blocks} blocks`);
  }
});

test("every kind of archive is told by its content, whatever its name says", async (trial) => {
  const images = trial.folder("images");
  sh("mkdir tree; echo hello > tree/file; tar -cf tree.tar -C tree .", trial.path);
  const compressors = { "cat": "", "gzip -c": "", "xz -c": "xz", "zstd -qc": "zstd" };
  for (const [index, [compress, needed]] of Object.entries(compressors).entries()) {
    if (needed !== "" && !isInstalled(needed)) continue;
    for (const ending of [".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.zst"]) {
      const name = `i${index}${ending.replaceAll(".", "-")}`;
      sh(`${compress} < ${trial.path}/tree.tar > ${images}/${name}${ending}`);
      const path = await extract(images, name);
      assertEquals(Deno.readTextFileSync(`${path}/file`), "hello\n", `${compress} as ${ending}`);
    }
  }
});

test("xz is undone whatever options it was made with", async (trial) => {
  const images = trial.folder("images");
  sh(
    `mkdir tree; cp -L /bin/bash /usr/bin/env tree; head -c 300000 /dev/urandom > tree/random
     head -c 5000000 /dev/zero > tree/zeros; seq 300000 > tree/numbers
     tar --format=posix -cf tree.tar -C tree .`,
    trial.path,
  );
  const expected = await manifest(extractByTar(`${trial.path}/tree.tar`, trial.path));
  const options = [
    "-0",
    "-9e",
    "-T2 --block-size=1MiB --check=crc64",
    "--check=none --lzma2=preset=6,dict=4KiB,lc=0,lp=4,pb=4",
    "--check=crc32 --lzma2=preset=1,dict=1536KiB,lc=1,lp=3,pb=0",
  ];
  for (const [index, option] of options.entries()) {
    sh(`xz -c ${option} tree.tar > images/i${index}.tar.xz`, trial.path);
    assertSameTree(expected, await manifest(await extract(images, `i${index}`)));
  }
  sh("xz -c --check=sha256 tree.tar > images/sha.tar.xz", trial.path);
  await assertRejects(
    () => extract(images, "sha"),
    ContainerError,
    "has a filter or checksum of xz that is not known here",
  );
}, !isInstalled("xz"));

test("the built binary undoes every compression", (trial) => {
  const images = trial.folder("images");
  sh("mkdir tree; echo hello > tree/file; tar -cf tree.tar -C tree .", trial.path);
  for (
    const [name, compress] of [["plain", "cat"], ["gz", "gzip -c"], ["xz", "xz -c"], [
      "zst",
      "zstd -qc",
    ]]
  ) {
    if (!isInstalled(compress!.split(" ")[0]!)) continue;
    sh(`${compress} < tree.tar > images/${name}.tar`, trial.path);
    const { code, stderr } = new Deno.Command(BINARY, {
      args: ["-net", "none", "-rm", name!, "/no/such/program"],
      cwd: trial.path,
    }).outputSync();
    assertEquals(code, 127, new TextDecoder().decode(stderr));
    assertEquals(Deno.readTextFileSync(`${findRootfs(images, name!)!.path}/file`), "hello\n");
  }
});

test("an archive that was replaced is extracted anew; the older root stays for who uses it", async (trial) => {
  const images = trial.folder("images");
  sh("echo 1 > file; tar -cf images/i.tar file; echo 2 > file", trial.path);
  const first = await extract(images, "i");
  sh("tar -cf new.tar file; mv new.tar images/i.tar", trial.path);
  const second = await extract(images, "i");
  assert(first !== second);
  assertEquals(Deno.readTextFileSync(`${first}/file`), "1\n");
  assertEquals(Deno.readTextFileSync(`${second}/file`), "2\n");
  // In place, too.
  sh("echo 3 > file; tar -cf images/i.tar file; touch -d 2001-01-01 images/i.tar", trial.path);
  assertEquals(Deno.readTextFileSync(`${await extract(images, "i")}/file`), "3\n");
});

test("a folder is used as it is, also through a symbolic link", async (trial) => {
  const images = trial.folder("images");
  const tree = trial.folder("elsewhere");
  Deno.symlinkSync("../elsewhere", `${images}/linked`);
  Deno.mkdirSync(`${images}/own`);
  assertEquals(findRootfs(images, "own")?.path, `${images}/own`);
  assertEquals(findRootfs(images, "linked"), { name: "linked", path: tree, source: "folder" });
  assertEquals(await extractRootfs(images, "own"), findRootfs(images, "own"));
  assertEquals([...Deno.readDirSync(images)].map(({ name }) => name).sort(), ["linked", "own"]);
});

test("nothing is taken over from the images folder: no group, no access control list", async (trial) => {
  const images = trial.folder("images", 0o2755);
  Deno.chownSync(images, 0, 4242);
  Deno.chmodSync(images, 0o2755);
  // user::rwx, user:4242:rwx, group::rwx, mask::rwx, other::rwx
  const acl = "02000000" + "01000700ffffffff" + "0200070092100000" + "04000700ffffffff" +
    "10000700ffffffff" + "20000700ffffffff";
  setAttribute(images, "system.posix_acl_default", Uint8Array.fromHex(acl));
  sh("mkdir -p a/b; echo x > a/b/c; tar -cf i.tar a/b/c; mv i.tar images", trial.path);
  const tree = await manifest(await extract(images, "i"));
  for (const path of [".", "./a", "./a/b"]) {
    assert(/^40755 0:0 [0-9]+$/.test(tree.get(path)!), `${path} ${tree.get(path)}`);
  }
  assert(!tree.get("./a/b/c")!.includes("acl"), tree.get("./a/b/c"));
});

test("access control lists of an archive are kept", async (trial) => {
  const images = trial.folder("images");
  const acl = "02000000" + "01000600ffffffff" + "0200070092100000" + "04000400ffffffff" +
    "10000700ffffffff" + "20000400ffffffff";
  sh("mkdir -p tree/d; echo x > tree/d/f", trial.path);
  const tree = `${trial.path}/tree`;
  setAttribute(`${tree}/d`, "system.posix_acl_default", Uint8Array.fromHex(acl));
  setAttribute(`${tree}/d/f`, "system.posix_acl_access", Uint8Array.fromHex(acl));
  sh("tar --xattrs --xattrs-include='*' --format=posix -cf ../images/i.tar .", tree);
  const expected = await manifest(tree);
  assert(expected.get("./d/f")!.includes("posix_acl_access"));
  assertSameTree(expected, await manifest(await extract(images, "i")));
});

/** Starts a process that makes the image ready. */
const MODULES = await moduleFlags();

function spawnChild(images: string, name: string): Deno.ChildProcess {
  const script = new URL("image_extract_child.ts", import.meta.url).pathname;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", ...MODULES, script, images, name],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function outcome(child: Deno.ChildProcess): Promise<string> {
  const { stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return decoder.decode(stdout).trim() + decoder.decode(stderr).trim();
}

/** An archive large enough to be caught in the midst of its extraction. */
function makeLargeArchive(trial: TrialFolder, images: string): void {
  sh(
    `mkdir tree; cd tree
     for d in {1..10}; do mkdir d$d; for f in {1..50}; do echo $d$f > d$d/f$f; done; done
     head -c 12000000 /dev/urandom > large; tar --format=posix -cf ${images}/i.tar .`,
    trial.path,
  );
}

test("20 processes at once extract an image once", async (trial) => {
  const images = trial.folder("images");
  makeLargeArchive(trial, images);
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, () => outcome(spawnChild(images, "i"))),
  );
  assertEquals(new Set(outcomes), new Set([findRootfs(images, "i")!.path]));
  assertEquals([...Deno.readDirSync(`${images}/.rootfs`)].length, 1);
  assertSameTree(await manifest(`${trial.path}/tree`), await manifest(outcomes[0]!));
});

test("20 processes at once all say what is wrong with an archive, and leave nothing", async (trial) => {
  const images = trial.folder("images");
  makeLargeArchive(trial, images);
  Deno.truncateSync(`${images}/i.tar`, 5_000_000);
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, () => outcome(spawnChild(images, "i"))),
  );
  assertEquals(
    new Set(outcomes),
    new Set([`error: extract image "i": "${images}/i.tar" is truncated`]),
  );
  assertEquals([...Deno.readDirSync(`${images}/.rootfs`)], []);
});

test("an extraction that is killed at any moment leaves nothing that is used", async (trial) => {
  const images = trial.folder("images");
  makeLargeArchive(trial, images);
  const expected = await manifest(`${trial.path}/tree`);
  const whole = performance.now();
  assertEquals(await outcome(spawnChild(images, "i")), findRootfs(images, "i")!.path);
  const duration = performance.now() - whole;
  let [unfinished, caught] = [0, 0];
  for (let round = 0; round < 20; round++) {
    sh(`rm -rf ${images}/.rootfs/i-*`);
    const children = [
      spawnChild(images, "i"),
      ...(round % 3 === 0 ? [spawnChild(images, "i")] : []),
    ];
    await new Promise((resolve) => setTimeout(resolve, duration * (0.2 + 0.8 * round / 20)));
    for (const child of children) {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has come to its end.
      }
      await child.output();
    }
    const left = [...Deno.readDirSync(images)].some(({ name }) => name === ".rootfs")
      ? [...Deno.readDirSync(`${images}/.rootfs`)].map(({ name }) => name)
      : [];
    if (left.some((name) => name.endsWith(".partial"))) caught++;
    const found = findRootfs(images, "i");
    if (found !== undefined) {
      assertSameTree(expected, await manifest(found.path));
      continue;
    }
    unfinished++;
    // Every third time another image cleans up first.
    if (round % 3 === 1) {
      sh(`tar -cf ${images}/small${round}.tar large`, `${trial.path}/tree`);
      await extract(images, `small${round}`);
      const names = [...Deno.readDirSync(`${images}/.rootfs`)].map(({ name }) => name);
      assert(!names.some((name) => name.endsWith(".partial")), names.join(" "));
    }
    const path = await extract(images, "i");
    assertSameTree(expected, await manifest(path));
    const names = [...Deno.readDirSync(`${images}/.rootfs`)].map(({ name }) => name);
    assert(!names.some((name) => name.endsWith(".partial")), names.join(" "));
  }
  assert(caught >= 5, `caught in the midst ${caught} times, before the end ${unfinished} times`);
});

/** Whether there is a path below the root. */
function exists(path: string): boolean {
  return new Deno.Command("test", { args: ["-e", `/${path}`] }).outputSync().success;
}

function isInstalled(program: string): boolean {
  return new Deno.Command("sh", { args: ["-c", `command -v ${program}`], stdout: "null" })
    .outputSync().success;
}
