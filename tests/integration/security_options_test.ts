/** The options of a run that give rights, take them away and filter system calls, seen from inside. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { entriesOf, host } from "./support/project.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

/** The capability sets that the program has, by their names in proc_pid_status(5). */
async function capabilities(...options: string[]): Promise<Record<string, bigint>> {
  const said = await workspace.sh("grep ^Cap /proc/self/status", ...options);
  return Object.fromEntries(
    [...said.matchAll(/^(Cap\w+):\t([0-9a-f]{16})$/gm)].map(([, set, mask]) =>
      [set!, BigInt(`0x${mask}`)] as const
    ),
  );
}

const CHOWN = 1n << 0n;
const NET_ADMIN = 1n << 12n;
const NET_RAW = 1n << 13n;
const SYS_ADMIN = 1n << 21n;
/** What docker gives. */
const USUAL = 0xa80425fbn;

/** All that this machine can give. */
function all(): bigint {
  const status = Deno.readTextFileSync("/proc/self/status");
  return BigInt(`0x${status.match(/^CapBnd:\t([0-9a-f]+)$/m)![1]}`);
}

Deno.test("-cap-add and -cap-drop, with or without CAP_, in any case", async () => {
  const added = await capabilities("-cap-add", "NET_ADMIN", "-cap-drop=cap_net_raw");
  const expected = (USUAL | NET_ADMIN) & ~NET_RAW;
  assertEquals([added.CapBnd, added.CapPrm, added.CapEff], [expected, expected, expected]);
  assertEquals([added.CapInh, added.CapAmb], [0n, 0n]);
});

Deno.test("ALL stands for all that can be given, or all that there are", async () => {
  assertEquals((await capabilities("-cap-drop", "ALL")).CapBnd, 0n);
  assertEquals((await capabilities("-cap-drop", "all", "-cap-add", "CHOWN")).CapEff, CHOWN);
  assertEquals((await capabilities("-cap-add", "ALL")).CapEff, all());
  const allButOne = await capabilities("-cap-add", "ALL", "-cap-drop", "CHOWN");
  assertEquals(allButOne.CapEff, all() & ~CHOWN);
});

Deno.test("another user starts without the capabilities, but root may still become him", async () => {
  const { CapBnd, CapEff } = await capabilities("-u", "1000", "-cap-add", "NET_ADMIN");
  assertEquals([CapBnd, CapEff], [USUAL | NET_ADMIN, 0n]);
});

Deno.test("a capability that there is not is an error with the nearest", async () => {
  const { code, stderr } = await workspace.run(["-cap-add", "NET_ADMN", "alpine", "true"]);
  assertEquals(code, 1);
  assertMatch(
    stderr,
    /read the capability "NET_ADMN": there is none of that name\nDid you mean CAP_NET_ADMIN\?/,
  );
  const others = {
    "CHOWN,KILL": /Give each of them/,
    "": /capabilities\(7\)/,
    X: /capabilities\(7\)/,
  };
  for (const [given, hint] of Object.entries(others)) {
    const { stderr } = await workspace.run(["-cap-add", given, "alpine", "true"]);
    assertMatch(stderr.split("\n")[1], hint, given);
  }
});

/** Makes a namespace, asks for a key, and says what came of it. */
const FORBIDDEN = "unshare -m true 2>&1; unshare -U true 2>&1; echo done";

Deno.test("docker's policy of system calls holds unless told otherwise", async () => {
  const said = await workspace.sh(`grep ^Seccomp: /proc/self/status; ${FORBIDDEN}`);
  assertMatch(said, /^Seccomp:\t2\nunshare: .*not permitted\nunshare: .*not permitted\ndone$/);
  const free = await workspace.sh(
    `grep ^Seccomp: /proc/self/status; unshare -U true && echo made`,
    "-security",
    "seccomp=unconfined",
  );
  assertEquals(free, "Seccomp:\t0\nmade");
});

Deno.test("the policy allows what an added capability is for", async () => {
  const mount = "mount -t tmpfs none /mnt && echo mounted";
  assertEquals(await workspace.sh(mount, "-cap-add", "SYS_ADMIN"), "mounted");
  assertEquals(
    await workspace.sh("unshare -m true && chroot / true && echo made", "-cap-add", "SYS_ADMIN"),
    "made",
  );
  // And no more what one that was dropped is for.
  assertMatch(
    await workspace.sh("chroot / true 2>&1; true", "-cap-drop", "SYS_CHROOT"),
    /permitted/,
  );
});

