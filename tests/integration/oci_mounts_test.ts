/** The mounts of a config: every kind of option, seen from inside. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Bundles, dropNamespace, type FilledSpec, mapUsers } from "./support/bundle.ts";
import { ON_SHARED_HOST } from "./support/host.ts";
import { host } from "./support/project.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** The line of /proc/mounts about a path, as it is inside. */
function mounted(path: string): string {
  return `grep ' ${path} ' /proc/mounts`;
}

Deno.test("a bind mount keeps what of its source the options do not say", async () => {
  const said = await bundles.says(`${mounted("/mnt")}; ${mounted("/one")}; cat /one`, (spec) => {
    spec.mounts.push(
      { destination: "/mnt", type: "bind", source: "/etc", options: ["bind", "nodev", "noatime"] },
      { destination: "/one", type: "bind", source: "/etc/hostname", options: ["bind", "ro"] },
    );
  });
  const [folder, file, name] = said.split("\n");
  assertMatch(folder, / rw,nodev,noatime/);
  assertMatch(file, / ro,relatime/);
  assertEquals(name, Deno.readTextFileSync("/etc/hostname").trim());
});

Deno.test("a source is relative to the bundle", async () => {
  const bundle = await bundles.make("cat /mnt/file", (spec) => {
    spec.mounts.push({ destination: "/mnt", type: "bind", source: "data", options: ["bind"] });
  });
  Deno.mkdirSync(`${bundle}/data`);
  Deno.writeTextFileSync(`${bundle}/data/file`, "mine");
  assertEquals((await bundles.command(["run", "-b", bundle, bundles.id()])).stdout, "mine");
});

Deno.test("mounts stand in the order of the config, new ones and bind mounts alike", async () => {
  const said = await bundles.says("cut -d' ' -f5 /proc/self/mountinfo", (spec) => {
    spec.mounts.push(
      { destination: "/a", type: "tmpfs", source: "tmpfs", options: [] },
      { destination: "/a/b", type: "bind", source: "/etc", options: ["rbind", "slave"] },
      { destination: "/a/c", type: "tmpfs", source: "tmpfs", options: [] },
      { destination: "/a/b", type: "bind", source: "/usr", options: ["bind", "private"] },
    );
  });
  const own = said.split("\n").filter((path) => path.startsWith("/a"));
  assertEquals(own, ["/a", "/a/b", "/a/c", "/a/b"]);
});

Deno.test("recursive options reach the mounts below, plain ones do not", async () => {
  const source = workspace.path("recursive");
  const script = [
    'mkdir -p "$0/below"',
    'mount --bind "$0" "$0"',
    'mount -t tmpfs tmpfs "$0/below"',
    'exec "$@"',
  ].join(" && ");
  const said = await bundles.says(
    `${mounted("/all/below")}; ${mounted("/top/below")}; ${mounted("/top")}`,
    (spec) =>
      spec.mounts.push(
        {
          destination: "/all",
          type: "bind",
          source,
          options: ["rbind", "rro", "rnosuid", "rnoexec"],
        },
        { destination: "/top", type: "bind", source, options: ["rbind", "ro"] },
      ),
    { through: ["unshare", "-m", "sh", "-c", script, source] },
  );
  const [all, top, ro] = said.split("\n");
  assertMatch(all, / tmpfs ro,nosuid,noexec/);
  assertMatch(top, / tmpfs rw/);
  assertMatch(ro, / ro/);
});

Deno.test("remount changes a mount, and its file system", async () => {
  const said = await bundles.says(`${mounted("/dev/shm")}; ${mounted("/mnt")}`, (spec) => {
    spec.mounts.push(
      { destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["nosuid"] },
      { destination: "/mnt", options: ["remount", "bind", "ro"] },
      { destination: "/dev/shm", options: ["remount", "size=32k", "noexec"] },
    );
  });
  const [shm, mnt] = said.split("\n");
  assertMatch(shm, / rw,nosuid,nodev,noexec.*size=32k/);
  assertMatch(mnt, / ro,nosuid/);
});

