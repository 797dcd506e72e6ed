/** The command line of an OCI runtime: every command and option, as engines and people give them. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { AT_FDCWD, O_DIRECTORY } from "../../ffi/constants.ts";
import { close, Fd, flock, LOCK_EX, openat, read, writeAll } from "../../ffi/file.ts";
import { poll, POLLIN } from "../../ffi/poll.ts";
import { accept, bindAndListen, recvmsg, SOCK_STREAM, socket } from "../../ffi/socket.ts";
import { alloc } from "../../ffi/struct.ts";
import { detectCgroups } from "../../lib/cgroup/detect.ts";
import { identify } from "../../lib/runtime/process_identity.ts";
import { BINARY, entriesOf, exists, host, isInstalled, STATE } from "./support/project.ts";
import { type Changes, Runtime } from "./support/runtime.ts";
import { until } from "./support/wait.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();
const runtime = new Runtime(workspace);
Deno.test.afterAll(() => runtime.clear());

const text = new TextDecoder();

/** A program that ends with code 3 at SIGTERM and tells of other signals. */
const PATIENT = [
  "sh",
  "-c",
  `trap "exit 3" TERM; trap "echo usr1" USR1; trap "echo rt" RTMIN+1 2>/dev/null
  echo ready; while :; do sleep 0.05; done`,
];

/** Waits until a file of a bundle holds what matches. */
function says(bundle: string, pattern: RegExp, file = "out"): Promise<boolean> {
  return until(
    `${file} says ${pattern}`,
    () => pattern.test(Deno.readTextFileSync(`${bundle}/${file}`)),
  );
}

Deno.test("create, state, start, kill and delete: the life of a container", async () => {
  const bundle = await runtime.create("life", PATIENT, { annotations: { "org.test.a": "b" } });
  const created = await runtime.state("life");
  assertEquals(created, {
    ociVersion: created.ociVersion,
    id: "life",
    status: "created",
    pid: created.pid,
    bundle,
    rootfs: await workspace.alpine(),
    created: created.created,
    annotations: { "org.test.a": "b" },
    owner: "root",
  });
  assertMatch(created.created, /^20\d\d-.*Z$/);
  assertMatch(created.ociVersion, /^1\.\d+\.\d+$/);
  assert(created.pid > 1 && exists(`/proc/${created.pid}`));
  assertEquals(await Deno.readTextFile(`${bundle}/out`), "");

  await runtime.ok("start", "life");
  assertEquals((await runtime.state("life")).status, "running");
  assertEquals((await runtime.state("life")).pid, created.pid);
  await says(bundle, /ready/);
  await runtime.fails(/it is running, not created\n.*exec runs one more/, "start", "life");
  await runtime.fails(/it is running, not stopped/, "delete", "life");

  await runtime.ok("kill", "life");
  await runtime.becomes("stopped", "life");
  assertEquals((await runtime.state("life")).pid, 0);
  await runtime.fails(/container not running/, "kill", "life");
  await runtime.fails(/it is stopped, not created/, "start", "life");
  await runtime.fails(/it is stopped/, "exec", "life", "true");
  await runtime.ok("delete", "life");
  await runtime.fails(/container does not exist/, "state", "life");
  await runtime.fails(/container does not exist/, "delete", "life");
  await runtime.ok("delete", "--force", "life");
});

Deno.test("of several starts at once one starts the container, and the others have no effect", async () => {
  for (let round = 0; round < 5; round++) {
    const id = `race${round}`;
    await runtime.create(id, ["sleep", "1000"]);
    const starts = await Promise.all(Array.from({ length: 4 }, () => runtime.run(["start", id])));
    const lost = starts.filter(({ code }) => code !== 0);
    assertEquals(lost.length, 3, lost.map(({ stderr }) => stderr).join(""));
    for (const { stderr } of lost) assertMatch(stderr, /it is running, not created$/m);
    assertEquals((await runtime.state(id)).status, "running");
    await runtime.delete(id);
  }
});

Deno.test("a start that is killed while it waits for another one leaves the container as it was", async () => {
  await runtime.create("unstarted", ["sleep", "1000"]);
  using folder = new Fd(openat(AT_FDCWD, `${runtime.root}/unstarted`, O_DIRECTORY));
  flock(folder.number, LOCK_EX);
  const start = runtime.start(["start", "unstarted"]);
  const waiting = new RegExp(`-> FLOCK .* ${start.pid} `);
  await until("it waits", () => waiting.test(Deno.readTextFileSync("/proc/locks")));
  start.kill("SIGKILL");
  await start.end();
  folder[Symbol.dispose]();
  assertEquals((await runtime.state("unstarted")).status, "created");
  await runtime.ok("start", "unstarted");
  await runtime.delete("unstarted");
});

Deno.test("delete --force of what is forgotten takes away what a killed delete has left", async () => {
  const left = `${runtime.root}/.removed-${crypto.randomUUID()}`;
  Deno.mkdirSync(left, { recursive: true });
  Deno.writeTextFileSync(`${left}/state.json`, "{}");
  await runtime.ok("delete", "--force", "forgotten");
  assert(!exists(left));
});

Deno.test("a created container's program has not run and no runtime process stays", async () => {
  await runtime.create("waiting", ["sh", "-c", "echo ran"]);
  const { pid } = await runtime.state("waiting");
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  // Whoever created it is gone: its parent is a reaper.
  assertNotEquals(status.match(/^PPid:\t(\d+)/m)![1], `${Deno.pid}`);
  await runtime.fails(/it is created, not stopped/, "delete", "waiting");
  await runtime.ok("kill", "waiting", "KILL");
  await runtime.becomes("stopped", "waiting");
  await runtime.delete("waiting");
});

Deno.test("a failed create leaves nothing and says what was wrong", async () => {
  await runtime.sleeper("taken");
  const before = entriesOf(runtime.root).map(({ name }) => name);
  const bundle = await runtime.bundle(["true"]);
  const cases: [RegExp, string, string, ((config: Record<string, never>) => void)?][] = [
    [/the id is in use/, bundle, "taken"],
    [/"\.\.\/x" as container id: not allowed/, bundle, "../x"],
    [/"nope": command not found/, await runtime.bundle(["nope"]), "n1"],
    [
      /^gocontainer: use the bundle ".*\/no-such-bundle": .*\nA bundle is a/,
      workspace.path("no-such-bundle"),
      "n2",
    ],
    [
      /linux\.namespaces/,
      await runtime.bundle(["true"], {
        linux: { namespaces: [{ type: "pid" }, { type: "pid" }] },
      }),
      "n3",
    ],
    [
      /net\.ipv4\.ip_forward|ip_forward/,
      await runtime.bundle(["true"], {
        linux: { sysctl: { "net.ipv4.ip_forward": "x" } },
      }),
      "n4",
    ],
    [
      /RLIMIT_NOPE/,
      await runtime.bundle(["true"], {
        process: { cwd: "/", rlimits: [{ type: "RLIMIT_NOPE" as "RLIMIT_CPU", soft: 1, hard: 1 }] },
      }),
      "n5",
    ],
    [
      /"?\/no\/such\/source"?/,
      await runtime.bundle(["true"], {
        mounts: [{ destination: "/mnt", source: "/no/such/source", options: ["bind"] }],
      }),
      "n6",
    ],
    [
      /createRuntime|prestart/,
      await runtime.bundle(["true"], {
        hooks: { createRuntime: [{ path: "/bin/false" }] },
      }),
      "n7",
    ],
  ];
  for (const [words, folder, id] of cases) {
    const { code, stderr } = await runtime.run(["create", "--bundle", folder, id]);
    assertEquals(code, 1, stderr);
    assertMatch(stderr, words);
    assertMatch(stderr, /^gocontainer: /m);
  }
  assertEquals(entriesOf(runtime.root).map(({ name }) => name), before);
  const cgroups = Deno.readTextFileSync("/proc/self/mountinfo").split("\n")
    .filter((line) => / - cgroup2? /.test(line)).map((line) => line.split(" ")[4]!);
  for (const folder of new Set(cgroups)) {
    const left = entriesOf(`${folder}/go_containers`).map(({ name }) => name);
    assertEquals(left.filter((name) => /^n[1-7]$/.test(name)), []);
  }
  await runtime.delete("taken");
});

Deno.test("later changes of config.json have no effect", async () => {
  const bundle = await runtime.create("kept", ["sh", "-c", "echo the first"]);
  await Deno.writeTextFile(`${bundle}/config.json`, "{}");
  await runtime.ok("start", "kept");
  await says(bundle, /^the first\n$/);
  await runtime.becomes("stopped", "kept");
  await runtime.delete("kept");
});