Deno.test("a policy from a file, in the form of docker's or of config.json", async () => {
  const file = workspace.path("policy.json");
  const policy = {
    defaultAction: "SCMP_ACT_ALLOW",
    archMap: [
      { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] },
      { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
    ],
    syscalls: [
      { names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 95 },
      {
        names: ["rmdir", "unlinkat"],
        action: "SCMP_ACT_ERRNO",
        errnoRet: 95,
        excludes: { caps: ["CAP_SYS_ADMIN"] },
      },
    ],
  };
  await Deno.writeTextFile(file, JSON.stringify(policy));
  const script = "mkdir /x 2>&1; rmdir /mnt 2>&1; echo done";
  const option = ["-security", `seccomp=${file}`];
  assertMatch(await workspace.sh(script, ...option), /mkdir: .*upported\nrmdir: .*upported\ndone$/);
  const admin = await workspace.sh(script, ...option, "-cap-add", "SYS_ADMIN");
  assertMatch(admin, /^mkdir: .*upported\ndone$/);
  const policies = workspace.ids().map((id) => workspace.config(id).linux!.seccomp);
  const written = policies.find((policy) => policy?.defaultAction === "SCMP_ACT_ALLOW");
  assertEquals(written?.architectures?.length, 2);
});

Deno.test("a policy that is none is an error that names the file and the field, and nothing is left", async () => {
  const before = workspace.ids();
  const file = workspace.path("wrong.json");
  for (
    const [text, words] of [
      [undefined, /wrong\.json.*ENOENT/],
      ["{", /wrong\.json/],
      ['{"defaultAction":"SCMP_ACT_MAYBE"}', /wrong\.json: defaultAction: expected one of/],
      [
        '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":{}}',
        /wrong\.json: syscalls: expected an array/,
      ],
      [
        '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["x"],"action":"SCMP_ACT_NOTIFY"}]}',
        /listenerPath/,
      ],
    ] as const
  ) {
    if (text !== undefined) await Deno.writeTextFile(file, text);
    const { code, stderr } = await workspace.run(
      ["-net=none", "-security", `seccomp=${file}`, "alpine", "true"],
    );
    assertEquals(code, 125, stderr);
    assertMatch(stderr, words);
    assertMatch(
      stderr,
      /^gocontainer: (use the seccomp profile: .*\nGive a profile in JSON|.*listener)/,
    );
  }
  assertEquals(workspace.ids(), before);
  const unknown = await workspace.run(["-security", "apparmor=x", "alpine", "true"]);
  assertEquals(unknown.code, 1);
  assertMatch(unknown.stderr, /read "-security apparmor=x": nothing of that name\nGive seccomp=/);
});

Deno.test("what docker's users say to be rid of, and is not there, is taken as it is meant", async () => {
  const script = "echo $(grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status | cut -f 2)";
  const words = [
    "apparmor=unconfined",
    "label=disable",
    "label:disable",
    "no-new-privileges:false",
  ];
  const options = words.map((word) => `--security-opt=${word}`);
  assertEquals(await workspace.sh(script, ...options), "0 2");
  assertEquals(await workspace.sh(script, "--security-opt", "seccomp:unconfined"), "0 0");
});

Deno.test("-security no-new-privileges", async () => {
  const script = "grep ^NoNewPrivs /proc/self/status";
  assertEquals(await workspace.sh(script), "NoNewPrivs:\t0");
  assertEquals(await workspace.sh(script, "-security", "no-new-privileges"), "NoNewPrivs:\t1");
});

