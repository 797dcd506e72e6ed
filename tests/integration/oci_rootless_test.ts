/** The runtime's face for an ordinary user: the container's user namespace is all the rights that he has. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { identify } from "../../lib/runtime/process_identity.ts";
import { testWith } from "../engines/support/skip.ts";
import { dropNamespace, type FilledSpec, setNamespace } from "./support/bundle.ts";
import { assertHostIsAsBefore, lookAtHost } from "./support/host.ts";
import {
  mapMany,
  mapsMany,
  MAY_MAKE_NAMESPACES,
  OrdinaryUser,
  SUBORDINATE,
  UID,
} from "./support/ordinary_user.ts";
import { entriesOf, exists, host, isInstalled } from "./support/project.ts";
import { Terminal } from "./support/terminal.ts";
import { until } from "./support/wait.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();
const user = new OrdinaryUser(workspace);

const namespaces = { "a user namespace for ordinary users": MAY_MAKE_NAMESPACES };

/** What an ordinary user has of containers: none, and no folder of theirs. */
function assertNothingLeft(): void {
  const state = entriesOf(`${user.runtimeFolder}/gocontainer`).map(({ name }) => name);
  assertEquals(state.filter((name) => name !== ".lock"), []);
}

testWith(namespaces, "run: root inside is the user outside, and nobody else is there", async () => {
  await user.ready();
  await workspace.run(["-net=none", "-rm", "alpine", "true"]);
  const before = lookAtHost();
  const script = [
    "id -u",
    "cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups",
    "touch /made && stat -c %u:%g /made",
    "stat -c %t:%T /dev/null && echo gone > /dev/null",
    "ls /sys/class > /dev/null && hostname",
    "grep CapEff /proc/self/status",
    "exit 3",
  ].join("; ");
  const bundle = await user.bundle(script);
  const { code, stdout, stderr } = await user.run(["run", "--bundle", bundle, user.id()]);
  assertEquals([code, stderr], [3, ""]);
  const [id, uids, gids, setgroups, owner, device, name, capabilities] = stdout.split("\n");
  assertEquals([id, setgroups, owner, device], ["0", "deny", "0:0", "1:3"]);
  for (const map of [uids, gids]) assertMatch(map, new RegExp(`^ +0 +${UID} +1$`));
  assertEquals(name, "gocontainer");
  assertEquals(capabilities, "CapEff:\t0000000020000420");
  const made = Deno.statSync(`${bundle}/rootfs/made`);
  assertEquals([made.uid, made.gid], [UID, UID]);
  assertNothingLeft();
  await assertHostIsAsBefore(before);
});

testWith(
  { ...namespaces, runc: isInstalled("runc") },
  "run: a bundle that runc made looks inside as runc shows it",
  async () => {
    const script = [
      "id; cat /proc/self/uid_map; grep -E 'Cap|NoNew|Seccomp:' /proc/self/status",
      "ls -ln / /dev | grep -vE 'total|proc$'; cat /proc/self/mountinfo | cut -d' ' -f5 | sort | uniq",
      "ulimit -n; cat /proc/self/cgroup; env | sort; ls /sys/fs/cgroup/memory; umask",
    ].join("; ");
    const bundle = await user.bundle(script);
    // Its own config, whose cgroups are the caller's.
    const config = `${bundle}/config.json`;
    const { process, root } = JSON.parse(await Deno.readTextFile(config)) as FilledSpec;
    await Deno.remove(config);
    const runc = (...args: string[]) =>
      user.run(["--root", `${user.runtimeFolder}/runc`, ...args], { binary: "runc" });
    assertEquals((await runc("spec", "--rootless", "--bundle", bundle)).code, 0);
    const spec = JSON.parse(await Deno.readTextFile(config)) as FilledSpec;
    spec.process = { ...spec.process, args: process.args, terminal: false };
    spec.root = root;
    // runc has no hierarchy of cgroup v2 beside others.
    spec.mounts = spec.mounts.filter(({ type }) => type !== "cgroup");
    await Deno.writeTextFile(config, JSON.stringify(spec));
    const [theirs, ours] = [
      await runc("run", "--bundle", bundle, "peer"),
      await user.run(["run", "--bundle", bundle, user.id()]),
    ];
    assertEquals(theirs.code, 0, theirs.stderr);
    const times = /[A-Z][a-z]{2} +\d+ +[\d:]+/g;
    assertEquals(ours.stdout.replace(times, ""), theirs.stdout.replace(times, ""));
    assertEquals(ours.code, 0);
  },
);

