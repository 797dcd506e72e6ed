/** containerd drives the binary through its shim: `ctr run --runc-binary` and the tasks after it. */

import { assertEquals, assertMatch } from "@std/assert";
import type { Outcome } from "../integration/support/process.ts";
import { BINARY, host } from "../integration/support/project.ts";
import { until } from "../integration/support/wait.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { Containerd, HAS_CONTAINERD } from "./support/daemon.ts";
import { alpineArchiveOf } from "./support/image.ts";
import { assertNothingIsLeft } from "./support/remains.ts";
import { testWith } from "./support/skip.ts";

const workspace = Workspace.ofThisFile();
const containerd = new Containerd(workspace);
Deno.test.afterAll(() => containerd.stop());

let rootfs: string | undefined;
let ids = 0;

/** Runs ctr to its end. */
function ctr(...args: string[]): Promise<Outcome> {
  return workspace.run(["--address", containerd.socket, ...args], { binary: "ctr" });
}

/** Runs ctr and returns what it said. */
async function ok(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await ctr(...args);
  if (code !== 0) throw new Error(`ctr ${args.join(" ")}: exit code ${code}\n${stderr}`);
  return stdout.trimEnd();
}

/** The options of `ctr run` that say which runtime. */
const RUNTIME = ["--runc-binary", BINARY];

/** A test with containerd running and an id of its own, after which nothing of the container is left. */
function ctrTest(name: string, fn: (id: string) => Promise<void>): void {
  testWith({ containerd: HAS_CONTAINERD }, `containerd: ${name}`, async () => {
    await containerd.start();
    if (rootfs === undefined) {
      rootfs = workspace.path("rootfs");
      await Deno.mkdir(rootfs);
      await host("tar", "-C", rootfs, "-xf", await alpineArchiveOf(workspace));
    }
    const id = `gct-${Deno.pid}-${ids++}`;
    try {
      await fn(id);
    } finally {
      await ctr("task", "rm", "--force", id);
      await ctr("container", "rm", id);
    }
    await assertNothingIsLeft([id]);
  }, { daemon: true });
}

const PATIENT = [
  "sh",
  "-c",
  `trap "exit 4" TERM; trap "echo usr1 >>/tmp/$0" USR1; touch /tmp/$0
  while :; do sleep 0.05; done`,
];