Deno.test("tmpcopyup copies what was there, and a tmpfs has the mode of what it covers", async () => {
  const script =
    "stat -c %a /tmp /etc/apk /new /etc/conf.d; ls /etc/apk/keys | wc -l; cat /etc/apk/arch";
  const said = await bundles.says(script, (spec) => {
    spec.mounts.push(
      { destination: "/etc/apk", type: "tmpfs", options: ["tmpcopyup"] },
      { destination: "/tmp", type: "tmpfs", options: ["nosuid"] },
      { destination: "/new", type: "tmpfs", options: ["tmpcopyup"] },
      { destination: "/etc/conf.d", type: "tmpfs", options: ["tmpcopyup", "mode=1777"] },
    );
  });
  const [tmp, apk, made, given, keys, arch] = said.split("\n");
  assertEquals([tmp, apk, made, given], ["1777", "755", "1777", "1777"]);
  assertEquals(Number(keys) > 0, true);
  assertEquals(arch, Deno.build.arch);
});

Deno.test("tmpcopyup copies into what is read-only afterwards", async () => {
  const script = "cat /etc/apk/arch; touch /etc/apk/x 2>&1; grep ' /etc/apk ' /proc/mounts";
  const said = await bundles.says(script, (spec) => {
    const options = ["tmpcopyup", "ro", "nosuid"];
    spec.mounts.push({ destination: "/etc/apk", type: "tmpfs", options });
  });
  assertMatch(
    said,
    new RegExp(
      `^${Deno.build.arch}\ntouch: /etc/apk/x: Read-only file system\ntmpfs /etc/apk tmpfs ro,nosuid,`,
    ),
  );
});

Deno.test("a tmpfs that is too small for what is copied into it is told as that", async () => {
  const { code, stderr } = await bundles.run("true", (spec) => {
    const options = ["tmpcopyup", "size=4k"];
    spec.mounts.push({ destination: "/etc/apk", type: "tmpfs", options });
  });
  assertEquals(code, 1);
  assertStringIncludes(stderr, 'mount tmpfs on "/etc/apk": tmpcopyup: it is too small');
  assertStringIncludes(stderr, "Give it more room by its option size=");
  assertEquals(stderr.includes("containers folder"), false, stderr);
});

Deno.test("a mount shows its owners by its own mapping, or by that of the container", async () => {
  const source = workspace.path("mapped");
  Deno.mkdirSync(source);
  Deno.chownSync(source, 5, 6);
  const mapping = [{ containerID: 0, hostID: 1000, size: 1000 }];
  const own = await bundles.says("stat -c %u:%g /mnt", (spec) => {
    spec.mounts.push({
      destination: "/mnt",
      type: "bind",
      source,
      options: ["bind"],
      uidMappings: mapping,
      gidMappings: mapping,
    });
  });
  assertEquals(own, "1005:1006");
  await bundles.says("stat -c %u:%g /mnt; touch /mnt/made", (spec) => {
    mapUsers(spec);
    spec.process.user = { uid: 0, gid: 0 };
    spec.process.capabilities!.effective = ["CAP_DAC_OVERRIDE"];
    spec.process.capabilities!.permitted = ["CAP_DAC_OVERRIDE"];
    spec.process.capabilities!.bounding = ["CAP_DAC_OVERRIDE"];
    spec.mounts.push({ destination: "/mnt", type: "bind", source, options: ["bind", "idmap"] });
  });
  assertEquals(Deno.statSync(`${source}/made`).uid, 0);
});

Deno.test("a mount shows its owners by the mapping in the option idmap=, as podman passes it on", async () => {
  const source = workspace.path("mapped-by-option");
  Deno.mkdirSync(source);
  Deno.chownSync(source, 5, 6);
  const seen = (option: string, change: (spec: FilledSpec) => void = () => {}) =>
    bundles.says("stat -c %u:%g /mnt", (spec) => {
      change(spec);
      const options = ["rbind", option];
      spec.mounts.push({ destination: "/mnt", type: "bind", source, options });
    });
  assertEquals(await seen("idmap=uids=0-1000-10;gids=0-9-1#6-2000-1"), "1005:2000");
  assertEquals(await seen("ridmap=uids=5-7-1"), "7:6");
  // Of the container's ids; and with its own mapping for what is not said.
  assertEquals(await seen("idmap=uids=@5-33-1", mapUsers), "33:6");
  assertEquals(await seen("idmap=uids=5-100033-1;gids=@6-44-1", mapUsers), "33:44");
});

