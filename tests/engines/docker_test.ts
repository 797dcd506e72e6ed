/** dockerd with the binary as one more runtime (`--add-runtime`). */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Outcome } from "../integration/support/process.ts";
import { BINARY } from "../integration/support/project.ts";
import { Terminal } from "../integration/support/terminal.ts";
import { until } from "../integration/support/wait.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { Containerd, Dockerd, HAS_DOCKER } from "./support/daemon.ts";
import { alpineArchiveOf } from "./support/image.ts";
import { assertNothingIsLeft } from "./support/remains.ts";
import { testWith } from "./support/skip.ts";
import { typeUntilShown } from "./support/typing.ts";

/** Prints the size of the terminal again and again. */
const SIZES = "while :; do stty size; sleep 0.1; done\n";

const workspace = Workspace.ofThisFile();
const dockerd = new Dockerd(workspace, new Containerd(workspace), { gocontainer: BINARY });
Deno.test.afterAll(() => dockerd.stop());

const IMAGE = "alpine:test";
const RUN = ["run", "--runtime", "gocontainer", "--network", "none"];
let prepared: Promise<unknown> | undefined;

/** Runs docker's command to its end. */
function docker(...args: string[]): Promise<Outcome> {
  return workspace.run(["--host", `unix://${dockerd.socket}`, ...args], { binary: "docker" });
}

/** Runs docker's command and returns what it said. */
async function ok(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await docker(...args);
  if (code !== 0) throw new Error(`docker ${args.join(" ")}: exit code ${code}\n${stderr}`);
  return stdout.trimEnd();
}

async function prepare(): Promise<void> {
  await dockerd.start();
  await ok("import", await alpineArchiveOf(workspace), IMAGE);
}

/** A test with dockerd running and the image there, after which nothing of its containers is left. */
function dockerTest(name: string, fn: () => Promise<void>): void {
  testWith({ "dockerd": HAS_DOCKER }, `docker: ${name}`, async () => {
    await (prepared ??= prepare());
    const began = Math.floor(Date.now() / 1000) - 1;
    try {
      await fn();
    } finally {
      const there = await ok("ps", "--all", "--quiet");
      if (there !== "") await ok("rm", "--force", ...there.split("\n"));
    }
    const until = ["--since", `${began}`, "--until", `${Math.ceil(Date.now() / 1000)}`];
    const made = ["--filter", "event=create", "--filter", "type=container"];
    const events = await ok("events", ...until, ...made, "--format", "{{.ID}}");
    await assertNothingIsLeft(events.split("\n").filter((id) => id !== ""));
  }, { daemon: true });
}

const PATIENT = ["sh", "-c", `trap "exit 4" TERM; echo ready; while :; do sleep 0.05; done`];

/** Starts PATIENT in the background under the name `box` and waits until it is ready. */
async function start(...options: string[]): Promise<void> {
  await ok(...RUN, "--detach", "--name", "box", ...options, IMAGE, ...PATIENT);
  await until("the program is ready", async () => /ready/.test(await ok("logs", "box")));
}

function inspect(format: string): Promise<string> {
  return ok("inspect", "--format", format, "box");
}

dockerTest("run gives back what the program says and its exit code", async () => {
  const script = "echo out; echo err >&2; exit 7";
  const told = await docker(...RUN, "--rm", IMAGE, "sh", "-c", script);
  assertEquals([told.code, told.stdout, told.stderr], [7, "out\n", "err\n"]);
});

dockerTest("a program that is not there gives 127, one that cannot be run 126", async () => {
  for (const [command, code] of [["nope", 127], ["/no/such", 127], ["/etc", 126]] as const) {
    const told = await docker(...RUN, "--rm", IMAGE, command);
    assertEquals(told.code, code, told.stderr);
  }
});

