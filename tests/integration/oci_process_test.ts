/** What config.json says of a process, seen from inside it. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Bundles, type FilledSpec, mapUsers } from "./support/bundle.ts";
import { Workspace } from "./support/workspace.ts";

const bundles = new Bundles(Workspace.ofThisFile());

Deno.test("of variables given twice the last one counts", async () => {
  const said = await bundles.says('env; echo "$PATH"', (spec) => {
    spec.process.env = ["A=1", "PATH=/bin", "B=x=y", "A=2", "PATH=/usr/bin:/bin"];
  });
  const lines = said.split("\n");
  assertEquals(lines.filter((line) => line.startsWith("A=")), ["A=2"]);
  assert(lines.includes("B=x=y"));
  assertEquals(lines.at(-1), "/usr/bin:/bin");
});

Deno.test("HOME comes from the container's passwd when the config has none, or an empty one", async () => {
  const home = (uid: number, env: string[]) =>
    bundles.says('echo "$HOME"', (spec) => {
      spec.process.user = { uid, gid: 0 };
      spec.process.env = ["PATH=/bin", ...env];
    });
  assertEquals(await home(0, []), "/root");
  assertEquals(await home(8, ["HOME="]), "/var/mail");
  assertEquals(await home(4242, []), "/");
  assertEquals(await home(8, ["HOME=/mine"]), "/mine");
});

Deno.test("a passwd that is a pipe or endless names no home, and nothing waits for it", async () => {
  for (const change of ["rm /etc/passwd; mkfifo", "ln -sf /dev/zero"]) {
    const bundle = await bundles.make("echo $HOME", (spec) => spec.process.env = ["PATH=/bin"]);
    const { code } = await new Deno.Command("sh", {
      args: ["-c", `cd "$0"; ${change.replaceAll("/etc", "etc")} etc/passwd`, `${bundle}/rootfs`],
    }).output();
    assertEquals(code, 0);
    const { stdout } = await bundles.command(["run", "--bundle", bundle, bundles.id()]);
    assertEquals(stdout, "/\n");
  }
});

Deno.test("user, groups and umask", async () => {
  const said = await bundles.says("id -u; id -g; id -G; umask", (spec) => {
    spec.process.user = { uid: 1234, gid: 12, additionalGids: [5, 6, 5], umask: 0o27 };
  });
  assertEquals(said.split("\n"), ["1234", "12", "12 5 6", "0027"]);
  assertEquals(
    await bundles.says("umask", undefined, { through: ["sh", "-c", 'umask 0; exec "$@"', "sh"] }),
    "0022",
  );
});

Deno.test("a working folder that only root may enter is entered before the user is", async () => {
  const change = (spec: FilledSpec) => {
    spec.process.user = { uid: 1000, gid: 1000 };
    spec.process.cwd = "/root";
  };
  const script = "pwd; id -u; ls 2>&1; cd /root 2>&1";
  const entered = /^\/root\n1000\nls: .*Permission denied\n.*Permission denied/;
  assertMatch((await bundles.run(script, change)).stdout, entered);
  const mapped = await bundles.make(script, (spec) => {
    mapUsers(spec);
    change(spec);
  });
  await Deno.chown(`${mapped}/rootfs/root`, 100_000, 100_000);
  const told = await bundles.command(["run", "--bundle", mapped, bundles.id()]);
  assertMatch(told.stdout, entered);
  await bundles.during(() => {}, async (id) => {
    const joins = ["exec", "--user", "1000:1000", "--cwd", "/root", id, "sh", "-c", script];
    assertMatch((await bundles.command(joins)).stdout, entered);
  });
});

Deno.test("a working folder that only the user may enter is entered as the user", async () => {
  const change = (spec: FilledSpec) => {
    spec.process.user = { uid: 1000, gid: 1000 };
    spec.process.cwd = "/home";
  };
  /** Makes the folder one that is closed to others, and runs the bundle. */
  const run = async (bundle: string, owner: [number, number], through: string[]) => {
    await Deno.chown(`${bundle}/rootfs/home`, ...owner);
    await Deno.chmod(`${bundle}/rootfs/home`, 0o700);
    return await bundles.command(["run", "--bundle", bundle, bundles.id()], { through });
  };
  // In a user namespace root has no rights over what belongs to a group that is not mapped.
  const mapped = await bundles.make("pwd; id -u", (spec) => {
    mapUsers(spec);
    change(spec);
  });
  const inside = await run(mapped, [101_000, 0], []);
  assertEquals([inside.stdout, inside.stderr], ["/home\n1000\n", ""]);
  // As on a network file system, root is as powerless as anybody.
  const weak = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];
  const plain = await bundles.make("pwd; id -u", change);
  const outside = await run(plain, [1000, 1000], weak);
  assertEquals([outside.stdout, outside.stderr], ["/home\n1000\n", ""]);
  const denied = await run(plain, [1001, 1000], weak);
  assertMatch(denied.stderr, /enter the working folder "\/home" as the user: chdir .*EACCES/);
});

