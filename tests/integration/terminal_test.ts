/** A terminal of its own: what the user sees, types, and gets back at the end. */

import { assert, assertEquals, assertMatch, assertNotEquals, assertNotMatch } from "@std/assert";
import { assertHostIsAsBefore, lookAtHost } from "./support/host.ts";
import { exists, host } from "./support/project.ts";
import type { Outcome } from "./support/process.ts";
import { Terminal } from "./support/terminal.ts";
import { until } from "./support/wait.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

const run = ["-net=none", "alpine"];
const sh = (script: string) => [...run, "/bin/sh", "-c", script];

/** Runs in a terminal to the end; gives what was shown, with the ends of lines of a file. */
async function runShown(
  args: readonly string[],
  terminal: Terminal,
): Promise<{ outcome: Outcome; shown: string }> {
  const outcome = await terminal.start(workspace, args).end();
  return { outcome, shown: terminal.shown.replaceAll("\r\n", "\n") };
}

async function sha256(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const TTYS = "tty; for fd in 0 1 2; do test -t $fd && echo $fd; done; exit 6";

Deno.test("in a terminal a program gets one of its own, the first of its instance", async () => {
  // What extracting an image says on a terminal is not to be mixed in.
  await workspace.run([...run, "true"]);
  using terminal = new Terminal();
  const { outcome, shown } = await runShown(sh(TTYS), terminal);
  assertEquals([outcome.code, shown], [6, "/dev/pts/0\n0\n1\n2\n"]);
});

Deno.test("a shell at its prompt ends with its input, whenever that ends", async () => {
  for (let round = 0; round < 12; round++) {
    const { stdout, code } = await workspace.run(["-t", "-rm", ...run, "sh"], {
      stdin: round % 2 === 0 ? "" : "echo $((40 + 2)); (exit 3)\n",
      through: ["timeout", "-s", "KILL", "20"],
    });
    assertEquals(code, round % 2 === 0 ? 0 : 3);
    if (round % 2 === 1) assertMatch(stdout, /^42\r$/m);
  }
  // A last line that has no end is run all the same, as it is without -t.
  for (let round = 0; round < 24; round++) {
    const { stdout, code } = await workspace.run(["-t", "-rm", ...run, "sh"], {
      stdin: round % 2 === 0 ? "echo $((40 + 2))" : "true\necho $((40 + 2)); cat",
      through: ["timeout", "-s", "KILL", "20"],
    });
    assertEquals(code, 0);
    assertMatch(stdout, /^42\r$/m);
  }
  // It may begin to read in another way long after the end, and ends what it runs as well.
  const script = "read line; cat; sleep 0.3; echo $line; exec sh -i";
  const { stdout, code } = await workspace.run(["-t", "-rm", ...sh(script)], {
    stdin: "first\n",
    through: ["timeout", "-s", "KILL", "20"],
  });
  assertEquals(code, 0);
  assertMatch(stdout, /^first\r$/m);
});

Deno.test("it is the controlling one of the program's session, and the program is in front", async () => {
  using terminal = new Terminal();
  const { shown } = await runShown([...run, "cat", "/proc/self/stat"], terminal);
  const [pid, , , , group, session, device, foreground] = shown.split(" ");
  const DEV_PTS_0 = `${136 << 8}`;
  assertEquals([pid, group, session, device, foreground], ["1", "1", "1", DEV_PTS_0, "1"]);
});

Deno.test("-t=false: never; the program has the caller's standard input and output", async () => {
  using terminal = new Terminal();
  const { shown } = await runShown(
    ["-t=false", ...sh("echo /dev/pts/*; ls /dev/console 2>&1; cat /proc/self/stat")],
    terminal,
  );
  assertMatch(shown, /^\/dev\/pts\/ptmx\nls: \/dev\/console: No such file or directory\n/);
  const [, , , , , , device] = shown.split("\n")[2].split(" ");
  assertEquals(device, "0");
});

for (const option of ["-t", "-it"]) {
  Deno.test(`${option}: always, also with pipes`, async () => {
    const script = 'tty; read line; echo "<$line>"';
    const { stdout, code } = await workspace.run([option, ...sh(script)], { stdin: "typed\n" });
    assertEquals(code, 0);
    // The echo of what is typed comes before or after what the program says first.
    assertEquals(stdout.replaceAll("\r\n", "\n").replace("typed\n", ""), "/dev/pts/0\n<typed>\n");
  });
}

Deno.test("-t with pipes: the end of input ends what reads", async () => {
  const { stdout, code } = await workspace.run(["-t", ...run, "cat"], { stdin: "a\nb\n" });
  assertEquals(code, 0);
  assertMatch(stdout.replaceAll("\r\n", "\n"), /^(a\nb\n|a\na\nb\nb\n|a\nb\na\nb\n)/);
});

Deno.test("-t with pipes: so does one within a line, and all that comes before it arrives", async () => {
  const script = "stty -echo; echo ready; sha256sum";
  const running = workspace.start(["-t", ...sh(script)], { stdin: "piped" });
  await running.says(/ready/);
  const typed = "a line of what is piped\n".repeat(4000) + "the last one";
  await running.feed(typed);
  const { code, stdout } = await running.end();
  assertEquals([code, stdout], [0, `ready\r\n${await sha256(typed)}  -\r\n`]);
});

Deno.test("-t with an output that takes nothing: it is told once, and the program goes on", async () => {
  const script = "seq 1 3000; sleep 0.1; seq 1 3000; exit 3";
  const through = ["sh", "-c", '"$@" > /dev/full', "sh"];
  const { code, stderr } = await workspace.run(["-t", ...sh(script)], { through });
  const lost = "gocontainer: warning: write the program's output: write 1: ENOSPC " +
    "(No space left on device): what cannot be written is lost\n";
  assertEquals([code, stderr], [3, lost]);
});

Deno.test("in a terminal that is told at the beginning of a line, and what follows too", async () => {
  using terminal = new Terminal();
  const args = ["-t", ...sh("echo; read line; exit 3")];
  const running = terminal.start(workspace, args, { redirect: "> /dev/full" });
  await terminal.shows(/is lost\r\n$/);
  await terminal.type("\r");
  assertEquals((await running.end()).code, 3);
});

for (const redirect of ["< /", "0> /dev/null"]) {
  Deno.test(`-t with an input that cannot be read: it is at its end (${redirect})`, async () => {
    const through = ["sh", "-c", `"$@" ${redirect}`, "sh"];
    const told = await workspace.run(["-t", ...sh("cat; echo end")], { through });
    assertEquals([told.code, told.stdout, told.stderr], [0, "end\r\n", ""]);
  });
}

/** A pipe by name that is full, and that nobody reads. */
async function fullPipe(): Promise<{ path: string } & Disposable> {
  const path = workspace.path("full");
  await host("mkfifo", path);
  const pipe = Deno.openSync(path, { read: true, write: true });
  pipe.writeSync(new Uint8Array(65536));
  return {
    path,
    [Symbol.dispose]() {
      pipe.close();
      Deno.removeSync(path);
    },
  };
}

Deno.test("-t with a reader who stands still: SIGTERM ends the program and the wait", async () => {
  using full = await fullPipe();
  const through = ["sh", "-c", 'exec "$@" > "$0"', full.path];
  const running = workspace.start(["-t", ...run, "yes"], { through });
  await running.becomes("yes");
  running.kill("SIGTERM");
  assertEquals((await running.end()).code, 143);
});

Deno.test("-t with a reader who stands still: SIGTERM ends the wait for him alone, too", async () => {
  using full = await fullPipe();
  const through = ["sh", "-c", 'exec "$@" > "$0"', full.path];
  const running = workspace.start(["-t", ...sh("read line; seq 1 1000")], {
    through,
    stdin: "piped",
  });
  const { init } = await running.record();
  await running.feed("\n");
  await until("the program has ended", () => !exists(`/proc/${init.pid}`));
  running.kill("SIGTERM");
  assertEquals((await running.end()).code, 143);
});

Deno.test("-t with a reader who stands still: so does Ctrl-C once the program has ended", async () => {
  using full = await fullPipe();
  using terminal = new Terminal();
  const running = terminal.start(workspace, ["-t", ...sh("read line; seq 1 1000")], {
    redirect: `> ${full.path}`,
  });
  const { init } = await running.record();
  await terminal.type("\r");
  await until("the program has ended", () => !exists(`/proc/${init.pid}`));
  await terminal.type("\x03");
  assertEquals((await running.end()).code, 130);
});

for (const redirect of ["< /dev/null", "> /dev/null"]) {
  Deno.test(`none by itself when only one side is a terminal: ${redirect}`, async () => {
    using terminal = new Terminal();
    const running = terminal.start(workspace, sh("ls /dev/console >&2"), { redirect });
    await running.end();
    assertMatch(terminal.shown, /ls: \/dev\/console: No such file/);
  });
}

Deno.test("its size is the caller's, and follows it", async () => {
  using terminal = new Terminal({ rows: 33, columns: 101 });
  const script = "stty size; trap 'stty size; exit 0' WINCH; echo ready; sleep 1000 & wait; wait";
  const running = terminal.start(workspace, sh(script));
  await terminal.shows(/^33 101\r\nready\r\n/);
  terminal.resize({ rows: 12, columns: 200 });
  await terminal.shows(/ready\r\n12 200\r\n/);
  assertEquals((await running.end()).code, 0);
});

Deno.test("what is typed is read, and echoed once", async () => {
  using terminal = new Terminal();
  const running = terminal.start(workspace, sh('echo ready; read line; echo "<$line>"'));
  await terminal.shows(/ready/);
  await terminal.type("hello\r");
  await running.end();
  assertEquals(terminal.shown, "ready\r\nhello\r\n<hello>\r\n");
});

Deno.test("what is typed ahead is not lost", async () => {
  using terminal = new Terminal();
  await terminal.type("early\n");
  const running = terminal.start(workspace, sh('read line; echo "<$line>"'));
  await running.end();
  assertMatch(terminal.shown, /<early>\r\n$/);
});

Deno.test("nor is the beginning of a line", async () => {
  using terminal = new Terminal();
  await terminal.type("ear");
  const running = terminal.start(workspace, sh('echo ready; read line; echo "<$line>"'));
  await terminal.shows(/ready/);
  await terminal.type("ly\r");
  await running.end();
  assertMatch(terminal.shown, /<early>\r\n$/);
});

for (
  const [where, typed, read] of [
    ["alone", "\x04", ""],
    ["behind a line", "a line\r\x04", "a line\n"],
    ["within a line", "begun\x04\x04", "begun"],
  ]
) {
  Deno.test(`nor is an end of input: ${where}`, async () => {
    using terminal = new Terminal();
    await terminal.type(typed);
    const script = "stty -echo; cat > read; echo ended; cat read";
    const { outcome, shown } = await runShown(sh(script), terminal);
    assertEquals(outcome.code, 0);
    assertEquals(shown.slice(shown.indexOf("ended")), `ended\n${read}`);
  });
}

Deno.test("20000 typed lines arrive, none lost or changed", async () => {
  using terminal = new Terminal();
  const script = "stty -echo; echo ready; head -n 20000 | sha256sum";
  const running = terminal.start(workspace, sh(script));
  await terminal.shows(/ready/);
  const lines = Array.from({ length: 20000 }, (_, i) => `line ${i} of what is pasted\n`).join("");
  await terminal.type(lines);
  await running.end();
  assertEquals(terminal.shown, `ready\r\n${await sha256(lines)}  -\r\n`);
});

Deno.test("all output of a short-lived program is shown, 40 times", async () => {
  const lines = Array.from({ length: 3000 }, (_, i) => `${i + 1}\n`).join("");
  for (let i = 0; i < 40; i++) {
    using terminal = new Terminal();
    const running = terminal.start(workspace, [...run, "seq", "1", "3000"]);
    const reading = until("it has ended", () => terminal.shown.endsWith("3000\r\n"));
    assertEquals((await running.end()).code, 0);
    await reading;
    assert(terminal.shown.replaceAll("\r\n", "\n") === lines, `run ${i} is not whole`);
  }
});

Deno.test("Ctrl-C ends a program in front that does nothing about it", async () => {
  using terminal = new Terminal();
  const running = terminal.start(workspace, sh("echo ready; exec sleep 1000"));
  await terminal.shows(/ready/);
  await running.becomes("sleep");
  await terminal.type("\x03");
  assertEquals((await running.end()).code, 130);
});

Deno.test("Ctrl-\\ too", async () => {
  using terminal = new Terminal();
  const running = terminal.start(workspace, sh("echo ready; exec sleep 1000"));
  await terminal.shows(/ready/);
  await running.becomes("sleep");
  await terminal.type("\x1c");
  assertEquals((await running.end()).code, 131);
});

Deno.test("Ctrl-C goes to a program that handles it, once", async () => {
  using terminal = new Terminal();
  const script = "n=0; trap 'n=$((n+1)); echo int $n' INT; trap 'exit $n' QUIT; echo ready; " +
    "while :; do sleep 0.1; done";
  const running = terminal.start(workspace, sh(script));
  await terminal.shows(/ready/);
  await terminal.type("\x03");
  await terminal.shows(/int 1\r\n/);
  await terminal.type("\x03");
  await terminal.shows(/int 2\r\n/);
  await terminal.type("\x1c");
  assertEquals((await running.end()).code, 2);
});

Deno.test("in a program that has switched signals off, Ctrl-C is a character like any other", async () => {
  using terminal = new Terminal();
  const script = "stty -isig -icanon -echo min 1; echo ready; head -c 1 | od -An -tx1";
  const running = terminal.start(workspace, sh(script));
  await terminal.shows(/ready/);
  await terminal.type("\x03");
  assertEquals((await running.end()).code, 0);
  assertMatch(terminal.shown, /ready\r\n 03\r\n$/);
});

Deno.test("an interactive shell: prompt, Ctrl-C for what it runs, jobs, Ctrl-D to leave", async () => {
  using terminal = new Terminal();
  const running = terminal.start(workspace, ["-net=none", "-name", "box", "alpine", "/bin/sh"]);
  await terminal.shows(/root@box\$ /);
  await terminal.type("sleep 1000; echo after-$?\r");
  const { init } = await running.record();
  const children = `/proc/${init.pid}/task/${init.pid}/children`;
  // A child is in front, and takes signals as sleep does, once it is sleep and no copy of the shell.
  const sleeps = () => {
    const child = Deno.readTextFileSync(children).trim();
    return child !== "" && Deno.readTextFileSync(`/proc/${child}/comm`) === "sleep\n";
  };
  await until("sleep runs", sleeps);
  await terminal.type("\x03");
  await until("sleep has ended", () => Deno.readTextFileSync(children) === "");
  await terminal.type("echo still-$((40+2))\r");
  await terminal.shows(/\r\nstill-42\r\n/);
  await terminal.type("sleep 1000\r");
  await until("sleep runs", sleeps);
  await terminal.type("\x1a");
  await terminal.shows(/Stopped/);
  await terminal.type("fg\r");
  await terminal.shows(/Stopped[^]*\nsleep 1000\r\n/);
  await terminal.type("\x03");
  await until("sleep has ended", () => Deno.readTextFileSync(children) === "");
  await terminal.type("exit 7\r");
  assertEquals((await running.end()).code, 7);
});

Deno.test("Ctrl-D is the end of input", async () => {
  using terminal = new Terminal();
  const running = terminal.start(workspace, sh("echo ready; cat; echo end; exit 9"));
  await terminal.shows(/ready/);
  await terminal.type("\x04");
  assertEquals((await running.end()).code, 9);
  assertMatch(terminal.shown, /end\r\n$/);
});

Deno.test("the user's terminal is raw while the program runs", async () => {
  using terminal = new Terminal();
  const before = terminal.settings;
  const running = terminal.start(workspace, sh("stty -echo; echo ready; read line"));
  await terminal.shows(/ready/);
  assert(terminal.isRaw);
  await terminal.type("\r");
  await running.end();
  assertEquals(terminal.settings, before);
});

/** Ways out of a run in a terminal. Each ends it, where it does not end by itself. */
const WAYS: readonly {
  readonly name: string;
  readonly args: readonly string[];
  readonly code: number;
  readonly end?: (pids: { gocontainer: number; init: number }) => void;
}[] = [
  { name: "the program ends", args: sh("true"), code: 0 },
  { name: "the program ends with an error", args: sh("exit 3"), code: 3 },
  { name: "the program leaves its terminal in disorder", args: sh("stty raw -echo"), code: 0 },
  { name: "there is no such command", args: [...run, "no-such-command"], code: 127 },
  { name: "there is no such image", args: ["-net=none", "no-such-image", "true"], code: 125 },
  { name: "an option is wrong", args: ["-mem", "x", ...run, "true"], code: 1 },
  {
    name: "a step fails",
    args: ["-test-fault", "fail:make the container's root", ...run, "true"],
    code: 125,
  },
  {
    name: "the last step fails",
    args: ["-test-fault", "fail:run ", ...run, "true"],
    code: 125,
  },
  {
    name: "the program is killed",
    args: sh("echo ready; exec sleep 1000"),
    code: 137,
    end: ({ init }) => Deno.kill(init, "SIGKILL"),
  },
  ...(["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const).map((signal) => ({
    name: `gocontainer gets ${signal}`,
    args: sh("echo ready; exec sleep 1000"),
    code: { SIGTERM: 143, SIGINT: 130, SIGHUP: 129, SIGQUIT: 131 }[signal],
    end: ({ gocontainer }: { gocontainer: number }) => Deno.kill(gocontainer, signal),
  })),
];