dockerTest("a folder on a file, and a file on a folder, are told as what they are", async () => {
  const [folder, file] = [workspace.path("covering"), workspace.path("covering-file")];
  await Deno.mkdir(folder);
  await Deno.writeTextFile(file, "");
  for (const volume of [`${folder}:/etc/passwd`, `${file}:/etc`]) {
    const told = await docker(...RUN, "--rm", "--volume", volume, IMAGE, "true");
    assertEquals(told.code, 125);
    assertMatch(told.stderr, /Are you trying to mount a directory onto a file \(or vice-versa\)\?/);
  }
});

dockerTest("exec, stats, top and stop of a running container", async () => {
  await start("--memory", "64m", "--pids-limit", "50");
  const options = ["--user", "1000:1001", "--workdir", "/tmp", "--env", "A=b"];
  const told = await docker(
    "exec",
    ...options,
    "box",
    "sh",
    "-c",
    "id -u; id -g; pwd; echo $A; exit 6",
  );
  assertEquals([told.code, told.stdout], [6, "1000\n1001\n/tmp\nb\n"]);
  assertEquals((await docker("exec", "box", "nope")).code, 126);
  const stats = await ok("stats", "--no-stream", "--format", "{{.MemUsage}} {{.PIDs}}", "box");
  assertMatch(stats, /^\d.* \/ 64MiB [1-9]\d*$/);
  assertMatch(await ok("top", "box"), /sh -c trap/);
  await ok("stop", "--time", "20", "box");
  assertEquals(await inspect("{{.State.Status}} {{.State.ExitCode}}"), "exited 4");
  assertEquals(await inspect("{{.HostConfig.Runtime}}"), "gocontainer");
});