Deno.test("run: from the current folder, with the program's exit code, and nothing is left", async () => {
  const bundle = await runtime.bundle(["sh", "-c", "cat; echo err >&2; exit 7"]);
  const told = await runtime.run(["run", "once"], { cwd: bundle, stdin: "in" });
  assertEquals([told.code, told.stdout, told.stderr], [7, "in", "err\n"]);
  assertEquals(exists(`${runtime.root}/once`), false);
  const killed = await runtime.bundle(["sh", "-c", "kill -9 $$; sleep 9"], {
    linux: { namespaces: [{ type: "mount" }, { type: "uts" }] },
  });
  assertEquals((await runtime.run(["run", "-b", killed, "once"])).code, 137);
});

Deno.test("run --detach, --pid-file and --keep", async () => {
  const file = workspace.path("pid");
  const bundle = await runtime.bundle(["sleep", "1000"]);
  await runtime.detached("run", "--detach", "--pid-file", file, "--bundle", bundle, "detached");
  const { pid, status } = await runtime.state("detached");
  assertEquals([status, await Deno.readTextFile(file)], ["running", `${pid}`]);
  await runtime.delete("detached");

  const short = await runtime.bundle(["true"]);
  await runtime.ok("run", "--keep", "--bundle", short, "kept");
  assertEquals((await runtime.state("kept")).status, "stopped");
  await runtime.delete("kept");
});

