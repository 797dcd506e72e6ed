/** Job control: gocontainer and its program are one job of the user's shell, in front or not, stopped or not. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { BINARY, STATE } from "./support/project.ts";
import type { Record } from "./support/process.ts";
import { Terminal } from "./support/terminal.ts";
import { until } from "./support/wait.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

const run = ["-net=none", "alpine"];

/** A shell with job control, and what it takes to run the binary there. */
function startShell(terminal: Terminal): { gocontainer: string; end(): Promise<unknown> } {
  const running = terminal.start(workspace, ["--norc", "--noediting"], { binary: "/bin/bash" });
  return {
    gocontainer: `${BINARY} -rm -t=false ${run.join(" ")}`,
    end: async () => {
      await terminal.type("exit\r");
      return await running.end();
    },
  };
}

const reads = (path: string) => {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
};

Deno.test("a container in the background has no input, and leaves the terminal to the shell", async () => {
  using terminal = new Terminal();
  const shell = startShell(terminal);
  await terminal.type(
    `${shell.gocontainer} sh -c 'wc -c; exit 7' > job & wait $!; echo ended-$?\r`,
  );
  await terminal.shows(/ended-7\r\n/);
  await shell.end();
  assertEquals(reads(workspace.path("job")), "0\n");
});

Deno.test("one that is begun in the background of a terminal runs there, without -t=false too", async () => {
  using terminal = new Terminal();
  const shell = startShell(terminal);
  await terminal.type(`${BINARY} -rm ${run.join(" ")} sh -c 'tty; wc -c; exit 7' &\r`);
  await terminal.shows(/not a tty\r\n0\r\n/);
  await terminal.type("wait $!; echo ended-$?\r");
  await terminal.shows(/ended-7\r\n/);
  await shell.end();
});

