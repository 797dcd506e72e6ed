/** podman drives the binary as its runtime: all that it does with containers comes out as it should. */

import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { BINARY } from "../integration/support/project.ts";
import { Terminal } from "../integration/support/terminal.ts";
import { until } from "../integration/support/wait.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { HAS_PODMAN, IMAGE, Podman } from "./support/podman.ts";
import { assertNothingIsLeft } from "./support/remains.ts";
import { testWith } from "./support/skip.ts";
import { typeUntilShown } from "./support/typing.ts";

/** Prints the size of the terminal again and again. */
const SIZES = "while :; do stty size; sleep 0.1; done\n";

const workspace = Workspace.ofThisFile();
const podman = new Podman(workspace);

/** A test with the image there, after which nothing of its containers is left. */
function podmanTest(name: string, fn: () => Promise<void>): void {
  testWith({ podman: HAS_PODMAN }, `podman: ${name}`, async () => {
    await podman.prepare();
    try {
      await fn();
    } finally {
      await podman.clear();
    }
    await assertNothingIsLeft(await podman.everMade(), workspace.folder);
  });
}

/** A program that says "ready", ends with code 3 at SIGTERM and says so at SIGUSR1. */
const PATIENT = [
  "sh",
  "-c",
  `trap "exit 3" TERM; trap "echo usr1" USR1; echo ready
  while :; do sleep 0.05; done`,
];

/** Starts PATIENT in the background under the name `c` and waits until it is ready. */
async function start(...options: string[]): Promise<void> {
  await podman.ok("run", "-d", "--name", "c", "--network", "none", ...options, IMAGE, ...PATIENT);
  await says(/ready/);
}

function says(pattern: RegExp): Promise<string> {
  return until(`the container says ${pattern}`, async () => {
    const logs = await podman.ok("logs", "c");
    return pattern.test(logs) ? logs : undefined;
  });
}

function inspect(format: string): Promise<string> {
  return podman.ok("inspect", "--format", format, "c");
}

podmanTest("run gives back what the program says and its exit code", async () => {
  const script = "echo out; echo err >&2; exit 7";
  const told = await podman.run("run", "--rm", "--network", "none", IMAGE, "sh", "-c", script);
  assertEquals([told.code, told.stdout, told.stderr], [7, "out\n", "err\n"]);
});

podmanTest("a program that is not there gives 127, one that cannot be run 126", async () => {
  for (
    const [command, code, words] of [
      ["nope", 127, /"nope": command not found in the container: no such file or directory/],
      ["/no/such", 127, /"\/no\/such": no such file in the container: no such file or directory/],
      ["/etc", 126, /"\/etc": it is a folder: permission denied/],
      ["/etc/passwd", 126, /"\/etc\/passwd": not executable: permission denied/],
    ] as const
  ) {
    const told = await podman.run("run", "--rm", "--network", "none", IMAGE, command);
    assertEquals(told.code, code, told.stderr);
    assertMatch(told.stderr, words);
  }
});

podmanTest("what cannot be had is an error that names it", async () => {
  const sysctl = ["--sysctl", "net.ipv4.ip_forward=x"];
  const told = await podman.run("run", "--rm", "--network", "none", ...sysctl, IMAGE, "true");
  assertEquals(told.code, 126, told.stderr);
  assertMatch(told.stderr, /net\/ipv4\/ip_forward.*EINVAL/);
  const unknown = await podman.run("run", "--rm", "--no-such-option", IMAGE, "true");
  assertEquals(unknown.code, 125);
});

podmanTest("run -i passes standard input on", async () => {
  const args = [
    ...podman.arguments(BINARY),
    "run",
    "--rm",
    "-i",
    "--network",
    "none",
    IMAGE,
    "tr",
    "a-z",
    "A-Z",
  ];
  const told = await workspace.run(args, { ...podman.options, stdin: "one\ntwo\n" });
  assertEquals([told.code, told.stdout], [0, "ONE\nTWO\n"]);
});

