/** A root that has less than all rights, or a machine that allows less: what goes on, and what is said of the rest. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { assertHostIsAsBefore, lookAtHost } from "./support/host.ts";
import { HAS_COMPILER, refusing } from "./support/program.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

const HELLO = ["-rm", "alpine", "echo", "hello"];

/** Runs what follows it without a capability. */
function without(capability: string): string[] {
  return ["setpriv", `--bounding-set=-${capability}`];
}

for (
  const [lack, through, hint] of [
    ["CAP_SYS_ADMIN", without("sys_admin"), "Root has no CAP_SYS_ADMIN here"],
    ["CAP_NET_ADMIN", without("net_admin"), "Root has no CAP_NET_ADMIN here"],
    ["CAP_SETPCAP", without("setpcap"), "Root has no CAP_SETPCAP here"],
    [
      "the host's user namespace",
      ["unshare", "--user", "--map-root-user"],
      "root of a user namespace only",
    ],
    [
      "/proc/sys",
      [
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mount --bind -o ro /proc/sys /proc/sys && exec "$@"',
        "sh",
      ],
      "/proc/sys is read-only",
    ],
  ] as const
) {
  Deno.test(`a root without ${lack} is told so`, async () => {
    // The bridge is there before the comparison.
    assertEquals((await workspace.run(HELLO)).code, 0);
    const before = lookAtHost();
    const { code, stdout, stderr } = await workspace.run(HELLO, { through });
    assertEquals([code, stdout], [125, ""]);
    assertStringIncludes(stderr, hint);
    await assertHostIsAsBefore(before);
  });
}

for (
  const [what, errno, call, error] of [
    ["refuses", 1, "openat2", "EPERM"],
    ["hides", 38, "mount_setattr", "ENOSYS"],
    // The first process fails right after this one was told what it has opened.
    ["refuses to the first process", 1, "keyctl", "take a keyring of its own: keyctl: EPERM"],
  ] as const
) {
  Deno.test({
    name: `a filter that ${what} ${call} is told of as the likely reason`,
    ignore: !HAS_COMPILER,
    fn: async () => {
      const through = await refusing(workspace.folder, errno, call);
      const { code, stdout, stderr } = await workspace.run(["-net=none", ...HELLO], { through });
      assertEquals([code, stdout], [125, ""]);
      assertStringIncludes(stderr, error);
      assertStringIncludes(stderr, "A seccomp filter is on all that runs here");
    },
  });
}

Deno.test("a root that may make no device nodes has those of the host", async () => {
  const script =
    "echo x >/dev/null && head -c 1 /dev/zero | od -An -tx1 && grep -c ' /dev/null ' /proc/mounts";
  const command = ["-net=none", "-rm", "alpine", "/bin/sh", "-c", script];
  const { code, stdout } = await workspace.run(command, { through: without("mknod") });
  assertEquals([code, stdout], [0, " 00\n1\n"]);
});

Deno.test("where no cgroups are mounted, as in ip netns exec, they are to be had as is said", async () => {
  const without = 'mount --make-rprivate /; umount -l /sys/fs/cgroup; exec "$@"';
  const through = ["unshare", "--mount", "sh", "-c", without, "sh"];
  const args = ["-net=none", "-mem=64M", ...HELLO];
  const { code, stderr } = await workspace.run(args, { through });
  assertEquals(code, 125);
  const [said] = stderr.match(/(?<=^Mount .*: )mount -t .*$/m)!;
  const mounted = ["sh", "-c", `${said} && exec "$@"`, "sh"];
  const helped = await workspace.run(args, { through: [...through, ...mounted] });
  assertEquals([helped.code, helped.stdout], [0, "hello\n"], helped.stderr);
});

Deno.test({
  name: "where the limit of processes that all have cannot be had, one warning tells so",
  // It has no mount of its own there.
  ignore: !exists("/sys/fs/cgroup/pids/tasks"),
}, async () => {
  const pids = "/sys/fs/cgroup/pids";
  const script = `mount --make-rprivate /; ! mountpoint -q ${pids} || umount ${pids}; ` +
    `! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified; exec "$@"`;
  const through = ["unshare", "--mount", "sh", "-c", script, "sh"];
  const { code, stdout, stderr } = await workspace.run(["-net=none", ...HELLO], { through });
  assertEquals([code, stdout], [0, "hello\n"], stderr);
  assertMatch(
    stderr,
    /^gocontainer: warning: limit the container: no cgroup hierarchy has the pids controller \(Mount it: .*\)\n$/,
  );
  const asked = await workspace.run(["-net=none", "-pids=50", ...HELLO], { through });
  assertEquals(asked.code, 125);
  assertMatch(asked.stderr, /^gocontainer: set pids\.limit: no cgroup hierarchy has the pids/);
});

const V1_MOUNTS = Deno.readTextFileSync("/proc/self/mountinfo").split("\n")
  .filter((line) => line.includes(" - cgroup cgroup ")).map((line) => line.split(" ")[4]!);