Deno.test("-privileged gives all rights and devices, and hides nothing", async () => {
  const script = `grep -E '^(Seccomp|CapEff):' /proc/self/status
    mount -t tmpfs none /mnt && echo mounted
    grep -c ' /\\(proc\\|sys/firmware\\)/' /proc/self/mountinfo
    cat /proc/sys/vm/overcommit_memory >/tmp/x && cat /tmp/x >/proc/sys/vm/overcommit_memory && echo written
    mkdir /sys/fs/cgroup/memory/made 2>/dev/null || mkdir /sys/fs/cgroup/made && echo cgroup`;
  const [caps, seccomp, ...rest] = (await workspace.sh(script, "-privileged")).split("\n");
  assertEquals(caps, `CapEff:\t${all().toString(16).padStart(16, "0")}`);
  assertEquals([seccomp, ...rest], ["Seccomp:\t0", "mounted", "0", "written", "cgroup"]);
  const nodes = await workspace.sh("ls /dev", "-privileged");
  for (const { name, isDirectory, isSymlink } of entriesOf("/dev")) {
    if (isDirectory || isSymlink || name === "ptmx" || name === "console") continue;
    assertStringIncludes(`\n${nodes}\n`, `\n${name}\n`);
  }
  // A policy that is asked for holds all the same.
  const file = workspace.path("allow.json");
  await Deno.writeTextFile(file, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW" }));
  const asked = ["-privileged", "-security", `seccomp=${file}`];
  assertEquals(await workspace.sh("grep ^Seccomp: /proc/self/status", ...asked), "Seccomp:\t2");
});

Deno.test("-read-only: nothing of the root can be changed, what is mounted in it can", async () => {
  const script =
    "touch /x 2>&1; touch /etc/x 2>&1; touch /etc/hosts 2>&1; touch /dev/shm/x && echo shm; touch /v/x && echo v";
  const volume = workspace.path("volume");
  await Deno.mkdir(volume);
  const said = await workspace.sh(script, "-read-only", "-v", `${volume}:/v`);
  assertEquals(said.split("\n"), [
    "touch: /x: Read-only file system",
    "touch: /etc/x: Read-only file system",
    "touch: /etc/hosts: Read-only file system",
    "shm",
    "v",
  ]);
});

Deno.test("-userns auto: root is somebody else on the host, and owners are right on both sides", async () => {
  const script = `cat /proc/self/uid_map /proc/self/gid_map; id -u
    stat -c %u:%g / /bin/busybox /etc/hosts /dev/mqueue /etc/shadow
    echo x >/new; chown 5:6 /new; chown -R 7:8 /var/empty; stat -c %u:%g /new /var/empty
    stat -c '%u:%g %a' /tmp; hostname changed 2>&1; chroot / true && echo chroot; sleep 1000 & echo $!; wait`;
  const running = workspace.start(
    ["-net=none", "-userns", "auto", "-name", "mapped", "alpine", "/bin/sh", "-c", script],
  );
  await running.says(/chroot\n\d+\n/);
  const [users, groups, id, ...rest] = running.stdout.split("\n");
  const [, first, size] = users!.trim().split(/\s+/).map(Number);
  assert(first! >= 524_288 && size === 65_536, users);
  assertEquals([groups, id], [users, "0"]);
  assertEquals(rest.slice(0, 7), ["0:0", "0:0", "0:0", "0:0", "0:42", "5:6", "7:8"]);
  assertEquals(rest[7], "0:0 1777");
  // On the host the processes are those of the mapping, and what is on disk has the owners of inside.
  const pids = (await host("pgrep", "-U", `${first}`)).trim().split("\n");
  assert(pids.length >= 2, pids.join());
  const { id: container } = {
    id: workspace.ids().find((id) => workspace.config(id).hostname === "mapped")!,
  };
  const upper = workspace.path(`containers/${container}/upper`);
  const owner = (path: string) => {
    const { uid, gid } = Deno.statSync(`${upper}/${path}`);
    return [uid, gid];
  };
  assertEquals([owner("new"), owner("var/empty"), owner("")], [[5, 6], [7, 8], [0, 0]]);
  // Another one has other ids.
  const other = await workspace.sh("cat /proc/self/uid_map", "-userns", "auto");
  assert(Number(other.trim().split(/\s+/)[1]) !== first);
  running.kill("SIGKILL");
  await running.end();
});

Deno.test("-userns with ranges of one's own, and users that they do not have", async () => {
  const map = "0:300000:1000,5000:400000:1";
  assertEquals(
    (await workspace.sh("cat /proc/self/uid_map", "-userns", map)).split("\n")
      .map((line) => line.trim().split(/\s+/).join(":")),
    map.split(","),
  );
  assertEquals(await workspace.sh("id -u; id -g", "-userns", map, "-u", "5000:5000"), "5000\n5000");
  const missing = await workspace.run(
    ["-net=none", "-userns", map, "-u", "1000", "alpine", "true"],
  );
  assertEquals(missing.code, 125);
  assertMatch(
    missing.stderr,
    /become user 1000:.*EINVAL.*\nThe container's user namespace maps no such/,
  );
  for (const wrong of ["0:1", "a:b:c", "0:0:0", "0:1:2:3", ""]) {
    const { code, stderr } = await workspace.run(["-userns", wrong, "alpine", "true"]);
    assertEquals(code, 1, wrong);
    assertMatch(stderr, /userns/);
  }
  const rootless = await workspace.run(["-net=none", "-userns", "1:300000:10", "alpine", "true"]);
  assertEquals(rootless.code, 125);
  assertMatch(rootless.stderr, /none of them maps the container's root/);
});

Deno.test("volumes under -userns: nobody's, unless their owners are mapped too", async () => {
  const volume = workspace.path("owned");
  await Deno.mkdir(volume, { mode: 0o755 });
  await Deno.writeTextFile(`${volume}/file`, "x");
  const said = await workspace.sh(
    "stat -c %u /v/file /w/file; touch /v/x 2>&1; touch /w/x && echo made; touch /r/x 2>&1; true",
    ...["-userns", "auto", "-v", `${volume}:/v`, "-v", `${volume}:/w:idmap`],
    ...["-v", `${volume}:/r:ro,idmap`],
  );
  assertEquals(said.split("\n"), [
    "65534",
    "0",
    "touch: /v/x: Permission denied",
    "made",
    "touch: /r/x: Read-only file system",
  ]);
  assertEquals(Deno.statSync(`${volume}/x`).uid, 0);
  const without = await workspace.run(["-net=none", "-v", `${volume}:/v:idmap`, "alpine", "true"]);
  assertEquals(without.code, 1);
  assertMatch(without.stderr, /read "-v .*:idmap": .*-userns/);
});

Deno.test("-userns goes with every network and a terminal", async () => {
  const names = "ls /sys/class/net; id -u";
  assertMatch(await workspace.sh(names, "-userns=auto", "-net=bridge"), /^eth0\nlo\n0$/);
  assertMatch(await workspace.sh(names, "-userns=auto", "-net=host"), /\n0$/);
  const terminal = await workspace.run(
    [
      "-userns=auto",
      "-net=none",
      "-t",
      "alpine",
      "/bin/sh",
      "-c",
      "tty; test -c /dev/console && echo console",
    ],
  );
  assertMatch(terminal.stdout, /^\/dev\/pts\/0\r\nconsole\r\n$/, terminal.stderr);
});

Deno.test("-userns makes a privileged container harmless to the host's root", async () => {
  const script = `mount -t tmpfs none /mnt && echo mounted
    echo 1 2>&1 >/proc/sys/vm/overcommit_memory | head -1; cat /proc/sys/kernel/core_pattern >/dev/null; id -u`;
  const said = await workspace.sh(script, "-userns=auto", "-privileged");
  assertMatch(said, /^mounted\n(.*ermission denied|.*not permitted).*\n0$/s);
});

Deno.test("the setuid bit of an image's program works under -userns, with ids of inside", async () => {
  await workspace.image("setuid", async (root) => {
    await host("cp", "/bin/busybox", `${root}/bin/su-id`).catch(() =>
      host("cp", `${root}/bin/busybox`, `${root}/bin/su-id`)
    );
    await Deno.chmod(`${root}/bin/su-id`, 0o4755);
  });
  const args = ["-net=none", "-userns=auto", "-u", "1000", "setuid", "/bin/sh", "-c"];
  const { stdout, stderr } = await workspace.run([...args, "stat -c '%u %a' /bin/su-id; id -u"]);
  assertEquals(stdout, "0 4755\n1000\n", stderr);
});

Deno.test("SYS_ADMIN inside is asked for by name", async () => {
  assertEquals((await capabilities()).CapBnd! & SYS_ADMIN, 0n);
});
