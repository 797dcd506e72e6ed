/** Namespaces of a config: new, joined, inherited, with mappings and offsets. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import {
  Bundles,
  dropNamespace,
  type FilledSpec,
  mapUsers,
  setNamespace,
} from "./support/bundle.ts";
import { exists, host } from "./support/project.ts";
import { Workspace } from "./support/workspace.ts";

const bundles = new Bundles(Workspace.ofThisFile());

const FILES: Readonly<Record<string, string>> = {
  network: "net",
  ipc: "ipc",
  uts: "uts",
  pid: "pid",
  cgroup: "cgroup",
  mount: "mnt",
};

Deno.test("namespaces of every kind are joined by their paths", async () => {
  await bundles.during(() => {}, async (_id, pid) => {
    for (const [type, file] of Object.entries(FILES)) {
      const path = `/proc/${pid}/ns/${file}`;
      const said = await bundles.says(`readlink /proc/self/ns/${file}`, (spec) => {
        setNamespace(spec, type, path);
        delete spec.hostname;
        if (type === "network") spec.linux.sysctl = {};
      });
      assertEquals(said, Deno.readLinkSync(path), type);
    }
  });
});

Deno.test("in the pid namespace of another container both are seen, by run, by create and with all around it", async () => {
  await bundles.during(() => {}, async (_, pid) => {
    const join = (spec: FilledSpec) => setNamespace(spec, "pid", `/proc/${pid}/ns/pid`);
    // The other one is 1, and what the config has is set for this one.
    const said = await bundles.says(
      "cat /proc/1/comm; test $$ = 1 || echo joined; readlink /proc/$$/exe; hostname; ulimit -n; " +
        "cat /proc/self/oom_score_adj; cut -d' ' -f6 /proc/$$/stat | grep -qx $$ && echo session; " +
        "ls /proc | grep -c '^[0-9]'",
      (spec) => {
        join(spec);
        spec.hostname = "joiner";
        spec.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 77, hard: 99 }];
        spec.process.oomScoreAdj = 345;
        const hook = [{ path: "/bin/true" }];
        spec.hooks = { createRuntime: hook, createContainer: hook };
      },
    );
    const [comm, ...rest] = said.split("\n");
    assertEquals([comm, ...rest.slice(0, 6)], [
      ...["sleep", "joined", "/bin/busybox", "joiner", "77", "345", "session"],
    ]);
    // The sleeping one, the shell, ls and grep.
    assertEquals(rest[6], "4");

    const bundle = await bundles.make("echo $0; exec sleep 1000", (spec) => {
      join(spec);
      spec.process.noNewPrivileges = false;
      spec.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW" };
    });
    const id = bundles.id();
    const log = `${bundle}/log`;
    const detached = ["sh", "-c", 'exec "$@" >"$0" </dev/null 2>&1', log];
    const { code } = await bundles.command(["create", "-b", bundle, id], { through: detached });
    assertEquals(code, 0, Deno.readTextFileSync(log));
    try {
      const state = JSON.parse((await bundles.command(["state", id])).stdout);
      assertEquals(state.status, "created");
      const namespace = (kind: string, of: number) => Deno.readLinkSync(`/proc/${of}/ns/${kind}`);
      assertEquals(namespace("pid", state.pid), namespace("pid", pid));
      assertNotEquals(namespace("mnt", state.pid), namespace("mnt", pid));
      const inside = await bundles.command(["exec", id, "readlink", "/proc/self/ns/pid"]);
      assertEquals([inside.stdout.trim(), inside.stderr], [namespace("pid", pid), ""]);
      assertEquals((await bundles.command(["start", id])).code, 0);
      assertEquals(JSON.parse((await bundles.command(["state", id])).stdout).status, "running");
      assertEquals((await bundles.command(["kill", id, "KILL"])).code, 0);
      for (let i = 0; i < 100 && exists(`/proc/${state.pid}`); i++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      assertEquals((await bundles.command(["delete", id])).code, 0);
    } finally {
      await bundles.command(["delete", "--force", id]);
    }
  });
});

Deno.test("what fails in a joined pid namespace is told, by create and by start", async () => {
  await bundles.during(() => {}, async (_, pid) => {
    const join = (spec: FilledSpec) => setNamespace(spec, "pid", `/proc/${pid}/ns/pid`);
    const bad = await bundles.run("true", (spec) => {
      join(spec);
      spec.mounts.push({ destination: "/x", type: "nosuchfs", source: "x" });
    });
    assertEquals(bad.code, 1);
    assertStringIncludes(bad.stderr, 'mount nosuchfs on "/x"');
    const missing = await bundles.run("true", (spec) => {
      join(spec);
      spec.process.args = ["/nowhere"];
    });
    assertEquals(missing.code, 1);
    assertStringIncludes(missing.stderr, 'run "/nowhere": no such file in the container');
    // The launcher is refused, and has no words for it.
    const script = await bundles.run("true", (spec) => {
      join(spec);
      spec.mounts.push({
        destination: "/script",
        type: "bind",
        source: "/bin/true",
        options: ["bind", "noexec"],
      });
      spec.process.args = ["/script"];
    });
    assertNotEquals(script.code, 0);
    assertStringIncludes(script.stderr, 'run "/script"');
  });
});

Deno.test("a namespace of another kind than its type is refused, as is what is none", async () => {
  await bundles.during(() => {}, async (_id, pid) => {
    for (const path of [`/proc/${pid}/ns/ipc`, "/etc/passwd", "/nowhere"]) {
      const { code, stderr } = await bundles.run(
        "true",
        (spec) => setNamespace(spec, "network", path),
      );
      assertEquals(code, 1);
      assertStringIncludes(stderr, `join the network namespace "${path}"`);
    }
  });
});

Deno.test("a namespace that is a fifo is refused, not waited for", async () => {
  const fifo = bundles.workspace.path("fifo");
  await host("mkfifo", fifo);
  for (const type of ["user", ...Object.keys(FILES)]) {
    const { code, stderr } = await bundles.run("true", (spec) => setNamespace(spec, type, fifo));
    assertEquals(code, 1);
    assertStringIncludes(stderr, `join the ${type} namespace "${fifo}": it is of another kind`);
  }
});

Deno.test("a namespace that the config does not name is the caller's", async () => {
  for (const type of ["network", "ipc", "uts", "cgroup"]) {
    const said = await bundles.says(`readlink /proc/self/ns/${FILES[type]}`, (spec) => {
      dropNamespace(spec, type);
      if (type === "uts") delete spec.hostname;
      if (type === "network") spec.mounts = spec.mounts.filter(({ type }) => type !== "sysfs");
      spec.linux.maskedPaths = [];
    });
    assertEquals(said, Deno.readLinkSync(`/proc/self/ns/${FILES[type]}`), type);
  }
});

/** The mounts of the host below this file's folder: other tests of the machine may mount something too. */
function mountsHere(): string[] {
  return Deno.readTextFileSync("/proc/self/mountinfo").split("\n")
    .filter((line) => line.includes(bundles.workspace.folder));
}