Deno.test({
  name:
    "whatever controllers cannot be had, one warning tells so, and each that is asked for is an error",
  // Each has a mount of its own there.
  ignore: !["cpu", "memory", "devices"].every((name) =>
    V1_MOUNTS.includes(`/sys/fs/cgroup/${name}`)
  ),
}, async () => {
  const folders = ["cpu", "memory", "devices"].map((name) => `/sys/fs/cgroup/${name}`).join(" ");
  const script = `mount --make-rprivate /; umount ${folders}; ` +
    '! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified; exec "$@"';
  const through = ["unshare", "--mount", "sh", "-c", script, "sh"];
  const { code, stdout, stderr } = await workspace.run(["-net=none", ...HELLO], { through });
  assertEquals([code, stdout], [0, "hello\n"], stderr);
  assertMatch(
    stderr,
    /^gocontainer: warning: limit the container: no cgroup hierarchy has the controllers cpu, memory and devices \(.*\)\n$/,
  );
  for (const [option, field] of [["-mem=64M", "memory.limit"], ["-cpu=512", "cpu.shares"]]) {
    const asked = await workspace.run(["-net=none", option!, ...HELLO], { through });
    assertEquals(asked.code, 125);
    assertStringIncludes(asked.stderr, `gocontainer: set ${field}: no cgroup hierarchy has the `);
  }
});

Deno.test("of controllers that v2 does not have where this is, one advice tells whence they can be had", async () => {
  const v1 = Deno.readTextFileSync("/proc/cgroups").split("\n")
    .some((line) => /^(?:cpu|memory|pids)\t[1-9]/.test(line));
  const handed = workspace.path("cgroups-of-v2");
  Deno.writeTextFileSync(handed, ["cpu", "memory", "pids"].map((n) => `${n}\t0\t1\t1\n`).join(""));
  const alone = "mount --make-rprivate /; mount -t cgroup2 cgroup2 /sys/fs/cgroup";
  const controllers = "no cgroup hierarchy has the controllers cpu, memory and pids";
  const ways = [
    [alone, "Hierarchies of cgroup v1 have what is missing: mount those instead"],
    [
      `${alone}; mount --bind ${handed} /proc/cgroups`,
      "Have them handed down: +cpu +memory +pids in the cgroup.subtree_control of each cgroup above this one",
    ],
  ].slice(v1 ? 0 : 1);
  for (const [script, hint] of ways) {
    const through = ["unshare", "--mount", "sh", "-c", `${script}; exec "$@"`, "sh"];
    const { code, stdout, stderr } = await workspace.run(["-net=none", ...HELLO], { through });
    assertEquals([code, stdout], [0, "hello\n"], stderr);
    const told = `gocontainer: warning: limit the container: ${controllers} (${hint})\n`;
    assertEquals(stderr, told);
  }
});

Deno.test("where all cgroups are mounted read-only, a container goes without, and one warning tells so", async () => {
  const script = "mount --make-rprivate /; awk '/ - cgroup/ { print $5 }' /proc/self/mountinfo | " +
    'while read folder; do mount -o remount,bind,ro "$folder"; done; exec "$@"';
  const through = ["unshare", "--mount", "sh", "-c", script, "sh"];
  const before = lookAtHost();
  const { code, stdout, stderr } = await workspace.run(["-net=none", ...HELLO], { through });
  assertEquals([code, stdout], [0, "hello\n"], stderr);
  assertMatch(
    stderr,
    /^gocontainer: warning: limit the container: the cgroup hierarchy of the controllers cpu, memory, pids and devices is mounted read-only \(Have it writable: mount -o remount,rw .*\)\n$/,
  );
  const asked = await workspace.run(["-net=none", "-mem=64M", ...HELLO], { through });
  assertEquals(asked.code, 125);
  assertStringIncludes(asked.stderr, "set memory.limit: the cgroup hierarchy of the memory ");
  await assertHostIsAsBefore(before);
});

Deno.test("cgroups that something else is mounted upon count as none", async () => {
  const script = 'mount -t tmpfs tmpfs /sys/fs/cgroup && exec "$@"';
  const through = ["unshare", "--mount", "sh", "-c", script, "sh"];
  const { code, stdout, stderr } = await workspace.run(["-net=none", ...HELLO], { through });
  assertEquals([code, stdout], [0, "hello\n"], stderr);
  assertMatch(
    stderr,
    /^gocontainer: warning: limit the container: no cgroup hierarchy is mounted, so nothing is limited or counted \(Mount .*\)\n$/,
  );
});

const MEMFD_NOEXEC = "/proc/sys/vm/memfd_noexec";

Deno.test({
  name: "no memfd can be run: the launcher is a file of a tmpfs that is mounted nowhere",
  ignore: !exists(MEMFD_NOEXEC),
  fn: async () => {
    const forbid = `echo 2 >${MEMFD_NOEXEC} && umask 777 && exec "$@"`;
    const through = ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", forbid, "sh"];
    const script = "cat /proc/self/mountinfo; readlink /proc/1/exe";
    const command = ["-net=none", "-rm", "alpine", "/bin/sh", "-c", script];
    const { code, stdout, stderr } = await workspace.run(command, { through });
    assertEquals([code, stderr], [0, ""]);
    assert(stdout.endsWith("\n/bin/busybox\n"));
    const usual = await workspace.sh("cat /proc/self/mountinfo | wc -l");
    assertEquals(stdout.trimEnd().split("\n").length - 1, Number(usual));

    const users = ["-userns", "0:100000:65536", ...HELLO];
    const refused = await workspace.run(users, { through });
    assertEquals(refused.code, 125);
    assertStringIncludes(refused.stderr, "the sysctl vm.memfd_noexec is 2");
  },
});

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