for (const { name, args, code, end } of WAYS) {
  Deno.test(`the user's terminal is as before when ${name}`, async () => {
    using terminal = new Terminal();
    const before = terminal.settings;
    const running = terminal.start(workspace, args);
    if (end !== undefined) {
      await terminal.shows(/ready/);
      const { init } = await running.becomes("sleep");
      end({ gocontainer: running.pid, init: init.pid });
    }
    assertEquals((await running.end()).code, code, terminal.shown);
    assertEquals(terminal.settings, before);
  });
}

Deno.test("the user's terminal is as before when gocontainer is killed, too, by its name", async () => {
  using terminal = new Terminal();
  const before = terminal.settings;
  const host = lookAtHost();
  const shell = ["sh", "-c", '"$@"; echo ended-$?; read line', "sh"];
  const running = terminal.start(workspace, sh("echo ready; exec sleep 1000"), { through: shell });
  await terminal.shows(/ready/);
  assert(terminal.isRaw);
  const ofTerminal = ["-t", terminal.path.replace("/dev/", "")];
  const { code } = await new Deno.Command("pkill", {
    args: ["-KILL", ...ofTerminal, "gocontainer"],
  })
    .output();
  assertEquals(code, 0);
  await terminal.shows(/ended-137/);
  await until("it is as before", () => `${terminal.settings}` === `${before}`);
  await terminal.type("\r");
  await running.end();
  await workspace.run(["gc"]);
  await assertHostIsAsBefore(host);
});