Deno.test("without a mount namespace the container has its root all the same, and the host keeps no mount", async () => {
  const before = mountsHere();
  const change = (spec: Parameters<typeof dropNamespace>[0]) => {
    dropNamespace(spec, "mount");
    spec.linux.maskedPaths = [];
    spec.linux.readonlyPaths = [];
  };
  const said = await bundles.says(
    "readlink /proc/self/ns/mnt; cat /etc/alpine-release; ls /dev",
    change,
  );
  const [namespace, release] = said.split("\n");
  assertEquals(namespace, Deno.readLinkSync("/proc/self/ns/mnt"));
  assertMatch(release, /^3\./);
  assertEquals(mountsHere(), before);
  await bundles.during(change, async (id) => {
    const { stdout } = await bundles.command(["exec", id, "cat", "/etc/alpine-release"]);
    assertEquals(stdout.trim(), release);
  });
  assertEquals(mountsHere(), before);
  const failed = await bundles.run("true", (spec) => {
    change(spec);
    spec.process.args = ["/nowhere"];
  });
  assertEquals(failed.code !== 0, true);
  assertEquals(mountsHere(), before);
});

Deno.test("in a user namespace root is somebody else on the host, and what root needs is there", async () => {
  const script = [
    "id -u",
    "cat /proc/self/uid_map",
    "echo gone > /dev/null",
    "head -c 1 /dev/zero | wc -c",
    "stat -c %t:%T /dev/null",
    "head -1 /proc/self/cgroup",
    "ls /sys | wc -l",
  ].join("; ");
  const said = await bundles.says(script, mapUsers);
  const [id, map, count, numbers, cgroup, entries] = said.split("\n");
  assertEquals(id, "0");
  assertMatch(map, /^ +0 +100000 +65536$/);
  assertEquals(count, "1");
  assertEquals(numbers, "1:3");
  assertMatch(cgroup, /:\/$/);
  assert(Number(entries) > 0);
});