Deno.test("create --pid-file tells the first process", async () => {
  const bundle = await runtime.bundle(["true"]);
  await runtime.createFrom(bundle, "told", "--pid-file", `${bundle}/pid`);
  const nowhere = ["--pid-file", `${bundle}/none/pid`];
  const why = /^gocontainer: write the pid file ".*\/none\/pid": .*\nName a/;
  await runtime.fails(why, "run", "--detach", "--bundle", bundle, ...nowhere, "told2");
  await runtime.fails(/container does not exist/, "state", "told2");
  Deno.mkdirSync(`${bundle}/folder`);
  const folder = ["--bundle", bundle, "--pid-file", `${bundle}/folder`];
  await runtime.fails(/write the pid file .*\/folder": /, "run", "--detach", ...folder, "told2");
  const names = entriesOf(bundle).map(({ name }) => name);
  assertEquals(names, ["config.json", "err", "folder", "out", "pid"]);
  const { pid } = await runtime.state("told");
  assertEquals(await Deno.readTextFile(`${bundle}/pid`), `${pid}`);
  await runtime.delete("told");
});

Deno.test("--no-pivot puts the root on top of the host's, of which nothing is to be seen", async () => {
  const mounts = Deno.readTextFileSync("/proc/self/mountinfo");
  const script = "ls -d /bin /proc/1; cut -d' ' -f5 /proc/self/mountinfo; chroot / pwd";
  const changes: Changes = {
    process: {
      capabilities: {
        bounding: ["CAP_SYS_CHROOT"],
        effective: ["CAP_SYS_CHROOT"],
        permitted: ["CAP_SYS_CHROOT"],
      },
    },
  };
  const list = async (...options: string[]) => {
    const bundle = await runtime.bundle(["sh", "-c", script], changes);
    return await runtime.ok("run", "--bundle", bundle, ...options, "moved");
  };
  assertEquals(await list("--no-pivot"), await list());
  const bundle = await runtime.bundle(["sleep", "1000"]);
  await runtime.detached("run", "-d", "--no-pivot", "--bundle", bundle, "moved");
  assertEquals(
    await runtime.ok("exec", "moved", "ls", "/"),
    await runtime.ok("exec", "moved", "ls", "/proc/1/root"),
  );
  // The host keeps its own mounts.
  assertEquals(Deno.readTextFileSync("/proc/self/mountinfo"), mounts);
  await runtime.delete("moved");
});

Deno.test("kill takes names, numbers, real-time signals and --all", async () => {
  const caught = (signal: string) => [
    "sh",
    "-c",
    `trap "echo caught; exit 0" ${signal}
    echo ready; while :; do sleep 0.05; done`,
  ];
  for (
    const [given, signal] of [
      ["USR1", "USR1"],
      ["SIGUSR2", "USR2"],
      ["hup", "HUP"],
      ["1", "HUP"],
      ["sigint", "INT"],
      ["RTMIN+1", "35"],
      ["SIGRTMAX-2", "62"],
      ["40", "40"],
    ] as const
  ) {
    const bundle = await runtime.create("sig", caught(signal));
    await runtime.ok("start", "sig");
    await says(bundle, /ready/);
    await runtime.ok("kill", "sig", given);
    await says(bundle, /caught/);
    await runtime.delete("sig");
  }
  // Without one it is what the image says, as far as there is such a signal.
  for (
    const [told, signal] of [["SIGUSR1", "USR1"], ["36", "36"], ["FOO", "TERM"], ["0", "TERM"]]
  ) {
    const annotations = { "org.opencontainers.image.stopSignal": told! };
    const bundle = await runtime.create("sig", caught(signal!), { annotations });
    await runtime.ok("start", "sig");
    await says(bundle, /ready/);
    await runtime.ok("kill", "sig");
    await says(bundle, /caught/);
    await runtime.delete("sig");
  }
  await runtime.sleeper("sig");
  await runtime.fails(/there is none of that name\nGive its name or number/, "kill", "sig", "NOPE");
  for (const option of ["-9", "-KILL", "-SIGTERM"]) {
    await runtime.fails(/none of that name\nThe signal stands behind/, "kill", option, "sig");
  }
  await runtime.fails(/there is none of that name/, "kill", "sig", "65");
  await runtime.detached("exec", "--detach", "sig", "sleep", "2000");
  assertEquals(JSON.parse(await runtime.ok("ps", "--format", "json", "sig")).length, 2);
  await runtime.ok("kill", "--all", "sig", "KILL");
  await runtime.becomes("stopped", "sig");
  await runtime.delete("sig");
});

Deno.test("a container that was not started ends at each signal that ends a program", async () => {
  for (const words of [[], ["TERM"], ["INT"], ["USR1"], ["RTMIN+3"]]) {
    await runtime.create("waiting", ["sleep", "1000"]);
    for (const harmless of ["0", "WINCH", "CHLD", "CONT"]) {
      await runtime.ok("kill", "waiting", harmless);
      await runtime.ok("kill", "--all", "waiting", harmless);
    }
    assertEquals((await runtime.state("waiting")).status, "created");
    await runtime.ok("kill", ...words.length > 0 ? [] : ["--all"], "waiting", ...words);
    await runtime.becomes("stopped", "waiting");
    await runtime.fails(/it is stopped, not created/, "start", "waiting");
    await runtime.ok("delete", "waiting");
  }
});

Deno.test("an id may begin with _, + or -, which follows --, and never with a dot", async () => {
  for (const id of ["_a", "+a", "-a", "--"]) {
    const bundle = await runtime.bundle(["sleep", "1000"]);
    await runtime.createFrom(bundle, id, "--");
    await runtime.ok("start", "--", id);
    assertEquals(await runtime.ok("exec", "--", id, "echo", "-n", "in"), "in");
    assertEquals(await runtime.ok("list", "-q"), id);
    await runtime.ok("kill", "--", id, "KILL");
    await until("it is stopped", async () => /stopped/.test(await runtime.ok("state", "--", id)));
    await runtime.ok("delete", "--", id);
  }
  const bundle = await runtime.bundle(["true"]);
  await runtime.fails(/as container id: not allowed/, "create", "--bundle", bundle, ".a");
});

Deno.test("kill --all reaches processes that the first one has left", async () => {
  const shared = { linux: { namespaces: [{ type: "mount" as const }, { type: "uts" as const }] } };
  const bundle = await runtime.create("orphans", ["sh", "-c", "sleep 3000 & echo $!"], shared);
  await runtime.ok("start", "orphans");
  await says(bundle, /^\d+\n$/);
  await runtime.becomes("stopped", "orphans");
  const pid = (await Deno.readTextFile(`${bundle}/out`)).trim();
  assert(exists(`/proc/${pid}`));
  await runtime.ok("kill", "--all", "orphans", "KILL");
  await until("it is gone", () => identify(Number(pid)) === undefined);
  await runtime.delete("orphans");
});

Deno.test("a process that has the number of one that ended is not the container", async () => {
  await runtime.sleeper("reused");
  const file = `${runtime.root}/reused/state.json`;
  const record = JSON.parse(await Deno.readTextFile(file));
  const { pid } = record.init;
  const other = new Deno.Command("sleep", { args: ["1000"] }).spawn();
  await Deno.writeTextFile(
    file,
    JSON.stringify({ ...record, init: { ...record.init, pid: other.pid } }),
  );
  assertEquals((await runtime.state("reused")).status, "stopped");
  await runtime.fails(/container not running/, "kill", "reused", "KILL");
  assert(exists(`/proc/${other.pid}`));
  await Deno.writeTextFile(file, JSON.stringify({ ...record, init: { ...record.init, pid } }));
  await runtime.delete("reused");
  assert(exists(`/proc/${other.pid}`));
  other.kill("SIGKILL");
  await other.status;
});

const OTHER_PIDS = ["unshare", "--pid", "--fork", "--mount-proc"];

Deno.test("a container of another pid namespace is told to run, and left to those in there", async () => {
  const other = { through: OTHER_PIDS };
  await runtime.sleeper("far");
  const listed = await runtime.run(["list", "--format", "json"], other);
  const [{ status, pid }] = JSON.parse(listed.stdout);
  assertEquals([status, pid], ["running", 0]);
  const REFUSED: readonly [string[], RegExp][] = [
    [
      ["kill", "far", "KILL"],
      /^gocontainer: signal container "far": it is in another pid namespace$/m,
    ],
    [["kill", "--all", "far", "KILL"], /signal container "far": it is in another pid namespace/],
    [["exec", "far", "true"], /run in container "far": it is in another pid namespace/],
    [["delete", "far"], /delete container "far": it is running, not stopped/],
    [["delete", "--force", "far"], /delete container "far": it is in another pid namespace/],
  ];
  for (const [words, why] of REFUSED) {
    const { code, stderr } = await runtime.run(words, other);
    assert(code !== 0, words.join(" "));
    assertMatch(stderr, why);
  }
  assertEquals((await runtime.state("far")).status, "running");
  await runtime.ok("kill", "far", "KILL");
  await runtime.becomes("stopped", "far");
  const state = await runtime.run(["state", "far"], other);
  assertMatch(state.stdout, /"status": "stopped"/);
  assertEquals((await runtime.run(["delete", "far"], other)).code, 0);
});

Deno.test("a container of a pid namespace below is told with the number that it has here", async () => {
  const bundle = await runtime.bundle(["sleep", "1000"]);
  const script = `exec </dev/null >/dev/null 2>&1; "$@"; touch ${bundle}/made; exec sleep 1000`;
  const inside = runtime.start(["run", "--detach", "--bundle", bundle, "below"], {
    through: [...OTHER_PIDS, "--kill-child", "sh", "-c", script, "sh"],
  });
  await until("it is made", () => exists(`${bundle}/made`));
  const { status, pid } = await runtime.state("below");
  assertEquals(status, "running");
  assertEquals(Deno.readTextFileSync(`/proc/${pid}/cmdline`), "sleep\x001000\x00");
  await runtime.fails(/it is in another pid namespace/, "kill", "below");
  // With whoever made the namespace all that is in it ends.
  inside.kill("SIGKILL");
  await inside.end();
  await runtime.becomes("stopped", "below");
  await runtime.ok("delete", "below");
});

Deno.test("the owner is told by name, or by number where there are no accounts", async () => {
  await runtime.create("owned", ["true"]);
  Deno.chownSync(`${runtime.root}/owned`, 1, 1);
  assertEquals((await runtime.state("owned")).owner, "daemon");
  const through = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /etc; exec "$@"', "sh"];
  const { stdout, stderr } = await runtime.run(["state", "owned"], { through });
  assertEquals(stderr, "");
  assertEquals(JSON.parse(stdout).owner, "#1");
  await runtime.delete("owned");
});

Deno.test("list: a table, ids, and the JSON that engines read", async () => {
  const bundle = await runtime.sleeper("listed", { annotations: { a: "b" } });
  await runtime.create("listed2", ["true"]);
  assertEquals(await runtime.ok("list", "--quiet"), "listed\nlisted2");
  assertEquals(await runtime.ok("list", "-q"), "listed\nlisted2");
  const table = (await runtime.ok("list")).split("\n");
  assertMatch(table[0]!, /^ID +PID +STATUS +BUNDLE +CREATED +OWNER$/);
  assertMatch(table[1]!, /^listed +\d+ +running +\//);
  const [listed] = JSON.parse(await runtime.ok("list", "--format", "json"));
  const { pid, ociVersion } = await runtime.state("listed");
  const { created, rootfs, ...rest } = listed;
  assertEquals(rest, {
    ociVersion,
    id: "listed",
    pid,
    status: "running",
    bundle,
    owner: "root",
    annotations: { a: "b" },
  });
  assertEquals(rootfs, await workspace.alpine());
  assert(Math.abs(Date.parse(created) - Date.now()) < 60_000, created);
  await runtime.fails(/table or json/, "list", "--format", "xml");
  await runtime.delete("listed", "listed2");
  assertEquals(await runtime.ok("list", "-f", "json"), "[]");
});

Deno.test("run --keep: what has ended stays, and its id is taken, until it is deleted", async () => {
  // In the state folder where the remains of others are taken back.
  const id = `kept-${Deno.pid}`;
  const command = ["run", "--keep", "--bundle", await runtime.bundle(["true"]), id];
  assertEquals((await workspace.run(command)).code, 0);
  try {
    const listed = await workspace.run(["list", "--quiet"]);
    assertEquals(listed.stdout.split("\n").includes(id), true);
    const again = await workspace.run(command);
    assertEquals(again.code, 1);
    assertMatch(again.stderr, /the id is in use/);
  } finally {
    assertEquals((await workspace.run(["delete", id])).code, 0);
  }
});

Deno.test("no folder for the state, or no command, is told as that", async () => {
  const nowhere = await workspace.run(["--root", "", "list"]);
  assertEquals(nowhere.code, 1);
  assertMatch(nowhere.stderr, /^gocontainer: read "--root ": name a folder/);
  await runtime.fails(/^gocontainer: read the arguments: the command is missing/);
});

Deno.test("ps: the host's ps cut down to the container", async () => {
  await runtime.sleeper("busy");
  await runtime.detached("exec", "-d", "busy", "sleep", "2000");
  const { pid } = await runtime.state("busy");
  const pids = JSON.parse(await runtime.ok("ps", "-f", "json", "busy"));
  assertEquals([pids.length, pids.includes(pid)], [2, true]);
  if (isInstalled("ps")) {
    const table = (await runtime.ok("ps", "busy")).split("\n");
    assertMatch(table[0]!, /\bPID\b.*\bCMD\b/);
    assertEquals(table.slice(1).map((line) => line.match(/sleep \d000$/)?.[0]).sort(), [
      "sleep 1000",
      "sleep 2000",
    ]);
    assertMatch(
      await runtime.ok("ps", "busy", "-o", "pid,comm"),
      /PID COMMAND\n *\d+ sleep\n *\d+ sleep$/,
    );
  }
  if (isInstalled("ps")) {
    const log = workspace.path("ps.log");
    const command = ["--log", log, "ps", "busy", "-o", "nonsense"];
    assertEquals((await runtime.run(command)).code, 1);
    assertMatch(Deno.readTextFileSync(log), /level=error msg="list the processes .*\\"nonsense\\"/);
  }
  // Of what lies there now nothing may be run: as if there were none.
  const hide = "for ps in /usr/bin/ps /bin/ps; do [ ! -e $ps ] || mount --bind /dev/null $ps; done";
  const through = ["unshare", "--mount", "sh", "-c", `${hide}; exec "$@"`, "sh"];
  const { code, stderr } = await runtime.run(["ps", "busy"], { through });
  assertEquals(code, 1);
  assertMatch(
    stderr,
    /^gocontainer: list the processes of "busy": the program ps is not installed\nInstall it/,
  );
  await runtime.delete("busy");
});

Deno.test("pause stops all processes, resume lets them go on", async () => {
  const bundle = await runtime.create("paused", [
    "sh",
    "-c",
    "while :; do echo x; sleep 0.02; done",
  ]);
  await runtime.ok("start", "paused");
  await says(bundle, /x/);
  await runtime.ok("pause", "paused");
  assertEquals((await runtime.state("paused")).status, "paused");
  const size = () => Deno.statSync(`${bundle}/out`).size;
  const before = size();
  await new Promise((resolve) => setTimeout(resolve, 200));
  assertEquals(size(), before);
  await runtime.fails(/it is paused.*\n.*resume paused/, "exec", "paused", "true");
  await runtime.fails(/it is paused/, "pause", "paused");
  await runtime.ok("resume", "paused");
  await until("it goes on", () => size() > before);
  await runtime.fails(/it is running/, "resume", "paused");
  await runtime.ok("pause", "paused");
  await runtime.delete("paused");
});

Deno.test("a created container that is paused is told as such, resumed, and started then", async () => {
  await runtime.create("early", ["sleep", "1000"]);
  await runtime.ok("pause", "early");
  assertEquals((await runtime.state("early")).status, "paused");
  await runtime.fails(/it is paused, not created\nLet it go on first/, "start", "early");
  await runtime.fails(
    /it is paused, container not running\nLet it go on first/,
    "exec",
    "early",
    "true",
  );
  await runtime.ok("resume", "early");
  assertEquals((await runtime.state("early")).status, "created");
  await runtime.ok("start", "early");
  assertEquals((await runtime.state("early")).status, "running");
  await runtime.delete("early");
});

Deno.test("exec --ignore-paused waits in a paused container", async () => {
  await runtime.sleeper("paused");
  await runtime.ok("pause", "paused");
  const running = runtime.start(["exec", "--ignore-paused", "paused", "echo", "late"]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assertEquals(running.stdout, "");
  await runtime.ok("resume", "paused");
  assertEquals((await running.end()).stdout, "late\n");
  await runtime.delete("paused");
});

Deno.test("exec into a container that ends meanwhile says that it has ended, or ends with it", async () => {
  const [container, exec] = [["-net=none", "alpine", "sleep", "1000"], ["sleep", "1000"]];
  const TIMES = 24, LONGEST = 120;
  for (let i = 0; i < TIMES; i++) {
    const running = workspace.start(["-rm", ...container]);
    const { id, init } = await running.record();
    const joining = workspace.start(["exec", id, ...exec]);
    await new Promise((resolve) => setTimeout(resolve, LONGEST * i / TIMES));
    Deno.kill(init.pid, "SIGKILL");
    const { code, stderr } = await joining.end();
    if (code === 137 && stderr === "") continue;
    assertMatch(stderr, /^gocontainer: .*container (does not exist|not running)\b/);
    await running.end();
  }
});

const unified = detectCgroups().hierarchies.find(({ version }) => version === 2)?.mountpoint;

Deno.test({
  name: "in a cgroup that was there before, containers come and go",
  ignore: unified === undefined,
  async fn() {
    const cgroup = `${unified}/go_containers/kept`;
    Deno.mkdirSync(cgroup, { recursive: true });
    try {
      const bundle = await runtime.bundle(["sleep", "1000"]);
      for (let times = 0; times < 3; times++) {
        await runtime.createFrom(bundle, "kept");
        await runtime.ok("start", "kept");
        assertEquals(await runtime.ok("exec", "kept", "echo", "in"), "in");
        const { pid } = await runtime.state("kept");
        const own = Deno.readTextFileSync(`/proc/${pid}/cgroup`);
        assertStringIncludes(own, "0::/go_containers/kept\n");
        await runtime.delete("kept");
        assert(exists(cgroup));
      }
    } finally {
      Deno.removeSync(cgroup);
    }
  },
});

Deno.test({
  name: "exec works on a kernel that has not every kind of namespaces",
  ignore: !isInstalled("strace"),
  async fn() {
    await runtime.sleeper("kinds");
    const { pid } = await runtime.state("kinds");
    const files = ["self", pid].flatMap((process) => ["-P", `/proc/${process}/ns/time`]);
    const strace = ["strace", "-f", "-qqq", "-o", "/dev/null"];
    const through = [...strace, ...files, "-einject=openat,statx:error=ENOENT"];
    const { code, stdout, stderr } = await runtime.run(["exec", "kinds", "echo", "in"], {
      through,
    });
    assertEquals({ code, stdout, stderr }, { code: 0, stdout: "in\n", stderr: "" });
    await runtime.delete("kinds");
  },
});

Deno.test("exec: exit codes, folder, variables, user, groups, capabilities, privileges", async () => {
  await runtime.sleeper("ex", {
    process: { cwd: "/", env: ["PATH=/bin:/usr/bin", "FROM=config"] },
  });
  const exec = async (...args: string[]) => (await runtime.ok("exec", ...args)).split("\n");
  const told = await runtime.run(["exec", "ex", "sh", "-c", "echo out; echo err >&2; exit 6"]);
  assertEquals([told.code, told.stdout, told.stderr], [6, "out\n", "err\n"]);
  assertEquals((await runtime.run(["exec", "ex", "sh", "-c", "kill -9 $$"])).code, 137);
  assertEquals((await runtime.run(["exec", "ex", "cat"], { stdin: "fed" })).stdout, "fed");
  assertEquals(await exec("--cwd", "/tmp", "ex", "pwd"), ["/tmp"]);
  assertEquals(await exec("--cwd", "", "ex", "pwd"), ["/"]);
  for (const user of ["1000:1000:1", "1000:", ":1000"]) {
    await runtime.fails(/read "--user .*": not a whole number/, "exec", "-u", user, "ex", "true");
  }
  const variables = ["--env", "A=b", "-e", "FROM=exec"];
  assertEquals(await exec(...variables, "ex", "sh", "-c", "echo $A $FROM"), ["b exec"]);
  const own = [
    "exec",
    "-e",
    "OWN",
    "-e",
    "NOT_THERE",
    "ex",
    "sh",
    "-c",
    'echo "$OWN ${NOT_THERE-}"',
  ];
  assertEquals((await runtime.run(own, { env: { OWN: "mine" } })).stdout, "mine \n");
  await runtime.fails(/read "-e =x": not a variable/, "exec", "-e", "=x", "ex", "true");
  const user = ["--user", "1000:1001", "--additional-gids", "2000", "-g", "2001"];
  assertEquals(await exec(...user, "ex", "sh", "-c", "id -u; id -g; id -G"), [
    "1000",
    "1001",
    "1001 2000 2001",
  ]);
  assertEquals(await exec("-w", "/tmp", "-u", "lp:daemon", "ex", "sh", "-c", "pwd; id -u; id -g"), [
    "/tmp",
    "4",
    "2",
  ]);
  assertEquals(await exec("-u", "games", "ex", "sh", "-c", "id -u; id -G"), ["35", "35 100"]);
  assertEquals(await exec("-u", "", "ex", "id", "-u"), ["0"]);
  await runtime.fails(/use user "nobody2": /, "exec", "-u", "nobody2", "ex", "true");
  const status = (...options: string[]) =>
    exec(...options, "ex", "grep", "-E", "^(CapEff|NoNewPrivs):", "/proc/self/status");
  const [plain] = await status();
  assertMatch(plain!, /^CapEff:\t0{8}20000420$/);
  assertEquals((await status("--cap", "CAP_CHOWN"))[0], "CapEff:\t0000000020000421");
  assertMatch((await status("--no-new-privs"))[1]!, /NoNewPrivs:\t1/);
  assertEquals((await runtime.run(["exec", "ex", "nope"])).code, 255);
  await runtime.fails(/"nope": command not found/, "exec", "ex", "nope");
  await runtime.fails(/there is none of that name/, "exec", "--cap", "CAP_NOPE", "ex", "true");
  await runtime.fails(/the command is missing/, "exec", "ex");
  await runtime.fails(/container does not exist/, "exec", "missing", "true");
  await runtime.delete("ex");
});

Deno.test("exec --cgroup: one below the container's, and one that is not there is told", async () => {
  await runtime.sleeper("sub");
  const told = await runtime.fails(
    /^gocontainer: use the cgroup "some\/where" below the container's: there is no ".*\/sub\/some\/where"$/m,
    ...["exec", "--cgroup", "some/where", "sub", "true"],
  );
  const advice = told.stderr.match(/^--cgroup takes one that is there: (mkdir -p .*)$/m);
  assert(advice, told.stderr);
  // What it says to do is done.
  await host("bash", "-c", advice[1]);
  const own = ["exec", "--cgroup", "some/where", "sub", "cat", "/proc/self/cgroup"];
  for (const line of (await runtime.ok(...own)).split("\n")) assertMatch(line, /\/some\/where$/);
  await runtime.delete("sub");
});

Deno.test("exec --process reads all of the process from a file", async () => {
  await runtime.sleeper("ex");
  const file = workspace.path("process.json");
  await Deno.writeTextFile(
    file,
    JSON.stringify({
      terminal: false,
      user: { uid: 1000, gid: 1001, additionalGids: [7] },
      args: ["sh", "-c", "id -u; id -G; pwd; echo $X; ulimit -n; cat /proc/self/oom_score_adj"],
      env: ["PATH=/bin:/usr/bin", "X=y"],
      cwd: "/tmp",
      rlimits: [{ type: "RLIMIT_NOFILE", soft: 77, hard: 99 }],
      oomScoreAdj: 123,
    }),
  );
  assertEquals((await runtime.ok("exec", "--process", file, "ex")).split("\n"), [
    "1000",
    "1001 7",
    "/tmp",
    "y",
    "77",
    "123",
  ]);
  await Deno.writeTextFile(file, JSON.stringify({ cwd: "relative", args: ["true"] }));
  await runtime.fails(/cwd/, "exec", "-p", file, "ex");
  await runtime.delete("ex");
});

Deno.test("exec --process: of what the file does not tell, the container's own holds", async () => {
  const capabilities = ["CAP_CHOWN", "CAP_KILL"];
  await runtime.sleeper("ex", {
    process: {
      capabilities: { bounding: capabilities, permitted: capabilities, effective: ["CAP_KILL"] },
      rlimits: [{ type: "RLIMIT_NOFILE", soft: 77, hard: 99 }],
      oomScoreAdj: 123,
      noNewPrivileges: true,
    },
  });
  const file = workspace.path("process.json");
  const script = `grep -E "^(Cap(Prm|Eff|Bnd)|NoNewPrivs)" /proc/self/status | cut -f 2
    ulimit -n; cat /proc/self/oom_score_adj`;
  const exec = async (more: Record<string, unknown>) => {
    const process = { args: ["/bin/sh", "-c", script], cwd: "/", ...more };
    await Deno.writeTextFile(file, JSON.stringify(process));
    return (await runtime.ok("exec", "--process", file, "ex")).split("\n");
  };
  const [both, none] = ["0000000000000021", "0".repeat(16)];
  assertEquals(await exec({}), [both, both, both, "0", "77", "123"]);
  const own = { capabilities: {}, rlimits: [], oomScoreAdj: 200, noNewPrivileges: true };
  const [permitted, effective, bounding, ...rest] = await exec(own);
  assertEquals([permitted, effective, bounding], [none, none, none]);
  assertEquals([rest[0], rest[2]], ["1", "200"]);
  await runtime.delete("ex");
});

Deno.test("exec --additional-gids gives more groups than the container's own user has", async () => {
  await runtime.sleeper("ex", { process: { user: { uid: 5, gid: 6, additionalGids: [7] } } });
  const groups = (...options: string[]) =>
    runtime.ok("exec", ...options, "ex", "grep", "^Groups", "/proc/self/status");
  assertMatch(await groups(), /^Groups:\t7 *$/);
  assertMatch(await groups("-g", "55", "-g", "66"), /^Groups:\t7 55 66 *$/);
  await runtime.delete("ex");
});

Deno.test("a mount on what is no folder, or is one, is told in the words that engines know", async () => {
  const log = workspace.path("mount.log");
  const [folder, file] = [workspace.path("a-folder"), workspace.path("a-file")];
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(file, "");
  for (
    const [source, destination, why] of [
      [folder, "/etc/passwd", '"/etc/passwd" is not a folder'],
      [folder, "/etc/passwd/x", '"/etc/passwd" is not a folder'],
      [file, "/etc", '"/etc" is a folder, which a file cannot cover'],
    ] as const
  ) {
    const mount = { source, destination, type: "bind", options: ["bind"] };
    const bundle = await runtime.bundle(["true"], { mounts: [mount] });
    const told = await runtime.run(["--log", log, "run", "--bundle", bundle, "covering"]);
    assertEquals(told.code, 1, told.stderr);
    assertStringIncludes(
      Deno.readTextFileSync(log),
      JSON.stringify(`${why}: not a directory`).slice(1, -1),
    );
  }
});

Deno.test("exec --detach returns at once and --pid-file tells the process", async () => {
  await runtime.sleeper("ex");
  const file = workspace.path("exec-pid");
  await runtime.detached("exec", "--detach", "--pid-file", file, "ex", "sleep", "3000");
  const pid = await Deno.readTextFile(file);
  assertEquals(await Deno.readTextFile(`/proc/${pid}/cmdline`), "sleep\x003000\0");
  await runtime.delete("ex");
  assertEquals(exists(`/proc/${pid}`), false);
});

Deno.test("descriptors: --preserve-fds and LISTEN_FDS pass them on, none otherwise", async () => {
  const file = workspace.path("passed");
  await Deno.writeTextFile(file, "from descriptor 3");
  const through = ["sh", "-c", `exec 3<"$0"; exec "$@"`, file];
  const listing = ["sh", "-c", "ls /proc/self/fd | tr '\\n' ' '; cat <&3 || echo none"];
  const bundle = await runtime.bundle(listing);
  const run = (options: string[], env = {}) =>
    runtime.run(["run", ...options, "--bundle", bundle, "fds"], { through, env });
  assertMatch((await run([])).stdout, /^0 1 2 3 none$|^0 1 2 3 $/m);
  assertMatch((await run(["--preserve-fds", "1"])).stdout, /from descriptor 3$/);
  assertMatch((await run([], { LISTEN_FDS: "1" })).stdout, /from descriptor 3$/);
  const tooMany = await run([], { LISTEN_FDS: "40000000000" });
  assertMatch(tooMany.stderr, /pass on descriptor 4, as LISTEN_FDS says: it is not open\n/);
  assertMatch(
    (await run(["--preserve-fds", "2"])).stderr,
    /pass on descriptor 4, as --preserve-fds says: it is not open\n/,
  );
  // Those of another process are nobody's here.
  assertMatch((await run([], { LISTEN_FDS: "1", LISTEN_PID: "1" })).stdout, /none$|^0 1 2 3 $/m);
  const telling = await runtime.bundle(["sh", "-c", "echo $LISTEN_FDS $LISTEN_PID $$; cat <&3"]);
  const told = await runtime.run(["run", "--bundle", telling, "told"], {
    through,
    env: { LISTEN_FDS: "1" },
  });
  assertEquals(told.stdout, "1 1 1\nfrom descriptor 3");
  await runtime.sleeper("ex");
  const exec = (...options: string[]) =>
    runtime.run(["exec", ...options, "ex", "sh", "-c", "cat <&3"], { through });
  const listening = await runtime.run(["exec", "ex", "sh", "-c", "echo $LISTEN_FDS; cat <&3"], {
    through,
    env: { LISTEN_FDS: "1" },
  });
  assertEquals(listening.stdout, "1\nfrom descriptor 3");
  assertEquals((await exec("--preserve-fds", "1")).stdout, "from descriptor 3");
  assertNotEquals((await exec()).code, 0);
  await runtime.delete("ex");
});

/** Listens for the master of a terminal, as engines do. */
class ConsoleSocket implements Disposable {
  readonly #fd = socket(SOCK_STREAM);
  readonly path: string;
  constructor(name: string) {
    this.path = workspace.path(name);
    bindAndListen(this.#fd, this.path);
  }

  /** The message and the descriptor that came with it. */
  receive(): { name: string; master: number } {
    const PATIENCE = 10_000;
    assertEquals(poll([{ fd: this.#fd, events: POLLIN, revents: 0 }], PATIENCE), 1);
    const connection = accept(this.#fd);
    const { bytes, fds } = recvmsg(connection, 4096, 4);
    close(connection);
    assertEquals(fds.length, 1);
    return { name: text.decode(bytes), master: fds[0]! };
  }

  [Symbol.dispose](): void {
    close(this.#fd);
    Deno.removeSync(this.path);
  }
}

/** Reads of a terminal until what it has shown matches. */
async function readUntil(master: number, pattern: RegExp): Promise<string> {
  let shown = "";
  await until(`the terminal shows ${pattern}`, () => {
    if (poll([{ fd: master, events: POLLIN, revents: 0 }], 10) > 0) {
      shown += text.decode(read(master, alloc(4096)));
    }
    return pattern.test(shown);
  });
  return shown;
}

Deno.test("create, run and exec send the terminal over --console-socket", async () => {
  using listener = new ConsoleSocket("console");
  const bundle = await runtime.bundle(["sh", "-c", "tty; read word; echo got $word; sleep 1000"], {
    process: { cwd: "/", terminal: true, consoleSize: { height: 31, width: 91 } },
  });
  const created = runtime.run([
    "create",
    "--bundle",
    bundle,
    "--console-socket",
    listener.path,
    "tty",
  ]);
  const { name, master } = listener.receive();
  assertEquals((await created).code, 0);
  assertMatch(name, /^\/dev\//);
  await runtime.ok("start", "tty");
  await readUntil(master, /\/dev\/(pts\/0|console)\r\n/);
  writeAll(master, new TextEncoder().encode("word\n"));
  await readUntil(master, /got word\r\n/);

  const exec = ["exec", "--tty", "--detach", "--console-socket", listener.path, "tty"];
  const started = runtime.run([...exec, "sh", "-c", "stty size; tty"]);
  const second = listener.receive();
  assertEquals((await started).code, 0);
  await readUntil(second.master, /\/dev\/pts\/1\r\n/);
  await runtime.fails(
    /there is none for --console-socket\nGive --tty/,
    ...["exec", "--console-socket", listener.path, "tty", "true"],
  );
  close(second.master);
  close(master);
  await runtime.delete("tty");

  await runtime.fails(/wants a terminal/, "create", "--bundle", bundle, "tty");
  const plain = await runtime.bundle(["true"]);
  const unused = ["create", "--bundle", plain, "--console-socket", listener.path, "tty"];
  await runtime.fails(/--console-socket without process\.terminal/, ...unused);
  await runtime.fails(
    /nobody/,
    "create",
    "--bundle",
    bundle,
    "--console-socket",
    "/no/such/socket",
    "tty",
  )
    .catch(() =>
      runtime.fails(
        /send the terminal/,
        "create",
        "--bundle",
        bundle,
        "--console-socket",
        "/no/such/socket",
        "tty",
      )
    );
  assertEquals(exists(`${runtime.root}/tty`), false);
});

Deno.test("update: by options, from a file and from standard input", async () => {
  await runtime.sleeper("up");
  const { pid } = await runtime.state("up");
  const folder = (controller: string): string => {
    for (const line of Deno.readTextFileSync(`/proc/${pid}/cgroup`).trim().split("\n")) {
      const [, controllers, path] = line.match(/^\d+:([^:]*):(.*)$/)!.slice(0);
      if (controllers!.split(",").includes(controller)) {
        const mount = Deno.readTextFileSync("/proc/self/mountinfo").split("\n")
          .find((entry) =>
            / - cgroup /.test(entry) && entry.split(" - ")[1]!.split(/[ ,]/).includes(controller)
          );
        return `${mount!.split(" ")[4]}${path}`;
      }
    }
    return `/sys/fs/cgroup${Deno.readTextFileSync(`/proc/${pid}/cgroup`).trim().split("::")[1]}`;
  };
  const value = (controller: string, v1: string, v2: string): string => {
    const at = folder(controller);
    return Deno.readTextFileSync(exists(`${at}/${v1}`) ? `${at}/${v1}` : `${at}/${v2}`).trim();
  };
  await runtime.ok("update", "--memory", `${64 << 20}`, "--pids-limit", "33", "up");
  assertEquals(value("memory", "memory.limit_in_bytes", "memory.max"), `${64 << 20}`);
  assertEquals(value("pids", "pids.max", "pids.max"), "33");
  await runtime.ok(
    "update",
    "--cpu-quota",
    "25000",
    "--cpu-period",
    "100000",
    "--cpu-share",
    "512",
    "up",
  );
  assertMatch(value("cpu", "cpu.cfs_quota_us", "cpu.max"), /^25000/);
  assertEquals(value("pids", "pids.max", "pids.max"), "33");

  const file = workspace.path("resources.json");
  await Deno.writeTextFile(file, JSON.stringify({ pids: { limit: 44 } }));
  await runtime.ok("update", "-r", file, "up");
  assertEquals(value("pids", "pids.max", "pids.max"), "44");
  const piped = await runtime.run(["update", "--resources", "-", "up"], {
    stdin: JSON.stringify({ memory: { limit: 48 << 20 } }),
  });
  assertEquals(piped.code, 0, piped.stderr);
  assertEquals(value("memory", "memory.limit_in_bytes", "memory.max"), `${48 << 20}`);
  await runtime.ok("update", "--pids-limit", "-1", "up");
  assertEquals(value("pids", "pids.max", "pids.max"), "max");
  await runtime.ok("update", "--memory", "100M", "--memory-reservation", "1mib", "up");
  assertEquals(value("memory", "memory.limit_in_bytes", "memory.max"), `${100 << 20}`);
  assertEquals(value("memory", "memory.soft_limit_in_bytes", "memory.low"), `${1 << 20}`);
  await runtime.fails(/--memory/, "update", "--memory", "much", "up");
  const { code, stderr } = await runtime.run(["update", "--kernel-memory", "50M", "up"]);
  assertEquals(code, 0);
  assertMatch(stderr, /warning: update: memory\.kernel: ignored/);
  await runtime.fails(/memBwSchema: expected/, "update", "--mem-bw-schema", "0=50", "up");
  if (!/ - resctrl /.test(Deno.readTextFileSync("/proc/self/mountinfo"))) {
    for (
      const [option, field] of [["l3-cache", "l3CacheSchema"], ["mem-bw", "memBwSchema"]] as const
    ) {
      const words = new RegExp(
        `linux\\.intelRdt\\.${field}: the file system resctrl is not mounted`,
      );
      const line = `${option === "mem-bw" ? "MB" : "L3"}:0=f`;
      await runtime.fails(words, "update", "--pids-limit", "9", `--${option}-schema`, line, "up");
      assertEquals(value("pids", "pids.max", "pids.max"), "max");
    }
  }
  await runtime.delete("up");
});

Deno.test("a limit of 0 processes is none where the config is of a version that could not leave it out", async () => {
  const linux = { resources: { pids: { limit: 0 } } };
  const forks = ["sh", "-c", "true & wait; echo forked"];
  const old = await runtime.bundle(forks, { ociVersion: "1.0.2-dev", linux });
  assertEquals(await runtime.ok("run", "--bundle", old, "unlimited"), "forked");
  const recent = await runtime.bundle(forks, { ociVersion: "1.3.0", linux });
  await runtime.fails(/can't fork/, "run", "--bundle", recent, "none");

  await runtime.sleeper("kept", {
    ociVersion: "1.2.0",
    linux: { resources: { pids: { limit: 9 } } },
  });
  await runtime.ok("update", "--pids-limit", "0", "--cpu-share", "512", "kept");
  const { data } = JSON.parse(await runtime.ok("events", "--stats", "kept"));
  assertEquals(data.pids.limit, 9);
  await runtime.delete("kept");
});

Deno.test("events --stats prints the numbers that engines read", async () => {
  await runtime.sleeper("ev", {
    linux: { resources: { memory: { limit: 64 << 20 }, pids: { limit: 20 } } },
  });
  const { type, id, data } = JSON.parse(await runtime.ok("events", "--stats", "ev"));
  assertEquals([type, id], ["stats", "ev"]);
  assert(
    data.memory.usage.usage > 0 && data.memory.usage.limit === 64 << 20,
    JSON.stringify(data.memory),
  );
  assertEquals([data.pids.current, data.pids.limit], [1, 20]);
  assert(data.cpu.usage.total > 0, JSON.stringify(data.cpu));
  const parts = "cpu cpuset memory pids blkio hugetlb intel_rdt network_interfaces".split(" ");
  assertEquals(Object.keys(data), parts);
  const following = runtime.start(["events", "--interval", "100ms", "ev"]);
  await following.says(/"stats".*\n.*"stats"/);
  await runtime.ok("kill", "ev", "KILL");
  const { code } = await following.end();
  assertEquals(code, 0);
  await runtime.becomes("stopped", "ev");
  for (const command of [["events"], ["events", "--stats"], ["update", "--pids-limit", "5"]]) {
    const told = await runtime.fails(/"ev": container is not running/, ...command, "ev");
    assertEquals(told.code, 1);
  }
  await runtime.fails(/not a duration/, "events", "--interval", "soon", "ev");
  await runtime.delete("ev");
  await runtime.fails(/container does not exist/, "events", "ev");
});

Deno.test("events ends at once when nobody reads any more, and when the container ends", async () => {
  await runtime.sleeper("watched");
  const late = performance.now() + 20_000;
  for (const options of [["--interval", "1m30s"], ["--interval", "1ms"]]) {
    const { stdout } = await runtime.run(["events", ...options, "watched"], {
      through: ["sh", "-c", `exec 3>&1; { "$@"; echo "code $?" >&3; } | head -1 >/dev/null`, "sh"],
    });
    assertEquals(stdout, "code 141\n");
  }
  const following = runtime.start(["events", "--interval", "1h", "watched"]);
  await following.says(/"stats"/);
  await runtime.ok("kill", "watched", "KILL");
  assertEquals((await following.end()).code, 0);
  assert(performance.now() < late);
  await runtime.delete("watched");
});

Deno.test("spec: what it writes is run, by this and by other runtimes", async () => {
  const folder = workspace.path("spec");
  await Deno.mkdir(folder);
  await runtime.ok("spec", "--bundle", folder);
  await runtime.fails(/it is there already/, "spec", "--bundle", folder);
  const config = JSON.parse(await Deno.readTextFile(`${folder}/config.json`));
  assertEquals([config.process.terminal, config.process.args, config.root], [
    true,
    ["sh"],
    { path: "rootfs", readonly: true },
  ]);
  await Deno.symlink(await workspace.alpine(), `${folder}/link`);
  config.process.terminal = false;
  config.process.args = ["echo", "hello"];
  config.root.path = await workspace.alpine();
  await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
  assertEquals(await runtime.ok("run", "--bundle", folder, "spec"), "hello");
  if (isInstalled("runc")) {
    const args = ["--root", workspace.path("runc"), "run", "--bundle", folder, "spec"];
    const told = await workspace.run(args, { binary: "runc" });
    assertEquals([told.code, told.stdout], [0, "hello\n"], told.stderr);
  }
  const rootless = workspace.path("rootless");
  await Deno.mkdir(rootless);
  await runtime.ok("spec", "--rootless", "-b", rootless);
  const own = JSON.parse(await Deno.readTextFile(`${rootless}/config.json`));
  assertEquals(own.linux.uidMappings, [{ containerID: 0, hostID: 0, size: 1 }]);
  assert(own.linux.namespaces.some(({ type }: { type: string }) => type === "user"));
});

Deno.test("spec and features take no state folder, everything else does", async () => {
  const binary = workspace.path("binary");
  await Deno.copyFile(BINARY, binary);
  await Deno.chmod(binary, 0o755);
  await Deno.chmod(workspace.folder, 0o755);
  const folder = workspace.path("anybody");
  await Deno.mkdir(folder);
  await Deno.chown(folder, 65534, 65534);
  const through = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  const as = (...args: string[]) => workspace.run(args, { through, binary });
  const made = await as("spec", "--rootless", "--bundle", folder);
  assertEquals([made.code, made.stderr], [0, ""]);
  const { linux } = JSON.parse(await Deno.readTextFile(`${folder}/config.json`));
  assertEquals(linux.uidMappings, [{ containerID: 0, hostID: 65534, size: 1 }]);
  assertEquals((await as("features")).code, 0);
  for (const command of [["list"], ["run", "--bundle", folder, "x"], ["state", "x"]]) {
    const { code, stderr } = await as(...command);
    assertEquals([code, stderr.split("\n")[0]], [
      1,
      "gocontainer: find the state folder: XDG_RUNTIME_DIR is not set",
    ]);
  }
  await Deno.chmod(workspace.folder, 0o700);
});

Deno.test("features tells what is recognised", async () => {
  const features = JSON.parse(await runtime.ok("features"));
  assertEquals([features.ociVersionMin, features.ociVersionMax], ["1.0.0", "1.3.0"]);
  assertEquals(features.hooks.toSorted(), [
    "createContainer",
    "createRuntime",
    "poststart",
    "poststop",
    "prestart",
    "startContainer",
  ]);
  assertEquals(features.linux.namespaces.length, 8);
  assertEquals(features.linux.seccomp.enabled, true);
  assert(features.mountOptions.includes("rro"));
});

Deno.test("--version has the line that engines read", async () => {
  for (const option of ["--version", "-version"]) {
    const { code, stdout } = await workspace.run([option]);
    assertEquals(code, 0);
    assertMatch(stdout, /^gocontainer version \S+\n(.*\n)*spec: 1\.3\.0$/m);
  }
});

Deno.test("--log writes errors as JSON or text", async () => {
  const log = workspace.path("log");
  const failing = ["state", "no-such-one"];
  await runtime.run(["--log", log, "--log-format", "json", ...failing]);
  const { level, msg, time } = JSON.parse(await Deno.readTextFile(log));
  assertEquals(level, "error");
  assertMatch(msg, /"no-such-one": container does not exist/);
  assert(Math.abs(Date.parse(time) - Date.now()) < 60_000, time);
  await Deno.remove(log);
  await runtime.run(["--log", log, "--log-format=text", ...failing]);
  assertMatch(await Deno.readTextFile(log), /^time="[^"]+" level=error msg=".*does not exist"\n$/);
  await runtime.fails(/text or json/, "--log-format", "xml", "list");
});

Deno.test("--log-format json without --log: stderr has the records", async () => {
  const { code, stdout, stderr } = await runtime.run(["--log-format", "json", "state", "no-such"]);
  assertEquals([code, stdout], [1, ""]);
  const { level, msg } = JSON.parse(stderr);
  assertEquals(level, "error");
  assertMatch(msg, /"no-such": container does not exist/);
});

Deno.test("help is what --help is, of one command as well", async () => {
  for (const [words, options] of [[["help"], ["--help"]], [["help", "kill"], ["kill", "--help"]]]) {
    const help = await runtime.run(words);
    assertEquals(help, await runtime.run(options));
    assertEquals([help.code, help.stderr], [0, ""]);
  }
});

Deno.test("with --log warnings go there alone: stderr is the container's own", async () => {
  const log = workspace.path("warnings.log");
  const bundle = await runtime.bundle(["sh", "-c", "echo own >&2"], {
    process: { capabilities: { bounding: ["CAP_NONE_SUCH"] } },
  });
  const logging = ["--log", log, "--log-format", "json"];
  const { stderr } = await runtime.run([...logging, "run", "--bundle", bundle, "warned"]);
  assertEquals(stderr, "own\n");
  const { level, msg } = JSON.parse(await Deno.readTextFile(log));
  assertEquals(level, "warning");
  assertMatch(msg, /"CAP_NONE_SUCH" is no capability/);
});

Deno.test("wrong options before the command are logged, and told with the runtime's usage", async () => {
  const log = workspace.path("options.log");
  const usage = /\n\nUsage: gocontainer \[OPTIONS\] COMMAND\n\nThe option -h tells more\.\n$/;
  const cases: [RegExp, ...string[]][] = [
    [/"--bogus": there is none/, "--bogus", "state", "x"],
    [/"--rot": there is none/, "--rot=x", "exec", "x", "true"],
    [/"--log-format xml": it is text or json/, "--log-format", "xml", "state", "x"],
    [/"--root": it needs a value/, "--root"],
  ];
  for (const [words, ...rest] of cases) {
    const { code, stderr } = await workspace.run(["--log", log, "--log-format=json", ...rest]);
    assertEquals(code, 1);
    assertMatch(stderr, words);
    assertMatch(stderr, usage);
    assertMatch(JSON.parse(await Deno.readTextFile(log)).msg, words);
    await Deno.remove(log);
  }
});

Deno.test("--debug shows where an error comes from; without, nobody sees a stack", async () => {
  const { stderr } = await runtime.run(["state", "no-such-one"]);
  assert(!/\n +at /.test(stderr), stderr);
  assertMatch((await runtime.run(["--debug", "state", "no-such-one"])).stderr, /\n +at /);
});

Deno.test("--systemd-cgroup where systemd does not run is an error that says so", async () => {
  if (exists("/run/systemd/system")) return;
  const log = workspace.path("systemd.log");
  const told = await runtime.fails(
    /systemd does not run here/,
    "--log",
    log,
    "--systemd-cgroup",
    "list",
  );
  assertEquals(told.code, 1);
  assertMatch(await Deno.readTextFile(log), /level=error msg="let systemd make the cgroups: /);
});

Deno.test("--cgroup-manager: disabled leaves the container in the caller's cgroup, whatever its limits", async () => {
  const id = "without-cgroup";
  const limits = { linux: { resources: { memory: { limit: 64 << 20 }, pids: { limit: 20 } } } };
  const bundle = await runtime.bundle(PATIENT, limits);
  await runtime.detached("--cgroup-manager", "disabled", "run", "-d", "--bundle", bundle, id);
  const cgroupOf = (pid: number) => Deno.readTextFileSync(`/proc/${pid}/cgroup`);
  assertEquals(cgroupOf((await runtime.state(id)).pid), cgroupOf(Deno.pid));
  assertEquals(await runtime.ok("exec", id, "echo", "inside"), "inside");
  await runtime.fails(/freeze the cgroup: the container has none\n.*--cgroup-manager/, "pause", id);
  await runtime.fails(/change the limits of the cgroup: .* none/, "update", "--pids-limit=9", id);
  await runtime.ok("kill", id);
  await runtime.becomes("stopped", id);
  await runtime.ok("delete", id);
});

Deno.test("--cgroup-manager: cgroupfs makes the cgroup, and what is none of the three is told", async () => {
  const bundle = await runtime.bundle(["sleep", "1000"]);
  const id = "with-cgroup";
  await runtime.detached("--cgroup-manager=cgroupfs", "run", "-d", "--bundle", bundle, id);
  const { pid } = await runtime.state(id);
  assertStringIncludes(Deno.readTextFileSync(`/proc/${pid}/cgroup`), `/go_containers/${id}\n`);
  await runtime.delete(id);
  await runtime.fails(
    /read "--cgroup-manager none": it is cgroupfs, systemd, disabled/,
    ...["--cgroup-manager", "none", "list"],
  );
});

Deno.test("--root: made for root alone, and one that others can write to is refused", async () => {
  const root = workspace.path("roots/of/state");
  await workspace.run(["--root", root, "list"]);
  assertEquals(Deno.statSync(root).mode! & 0o777, 0o700);
  await Deno.chmod(root, 0o777);
  const { code, stderr } = await workspace.run(["--root", root, "list"]);
  assertEquals(code, 1);
  assertMatch(stderr, /others can write there/);
});

Deno.test("--root: a relative one is meant from the folder of whoever creates", async () => {
  const bundle = await runtime.bundle(["true"]);
  const { code } = await workspace.run(
    ["--root", "state", "create", "--bundle", bundle, "relative"],
    { cwd: workspace.path("."), through: ["sh", "-c", 'exec "$@" >/dev/null 2>&1', "sh"] },
  );
  assertEquals(code, 0);
  const start = await runtime.run(["start", "relative"], { cwd: "/" });
  assertEquals([start.code, start.stderr], [0, ""]);
  await runtime.becomes("stopped", "relative");
  await runtime.ok("delete", "relative");
});

Deno.test("a config without process is created, but neither run nor started", async () => {
  const bundle = await runtime.bundle(["true"], {
    hooks: { createRuntime: [{ path: "/bin/touch", args: ["touch", workspace.path("hooked")] }] },
  });
  const file = `${bundle}/config.json`;
  const { process: _, ...config } = JSON.parse(await Deno.readTextFile(file));
  await Deno.writeTextFile(file, JSON.stringify(config));
  for (const options of [[], ["-d"], ["--keep"]]) {
    const { code } = await runtime.fails(
      /run "idle": its config has no process$/m,
      ...["run", ...options, "--bundle", bundle, "idle"],
    );
    assertEquals(code, 1);
    assert(!exists(`${runtime.root}/idle`) && !exists(workspace.path("hooked")));
  }
  await runtime.createFrom(bundle, "idle");
  await runtime.fails(/start "idle": its config has no process$/m, "start", "idle");
  assertEquals((await runtime.state("idle")).status, "created");
  await runtime.delete("idle");
});

Deno.test("options may stand after the id, but for exec and ps, which take words of other programs", async () => {
  const bundle = await runtime.bundle(["sleep", "1000"]);
  await runtime.detached("run", "behind", "-d", "-b", bundle);
  await runtime.detached("create", "waits", "--bundle", bundle);
  await runtime.ok("update", "behind", "--pids-limit", "50");
  const stats = JSON.parse(await runtime.ok("events", "behind", "--stats"));
  assertEquals(stats.data.pids.limit, 50);
  await runtime.ok("kill", "behind", "0", "--all");
  assertEquals(await runtime.ok("exec", "behind", "echo", "-d", "--cwd"), "-d --cwd");
  assertMatch(
    await runtime.ok("ps", "behind", "-eo", "pid,args"),
    /^ *PID +COMMAND\n.*sleep 1000$/,
  );
  await runtime.fails(/"-f": there is none of that name/, "state", "behind", "-f");
  await runtime.ok("delete", "behind", "-f");
  await runtime.ok("delete", "--force", "--", "waits");
  for (const id of ["behind", "waits"]) assert(!exists(`${runtime.root}/${id}`));
});

Deno.test("wrong commands, options and arguments are told", async () => {
  await runtime.fails(/"stat": there is none/, "stat");
  await runtime.fails(/the container's id is missing/, "state");
  await runtime.fails(/the container's id is missing/, "start");
  await runtime.fails(/the container's id is missing/, "kill");
  await runtime.fails(/the container's id is missing/, "delete");
  await runtime.fails(/the container's id is missing/, "create");
  await runtime.fails(/more than the container's id/, "state", "a", "b");
  await runtime.fails(/"--nope": there is none/, "list", "--nope");
  assertMatch((await runtime.run(["--help"])).stdout, /create .*\n(.*\n)*.*features/);
  assertMatch((await runtime.run(["exec", "--help"])).stdout, /-preserve-fds/);
});

Deno.test("called through a link named runc, every word is the runtime's", async () => {
  await Deno.mkdir(workspace.path("links"));
  const link = workspace.path("links/runc");
  await Deno.symlink(BINARY, link);
  const bundle = await runtime.bundle(["echo", "hello"]);
  const run = (...args: string[]) => workspace.run(args, { binary: link, cwd: bundle });
  const told = await run("run", "linked");
  assertEquals([told.code, told.stdout], [0, "hello\n"], told.stderr);
  assertMatch((await run("--version")).stdout, /^spec: /m);
  assertMatch((await run("alpine", "echo")).stderr, /"alpine": there is none/);
});

Deno.test("an image called like a command is reached by run --", async () => {
  await workspace.image(
    "exec",
    (root) => Deno.writeTextFile(`${root}/mark`, "the image called exec\n"),
  );
  const told = await workspace.run(["run", "-net=none", "--", "exec", "cat", "/mark"]);
  assertEquals([told.code, told.stdout], [0, "the image called exec\n"], told.stderr);
});

Deno.test("list, state, exec, ps, pause, kill work on containers made from images", async () => {
  const name = `from-image-${Deno.pid}`;
  const running = workspace.start(["-net=none", "-name", name, "alpine", ...PATIENT]);
  const { id } = await running.record();
  await running.says(/ready/);
  const on = async (...args: string[]) => {
    const { code, stdout, stderr } = await workspace.run(args);
    assertEquals(code, 0, stderr);
    return stdout;
  };
  assert((await on("list", "-q")).split("\n").includes(id));
  const [header, ...rows] = (await on("list")).trimEnd().split("\n");
  assertMatch(header!, /OWNER +NAME$/);
  assertMatch(rows.find((row) => row.startsWith(id))!, new RegExp(` ${name}$`));
  const listed = JSON.parse(await on("list", "-f", "json"));
  assertEquals(listed.find((one: { id: string }) => one.id === id).name, name);
  assertEquals(JSON.parse(await on("state", id)).status, "running");
  assertEquals(await on("exec", id, "echo", "in"), "in\n");
  assertEquals(await on("exec", name, "echo", "by name"), "by name\n");
  for (const option of ["-t", "-it"]) {
    assertMatch(await on("exec", option, name, "tty"), /^\/dev\/pts\/\d+\r\n$/);
  }
  assertEquals(await on("exec", "-i", name, "echo", "input"), "input\n");
  assert(JSON.parse(await on("ps", "-f", "json", id)).length >= 1);
  await on("pause", id);
  assertEquals(JSON.parse(await on("state", id)).status, "paused");
  await on("resume", id);
  assertEquals(JSON.parse(await on("events", "--stats", id)).id, id);
  await on("kill", name, "TERM");
  assertEquals((await running.end()).code, 3);
  assertEquals(exists(`${STATE}/${id}`), false);
  assertEquals((await workspace.run(["state", name])).code, 1);
});

Deno.test("exec -u in a container made from an image: groups, HOME and USER are the account's", async () => {
  const script = "echo $(id -u) $(id -G) $HOME $USER $MORE";
  const told = async (options: string[], users: string[]) => {
    const running = workspace.start(["-net=none", "-rm", ...options, "alpine", ...PATIENT]);
    const { id, init } = await running.record();
    await running.says(/ready/);
    const answers = [];
    for (const user of users) {
      const { stdout } = await workspace.run(["exec", "-u", user, id, "sh", "-c", script]);
      answers.push(stdout.trimEnd());
    }
    Deno.kill(init.pid, "SIGKILL");
    await running.end();
    return answers;
  };
  const groups = "0 1 2 3 4 6 10 11 20 26 27";
  assertEquals(
    await told(["-u", "nobody"], ["0", "root", "0:0", "2", "4000", "4000:5", ""]),
    [
      `0 ${groups} /root root`,
      `0 ${groups} /root root`,
      "0 0 /root root",
      "2 2 1 4 /sbin daemon",
      "4000 0 / 4000",
      "4000 5 / 4000",
      "65534 65534 / nobody",
    ],
  );
  // What was given says nothing of an account.
  assertEquals(
    await told(["-e", "HOME=/given", "-e", "MORE=HOME=/root"], ["daemon"]),
    ["2 2 1 4 /given daemon HOME=/root"],
  );
});

Deno.test("delete --force by name ends a container made from an image, as by id", async () => {
  for (const by of ["name", "id"] as const) {
    const name = `forced-${by}-${Deno.pid}`;
    const running = workspace.start(["-net=none", "-rm", "-name", name, "alpine", ...PATIENT]);
    const { id } = await running.record();
    await running.says(/ready/);
    const { code, stderr } = await workspace.run(["delete", "--force", { name, id }[by]]);
    assertEquals([code, stderr], [0, ""]);
    const ended = await running.end();
    assertEquals([ended.code, ended.stderr], [137, ""]);
    assertEquals(exists(`${STATE}/${id}`), false);
  }
});

Deno.test("a folder or file that is not there is told with what it was for", async () => {
  const bundle = await runtime.bundle(["true"]);
  const nowhere = "No such file or directory\n";
  const cases: readonly (readonly [string[], string])[] = [
    [["create", "-b", "/nowhere", "n"], `use the bundle "/nowhere": ${nowhere}`],
    [
      ["run", "-b", bundle, "--pid-file", "/nowhere/pid", "n"],
      `write the pid file "/nowhere/pid": ${nowhere}`,
    ],
    [["spec", "-b", "/nowhere"], `write "/nowhere/config.json": ${nowhere}`],
  ];
  for (const [words, error] of cases) {
    const { code, stderr } = await runtime.run(words);
    assertEquals(code, 1);
    assertStringIncludes(stderr, `gocontainer: ${error}`);
  }
});

Deno.test("where there are too few descriptors, it is told what to raise", async () => {
  const through = ["sh", "-c", 'ulimit -n 24; exec "$@"', "sh"];
  const bundle = await runtime.bundle(["true"]);
  const { code, stderr } = await runtime.run(["run", "-b", bundle, "few"], { through });
  assertEquals(code, 1);
  assertMatch(stderr, /^gocontainer: .*EMFILE.*\nThis process .*\(ulimit -n\)\n$/);
});