Deno.test("steps told in a terminal stand at the beginning of lines, all of them", async () => {
  using terminal = new Terminal();
  await terminal.start(workspace, ["-explain", ...sh("echo hi")]).end();
  assertMatch(terminal.shown, /\d+\. \[container\] run [^]*\r\nhi\r\n[^]*\d+\. \[host\] remove/);
  assertNotMatch(terminal.shown, /[^\r]\n/);
});

Deno.test("errors in a terminal stand at the beginning of lines", async () => {
  using terminal = new Terminal();
  const { shown } = await runShown([...run, "no-such-command"], terminal);
  assertMatch(
    shown,
    /^gocontainer: run "no-such-command": command not found in the container\nLook/,
  );
});

Deno.test("a terminal that goes away ends the program, and nothing is left", async () => {
  const before = lookAtHost();
  const terminal = new Terminal();
  const running = terminal.start(workspace, sh("echo ready; exec sleep 1000"));
  await terminal.shows(/ready/);
  await running.becomes("sleep");
  terminal[Symbol.dispose]();
  assertEquals((await running.end()).code, 129);
  await assertHostIsAsBefore(before);
});

Deno.test("the caller's terminal is not to be had inside", async () => {
  using terminal = new Terminal();
  const { shown } = await runShown(sh("stat -L -c %d /proc/self/fd/0; echo /dev/pts/*"), terminal);
  const [device, names] = shown.split("\n");
  assertMatch(device, /^\d+$/);
  // Another instance of devpts has another device number.
  assertNotEquals(device, `${Deno.statSync(terminal.path).dev}`);
  assertEquals(names, "/dev/pts/0 /dev/pts/ptmx");
});
