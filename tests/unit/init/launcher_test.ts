import { assertEquals } from "@std/assert";
import { close } from "../../../ffi/file.ts";
import { clearCloseOnExec } from "../../../ffi/process.ts";
import { syscallsOf } from "../../../ffi/syscalls.ts";
import {
  bindAndListen,
  connect,
  recvmsg,
  sendmsg,
  SOCK_SEQPACKET,
  socket,
  socketpair,
} from "../../../ffi/socket.ts";
import { type Launch, launcherImage } from "../../../lib/init/launcher/image.ts";
import type { Machine } from "../../../lib/init/launcher/interpreter.ts";
import { MESSAGES } from "../../../lib/init/launcher/messages.ts";

const ENV = ["PATH=/usr/bin:/bin"];

/** The words before the launcher's path: none on its own machine, an emulator's elsewhere. */
function runner(machine: Machine): string[] | undefined {
  if (machine === Deno.build.arch) return [];
  const emulator = `/usr/bin/qemu-${machine}-static`;
  try {
    return Deno.statSync(emulator).isFile ? [emulator] : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Runs a launcher with descriptor 3 as its channel.
 *
 * @param program what it is to become; its arguments follow, argv[0] first.
 * @param stdin a file or folder that is its descriptor 0.
 * @returns how that ended, and what came through the channel.
 */
function launch(
  machine: Machine,
  program: string,
  argv: string[],
  more: Omit<Launch, "channel"> = {},
  stdin = "/dev/null",
) {
  const folder = Deno.makeTempDirSync();
  try {
    const file = `${folder}/launcher`;
    const launched = { path: program, argv, env: ["GIVEN=yes"] };
    const image = launcherImage({ channel: 3, ...more }, launched, machine);
    Deno.writeFileSync(file, image, { mode: 0o755 });
    const script = 'channel=$0; stdin=$1; shift; exec "$@" 3>"$channel" <"$stdin"';
    const args = ["-c", script, `${folder}/channel`, stdin, ...runner(machine)!, file];
    const { code, signal, stdout } = new Deno.Command("bash", { args }).outputSync();
    const said = Deno.readFileSync(`${folder}/channel`);
    return { code, signal, stdout: new TextDecoder().decode(stdout), said: [...said] };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** The message that a call was refused with this error. */
function refused(errno: number): number[] {
  return [MESSAGES.refused, 0, 0, 0, errno, 0, 0, 0];
}

/**
 * Runs a launcher that makes a sibling.
 *
 * @param word what it hears: its word to go on, or another one.
 * @returns what came through the channel before that and after, how the first process ended, and what the
 * program said.
 */
async function launchSibling(
  machine: Machine,
  script: string,
  { limits = [], ...sibling }: Partial<Launch["sibling"]> & Pick<Launch, "limits"> = {},
  word = "1234",
) {
  const folder = Deno.makeTempDirSync();
  const [ours, theirs] = socketpair();
  try {
    const file = `${folder}/launcher`;
    const image = launcherImage(
      {
        channel: theirs,
        limits,
        sibling: { terminal: false, ...sibling },
      },
      { path: "/bin/sh", argv: ["sh", "-c", script], env: ENV },
      machine,
    );
    if (machine !== Deno.build.arch) forkPlainly(image);
    Deno.writeFileSync(file, image, { mode: 0o755 });
    clearCloseOnExec(theirs);
    const [command, ...args] = [...runner(machine)!, file];
    const child = new Deno.Command(command, { args, stdout: "piped" }).spawn();
    close(theirs);
    const before = [...recvmsg(ours, 100).bytes];
    const { code } = await child.status;
    const message = new TextEncoder().encode(word);
    if (word === "") close(ours);
    else sendmsg(ours, new Uint8Array(message));
    const stdout = await new Response(child.stdout).text();
    const after = word === "" ? [] : [...recvmsg(ours, 100).bytes];
    return { before, code, stdout, after };
  } finally {
    try {
      close(ours);
    } catch {
      // It has been closed on the way.
    }
    Deno.removeSync(folder, { recursive: true });
  }
}

/**
 * Runs a launcher that waits on a listening socket, and connects there.
 *
 * @returns what came through its first channel, and through the connection after its word.
 */
async function launchLater(
  machine: Machine,
  program: string,
  argv: string[],
  more: Omit<Launch, "channel" | "listener"> = {},
) {
  const folder = Deno.makeTempDirSync();
  const [ours, theirs] = socketpair();
  const listener = socket(SOCK_SEQPACKET);
  const connection = socket(SOCK_SEQPACKET);
  try {
    bindAndListen(listener, `${folder}/socket`);
    const file = `${folder}/launcher`;
    const launch = { channel: theirs, listener, ...more };
    const image = launcherImage(launch, { path: program, argv, env: ENV }, machine);
    Deno.writeFileSync(file, image, { mode: 0o755 });
    [theirs, listener].forEach(clearCloseOnExec);
    const [command, ...args] = [...runner(machine)!, file];
    const child = new Deno.Command(command, { args, stdout: "piped" }).spawn();
    [theirs, listener].forEach(close);
    const before = [...recvmsg(ours, 100).bytes];
    connect(connection, `${folder}/socket`);
    sendmsg(connection, new Uint8Array([1, 2, 3, 4]));
    const after = [...recvmsg(connection, 100).bytes];
    const stdout = await new Response(child.stdout).text();
    return { before, code: (await child.status).code, stdout, after };
  } finally {
    [ours, connection].forEach(close);
    Deno.removeSync(folder, { recursive: true });
  }
}

/** The emulator knows no CLONE_PARENT: it gets SIGCHLD in its place, that is fork(2). */
function forkPlainly(image: Uint8Array<ArrayBuffer>): void {
  const CLONE_PARENT = 0x8000, SIGCHLD = 17;
  const words = new DataView(image.buffer);
  for (let at = 0; at + 8 <= image.length; at += 4) {
    if (words.getUint32(at, true) !== syscallsOf("aarch64").clone) continue;
    if (words.getUint32(at + 4, true) !== CLONE_PARENT) continue;
    return words.setUint32(at + 4, SIGCHLD, true);
  }
  throw new Error("The launcher does not fork");
}

/** The number in a message that somebody was born. */
function born(message: number[]): number {
  assertEquals(message.length, 8);
  assertEquals(message.slice(0, 4), [MESSAGES.born, 0, 0, 0]);
  return new DataView(new Uint8Array(message).buffer).getInt32(4, true);
}

for (const machine of ["x86_64", "aarch64"] as const) {
  const ignore = runner(machine) === undefined;

  Deno.test({
    name: `${machine}: the program has its arguments and environment, and the channel no more`,
    ignore,
    fn: () => {
      const script = 'echo "$0 $1 $GIVEN"; test -e /proc/self/fd/3 && echo open; exit 5';
      const result = launch(machine, "/bin/sh", ["sh", "-c", script, "name", "first"]);
      assertEquals(result, { code: 5, signal: null, stdout: "name first yes\n", said: [] });
    },
  });

  Deno.test({
    name: `${machine}: what cannot be run is told by the error's number`,
    ignore,
    fn: () => {
      const ENOENT = 2, EACCES = 13;
      assertEquals(launch(machine, "/nowhere", ["x"]).said, refused(ENOENT));
      const result = launch(machine, "/etc/passwd", ["x"]);
      assertEquals([result.code, ...result.said], [127, ...refused(EACCES)]);
    },
  });
}

/** Runs a launcher that has hooks, and hears of each that it has ended. */
async function launchHooked(
  machine: Machine,
  scripts: readonly string[],
  limits: Launch["limits"] = [],
) {
  const folder = Deno.makeTempDirSync();
  const [ours, theirs] = socketpair();
  try {
    const shell = (script: string) => ({ path: "/bin/sh", argv: ["sh", "-c", script], env: ENV });
    const hooks = { programs: scripts.map(shell), state: "the state" };
    const program = shell("ulimit -Sn; echo program");
    const file = `${folder}/launcher`;
    const image = launcherImage({ channel: theirs, limits, hooks }, program, machine);
    Deno.writeFileSync(file, image, { mode: 0o755 });
    clearCloseOnExec(theirs);
    const [command, ...args] = [...runner(machine)!, file];
    const child = new Deno.Command(command, { args, stdout: "piped" }).spawn();
    close(theirs);
    const said: number[][] = [];
    for (let { bytes } = recvmsg(ours, 100); bytes.length > 0; { bytes } = recvmsg(ours, 100)) {
      said.push([...bytes]);
      if (bytes[0] !== 0 || bytes[1] !== 0) break;
      sendmsg(ours, new Uint8Array(4));
    }
    close(ours);
    const stdout = await new Response(child.stdout).text();
    return { said, stdout, code: (await child.status).code };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

for (const machine of ["x86_64", "aarch64"] as const) {
  const ignore = runner(machine) === undefined;

  Deno.test({
    name:
      `${machine}: hooks come before the program, with the state and the limits, each waited for`,
    ignore,
    fn: async () => {
      const limits = [{ resource: 7, soft: 77n, hard: 99n }];
      const hook = "cat; ulimit -Sn; echo $(readlink /proc/$$/fd/* | grep -c socket:)";
      const told = await launchHooked(machine, [hook, "sleep 0.1; echo second"], limits);
      const end = [0, 0, 0, 0];
      const stdout = "the state77\n0\nsecond\n77\nprogram\n";
      assertEquals(told, { said: [end, end], stdout, code: 0 });
    },
  });

  Deno.test({
    name: `${machine}: how a hook has ended is told, and without a word nothing more is run`,
    ignore,
    fn: async () => {
      const LEFT = 127;
      assertEquals(await launchHooked(machine, ["exit 3", "echo second"]), {
        said: [[0, 3, 0, 0]],
        stdout: "",
        code: LEFT,
      });
      const killed = await launchHooked(machine, ["kill -9 $$"]);
      assertEquals([killed.said, killed.stdout], [[[9, 0, 0, 0]], ""]);
    },
  });
}

// The emulator of another machine knows no openat2(2).
Deno.test("a label is said before all else, and its procfs is not for the program", () => {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.mkdirSync(`${folder}/self/attr`, { recursive: true });
    Deno.writeTextFileSync(`${folder}/self/attr/exec`, "");
    const label = { proc: 0, value: "system_u:system_r:container_t:s0" };
    const script = 'test -e /proc/self/fd/0 || echo closed; cat <"$0"';
    const argv = ["sh", "-c", script, `${folder}/self/attr/exec`];
    const machine = Deno.build.arch;
    const { stdout, said } = launch(machine, "/bin/sh", argv, { label }, folder);
    assertEquals([stdout, said], [`closed\n${label.value}`, []]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

for (const machine of ["x86_64", "aarch64"] as const) {
  const ignore = runner(machine) === undefined;

  Deno.test({
    name: `${machine}: the program is another process, told of, and of a session of its own`,
    ignore,
    fn: async () => {
      const script =
        "echo $$ $(cut -d' ' -f6 /proc/$$/stat) $(readlink /proc/$$/fd/* | grep -c socket:)";
      const { before, code, stdout, after } = await launchSibling(machine, script);
      const pid = born(before);
      assertEquals([code, stdout, after], [0, `${pid} ${pid} 0\n`, []]);
    },
  });

  Deno.test({
    name: `${machine}: it has the limits, and what cannot be set is told`,
    ignore,
    fn: async () => {
      const RLIMIT_NOFILE = 7, RLIMIT_CORE = 4, EINVAL = 22;
      const limits = [
        { resource: RLIMIT_NOFILE, soft: 77n, hard: 99n },
        { resource: RLIMIT_CORE, soft: 0n, hard: 0n },
      ];
      const told = await launchSibling(machine, "ulimit -Sn; ulimit -Hn; ulimit -c", { limits });
      assertEquals([told.stdout, told.after], ["77\n99\n0\n", []]);
      const wrong = [{ resource: 1000, soft: 1n, hard: 1n }];
      const refusal = await launchSibling(machine, "echo ran", { limits: wrong });
      assertEquals([refusal.stdout, refusal.after], ["", refused(EINVAL)]);
    },
  });

  Deno.test({
    name: `${machine}: it waits on a socket, and goes on with who comes there as its channel`,
    ignore,
    fn: async () => {
      const script = "ulimit -n; echo $(readlink /proc/$$/fd/* | grep -c socket:)";
      const limits = [{ resource: 7, soft: 77n, hard: 99n }];
      const told = await launchLater(machine, "/bin/sh", ["sh", "-c", script], { limits });
      const ready = [MESSAGES.ready, 0, 0, 0, 0, 0, 0, 0];
      assertEquals(told, { before: ready, code: 0, stdout: "77\n0\n", after: [] });
      const ENOENT = 2;
      const refusal = await launchLater(machine, "/nowhere", ["nowhere"]);
      assertEquals([refusal.code, refusal.after], [127, refused(ENOENT)]);
    },
  });

  Deno.test({
    name: `${machine}: without its word, or with another one, nothing is run`,
    ignore,
    fn: async () => {
      for (const word of ["", "12", "12345"]) {
        const { code, stdout, after } = await launchSibling(machine, "echo ran", {}, word);
        assertEquals([code, stdout, after], [0, word === "12345" ? "ran\n" : "", []]);
      }
    },
  });
}

Deno.test("a filter is loaded, and told about when it is refused", () => {
  const instruction = (code: number, k: number) => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setUint16(0, code, true);
    new DataView(bytes.buffer).setUint32(4, k, true);
    return bytes;
  };
  const RET = 6, ALLOW = 0x7fff0000, KILL = 0;
  const filter = (value: number, flags = 0) => ({ program: instruction(RET, value), flags });
  const machine = Deno.build.arch;
  // Without no_new_privs it takes root.
  if (Deno.uid() === 0) {
    const script = "grep Seccomp: /proc/self/status";
    const { stdout } = launch(machine, "/bin/sh", ["sh", "-c", script], { filter: filter(ALLOW) });
    assertEquals(stdout, "Seccomp:\t2\n");
    const killed = launch(machine, "/bin/sh", ["sh", "-c", "true"], { filter: filter(KILL) });
    assertEquals(killed.signal, "SIGSYS");
  }
  const EINVAL = 22;
  const unknownFlag = 1 << 14;
  const result = launch(machine, "/bin/true", ["true"], { filter: filter(ALLOW, unknownFlag) });
  assertEquals([result.code, ...result.said], [127, ...refused(EINVAL)]);
});