testWith(
  mapsMany,
  "run: more ids are mapped by newuidmap, and files have their owners",
  async () => {
    const script = "id; cat /proc/self/uid_map /proc/self/setgroups; touch /tmp/made; sleep 0";
    const bundle = await user.bundle(script, (spec) => {
      mapMany(spec);
      spec.process.user = { uid: 7, gid: 8, additionalGids: [9] };
    });
    const { code, stdout, stderr } = await user.run(["run", "--bundle", bundle, user.id()]);
    assertEquals([code, stderr], [0, ""]);
    const [id, own, others, setgroups] = stdout.split("\n");
    assertMatch(id, /^uid=7\b.* gid=8\b.* groups=9\b/);
    assertMatch(own, new RegExp(`^ +0 +${UID} +1$`));
    assertMatch(others, new RegExp(`^ +1 +${SUBORDINATE.first} +${SUBORDINATE.size}$`));
    assertEquals(setgroups, "allow");
    const made = Deno.statSync(`${bundle}/rootfs/tmp/made`);
    assertEquals([made.uid, made.gid], [SUBORDINATE.first + 6, SUBORDINATE.first + 7]);
  },
);

testWith(
  mapsMany,
  "run: a bundle that only the user can look into, with a root of other ids",
  async () => {
    const { first: hostID, size } = SUBORDINATE;
    const { code, stdout, stderr } = await user.runs("id -u; head -c 1 /etc/motd", (spec) => {
      spec.linux.uidMappings = [{ containerID: 0, hostID, size }];
      spec.linux.gidMappings = spec.linux.uidMappings;
      spec.mounts.push({
        destination: "/etc/motd",
        type: "bind",
        source: "config.json",
        options: ["bind"],
      });
      // He owns the root outside, but is nobody inside: nothing can be made there.
      spec.root.readonly = true;
    });
    assertEquals([code, stdout, stderr], [0, "0\n{", ""]);
  },
);

testWith(
  mapsMany,
  "newuidmap that refuses, or is not to be trusted, is told with what to do",
  async () => {
    const beyond = await user.runs("true", (spec) => {
      mapMany(spec);
      spec.linux.uidMappings![1].size = SUBORDINATE.size + 1;
    });
    assertEquals(beyond.code, 1);
    assertMatch(
      beyond.stderr,
      /^gocontainer: apply linux\.uidMappings: newuidmap: .* not allowed\n/,
    );
    assertStringIncludes(beyond.stderr, "/etc/subuid");
    const groups = await user.runs("true", (spec) => {
      mapMany(spec);
      spec.linux.gidMappings = [{ containerID: 0, hostID: 0, size: 1 }];
    });
    assertEquals(groups.code, 1);
    assertMatch(
      groups.stderr,
      /^gocontainer: apply linux\.gidMappings: newgidmap: .* not allowed\n/,
    );
    // One that he could have put there himself counts as none.
    const fake = workspace.path("home/newuidmap");
    await Deno.writeTextFile(fake, `#!/bin/sh\ntouch ${fake}.ran\n`, { mode: 0o755 });
    await Deno.chown(fake, UID, UID);
    const path = (await host("sh", "-c", "readlink -f $(command -v newuidmap)")).trim();
    const missing = await user.runs("true", mapMany, { before: `mount --bind ${fake} ${path}` });
    assertEquals(missing.code, 1);
    assertMatch(
      missing.stderr,
      /linux\.uidMappings: the program newuidmap is not installed\n.*uidmap/,
    );
    const byPath = await user.runs("true", mapMany, {
      before: `mount --bind ${fake} ${path}`,
      env: { XDG_RUNTIME_DIR: user.runtimeFolder, PATH: `${workspace.path("home")}:/usr/bin:/bin` },
    });
    assertEquals(byPath.code, 1);
    assertEquals(exists(`${fake}.ran`), false);
    assertNothingLeft();
  },
);

