/** Signals to gocontainer are signals to the program. */

import { assertEquals, assertMatch } from "@std/assert";
import { SIGNALS } from "../../ffi/constants.ts";
import { assertHostIsAsBefore, lookAtHost } from "./support/host.ts";
import type { Running } from "./support/process.ts";
import { exists, STATE } from "./support/project.ts";
import { until } from "./support/wait.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

const FORWARDED = ["INT", "TERM", "HUP", "QUIT", "USR1", "USR2", "WINCH"] as const;

/** Starts a shell script as first process, which says `ready` when it is. */
async function start(script: string): Promise<Running> {
  const running = workspace.start(["-net=none", "alpine", "/bin/sh", "-c", script]);
  await running.says(/ready\n/);
  return running;
}

const WAIT = "sleep 1000 & echo ready; while :; do wait; done";

for (const name of FORWARDED) {
  Deno.test(`SIG${name} reaches the program, which does with it what it likes`, async () => {
    const running = await start(`trap 'echo got ${name}; exit 5' ${name}; ${WAIT}`);
    running.kill(`SIG${name}`);
    const { code, stdout } = await running.end();
    assertEquals([code, stdout], [5, `ready\ngot ${name}\n`]);
  });
}

for (const name of FORWARDED.filter((name) => name !== "WINCH")) {
  Deno.test(`a program that does nothing about SIG${name} ends by it: ${128 + number(name)}`, async () => {
    const before = lookAtHost();
    const running = await start("echo ready; exec sleep 1000");
    await running.becomes("sleep");
    running.kill(`SIG${name}`);
    assertEquals((await running.end()).code, 128 + number(name));
    await assertHostIsAsBefore(before);
  });
}

function number(name: typeof FORWARDED[number]): number {
  return SIGNALS[`SIG${name}`];
}

/** Sends a signal by its number, as the real-time ones have no other name. */
async function send(signal: number, { pid }: Running): Promise<void> {
  const { code } = await new Deno.Command("kill", { args: [`-${signal}`, `${pid}`] }).output();
  assertEquals(code, 0, `kill -${signal}`);
}

/** All that are not for gocontainer itself; in Alpine 34 is the C library's. */
const MORE = [
  ...[
    "CONT",
    "PIPE",
    "ALRM",
    "VTALRM",
    "PROF",
    "IO",
    "PWR",
    "STKFLT",
    "XCPU",
    "XFSZ",
    "SYS",
    "TRAP",
  ]
    .map((name) => SIGNALS[`SIG${name}` as keyof typeof SIGNALS]),
  ...[SIGNALS.SIGABRT, 35, 37, 50, 64],
];

for (const name of ["INT", "QUIT"] as const) {
  Deno.test(`SIG${name} reaches what a shell waits for as well, which alone has it go on`, async () => {
    const running = await start(
      `trap 'echo got it; exit 6' ${name}; echo ready; sh -c 'echo waited for; exec sleep 1000'`,
    );
    await running.says(/waited for/);
    running.kill(`SIG${name}`);
    const { code, stdout } = await running.end();
    assertEquals([code, stdout], [6, "ready\nwaited for\ngot it\n"]);
  });
}

Deno.test("every signal that can be meant for the program reaches it, real-time ones too", async () => {
  const traps = MORE.map((signal) => `trap 'echo got ${signal}' ${signal}`).join("; ");
  const running = await start(`${traps}; trap 'exit 5' TERM; ${WAIT}`);
  for (const signal of MORE) {
    await send(signal, running);
    await running.says(new RegExp(`got ${signal}\n`));
  }
  running.kill("SIGTERM");
  const { code, stdout } = await running.end();
  assertEquals([code, stdout], [5, `ready\n${MORE.map((n) => `got ${n}\n`).join("")}`]);
});

for (const signal of [SIGNALS.SIGALRM, SIGNALS.SIGABRT, SIGNALS.SIGPWR, 37]) {
  Deno.test(`a program that does nothing about signal ${signal} ends by it, and leaves nothing`, async () => {
    const running = await start("echo ready; exec sleep 1000");
    const { id, cgroups } = await running.becomes("sleep");
    await send(signal, running);
    assertEquals((await running.end()).code, 128 + signal);
    assertEquals([`${STATE}/${id}`, ...cgroups].filter(exists), []);
  });
}

Deno.test("signals to exec are signals to its program", async () => {
  const container = await start(`trap 'exit 0' TERM; ${WAIT}`);
  const busy = "echo ready; while :; do sleep 0.05; done";
  const { id } = await container.record();
  const exec = async (script: string) => {
    const running = workspace.start(["exec", id, "/bin/sh", "-c", script]);
    await running.says(/ready\n/);
    return running;
  };
  for (const signal of [SIGNALS.SIGALRM, 37]) {
    const catching = await exec(`trap 'echo got it; exit 6' ${signal}; ${busy}`);
    await send(signal, catching);
    assertEquals((await catching.end()).code, 6);
    const plain = await exec(busy);
    await send(signal, plain);
    assertEquals((await plain.end()).code, 128 + signal);
  }
  container.kill("SIGTERM");
  assertEquals((await container.end()).code, 0);
});