Deno.test("in a user namespace standard output and error are opened by name, by exec too", async () => {
  const script = "echo out > /dev/stdout; echo err > /dev/stderr";
  for (const uid of [0, 99]) {
    const { code, stdout, stderr } = await bundles.run(script, (spec) => {
      mapUsers(spec);
      spec.process.user = { uid, gid: uid };
    });
    assertEquals([code, stdout, stderr], [0, "out\n", "err\n"], `${uid}`);
  }
  await bundles.during(mapUsers, async (id) => {
    for (const user of ["0", "99"]) {
      const told = await bundles.command(["exec", "-u", user, id, "sh", "-c", script]);
      assertEquals([told.code, told.stdout, told.stderr], [0, "out\n", "err\n"], user);
    }
  });
});

Deno.test("the bundle of a user namespace may lie where its root cannot look", async () => {
  const bundle = await bundles.make("cat /etc/alpine-release; cat /mnt/secret", (spec) => {
    mapUsers(spec);
    spec.mounts.push({ destination: "/mnt", type: "bind", source: "hidden", options: ["bind"] });
  });
  Deno.mkdirSync(`${bundle}/hidden`, { mode: 0o755 });
  Deno.writeTextFileSync(`${bundle}/hidden/secret`, "seen\n");
  await host("chown", "-R", "4321:4321", bundle);
  Deno.chmodSync(bundle, 0o700);
  const { code, stdout, stderr } = await bundles.command(["run", "-b", bundle, bundles.id()]);
  assertEquals(code, 0, stderr);
  assertMatch(stdout, /seen/);
});

Deno.test("exec joins a user namespace, with its rights and no others", async () => {
  await bundles.during(mapUsers, async (id, pid) => {
    for (let i = 0; i < 5; i++) {
      const { code, stdout, stderr } = await bundles.command(
        ["exec", id, "sh", "-c", "id -u; readlink /proc/self/ns/user; cat /proc/self/uid_map"],
      );
      assertEquals(code, 0, stderr);
      const [uid, namespace, map] = stdout.split("\n");
      assertEquals(uid, "0");
      assertEquals(namespace, Deno.readLinkSync(`/proc/${pid}/ns/user`));
      assertMatch(map, /100000/);
    }
    const joined = await bundles.says("id -u; cat /proc/self/uid_map", (spec) => {
      setNamespace(spec, "user", `/proc/${pid}/ns/user`);
    });
    assertMatch(joined, /^0\n +0 +100000 /);
  });
});

Deno.test("mappings without root, and groups that a devpts mount cannot have", async () => {
  const rootless = await bundles.run("true", (spec) => {
    mapUsers(spec);
    spec.linux.uidMappings = [{ containerID: 1000, hostID: 100_000, size: 10 }];
  });
  assertEquals(rootless.code, 1);
  assertStringIncludes(rootless.stderr, "linux.uidMappings");
  const { code, stdout, stderr } = await bundles.run("ls -d /dev/pts", (spec) => {
    mapUsers(spec);
    spec.linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 1 }];
  });
  assertEquals(code, 0, stderr);
  assertEquals(stdout, "/dev/pts\n");
  assertStringIncludes(stderr, "gid=5");
});