dockerTest("exec -it has a terminal of its own", async () => {
  await start();
  using terminal = new Terminal({ rows: 21, columns: 77 });
  const args = ["--host", `unix://${dockerd.socket}`, "exec", "-it", "box", "sh"];
  const running = terminal.start(workspace, args, { binary: "docker" });
  await terminal.shows(/# /);
  await typeUntilShown(terminal, SIZES, /21 77\r\n/);
  terminal.type("\x03");
  await terminal.shows(/\^C[^]*# /);
  terminal.type("exit 4\n");
  assertEquals((await running.end()).code, 4);
});

dockerTest("a health check runs inside and tells the health", async () => {
  const check = ["--health-cmd", "test -e /tmp/healthy", "--health-interval", "1s"];
  await start(...check, "--health-retries", "1");
  const health = (wanted: string) =>
    until(`it is ${wanted}`, async () => (await inspect("{{.State.Health.Status}}")) === wanted);
  await health("unhealthy");
  await ok("exec", "box", "touch", "/tmp/healthy");
  await health("healthy");
});

dockerTest("restart, kill and rm -f", async () => {
  await start();
  await ok("restart", "--time", "5", "box");
  await ok("kill", "box");
  await until("it has ended", async () => (await inspect("{{.State.Running}}")) === "false");
  assertEquals(await inspect("{{.State.ExitCode}}"), "137");
  await ok("start", "box");
  await ok("rm", "--force", "box");
});

dockerTest("pause and unpause", async () => {
  await start();
  await ok("pause", "box");
  assertEquals(await inspect("{{.State.Status}}"), "paused");
  await ok("unpause", "box");
  assertEquals(await ok("exec", "box", "echo", "again"), "again");
});

dockerTest("update changes limits of a running container", async () => {
  await start("--memory", "64m", "--memory-swap", "128m");
  const limits = [
    "--memory",
    "96m",
    "--memory-swap",
    "192m",
    "--pids-limit",
    "33",
    "--cpus",
    "0.25",
  ];
  await ok("update", ...limits, "box");
  const read = (controller: string, v1: string, v2: string) =>
    ok(
      "exec",
      "box",
      "sh",
      "-c",
      `cat /sys/fs/cgroup/${controller}/${v1} 2>/dev/null || cat /sys/fs/cgroup/${v2}`,
    );
  assertEquals(await read("memory", "memory.limit_in_bytes", "memory.max"), `${96 << 20}`);
  assertEquals(await read("pids", "pids.max", "pids.max"), "33");
  assertMatch(await read("cpu", "cpu.cfs_quota_us", "cpu.max"), /^25000( 100000)?$/);
});

dockerTest("run -it has a terminal of the right size", async () => {
  using terminal = new Terminal({ rows: 33, columns: 99 });
  const args = ["--host", `unix://${dockerd.socket}`, ...RUN, "--rm", "-it", IMAGE, "sh"];
  const running = terminal.start(workspace, args, { binary: "docker" });
  await terminal.shows(/# /);
  await typeUntilShown(terminal, SIZES, /33 99\r\n/);
  terminal.resize({ rows: 44, columns: 111 });
  await terminal.shows(/44 111\r\n/);
  terminal.type("\x03");
  terminal.type("exit 5\n");
  assertEquals((await running.end()).code, 5);
});

dockerTest(
  "docker's own policy of seccomp, --cap-drop, --read-only, --user, --tmpfs, -v",
  async () => {
    const folder = workspace.path("volume");
    await Deno.mkdir(folder, { mode: 0o755 });
    await Deno.writeTextFile(`${folder}/file`, "from the host\n");
    const script = `grep -E '^(Seccomp|CapBnd):' /proc/self/status; id -u; cat /v/file
    touch /x 2>&1; touch /t/x && echo written`;
    const told = await ok(
      ...RUN,
      "--rm",
      "--cap-drop",
      "ALL",
      "--read-only",
      "--user",
      "1000",
      "--tmpfs",
      "/t",
      "--volume",
      `${folder}:/v:ro`,
      IMAGE,
      "sh",
      "-c",
      script,
    );
    assertEquals(told.split("\n"), [
      `CapBnd:\t${"0".repeat(16)}`,
      "Seccomp:\t2",
      "1000",
      "from the host",
      "touch: /x: Read-only file system",
      "written",
    ]);
  },
);

dockerTest("--privileged", async () => {
  const told = await ok(
    ...RUN,
    "--rm",
    "--privileged",
    IMAGE,
    "sh",
    "-c",
    "grep ^Seccomp: /proc/self/status; mkdir /m && mount -t tmpfs none /m && echo mounted",
  );
  assertEquals(told, "Seccomp:\t0\nmounted");
});

dockerTest("a memory limit ends what eats more, and docker tells why", async () => {
  const limit = ["--memory", "32m", "--memory-swap", "32m"];
  const eater = ["sh", "-c", "head -c 200m /dev/zero | tail"];
  const told = await docker(...RUN, "--name", "box", ...limit, IMAGE, ...eater);
  assert(told.code === 137, told.stderr);
});

dockerTest("loads and runs what gocontainer saves, and the other way round", async () => {
  const images = workspace.path("exchanged");
  const gocontainer = async (...args: string[]) => {
    const [command = "", ...words] = args;
    const { code, stdout, stderr } = await workspace.run([command, "-i", images, ...words]);
    assertEquals(code, 0, stderr);
    return stdout.trimEnd();
  };
  const file = (name: string) => workspace.path(`${name}.tar`);
  // What gocontainer has is what docker saves.
  await ok("save", "--output", file("docker"), IMAGE);
  assertEquals(await gocontainer("load", file("docker")), IMAGE);
  const id = await ok("image", "inspect", "--format", "{{.Id}}", IMAGE);
  assertEquals(await gocontainer("inspect", "--format", "{{.Id}}", IMAGE), id);
  // What docker has is what gocontainer saves, under two names, with a layer of its own.
  const changed = ["import", "-change", "CMD echo mine", await alpineArchiveOf(workspace)];
  const own = await gocontainer(...changed, "mine:1");
  await gocontainer("tag", "mine:1", "registry.test:5000/team/mine:2");
  const names = ["mine:1", "registry.test:5000/team/mine:2"];
  await gocontainer("save", "-o", file("own"), ...names);
  const said = await ok("load", "--input", file("own"));
  assertEquals(said.split("\n").sort(), names.map((name) => `Loaded image: ${name}`));
  for (const name of names) {
    assertEquals(await ok("image", "inspect", "--format", "{{.Id}}", name), own);
    assertEquals(await ok(...RUN, "--rm", name), "mine");
  }
});
