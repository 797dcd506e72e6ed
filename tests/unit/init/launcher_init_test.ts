import { assertEquals } from "@std/assert";
import { CStringArray } from "../../../ffi/cstring.ts";
import { close, Fd } from "../../../ffi/file.ts";
import { clearCloseOnExec, setCloseOnExec, waitid } from "../../../ffi/process.ts";
import { ProgramFile } from "../../../ffi/program_file.ts";
import { posix_spawn } from "../../../ffi/posix_spawn.ts";
import { socketpair } from "../../../ffi/socket.ts";
import { type ChildMessage, hear, type Refused, sendGo } from "../../../lib/init/channel.ts";
import {
  type Beginning,
  beginningImage,
  type Ending,
  endingImage,
} from "../../../lib/init/launcher/init.ts";
import type { Failure } from "../../../lib/init/launcher/program.ts";

const AFRESH: Beginning = { do: "start afresh", label: "begin anew", keep: 0, close: [] };
const REASONS = {
  ENOENT: { path: "", reason: "not found" },
  ENOEXEC: { path: "", reason: "not a program" },
  EACCES: { path: "", reason: "no permission" },
  ELOOP: { path: "", reason: "circular links" },
  ELIBBAD: { path: "", reason: "unfit loader" },
} as const;

/** Runs both programs of a launcher, and returns what it said and how it ended. */
function launch(
  beginning: readonly Beginning[],
  ending: readonly Ending[],
  script: string,
  path = "/bin/sh",
) {
  const failures: Failure[] = [];
  const [ours, theirs] = socketpair();
  using channel = new Fd(ours);
  using next = new ProgramFile("next");
  using first = new ProgramFile("first");
  first.write(
    beginningImage(beginning, {
      channel: theirs,
      next: next.number,
      procs: 0,
      ignored: [13],
      failures,
    }),
  );
  [theirs, next.number].forEach(clearCloseOnExec);
  const pid = posix_spawn(
    `/proc/self/fd/${first.number}`,
    new CStringArray(["first"]),
    new CStringArray([]),
  );
  setCloseOnExec(next.number);
  close(theirs);
  const said: (ChildMessage | Refused)[] = [];
  const listen = (until?: string) => {
    for (let heard = hear(channel.number); heard !== undefined; heard = hear(channel.number)) {
      said.push(heard.message);
      if (heard.message.type === until) return true;
    }
    return false;
  };
  if (listen("begun")) {
    const image = endingImage([...ending, { do: "exec", label: "run it" }], {
      channel: theirs,
      path,
      reasons: REASONS,
      argv: ["sh", "-c", script],
      env: ["GIVEN=yes"],
      launcher: {},
      bounding: 0n,
      failures,
    });
    next.write(image);
    sendGo(channel.number, pid);
    if (listen("ready")) sendGo(channel.number, pid);
    listen();
  }
  return { said, status: waitid(pid), failed: failureOf(said.at(-1), failures) };
}

/** The call that the launcher's last word is about, and the error. */
function failureOf(
  word: ChildMessage | Refused | undefined,
  failures: readonly Failure[],
): Failure & { errno: number } | undefined {
  if (word?.type !== "refused" || word.failure === undefined) return undefined;
  return { ...failures[word.failure], errno: word.errno };
}

Deno.test("the launcher begins, waits for its second program, and becomes the program", () => {
  const ending: Ending[] = [
    { do: "enter working folder", label: "go there", path: "/proc" },
    { do: "tell ready", label: "tell" },
    { do: "wait for start", label: "wait" },
    { do: "hand over", label: "say why not" },
  ];
  const script = 'test "$(pwd) $GIVEN $0" = "/proc yes sh" && exit 5';
  const { said, status } = launch([AFRESH], ending, script);
  assertEquals(said.map(({ type }) => type), ["begun", "ready", "exec"]);
  assertEquals(status, { code: 5 });
});

Deno.test("no signal is ignored or blocked in the program, and no descriptor left over", () => {
  // The fourth one is the folder that the shell reads.
  const script = "grep -Eq '^SigIgn:\\s0+$' /proc/self/status && " +
    "grep -Eq '^SigBlk:\\s0+$' /proc/self/status && " +
    "set -- /proc/$$/fd/* && test $# -le 4 && exit 6";
  const { status } = launch([AFRESH], [], script);
  assertEquals(status, { code: 6 });
});

Deno.test("of a step that fails its call is told, and the error", () => {
  const ENOENT = 2;
  const step: Ending = { do: "enter working folder", label: "go there", path: "/no/where" };
  const { said, status, failed } = launch([AFRESH], [step], "exit 0");
  assertEquals(said.map(({ type }) => type), ["begun", "refused"]);
  assertEquals(failed, {
    step: "enter working folder",
    label: "go there",
    call: "chdir",
    errno: ENOENT,
  });
  assertEquals(status, { code: 127 });
});

Deno.test("the same goes for the first program", () => {
  const EBADF = 9;
  const step: Beginning = { do: "join cgroups", label: "join", fds: [999] };
  const { said, status, failed } = launch([AFRESH, step], [], "exit 0");
  assertEquals(said.length, 1);
  assertEquals(failed, { step: "join cgroups", label: "join", call: "write", errno: EBADF });
  assertEquals(status, { code: 127 });
});

Deno.test("a program that cannot be run is told by the error alone, after the reasons", () => {
  const EACCES = 13;
  const over: Ending = { do: "hand over", label: "say why not" };
  const { said } = launch([AFRESH], [over], "", "/etc/passwd");
  assertEquals(said.slice(1), [
    { type: "exec", path: "/etc/passwd", reasons: REASONS },
    { type: "refused", errno: EACCES },
  ]);
});

Deno.test("the launcher ends when nobody is there any more to let it go on", () => {
  const [ours, theirs] = socketpair();
  using first = new ProgramFile("first");
  const options = { channel: theirs, next: first.number, procs: 0, ignored: [], failures: [] };
  first.write(beginningImage([AFRESH], options));
  clearCloseOnExec(theirs);
  const words = [new CStringArray(["first"]), new CStringArray([])] as const;
  const pid = posix_spawn(`/proc/self/fd/${first.number}`, ...words);
  close(theirs);
  assertEquals(hear(ours)?.message, { type: "begun" });
  close(ours);
  assertEquals(waitid(pid), { code: 127 });
});