Deno.test("nothing is mounted over /proc, and /proc is no link", async () => {
  for (const destination of ["/proc", "/proc/x", "/../proc/sys", "/lnk"]) {
    const bundle = await bundles.make("true", (spec) => {
      spec.mounts.push({ destination, type: "tmpfs", source: "tmpfs" });
    });
    Deno.symlinkSync("proc", `${bundle}/rootfs/lnk`);
    const { code, stderr } = await bundles.command(["run", "-b", bundle, bundles.id()]);
    assertEquals(code, 1);
    assertStringIncludes(stderr, "nothing may be mounted over /proc");
  }
  const bundle = await bundles.make("true");
  await host("rmdir", `${bundle}/rootfs/proc`);
  Deno.symlinkSync("/tmp", `${bundle}/rootfs/proc`);
  assertEquals((await bundles.command(["run", "-b", bundle, bundles.id()])).code, 1);
});

Deno.test("a /dev that is read-only has its nodes all the same", async () => {
  const said = await bundles.says("touch /dev/x 2>&1; ls /dev", (spec) => {
    spec.mounts.find(({ destination }) => destination === "/dev")!.options!.push("ro");
  });
  assertStringIncludes(said, "Read-only file system");
  assertMatch(said, /^null$/m);
});

Deno.test("a tmpfs that is read-only has places for the mounts in it all the same", async () => {
  const script = `${mounted("/run")}; ls /run/more/etc/hostname; touch /run/file || echo refused`;
  const said = await bundles.says(script, (spec) => {
    spec.mounts.push(
      { destination: "/run", type: "tmpfs", source: "tmpfs", options: ["ro", "nosuid"] },
      { destination: "/run/more/etc", type: "bind", source: "/etc", options: ["bind"] },
    );
  });
  const [tmpfs, file, refused] = said.split("\n");
  assertMatch(tmpfs, / tmpfs ro,nosuid/);
  assertEquals([file, refused], ["/run/more/etc/hostname", "refused"]);
});

Deno.test("the root as a read-only path is read-only, what is mounted below is not", async () => {
  const said = await bundles.says(
    "touch /file || echo refused; touch /run/file && echo written",
    (spec) => {
      spec.linux.readonlyPaths = ["/"];
      spec.mounts.push({ destination: "/run", type: "tmpfs", source: "tmpfs" });
    },
  );
  assertEquals(said, "refused\nwritten");
});

Deno.test("options of a file system are taken joined by commas, as mount(2) has them", async () => {
  const layer = workspace.path("a,userxattr");
  for (const name of ["lower", "upper", "work"]) {
    Deno.mkdirSync(`${layer}/${name}`, { recursive: true });
  }
  Deno.writeTextFileSync(`${layer}/lower/file`, "from below");
  const path = layer.replaceAll(",", "\\,");
  const said = await bundles.says(`${mounted("/run")}; cat /mnt/file`, (spec) => {
    const overlay = `lowerdir=${path}/lower,upperdir=${path}/upper,workdir=${path}/work`;
    spec.mounts.push(
      { destination: "/run", type: "tmpfs", source: "tmpfs", options: ["size=64k,mode=0700"] },
      { destination: "/mnt", type: "overlay", source: "overlay", options: [overlay] },
    );
  });
  const [tmpfs, file] = said.split("\n");
  assertMatch(tmpfs, /size=64k,mode=700/);
  assertEquals(file, "from below");
});

Deno.test("the host's own /dev is left as it is", async () => {
  const before = Deno.statSync("/dev").mtime;
  await bundles.says("test -c /dev/null", (spec) => {
    spec.mounts = spec.mounts.filter(({ destination }) => !destination.startsWith("/dev/"))
      .map((mount) =>
        mount.destination !== "/dev"
          ? mount
          : { destination: "/dev", type: "bind", source: "/dev", options: ["rbind", "rslave"] }
      );
  });
  assertEquals(Deno.statSync("/dev").mtime, before);
});