testWith(
  namespaces,
  "create, start, state, exec, ps, kill, list and delete are the user's too",
  async () => {
    await user.ready();
    await workspace.run(["-net=none", "-rm", "alpine", "true"]);
    const before = lookAtHost();
    const bundle = await user.bundle("sleep 1000 & exec sleep 1000");
    const id = user.id();
    await user.detached("create", "--bundle", bundle, id);
    const status = async () => JSON.parse(await user.ok("state", id)).status;
    assertEquals(await status(), "created");
    assertEquals(await user.ok("exec", id, "id", "-u"), "0");
    await user.ok("start", id);
    assertEquals(await status(), "running");
    const { pid } = JSON.parse(await user.ok("state", id));
    await until(
      "both sleep",
      async () => JSON.parse(await user.ok("ps", "-f", "json", id)).length === 2,
    );
    assert(JSON.parse(await user.ok("ps", "-f", "json", id)).includes(pid));
    if (exists("/bin/ps")) assertMatch(await user.ok("ps", id), /sleep 1000\n.*sleep 1000$/);
    const said = await user.ok(
      "exec",
      "--cwd",
      "/tmp",
      id,
      "sh",
      "-c",
      "id -u; pwd; readlink /proc/self/ns/user",
    );
    assertEquals(said.split("\n"), ["0", "/tmp", Deno.readLinkSync(`/proc/${pid}/ns/user`)]);
    assertEquals((await user.run(["exec", id, "sh", "-c", "exit 7"])).code, 7);
    assertEquals(await user.ok("exec", "--user", "0:0", id, "id", "-g"), "0");
    const [listed] = JSON.parse(await user.ok("list", "-f", "json"));
    assertEquals([listed.id, listed.owner, listed.status], [id, "tester", "running"]);
    const paused = await user.run(["pause", id]);
    assertEquals([paused.code, paused.stderr.split("\n")[0]], [
      1,
      "gocontainer: freeze the cgroup: the container has none",
    ]);
    assertEquals((await user.run(["delete", id])).code, 1);
    await user.ok("kill", "--all", id, "KILL");
    await until("it is stopped", async () => await status() === "stopped");
    await user.ok("delete", id);
    assertEquals(await user.ok("list", "-q"), "");
    assertNothingLeft();
    await assertHostIsAsBefore(before);
  },
);

testWith(
  namespaces,
  "exec: what is still the runtime's own process is for root to join",
  async () => {
    const bundle = await user.bundle("sleep 1000", (spec) => {
      spec.process.noNewPrivileges = false;
      spec.linux.seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["accept4"], action: "SCMP_ACT_ERRNO" }],
      };
    });
    const id = user.id();
    await user.detached("create", "--bundle", bundle, id);
    try {
      const early = await user.run(["exec", id, "true"]);
      assertEquals(early.code, 255);
      assertMatch(early.stderr, /EACCES.*\n.*start it first/);
      await user.ok("start", id);
      await user.ok("exec", id, "true");
    } finally {
      await user.ok("delete", "--force", id);
    }
  },
);

testWith(
  mapsMany,
  "exec: another user of the mappings, and a score for the out-of-memory killer",
  async () => {
    await user.during((spec) => {
      mapMany(spec);
      spec.process.oomScoreAdj = 300;
    }, async (id, pid) => {
      assertEquals(Deno.readTextFileSync(`/proc/${pid}/oom_score_adj`), "300\n");
      const said = await user.ok(
        "exec",
        "--user",
        "5:6",
        id,
        "sh",
        "-c",
        "id; cat /proc/self/oom_score_adj",
      );
      assertMatch(said, /^uid=5\b.* gid=6\b.*\n300$/);
    });
    const lower = await user.runs("true", (spec) => spec.process.oomScoreAdj = -1000);
    assertEquals(lower.code, 1);
    assertMatch(lower.stderr, /apply process\.oomScoreAdj "-1000"/);
  },
);

testWith(namespaces, "a container joins the namespaces of another of the user's", async () => {
  await user.during(() => {}, async (_id, pid) => {
    const { code, stdout, stderr } = await user.runs(
      "for name in user pid ipc; do readlink /proc/self/ns/$name; done",
      (spec) => {
        setNamespace(spec, "user", `/proc/${pid}/ns/user`);
        setNamespace(spec, "pid", `/proc/${pid}/ns/pid`);
        setNamespace(spec, "ipc", `/proc/${pid}/ns/ipc`);
        delete spec.linux.uidMappings;
        delete spec.linux.gidMappings;
      },
    );
    assertEquals([code, stderr], [0, ""]);
    const links = ["user", "pid", "ipc"].map((name) =>
      Deno.readLinkSync(`/proc/${pid}/ns/${name}`)
    );
    assertEquals(stdout.trim().split("\n"), links);
  });
});