Deno.test("limits are as given, also those that the runtime itself could not live with", async () => {
  const said = await bundles.says("cat /proc/self/limits", (spec) => {
    spec.process.rlimits = [
      { type: "RLIMIT_AS", soft: 67_108_864, hard: 134_217_728 },
      { type: "RLIMIT_NOFILE", soft: 5, hard: 10 },
      { type: "RLIMIT_NPROC", soft: 3, hard: 3 },
      { type: "RLIMIT_CORE", soft: 0, hard: 1 },
    ];
  });
  assertMatch(said, /Max address space +67108864 +134217728 /);
  assertMatch(said, /Max open files +5 +10 /);
  assertMatch(said, /Max processes +3 +3 /);
  assertMatch(said, /Max core file size +0 +1 /);
});

Deno.test("limits hold for exec as another user too, however soon it becomes that user", async () => {
  await bundles.during(
    (spec) => spec.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 77, hard: 99 }],
    async (id) => {
      const options = ["--user", "1000:1001", "--cwd", "/tmp"];
      const limits = ["sh", "-c", "id -u; ulimit -n; ulimit -H -n"];
      for (let i = 0; i < 5; i++) {
        const { stdout, stderr } = await bundles.command(["exec", ...options, id, ...limits]);
        assertEquals([stdout, stderr], ["1000\n77\n99\n", ""]);
      }
    },
  );
});

Deno.test("a limit above the caller's own is set, or an error that names it", async () => {
  const through = ["sh", "-c", 'ulimit -n 500; exec "$@"', "sh"];
  const { code, stdout, stderr } = await bundles.run("ulimit -n; ulimit -H -n", (spec) => {
    spec.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 600, hard: 700 }];
  }, { through });
  if (code === 0) return assertEquals(stdout, "600\n700\n");
  assertMatch(stderr, /apply process\.rlimits "RLIMIT_NOFILE": .*EPERM/);
});

Deno.test("scheduler, I/O priority, personality, memory policy and OOM score", async () => {
  const script = [
    "awk '{print $19, $41}' /proc/1/stat",
    "ionice -p 1",
    "uname -m",
    "grep -c bind=static:0 /proc/self/numa_maps",
    "cat /proc/self/oom_score_adj",
  ].join("; ");
  const said = await bundles.says(script, (spec) => {
    spec.process.scheduler = { policy: "SCHED_BATCH", nice: 5 };
    spec.process.ioPriority = { class: "IOPRIO_CLASS_BE", priority: 3 };
    spec.process.oomScoreAdj = 500;
    spec.linux.personality = { domain: "LINUX32" };
    spec.linux.memoryPolicy = { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] };
  });
  const [scheduling, io, machine, memory, oom] = said.split("\n");
  assertEquals(scheduling, "5 3");
  assertEquals(io, "best-effort: prio 3");
  assert(machine !== Deno.build.arch, machine);
  assert(Number(memory) > 0);
  assertEquals(oom, "500");
});

Deno.test("labels of security modules that are off are an error that names the field", async () => {
  const cases: [string, Parameters<Bundles["run"]>[1]][] = [
    ["process.apparmorProfile", (spec) => spec.process.apparmorProfile = "docker-default"],
    ["process.selinuxLabel", (spec) => spec.process.selinuxLabel = "a:b:c:d"],
    ["linux.mountLabel", (spec) => spec.linux.mountLabel = "a:b:c:d"],
    ["linux.intelRdt", (spec) => spec.linux.intelRdt = { closID: "mine" }],
  ];
  const on = ["/sys/module/apparmor", "/sys/fs/selinux/enforce"].some((path) => {
    try {
      return Deno.statSync(path) !== undefined;
    } catch {
      return false;
    }
  });
  for (const [field, change] of on ? cases.slice(-1) : cases) {
    const { code, stderr } = await bundles.run("true", change);
    assertEquals(code, 1);
    assertStringIncludes(stderr, field);
  }
});