Deno.test("the root's propagation is as asked for, and what is mounted inside stays inside", async () => {
  const here = () =>
    Deno.readTextFileSync("/proc/self/mountinfo").split("\n")
      .filter((line) => line.includes(workspace.folder));
  const before = here();
  const root = async (rootfsPropagation?: "shared" | "slave" | "private" | "unbindable") =>
    (await bundles.says("grep ' / / \\| / ' /proc/self/mountinfo | head -1", (spec) => {
      spec.linux.rootfsPropagation = rootfsPropagation;
    })).split(" - ")[0];
  assertMatch(await root("shared"), / shared:\d+/);
  assertMatch(await root("unbindable"), / unbindable/);
  for (const value of [undefined, "private", "slave"] as const) {
    const line = await root(value);
    assertEquals(/shared|unbindable/.test(line), false, line);
  }
  assertEquals(here(), before);
});

for (
  const [root, option, tags] of [
    // All hear from the host, unless they may not; one that is shared as well tells others in the container.
    [undefined, undefined, ["master"]],
    [undefined, "rprivate", []],
    [undefined, "rshared", ["shared", "master"]],
    ["private", "shared", ["shared", "master"]],
    ["rslave", "rslave", ["master"]],
    ["rprivate", "rshared", ["shared"]],
    ["shared", "rshared", ["shared"]],
    ["rshared", "shared", ["shared"]],
    ["rshared", "rprivate", []],
    ["shared", undefined, ["master"]],
  ] as const
) {
  const situation = `root ${root ?? "by default"}, mount ${option ?? "by default"}`;
  Deno.test(`a mount of a shared host spreads as it asks to: ${situation}`, async () => {
    const said = await bundles.says("grep ' /mnt ' /proc/self/mountinfo", (spec) => {
      spec.linux.rootfsPropagation = root;
      const options = ["rbind", ...option === undefined ? [] : [option]];
      spec.mounts.push({ destination: "/mnt", type: "bind", source: "/etc", options });
    }, { through: ON_SHARED_HOST });
    assertEquals([...said.matchAll(/(shared|master):\d/g)].map(([, tag]) => tag), [...tags]);
  });
}

Deno.test("a mount is shared also where that of the host is not", async () => {
  const said = await bundles.says("grep ' /mnt ' /proc/self/mountinfo", (spec) => {
    const options = ["rbind", "rshared"];
    spec.mounts.push({ destination: "/mnt", type: "bind", source: "/etc", options });
  }, { through: ["unshare", "--mount", "--propagation", "private"] });
  assertMatch(said, / shared:\d+ - /);
});

Deno.test("without a cgroup namespace the container sees its own cgroups, and no others", async () => {
  const script = "find /sys/fs/cgroup -name tasks -o -name cgroup.procs | xargs cat | sort -un";
  const said = await bundles.says(script, (spec) => dropNamespace(spec, "cgroup"));
  const numbers = said.split("\n").filter((line) => line !== "").map(Number);
  // Processes of others would show as 0, or as many more.
  assertEquals(numbers[0], 1);
  assertEquals(numbers.length <= 5, true, said);
});

for (const user of ["", ", in a user namespace"]) {
  Deno.test(`a mount of type cgroup2 begins at the container's cgroup namespace${user}`, async () => {
    const said = await bundles.says("grep ' /mnt ' /proc/self/mountinfo", (spec) => {
      if (user) mapUsers(spec);
      spec.mounts.push({ destination: "/mnt", type: "cgroup2", source: "cgroup2" });
    });
    assertEquals(said.split(" ")[3], "/");
  });
}

Deno.test("a mount that only mount(2) can make: an option of over 255 bytes", async () => {
  const long = workspace.path("a".repeat(200));
  for (const name of ["lower", "upper", "work"]) {
    Deno.mkdirSync(`${long}/${name}`, { recursive: true });
  }
  Deno.writeTextFileSync(`${long}/lower/file`, "from below");
  const bundle = await bundles.make("cat /mnt/file", (spec) => {
    spec.mounts.push({
      destination: "/mnt",
      type: "overlay",
      source: "overlay",
      options: [
        `lowerdir=${long}/lower:${long}/upper`,
        "nosuid",
      ],
    });
  });
  assertEquals((await bundles.command(["run", "-b", bundle, bundles.id()])).stdout, "from below");
});