Deno.test("one in front has the terminal; Ctrl-Z stops it, until it is in front again", async () => {
  using terminal = new Terminal();
  const shell = startShell(terminal);
  const output = workspace.path("front");
  // Who reads is not the first process.
  await terminal.type(`${shell.gocontainer} sh -c 'cat; exit 7' > front\r`);
  await terminal.type("one\r");
  await until("the first line has arrived", () => reads(output) === "one\n");
  await terminal.type("\x1a");
  // What is typed before there is a prompt would stand before it.
  await terminal.shows(/Stopped.*\r\n.*# $/);
  for (let i = 1; i <= 5; i++) {
    await terminal.type(`echo shell-$((i=${i}))\r`);
    await terminal.shows(new RegExp(`\\nshell-${i}\\r\\n.*# $`));
  }
  await terminal.type("fg\r");
  await terminal.shows(/# fg\r\n.*gocontainer /);
  await terminal.type("two\r");
  await until("the second line has arrived", () => reads(output) === "one\ntwo\n");
  await terminal.type("\x04");
  await terminal.type("echo ended-$?\r");
  await terminal.shows(/ended-7\r\n/);
  await shell.end();
});

Deno.test("Ctrl-C without a terminal of its own reaches what the program waits for as well", async () => {
  const container = workspace.start([...run, "sleep", "1000"]);
  const { id } = await container.record();
  using terminal = new Terminal();
  const shell = startShell(terminal);
  const script = "trap 'echo got-it; exit 9' INT; sh -c 'echo begun; exec sleep 1003'; echo over";
  for (const command of [shell.gocontainer, `${BINARY} exec ${id}`]) {
    await terminal.type(
      `${command} sh -c "${script}"; echo ended-$?\r`,
    );
    await terminal.shows(/(# |\n)begun\r\n/);
    await terminal.type("\x03");
    await terminal.shows(/\^Cgot-it\r\nended-9\r\n/);
    terminal.forget();
  }
  await shell.end();
  container.kill("SIGTERM");
  await container.end();
});

Deno.test("Ctrl-Z stops the program of exec and what that has begun, and nothing else in the container", async () => {
  const container = workspace.start([...run, "sleep", "1000"]);
  const { id, init } = await container.record();
  using terminal = new Terminal();
  const shell = startShell(terminal);
  await terminal.type(
    `${BINARY} exec ${id} sh -c 'sleep 1001 & exec sleep 1002'\r`,
  );
  const states = () => {
    const script =
      'for i in /proc/[0-9]*; do echo $(cut -d " " -f 3 $i/stat) $(cat $i/cmdline | tr "\\0" " "); done';
    const { stdout } = new Deno.Command("nsenter", {
      args: ["-t", `${init.pid}`, "-p", "-m", "sh", "-c", script],
    }).outputSync();
    const text = new TextDecoder().decode(stdout);
    return [...text.matchAll(/^(\w) sleep (\d+)/gm)].map(([, state, time]) => `${time} ${state}`)
      .sort();
  };
  await until("the programs run", () => states().length === 3);
  await terminal.type("\x1a");
  await terminal.shows(/Stopped/);
  assertEquals(states(), ["1000 S", "1001 T", "1002 T"]);
  await terminal.type("fg\r");
  await until("they go on", () => states().join() === "1000 S,1001 S,1002 S");
  await terminal.type("\x03");
  await terminal.type("echo ended-$?\r");
  await terminal.shows(/ended-130\r\n/);
  await shell.end();
  container.kill("SIGTERM");
  await container.end();
});

/** The record of the container that a shell runs alone, once it is there. */
function record(): Promise<Record> {
  return until("a container is there", () => {
    const records = workspace.ids().map((id) => reads(`${STATE}/${id}/state.json`));
    const record = records.find((text) => text !== "");
    return record === undefined ? undefined : JSON.parse(record) as Record;
  });
}

Deno.test("one in front with a terminal of its own leaves the user's as it was while it is stopped", async () => {
  using terminal = new Terminal({ rows: 24, columns: 80 });
  const shell = startShell(terminal);
  await terminal.shows(/# $/);
  await terminal.type(
    `${BINARY} -rm ${run.join(" ")} sh -c 'echo beg""un; read x; stty size; exit 5'\r`,
  );
  await terminal.shows(/begun\r\n/);
  const { owner } = await record();
  for (const signal of ["SIGTSTP", "SIGSTOP"] as const) {
    terminal.forget();
    assert(terminal.isRaw);
    Deno.kill(owner!.pid, signal);
    await terminal.shows(/Stopped.*\r\n.*# $/);
    // Nobody who has the terminal meanwhile leaves it raw.
    await terminal.type("stty sane rows 33 columns 99\r");
    await until("the terminal is the shell's", () => !terminal.isRaw);
    await terminal.type("fg\r");
    await until("the terminal is the program's again", () => terminal.isRaw);
  }
  await terminal.type("\r");
  await terminal.shows(/33 99\r\n.*# $/);
  await terminal.type("echo ended-$?\r");
  await terminal.shows(/ended-5\r\n/);
  await shell.end();
});

Deno.test("the terminal is given back as it was when its job came to the front", async () => {
  using terminal = new Terminal();
  // As a shell has it that edits a line.
  const script = `set -m; stty -echo; ${BINARY} -t -rm ${run.join(" ")} true &
    until grep -q '^State:.T' /proc/$!/status; do sleep 0.05; done
    stty echo; fg > /dev/null; stty -a | grep -o '[ -]echo '`;
  const running = terminal.start(workspace, ["-c", script], { binary: "/bin/dash" });
  assertEquals((await running.end()).code, 0);
  assertMatch(terminal.shown, /(^|\n) echo \r\n$/);
});

for (const [what, kill] of [["it alone", "kill -9 $(jobs -p)"], ["the job", "kill -9 %1"]]) {
  Deno.test(`the program of exec goes on when gocontainer is killed while it is stopped: ${what}`, async () => {
    const container = workspace.start([...run, "sleep", "1000"]);
    const { id } = await container.record();
    using terminal = new Terminal();
    const shell = startShell(terminal);
    const output = workspace.path(`ticks-${id}`);
    const script = "i=0; while :; do echo $((i=i+1)); sleep 0.05; done";
    await terminal.type(`${BINARY} exec ${id} sh -c '${script}' > ${output}\r`);
    await until("the program runs", () => reads(output).includes("\n2\n"));
    await terminal.type("\x1a");
    await terminal.shows(/Stopped.*\r\n.*# $/);
    const stopped = reads(output);
    await terminal.type(`${kill}\r`);
    await until("the program goes on", () => reads(output).length > stopped.length);
    await terminal.type("wait; echo over\r");
    await terminal.shows(/\nover\r\n/);
    await shell.end();
    container.kill("SIGTERM");
    await container.end();
  });
}

Deno.test("a container does not outlive a gocontainer that is killed while it is stopped", async () => {
  using terminal = new Terminal();
  const shell = startShell(terminal);
  const output = workspace.path("frozen");
  await terminal.type(`${shell.gocontainer} sh -c 'echo begun; sleep 1000' > ${output}\r`);
  await until("the program runs", () => reads(output) === "begun\n");
  const { init } = await record();
  await terminal.type("\x1a");
  await terminal.shows(/Stopped.*\r\n.*# $/);
  await terminal.type("kill -9 %1; wait\r");
  await until("it has ended", () => reads(`/proc/${init!.pid}/stat`).match(/\) [^Z]/) === null);
  await workspace.run(["gc"]);
  await shell.end();
});

Deno.test("a container that somebody else has paused stays so when its job goes on", async () => {
  using terminal = new Terminal();
  const shell = startShell(terminal);
  const output = workspace.path("paused");
  await terminal.type(`${shell.gocontainer} sh -c 'echo begun; exec sleep 1000' > ${output}\r`);
  await until("the program runs", () => reads(output) === "begun\n");
  const { id, owner } = await record();
  assertEquals((await workspace.run(["pause", id])).code, 0);
  await terminal.type("\x1a");
  await terminal.shows(/Stopped.*\r\n.*# $/);
  await terminal.type("fg\r");
  await until("gocontainer waits again", () => /\) S/.test(reads(`/proc/${owner!.pid}/stat`)));
  assertMatch((await workspace.run(["state", id])).stdout, /"status": "paused"/);
  assertEquals((await workspace.run(["resume", id])).code, 0);
  await terminal.type("\x03");
  await terminal.type("echo ended-$?\r");
  await terminal.shows(/ended-130\r\n/);
  await shell.end();
});