testWith(
  namespaces,
  "a container in the pid namespace of another has its own processes only",
  async () => {
    await user.during(() => {}, async (one, pid) => {
      const bundle = await user.bundle("sleep 2000 & exec sleep 2000", (spec) => {
        setNamespace(spec, "user", `/proc/${pid}/ns/user`);
        setNamespace(spec, "pid", `/proc/${pid}/ns/pid`);
        delete spec.linux.uidMappings;
        delete spec.linux.gidMappings;
      });
      const other = user.id();
      await user.detached("run", "-d", "--bundle", bundle, other);
      const members = async (id: string) =>
        JSON.parse(await user.ok("ps", "-f", "json", id)) as number[];
      await until("both sleep", async () => (await members(other)).length === 2);
      const own = await members(other);
      assertEquals((await members(one)).length, 3);
      await user.ok("delete", "--force", other);
      await until("they are gone", () => own.every((pid) => identify(pid) === undefined));
      assertEquals(await members(one), [pid]);
    });
  },
);

testWith(
  namespaces,
  "run: a terminal of its own",
  async () => {
    const bundle = await user.bundle(
      "tty; stty size; test -c /dev/console && echo console; echo done > /dev/tty",
      (spec) => {
        spec.process.terminal = true;
      },
    );
    using terminal = new Terminal({ rows: 31, columns: 97 });
    const running = terminal.start(workspace, ["run", "--bundle", bundle, user.id()], {
      binary: workspace.path("gocontainer"),
      env: { XDG_RUNTIME_DIR: user.runtimeFolder },
      through: user.command(),
    });
    await terminal.shows(/\/dev\/pts\/0\r?\n31 97\r?\nconsole\r?\ndone/);
    assertEquals((await running.end()).code, 0);
  },
);

/** Configs that take root, and what the user is told. */
const REFUSED: readonly (readonly [string, (spec: FilledSpec) => void, RegExp])[] = [
  ["no user namespace", (spec) => {
    dropNamespace(spec, "user");
    delete spec.linux.uidMappings;
    delete spec.linux.gidMappings;
  }, /linux\.namespaces: there is no "user" namespace.*\n.*linux\.uidMappings/],
  ["no mount namespace", (spec) => {
    dropNamespace(spec, "mount");
    spec.linux.maskedPaths = [];
    spec.linux.readonlyPaths = [];
  }, /linux\.namespaces: there is no new "mount" namespace/],
  ["no pid namespace", (spec) => dropNamespace(spec, "pid"), /there is no "pid" namespace/],
  ["a time namespace", (spec) => setNamespace(spec, "time"), /a "time" namespace takes root/],
  ["a sysfs of the host's network", (spec) => {
    spec.mounts.push({ destination: "/other", type: "sysfs", source: "sysfs" });
  }, /mounts: sysfs on "\/other" takes a "network" namespace.*\n.*bind the host's \/sys/],
  ["more groups than there are", (spec) => {
    spec.process.user = { uid: 0, gid: 0, additionalGids: [5] };
  }, /process\.user\.additionalGids/],
  ["a mapped mount", (spec) => {
    spec.mounts.push({
      destination: "/tmp",
      type: "bind",
      source: ".",
      options: ["bind", "idmap"],
    });
  }, /only root can map the ids of the mount on "\/tmp"/],
  ["a listener of a filter", (spec) => {
    spec.linux.seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      listenerPath: "/run/nobody.sock",
      syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }],
    };
  }, /apply linux\.seccomp: only root can hand over the listener/],
  ["a limit of memory for a cgroup of root's", (spec) => {
    spec.linux.cgroupsPath = "/of-root/this";
    spec.linux.resources = { memory: { limit: 100_000_000 } };
  }, /linux\.resources\.memory\.limit: user 61234 may not make the cgroup.*\n.*linux\.cgroupsPath/],
  ["a higher limit of files", (spec) => {
    spec.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 1024, hard: 2 ** 30 }];
  }, /apply process\.rlimits "RLIMIT_NOFILE": .*EPERM/],
  ["a user that is not mapped", (spec) => {
    spec.process.user = { uid: 5, gid: 0 };
  }, /become user 5:0.*\n.*maps no such user/],
  ["another user's id", (spec) => {
    spec.linux.uidMappings = [{ containerID: 0, hostID: 0, size: 1 }];
  }, /apply linux\.uidMappings: /],
];