Deno.test("capabilities that cannot be granted are a warning, and the others are there", async () => {
  const as = (uid: number) =>
    bundles.run("grep ^Cap /proc/self/status", (spec) => {
      const names = ["CAP_KILL", "CAP_CHOWN"];
      spec.process.user = { uid, gid: uid };
      spec.process.capabilities = {
        bounding: names,
        permitted: names,
        effective: ["CAP_KILL"],
        inheritable: [],
        ambient: ["CAP_KILL"],
      };
    });
  const { code, stdout, stderr } = await as(1000);
  assertEquals(code, 0);
  assertMatch(stdout, /CapBnd:\t0000000000000021/);
  assertMatch(stdout, /CapAmb:\t0000000000000000/);
  assertMatch(stderr, /warning: process.capabilities.ambient: not granted, as only what is /);
  const root = await as(0);
  assertMatch(root.stdout, /CapEff:\t0000000000000021/);
  assertEquals(root.stderr, "");
});

Deno.test("without any capabilities in the config the program has none", async () => {
  const said = await bundles.says("grep ^Cap /proc/self/status", (spec) => {
    delete spec.process.capabilities;
  });
  assertEquals(said.match(/\t0{16}/g)?.length, 5);
});

Deno.test("the terminal has the size of the config", async () => {
  const size = await bundles.workspace.run([
    ...bundles.global,
    "run",
    "--bundle",
    await bundles.make("stty size", (spec) => {
      spec.process.terminal = true;
      spec.process.consoleSize = { height: 33, width: 77 };
    }),
    bundles.id(),
  ]);
  assertEquals(size.stdout.trim(), "33 77");
});

Deno.test("exec runs on the CPUs that the config has for it", async () => {
  const online = Deno.readTextFileSync("/sys/devices/system/cpu/online").trim();
  const last = online.split(/[-,]/).at(-1)!;
  await bundles.during(
    (spec) => spec.process.execCPUAffinity = { initial: "0", final: last },
    async (id) => {
      const { stdout } = await bundles.command(
        ["exec", id, "grep", "Cpus_allowed_list", "/proc/self/status"],
      );
      assertEquals(stdout, `Cpus_allowed_list:\t${last}\n`);
    },
  );
});

Deno.test("only descriptors that were handed over are passed on, and only so many", async () => {
  const list = "ls /proc/self/fd | wc -l";
  const through = ["sh", "-c", 'exec "$@" 3</etc/passwd 4</etc/passwd', "sh"];
  // Three, and the one that ls itself reads with.
  assertEquals(await bundles.says(list, undefined, { through }), "4");
  const bundle = await bundles.make("ls -l /proc/self/fd");
  const passing = (count: number) =>
    bundles.command(["run", "--bundle", bundle, `--preserve-fds=${count}`, bundles.id()], {
      through,
    });
  assertEquals((await passing(2)).stdout.match(/passwd/g)?.length, 2);
  const { code, stderr } = await passing(3);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "descriptor 5");
});

Deno.test("with a user namespace, what takes rights on the host is done from outside", async () => {
  const said = await bundles.says("id -u; cat /proc/self/oom_score_adj; ulimit -n", (spec) => {
    mapUsers(spec);
    spec.process.user = { uid: 1000, gid: 1000 };
    spec.process.oomScoreAdj = 100;
    spec.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 100, hard: 200 }];
  });
  assertEquals(said.split("\n"), ["1000", "100", "100"]);
});

Deno.test("the annotation run.oci.keep_original_groups leaves a program the groups of the caller, as podman's --group-add keep-groups asks for", async () => {
  const through = ["setpriv", "--groups=4321,5432"];
  const script = "grep ^Groups: /proc/self/status | tr -s '\\t ' ' '";
  const keeping = (spec: FilledSpec) => {
    spec.annotations = { "run.oci.keep_original_groups": "1" };
    spec.process.user = { uid: 0, gid: 0, additionalGids: [9] };
  };
  assertEquals((await bundles.says(script, keeping, { through })).trim(), "Groups: 4321 5432");
  const mapped = await bundles.says(script, (spec) => {
    mapUsers(spec);
    keeping(spec);
  }, { through });
  // They count for files all the same, though they have no number there.
  assertEquals(mapped.trim(), "Groups: 65534 65534");
  await bundles.during(keeping, async (id) => {
    const { stdout } = await bundles.command(["exec", id, "sh", "-c", script], { through });
    assertEquals(stdout.trim(), "Groups: 4321 5432");
  });
  const other = (spec: FilledSpec) => {
    keeping(spec);
    spec.annotations = { "run.oci.keep_original_groups": "0" };
  };
  assertEquals((await bundles.says(script, other, { through })).trim(), "Groups: 9");
});