podmanTest("run -it has a terminal of the right size", async () => {
  using terminal = new Terminal({ rows: 33, columns: 99 });
  const args = [
    ...podman.arguments(BINARY),
    "run",
    "--rm",
    "-it",
    "--network",
    "none",
    IMAGE,
    "sh",
  ];
  const running = terminal.start(workspace, args, podman.options);
  await terminal.shows(/# /);
  terminal.type("stty size; tty; test -t 2 && ls -l /dev/console\n");
  await terminal.shows(/33 99\r\n\/dev\/pts\/0\r\ncrw.*\/dev\/console/);
  await typeUntilShown(terminal, SIZES, /33 99\r\n/);
  terminal.resize({ rows: 44, columns: 111 });
  await terminal.shows(/44 111\r\n/);
  terminal.type("\x03");
  terminal.type("exit 5\n");
  assertEquals((await running.end()).code, 5);
});

podmanTest("exec runs more programs, as other users, elsewhere, with a terminal", async () => {
  await start("-e", "FROM=run");
  const told = await podman.run("exec", "c", "sh", "-c", "echo $FROM; exit 6");
  assertEquals([told.code, told.stdout], [6, "run\n"]);
  const options = ["-u", "1000:1001", "-w", "/tmp", "-e", "A=b"];
  const other = await podman.ok("exec", ...options, "c", "sh", "-c", "id -u; id -g; pwd; echo $A");
  assertEquals(other, "1000\n1001\n/tmp\nb");
  assertEquals((await podman.ok("exec", "-t", "c", "tty")).trim(), "/dev/pts/0");
  assertEquals((await podman.run("exec", "c", "nope")).code, 127);
  assertEquals((await podman.run("exec", "c", "/etc")).code, 126);
  await podman.ok("exec", "-d", "c", "touch", "/tmp/made");
  await until("the detached program has run", async () => {
    return (await podman.run("exec", "c", "test", "-e", "/tmp/made")).code === 0;
  });
});

podmanTest("exec -it has a terminal of its own", async () => {
  await start();
  using terminal = new Terminal({ rows: 21, columns: 77 });
  const args = [...podman.arguments(BINARY), "exec", "-it", "c", "sh"];
  const running = terminal.start(workspace, args, podman.options);
  await terminal.shows(/# /);
  await typeUntilShown(terminal, SIZES, /21 77\r\n/);
  terminal.type("\x03");
  await terminal.shows(/\^C[^]*# /);
  terminal.type("exit 4\n");
  assertEquals((await running.end()).code, 4);
});

podmanTest("ps, top, logs, stats and inspect know a running container", async () => {
  await start("--memory", "64m");
  assertMatch(await podman.ok("ps", "--format", "{{.Names}} {{.Status}}"), /^c Up/);
  assertMatch(await podman.ok("top", "c", "pid", "args"), /^PID +COMMAND\n1 +sh -c trap/);
  assertEquals(await podman.ok("logs", "c"), "ready");
  const [stats] = JSON.parse(await podman.ok("stats", "--no-stream", "--format", "json", "c"));
  assertMatch(stats.mem_usage, /B \/ 67.11MB$/);
  assert(Number(stats.pids) >= 1, stats.pids);
  assertEquals(await inspect("{{.State.Status}} {{.OCIRuntime}}"), `running ${BINARY}`);
  const pid = await inspect("{{.State.Pid}}");
  assertMatch(await Deno.readTextFile(`/proc/${pid}/cmdline`), /^sh\0-c\0trap/);
});

podmanTest("kill and stop send signals, and the exit code is kept", async () => {
  await start();
  await podman.ok("kill", "--signal", "USR1", "c");
  await says(/usr1/);
  await podman.ok("stop", "--time", "20", "c");
  assertEquals(await inspect("{{.State.Status}} {{.State.ExitCode}}"), "exited 3");
  await podman.ok("start", "c");
  await podman.ok("kill", "c");
  await podman.ok("wait", "c");
  assertEquals(await inspect("{{.State.Status}} {{.State.ExitCode}}"), "exited 137");
  await podman.ok("rm", "c");
  assertEquals((await podman.run("inspect", "--type", "container", "c")).code, 125);
});

podmanTest("stop kills what does not listen, rm -f what runs", async () => {
  const deaf = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"];
  await podman.ok("run", "-d", "--name", "c", "--network", "none", IMAGE, ...deaf);
  await says(/ready/);
  await podman.ok("stop", "--time", "1", "c");
  assertEquals(await inspect("{{.State.ExitCode}}"), "137");
  await podman.ok("start", "c");
  await podman.ok("rm", "--force", "--time", "0", "c");
});

podmanTest("pause stops all processes and unpause lets them go on", async () => {
  await start();
  await podman.ok("pause", "c");
  assertEquals(await inspect("{{.State.Status}}"), "paused");
  const listed = await podman.ok("ps", "--filter", "status=paused", "--format", "{{.Names}}");
  assertEquals(listed, "c");
  assert((await podman.run("exec", "c", "true")).code !== 0);
  await podman.ok("unpause", "c");
  assertEquals(await inspect("{{.State.Status}}"), "running");
  assertEquals(await podman.ok("exec", "c", "echo", "again"), "again");
});

podmanTest("update changes limits of a running container", async () => {
  await start("--memory", "64m", "--cpus", "0.5");
  await podman.ok("update", "--memory", "96m", "--cpus", "0.25", "c");
  const read = (controller: string, v1: string, v2: string) =>
    podman.ok(
      "exec",
      "c",
      "sh",
      "-c",
      `cat /sys/fs/cgroup/${controller}/${v1} 2>/dev/null || cat /sys/fs/cgroup/${v2}`,
    );
  assertEquals(await read("memory", "memory.limit_in_bytes", "memory.max"), `${96 << 20}`);
  assertMatch(await read("cpu", "cpu.cfs_quota_us", "cpu.max"), /^25000( 100000)?$/);
});

podmanTest("limits of memory, processes and CPU hold", async () => {
  await start("--memory", "48m", "--pids-limit", "20");
  const fork = "for i in $(seq 40); do sleep 9 & done; wait";
  assertMatch((await podman.run("exec", "c", "sh", "-c", fork)).stderr, /can't fork/);
  // Without swap the limit is that of all memory.
  const eat = [
    "run",
    "--rm",
    "--network",
    "none",
    "--memory",
    "32m",
    "--memory-swap",
    "32m",
    IMAGE,
  ];
  const eaten = await podman.run(...eat, "sh", "-c", "head -c 200m /dev/zero | tail");
  assertEquals(eaten.code, 137);
});

podmanTest("build runs its steps, and tells nothing but what they say", async () => {
  const file = workspace.path("Containerfile");
  const steps = [`FROM ${IMAGE}`, "RUN id -u >/made", "RUN exit 7"];
  await Deno.writeTextFile(file, steps.join("\n"));
  const build = (target: string) =>
    podman.run(
      ...["build", "--isolation", "oci", "--network", "none", "--file", file],
      ...["--quiet", "--force-rm", ...target === "" ? [] : ["--tag", target], workspace.folder],
    );
  const failed = await build("");
  assertEquals(failed.code, 7, failed.stderr);
  assertNotMatch(failed.stderr, /gocontainer/);
  await Deno.writeTextFile(file, steps.slice(0, 2).join("\n"));
  const built = await build("localhost/built:test");
  assertEquals([built.code, built.stderr], [0, ""]);
  const run = ["run", "--rm", "--network", "none", "localhost/built:test"];
  assertEquals(await podman.ok(...run, "cat", "/made"), "0");
  await podman.ok("rmi", "localhost/built:test");
});

podmanTest("bridge network: an address and a way to another container", async () => {
  await podman.ok("network", "create", "--internal", "--disable-dns", "gct");
  const serve = "while :; do echo hello | nc -l -p 7000; done";
  await podman.ok("run", "-d", "--name", "c", "--network", "gct", IMAGE, "sh", "-c", serve);
  const address = await inspect("{{.NetworkSettings.Networks.gct.IPAddress}}");
  assertMatch(address, /^10\./);
  const ask = `for i in $(seq 50); do nc ${address} 7000 && exit; sleep 0.1; done`;
  assertEquals(await podman.ok("run", "--rm", "--network", "gct", IMAGE, "sh", "-c", ask), "hello");
});

podmanTest("containers share a network, pid and ipc namespace", async () => {
  await start("--hostname", "first", "--ipc", "shareable");
  const namespaces = "for n in net ipc pid uts; do readlink /proc/self/ns/$n; done";
  const theirs = (await podman.ok("exec", "c", "sh", "-c", namespaces)).split("\n");
  const options = ["--network", "container:c", "--ipc", "container:c", "--pid", "container:c"];
  const ours = await podman.ok("run", "--rm", ...options, IMAGE, "sh", "-c", namespaces);
  assertEquals(ours.split("\n").map((name, i) => name === theirs[i]), [true, true, true, false]);
});

podmanTest("--network none, --hostname, --user, --read-only, --tmpfs, -v, -w and -e", async () => {
  const folder = workspace.path("volume");
  await Deno.mkdir(folder, { mode: 0o755 });
  await Deno.writeTextFile(`${folder}/file`, "from the host");
  const script = `ip -o link | wc -l; hostname; id -u; pwd; echo $A
    touch /x 2>&1; touch /t/x && echo written; cat /v/file; touch /v/x 2>&1; df -k /t | tail -1`;
  const told = await podman.ok(
    "run",
    "--rm",
    "--network",
    "none",
    "--hostname",
    "myhost",
    "--user",
    "1000:1000",
    "--read-only",
    "--tmpfs",
    "/t:size=2m,mode=1777",
    "-v",
    `${folder}:/v:ro`,
    "-w",
    "/tmp",
    "-e",
    "A=b",
    IMAGE,
    "sh",
    "-c",
    script,
  );
  assertEquals(told.split("\n").slice(0, 8), [
    "1",
    "myhost",
    "1000",
    "/tmp",
    "b",
    "touch: /x: Read-only file system",
    "written",
    "from the host".concat("touch: /v/x: Read-only file system"),
  ]);
  assertMatch(told, /tmpfs +2048 /);
});

podmanTest("--cap-drop ALL leaves none, --cap-add gives one", async () => {
  const caps = ["grep", "-E", "Cap(Prm|Eff|Bnd)", "/proc/self/status"];
  const none = await podman.ok(
    "run",
    "--rm",
    "--network",
    "none",
    "--cap-drop",
    "ALL",
    IMAGE,
    ...caps,
  );
  assertEquals(none.match(/[0-9a-f]{16}/g), Array(3).fill("0".repeat(16)));
  const one = ["--cap-drop", "ALL", "--cap-add", "CHOWN"];
  const chown = await podman.ok("run", "--rm", "--network", "none", ...one, IMAGE, ...caps);
  assertEquals(chown.match(/[0-9a-f]{16}/g), Array(3).fill("0".repeat(15) + "1"));
});

podmanTest("seccomp: podman's default policy, one from a file, and none", async () => {
  const run = (options: string[], script: string) =>
    podman.run("run", "--rm", "--network", "none", ...options, IMAGE, "sh", "-c", script);
  const mode = "grep ^Seccomp: /proc/self/status";
  assertEquals((await run([], mode)).stdout, "Seccomp:\t2\n");
  assertEquals((await run(["--security-opt", "seccomp=unconfined"], mode)).stdout, "Seccomp:\t0\n");
  const policy = workspace.path("seccomp.json");
  await Deno.writeTextFile(
    policy,
    JSON.stringify({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 95 }],
    }),
  );
  const told = await run(["--security-opt", `seccomp=${policy}`], `${mode}; mkdir /x`);
  assertEquals(told.stdout, "Seccomp:\t2\n");
  assertMatch(told.stderr, /mkdir.*(Not supported|Operation not supported)/);
});

podmanTest("--security-opt no-new-privileges, --ulimit, --sysctl, --oom-score-adj", async () => {
  const script = `grep NoNewPrivs /proc/self/status; ulimit -n; cat /proc/sys/kernel/msgmax
    cat /proc/self/oom_score_adj`;
  const told = await podman.ok(
    "run",
    "--rm",
    "--network",
    "none",
    "--security-opt",
    "no-new-privileges",
    "--ulimit",
    "nofile=77:99",
    "--ulimit",
    "nproc=1000:1000",
    "--sysctl",
    "kernel.msgmax=1234",
    "--oom-score-adj",
    "150",
    IMAGE,
    "sh",
    "-c",
    script,
  );
  assertEquals(told, "NoNewPrivs:\t1\n77\n1234\n150");
});

podmanTest("--privileged gives the host's devices and nothing is masked", async () => {
  const script =
    "ls -l /proc/kcore /proc/keys | wc -l; test -c /dev/kmsg && echo kmsg; touch /proc/sys/kernel/x 2>&1";
  const told = await podman.ok(
    "run",
    "--rm",
    "--network",
    "none",
    "--privileged",
    IMAGE,
    "sh",
    "-c",
    `${script}; grep ^Seccomp: /proc/self/status; mkdir -p /m && mount -t tmpfs none /m && echo mounted`,
  );
  assertMatch(told, /kmsg/);
  assertMatch(told, /Seccomp:\t0\nmounted$/);
});

podmanTest("a health check runs inside and tells the health", async () => {
  await start(
    "--health-cmd",
    "test -e /tmp/healthy",
    "--health-interval",
    "disable",
    "--health-retries",
    "1",
  );
  assertEquals((await podman.run("healthcheck", "run", "c")).code, 1);
  await podman.ok("exec", "c", "touch", "/tmp/healthy");
  assertEquals((await podman.run("healthcheck", "run", "c")).code, 0);
  assertEquals(await inspect("{{.State.Health.Status}}"), "healthy");
});