for (const [what, change, told] of REFUSED) {
  testWith(namespaces, `what takes root is an error that names the field: ${what}`, async () => {
    const { code, stdout, stderr } = await user.runs("echo ran", change);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, told);
    assertNothingLeft();
  });
}

testWith(
  namespaces,
  "without a right to cgroups the container goes without, and says so if it was named one",
  async () => {
    const devices = [{ allow: false, access: "rwm" }];
    const silent = await user.runs("cat /proc/self/cgroup", (spec) => {
      dropNamespace(spec, "cgroup");
      spec.linux.resources = { devices };
    });
    assertEquals([silent.code, silent.stderr], [0, ""]);
    const named = await user.runs("true", (spec) => spec.linux.cgroupsPath = "/of-root/this");
    assertEquals(named.code, 0);
    assertMatch(
      named.stderr,
      /warning: .* goes without the cgroup of linux\.cgroupsPath, "[^"]*\/of-root\/this"/,
    );
    const limited = await user.runs("echo ran", (spec) => {
      spec.linux.resources = { memory: { limit: 100_000_000 }, cpu: { shares: 100 } };
    });
    assertEquals([limited.code, limited.stdout], [0, "ran\n"], limited.stderr);
    assertMatch(
      limited.stderr,
      /^gocontainer: warning: the container goes without linux\.resources\.cpu\.shares and linux\.resources\.memory\.limit: user 61234 may not make the cgroup ".*\/user-61234\/.*"\n$/,
    );
  },
);

testWith(
  namespaces,
  "where no cgroups are mounted a container goes without, but not without its limits",
  async () => {
    const options = { before: "umount -l /sys/fs/cgroup" };
    const { code, stdout, stderr } = await user.runs("echo hello", undefined, options);
    assertEquals([code, stdout, stderr], [0, "hello\n", ""]);
    const limited = await user.runs(
      "true",
      (spec) => spec.linux.resources = { pids: { limit: 20 } },
      options,
    );
    assertEquals([limited.code, limited.stdout], [1, ""]);
    assertMatch(limited.stderr, /^gocontainer: set pids\.limit: no cgroup hierarchy has the pids/);
  },
);

/** The folders of cgroup v1 hierarchies that have the controllers of the limits below. */
const V1 = ["pids", "freezer"].map((name) => `/sys/fs/cgroup/${name}`)
  .filter((folder) => exists(`${folder}/tasks`));

testWith(
  { ...mapsMany, "the pids controller of cgroup v1": V1.length === 2 },
  "a cgroup that was given to the user is used: limits, pause and resume",
  async () => {
    const given = V1.map((folder) => `${folder}/go_containers/user-${UID}`);
    for (const folder of given) {
      await Deno.mkdir(folder, { recursive: true });
      await host("chown", "-R", `${UID}:${UID}`, folder);
    }
    try {
      await user.during((spec) => {
        mapMany(spec);
        spec.linux.resources = { pids: { limit: 20 } };
      }, async (id) => {
        const folder = `${given[0]}/${id}`;
        assertEquals(Deno.readTextFileSync(`${folder}/pids.max`), "20\n");
        await user.ok("update", "--pids-limit", "30", id);
        assertEquals(Deno.readTextFileSync(`${folder}/pids.max`), "30\n");
        await user.ok("pause", id);
        assertEquals(JSON.parse(await user.ok("state", id)).status, "paused");
        await user.ok("resume", id);
        const said = await user.ok("exec", id, "cat", "/proc/self/cgroup");
        assertMatch(said, /:pids:\/$/m);
        assertEquals(JSON.parse(await user.ok("ps", "-f", "json", id)).length, 1);
      });
      for (const folder of given) {
        assertEquals(entriesOf(folder).filter(({ isDirectory }) => isDirectory), []);
      }
    } finally {
      for (const folder of given) await Deno.remove(folder);
    }
  },
);

/** Where cgroup v2 is mounted. */
const UNIFIED = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
  .find((folder) => exists(`${folder}/cgroup.procs`) && exists(`${folder}/cgroup.subtree_control`));