Deno.test("a time namespace has its offsets, and can be joined", async () => {
  const uptime = Number(Deno.readTextFileSync("/proc/uptime").split(" ")[0]);
  await bundles.during((spec) => {
    setNamespace(spec, "time");
    spec.linux.timeOffsets = { boottime: { secs: 864_000 }, monotonic: { secs: 5 } };
  }, async (id, pid) => {
    const joined = await bundles.says(
      "cat /proc/uptime",
      (spec) => setNamespace(spec, "time", `/proc/${pid}/ns/time`),
    );
    const { stdout } = await bundles.command(["exec", id, "cat", "/proc/uptime"]);
    for (const seen of [joined, stdout]) {
      assert(Number(seen.split(" ")[0]) > uptime + 863_000, seen);
    }
    assertNotEquals(
      Deno.readLinkSync(`/proc/${pid}/ns/time`),
      Deno.readLinkSync("/proc/self/ns/time"),
    );
  });
});

Deno.test("what the kernel refuses of time offsets and parameters is told with the field", async () => {
  const cases: [string, (spec: FilledSpec) => void][] = [
    ["linux.timeOffsets", (spec) => {
      setNamespace(spec, "time");
      spec.linux.timeOffsets = { boottime: { secs: -1_000_000_000 } };
    }],
    ["linux.sysctl", (spec) => spec.linux.sysctl = { "net.no_such_parameter": "1" }],
  ];
  for (const [field, change] of cases) {
    const { code, stderr } = await bundles.run("true", change);
    assertEquals(code, 1);
    assertStringIncludes(stderr, `set ${field}: `);
  }
});

Deno.test("kernel parameters of the container's own namespaces are set", async () => {
  const files = ["net/ipv4/ip_forward", "kernel/shm_rmid_forced", "net/ipv4/conf/lo/forwarding"];
  const said = await bundles.says(`cd /proc/sys; cat ${files.join(" ")}`, (spec) => {
    spec.linux.sysctl = {
      "net.ipv4.ip_forward": "1",
      "kernel.shm_rmid_forced": "1",
      "net/ipv4/conf/lo/forwarding": "0",
    };
  });
  assertEquals(said.split("\n"), ["1", "1", "0"]);
});

Deno.test("network devices go into the container with their addresses, and come back when it fails", async () => {
  const [mine, other] = [`oci${Deno.pid % 10_000}a`, `oci${Deno.pid % 10_000}b`];
  await host("ip", "link", "add", mine, "type", "veth", "peer", "name", other);
  try {
    await host("ip", "addr", "add", "10.213.7.1/24", "dev", mine);
    await host("ip", "link", "set", mine, "up");
    const failing = await bundles.run("true", (spec) => {
      spec.linux.netDevices = { [mine]: { name: "eth7" } };
      spec.hooks = { createRuntime: [{ path: "/bin/false" }] };
    });
    assertEquals(failing.code, 1);
    assertMatch(await host("ip", "-o", "addr", "show", "dev", mine), /10\.213\.7\.1\/24/);
    assertMatch(await host("ip", "link", "show", "dev", mine), /[<,]UP[,>]/);

    const taken = await bundles.run("true", (spec) => {
      spec.linux.netDevices = { [mine]: { name: "lo" } };
    });
    assertStringIncludes(taken.stderr, `the container has a "lo" already`);

    const said = await bundles.says("ip addr", (spec) => {
      spec.linux.netDevices = { [mine]: { name: "eth%d" } };
    });
    assertMatch(said, / eth0@.*[<,]UP[,>]/);
    assertMatch(said, /10\.213\.7\.1\/24/);
  } finally {
    await host("ip", "link", "del", other).catch(() => {});
  }
});