/** Starts PATIENT in the background and waits until it listens. */
async function start(id: string, ...options: string[]): Promise<void> {
  const run = ["run", ...RUNTIME, "--detach", ...options, "--rootfs", rootfs!, id];
  await ok(...run, ...PATIENT, id);
  await until("the program listens", () => {
    try {
      return Deno.statSync(`${rootfs}/tmp/${id}`).isFile;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  });
}

async function statusOf(id: string): Promise<string | undefined> {
  const tasks = await ok("task", "ls");
  return tasks.split("\n").map((line) => line.split(/\s+/)).find(([task]) => task === id)?.[2];
}

ctrTest("run gives back what the program says and its exit code", async (id) => {
  const script = "echo out; echo err >&2; exit 7";
  const run = ["run", ...RUNTIME, "--rm", "--rootfs", rootfs!, id];
  const told = await ctr(...run, "sh", "-c", script);
  assertEquals([told.code, told.stdout], [7, "out\n"]);
  assertMatch(told.stderr, /^err\n/);
});

ctrTest("a program that is not there is an error that says so", async (id) => {
  const told = await ctr("run", ...RUNTIME, "--rm", "--rootfs", rootfs!, id, "nope");
  assertEquals(told.code, 1);
  assertMatch(told.stderr, /"nope": command not found in the container: no such file or directory/);
});

ctrTest(
  "run and exec with --tty have a terminal of their own, as large as the caller's",
  async (id) => {
    const program = "tty; until stty size | grep '33 99'; do sleep 0.1; done; exit 3";
    /** As somebody at a terminal of that size does. */
    const typed = async (...words: string[]) => {
      const quoted = ["ctr", "--address", containerd.socket, ...words, "sh", "-c", program]
        .map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
      const args = ["-qec", `stty rows 33 cols 99; ${quoted}`, "/dev/null"];
      return await workspace.run(args, { binary: "script" });
    };
    const run = await typed("run", ...RUNTIME, "--rm", "--tty", "--rootfs", rootfs!, id);
    assertEquals(run.code, 3, run.stdout);
    assertMatch(run.stdout, /\/dev\/pts\/\d+\s[^]*33 99\s/);
    await start(id);
    const exec = await typed("task", "exec", "--tty", "--exec-id", "tty", id);
    assertEquals(exec.code, 3, exec.stdout);
    assertMatch(exec.stdout, /\/dev\/pts\/\d+\s[^]*33 99\s/);
  },
);

ctrTest("exec, ps, metrics, pause, resume, kill and rm of a task", async (id) => {
  await start(id);
  assertEquals(await statusOf(id), "RUNNING");
  const exec = ["task", "exec", "--exec-id", "more"];
  const told = await ctr(
    ...exec,
    "--user",
    "1000:1001",
    "--cwd",
    "/tmp",
    id,
    "sh",
    "-c",
    "id -u; id -g; pwd; exit 6",
  );
  assertEquals([told.code, told.stdout], [6, "1000\n1001\n/tmp\n"]);
  const missing = await ctr(...exec, id, "nope");
  assertEquals(missing.code, 1);
  assertMatch(missing.stderr, /"nope": command not found in the container/);

  assertMatch(await ok("task", "ps", id), /^PID +INFO\n\d+ /);
  assertMatch(await ok("task", "metrics", id), /(memory\.usage_in_bytes|memory\.usage) +[1-9]\d+/);

  await ok("task", "pause", id);
  assertEquals(await statusOf(id), "PAUSED");
  await ok("task", "resume", id);
  assertEquals(await statusOf(id), "RUNNING");

  await ok("task", "kill", "--signal", "USR1", id);
  await until("the signal has come", () => {
    return Deno.readTextFileSync(`${rootfs}/tmp/${id}`) === "usr1\n";
  });
  await ok("task", "kill", "--signal", "TERM", id);
  await until("it has ended", async () => (await statusOf(id)) === "STOPPED");
  assertMatch((await ctr("task", "rm", id)).stderr, /exit with non-zero exit code 4/);
  assertEquals(await statusOf(id), undefined);
});

ctrTest("kill --all ends every process", async (id) => {
  await start(id);
  await ok("task", "exec", "--detach", "--exec-id", "more", id, "sleep", "1000");
  await ok("task", "kill", "--all", "--signal", "KILL", id);
  await until("it has ended", async () => (await statusOf(id)) === "STOPPED");
  assertMatch((await ctr("task", "rm", id)).stderr, /exit with non-zero exit code 137/);
});

ctrTest("limits, capabilities, environment and mounts come through", async (id) => {
  const script =
    `cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max
    grep CapEff /proc/self/status; echo $A; cat /m/file; touch /m/x; touch /x`;
  await Deno.mkdir(workspace.path("m"));
  await Deno.writeTextFile(workspace.path("m/file"), "from the host\n");
  const told = await ctr(
    "run",
    ...RUNTIME,
    "--rm",
    "--read-only",
    "--memory-limit",
    `${64 << 20}`,
    "--env",
    "A=b",
    "--cap-drop",
    "CAP_CHOWN",
    "--mount",
    `type=cgroup,src=cgroup,dst=/sys/fs/cgroup,options=ro`,
    "--mount",
    `type=bind,src=${workspace.path("m")},dst=/m,options=rbind:ro`,
    "--rootfs",
    rootfs!,
    id,
    "sh",
    "-c",
    script,
  );
  assertMatch(
    told.stdout,
    new RegExp(`^${64 << 20}\nCapEff:\t0{8}[0-9a-f]{7}[02468ace]\nb\nfrom the host\n$`),
  );
  assertMatch(told.stderr, /\/m\/x: Read-only file system\n.*\/x: Read-only file system/);
});

ctrTest("the policy of seccomp is kept", async (id) => {
  const run = ["run", ...RUNTIME, "--rm", "--seccomp", "--rootfs", rootfs!, id];
  assertEquals(await ok(...run, "grep", "^Seccomp:", "/proc/self/status"), "Seccomp:\t2");
});