testWith(
  { ...namespaces, "cgroup v2": UNIFIED !== undefined },
  "a cgroup v2 of the user's is used where he is below one himself that he was given",
  async () => {
    const given = `${UNIFIED}/go_containers/user-${UID}`;
    await Deno.mkdir(`${given}/shell`, { recursive: true });
    await host("chown", "-R", `${UID}:${UID}`, given);
    try {
      const cgroup = /^0::.*/m;
      const change = (spec: FilledSpec) => dropNamespace(spec, "cgroup");
      const outside = await user.runs("cat /proc/self/cgroup", change);
      assertEquals([outside.code, outside.stderr], [0, ""]);
      assertEquals(outside.stdout.match(cgroup)![0].includes(`/user-${UID}/`), false);
      const bundle = await user.bundle("cat /proc/self/cgroup", change);
      const id = user.id();
      const below = await user.run(["run", "--bundle", bundle, id], {
        through: ["sh", "-c", `echo $$ > ${given}/shell/cgroup.procs; exec "$@"`, "sh"],
      });
      assertEquals([below.code, below.stderr], [0, ""]);
      assertMatch(below.stdout.match(cgroup)![0], new RegExp(`/go_containers/user-${UID}/${id}$`));
      assertEquals(exists(`${given}/${id}`), false);
    } finally {
      await Deno.remove(`${given}/shell`);
      await Deno.remove(given);
    }
  },
);

testWith(
  namespaces,
  "the state is in $XDG_RUNTIME_DIR, the user's alone, or where --root says",
  async () => {
    await user.ok("list");
    const { uid, mode } = Deno.statSync(`${user.runtimeFolder}/gocontainer`);
    assertEquals([uid, mode! & 0o7777], [UID, 0o1700]);
    const told = async (env: Record<string, string>, ...args: string[]) => {
      const { code, stderr } = await user.run([...args, "list"], { env });
      assertEquals(code, 1);
      return stderr;
    };
    assertMatch(await told({}), /XDG_RUNTIME_DIR is not set\n.*--root/);
    assertMatch(await told({ XDG_RUNTIME_DIR: "run" }), /"run": it is not absolute\n/);
    assertMatch(await told({ XDG_RUNTIME_DIR: "/nowhere" }), /"\/nowhere": it is no folder\n/);
    assertMatch(await told({ XDG_RUNTIME_DIR: "/etc" }), /"\/etc": it is user 0's, not your own\n/);
    const open = workspace.path("home/open");
    await Deno.mkdir(open);
    await Deno.chmod(open, 0o777);
    await Deno.chown(open, UID, UID);
    assertMatch(await told({ XDG_RUNTIME_DIR: open }), /others can write there\n/);
    assertMatch(await told({}, "--root", open), /others can write there\n.*chmod 700/);
    const foreign = workspace.path("of-root");
    await Deno.mkdir(foreign, { mode: 0o755 });
    assertMatch(await told({}, "--root", foreign), /it is user 0's, not your own\n/);
    assertMatch(
      await told({}, "--root", "/proc/of-user"),
      /make the state folder "\/proc\/of-user": /,
    );
    const own = await user.run(["--root", workspace.path("home/state"), "list"], { env: {} });
    assertEquals(own.code, 0, own.stderr);
  },
);

testWith(namespaces, "images and containers of them are root's, as ever", async () => {
  const commands = [
    ["make a container", "-net=none", "alpine", "true"],
    ['run "images"', "images"],
    ['run "gc"', "gc"],
  ];
  for (const [action, ...command] of commands) {
    const { code, stderr } = await user.run(command);
    assertEquals([code, stderr.split("\n")[0]], [
      125,
      `gocontainer: ${action}: only root may`,
    ]);
  }
});

testWith(
  mapsMany,
  "root in a user namespace, as in rootless podman's, makes containers",
  async () => {
    const bundle = await user.bundle(
      "id -u; stat -c %t:%T /dev/zero; cat /proc/self/uid_map",
      (spec) => {
        dropNamespace(spec, "user");
        delete spec.linux.uidMappings;
        delete spec.linux.gidMappings;
      },
    );
    const { code, stdout, stderr } = await user.run(
      [
        "--user",
        "--map-root-user",
        "--mount",
        workspace.path("gocontainer"),
        "run",
        "--bundle",
        bundle,
        user.id(),
      ],
      { binary: "unshare" },
    );
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, new RegExp(`^0\n1:5\n +0 +${UID} +1\n$`));
    assertNothingLeft();
  },
);