for (const name of ["WINCH", "CONT"] as const) {
  Deno.test(`SIG${name} does nothing to a program that does nothing about it`, async () => {
    const running = await start("echo ready; read line; echo $line");
    running.kill(`SIG${name}`);
    assertEquals((await running.end()).code, 0);
  });
}

Deno.test("output that nobody reads any more is no signal to a program with a terminal", async () => {
  const script = "echo ready; sleep 1; echo lost; sleep 1; exit 7";
  const { stdout } = await workspace.run(["-net=none", "-t", "alpine", "/bin/sh", "-c", script], {
    through: ["sh", "-c", `exec 3>&1; { "$@"; echo "code $?" >&3; } | head -1 >/dev/null`, "sh"],
  });
  assertEquals(stdout, "code 7\n");
});

Deno.test("what a caller ignores or blocks changes nothing: not the wait for children, nor the program", async () => {
  const script = "grep -E 'Sig(Ign|Blk)' /proc/self/status; exit 5";
  for (const how of ["--ignore-signal", "--block-signal"]) {
    const through = ["env", `${how}=CHLD`, `${how}=TERM`, `${how}=USR1`];
    // The network takes another program that is waited for.
    const { code, stdout, stderr } = await workspace.run(["alpine", "/bin/sh", "-c", script], {
      through,
    });
    assertEquals([code, stderr], [5, ""]);
    assertEquals(stdout.match(/[0-9a-f]+$/gm), ["0000000000000000", "0000000000000000"]);
  }
});

Deno.test("a program that ignores a signal goes on", async () => {
  const script = `trap '' TERM HUP; trap 'echo usr1' USR1; trap 'exit 3' USR2; ${WAIT}`;
  const running = await start(script);
  for (const name of ["TERM", "HUP", "USR1"] as const) running.kill(`SIG${name}`);
  await running.says(/usr1\n/);
  running.kill("SIGUSR2");
  const { code, stdout } = await running.end();
  assertEquals([code, stdout], [3, "ready\nusr1\n"]);
});

Deno.test("each signal arrives once, also when the whole process group gets it", async () => {
  const script = `n=0; trap 'n=$((n+1)); echo int $n' INT; trap 'exit $n' USR1; ${WAIT}`;
  // A session of its own, as a shell makes a process group for each job.
  const running = workspace.start(["-net=none", "alpine", "/bin/sh", "-c", script], {
    through: ["setsid"],
  });
  await running.says(/ready\n/);
  Deno.kill(-running.pid, "SIGINT");
  await running.says(/int 1\n/);
  running.kill("SIGUSR1");
  assertEquals((await running.end()).code, 1);
});

Deno.test("signals one after another arrive in order, none is lost", async () => {
  const script = `trap 'echo 1' USR1; trap 'echo 2' USR2; trap 'echo h; exit 0' HUP; ${WAIT}`;
  const running = await start(script);
  let expected = "ready\n";
  for (let i = 0; i < 20; i++) {
    running.kill(i % 2 === 0 ? "SIGUSR1" : "SIGUSR2");
    expected += i % 2 === 0 ? "1\n" : "2\n";
    const wanted = expected;
    await until(`${i + 1} signals have arrived`, () => running.stdout.length >= wanted.length);
  }
  running.kill("SIGHUP");
  assertEquals((await running.end()).stdout, `${expected}h\n`);
});

Deno.test("a signal during the making of the container is not lost", async () => {
  const before = lookAtHost();
  for (let i = 0; i < 10; i++) {
    const running = workspace.start(["-net=none", "alpine", "sleep", "1000"]);
    await running.record();
    running.kill("SIGTERM");
    assertEquals((await running.end()).code, 128 + 15);
  }
  await assertHostIsAsBefore(before);
});

Deno.test("what the first process leaves running ends with it", async () => {
  const before = lookAtHost();
  const running = await start(
    "(trap '' TERM INT HUP; sleep 1000) & setsid sleep 1000 & echo ready; exec sleep 1000",
  );
  await running.becomes("sleep");
  running.kill("SIGTERM");
  assertEquals((await running.end()).code, 128 + 15);
  await assertHostIsAsBefore(before);
});

Deno.test("a program that is stopped and goes on is not taken for one that has ended", async () => {
  const running = await start(`trap 'echo alive; exit 4' USR1; ${WAIT}`);
  const { init } = await running.record();
  const state = () => Deno.readTextFileSync(`/proc/${init.pid}/status`).match(/^State:\t(\w)/m)![1];
  Deno.kill(init.pid, "SIGSTOP");
  await until("it is stopped", () => state() === "T");
  Deno.kill(init.pid, "SIGCONT");
  running.kill("SIGUSR1");
  const { code, stdout } = await running.end();
  assertEquals(code, 4);
  assertMatch(stdout, /alive\n$/);
});
