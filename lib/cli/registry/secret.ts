import { AT_FDCWD, O_NOCTTY, O_RDWR } from "../../../ffi/constants.ts";
import { cstring } from "../../../ffi/cstring.ts";
import { Fd, openat, read, writeAll } from "../../../ffi/file.ts";
import { alloc } from "../../../ffi/struct.ts";
import { getTerminal, makeRaw, setTerminal } from "../../../ffi/tty.ts";
import { ContainerError, UsageError } from "../../errors.ts";

/** The longest that is read, in bytes. */
const LIMIT = 64 * 1024;

/** What keys send. */
const INTERRUPT = 0x03, END = 0x04, BACKSPACE = 0x08, KILL = 0x15, DELETE = 0x7f;
const RETURN = 0x0d, LINE_FEED = 0x0a;

/**
 * Asks at the terminal, whatever standard input is.
 *
 * @throws {UsageError} when there is no terminal
 */
export function ask(question: string): string {
  using terminal = openTerminal();
  say(terminal, question);
  return readLine(terminal, () => {});
}

/**
 * As {@link ask}, but nothing that is typed shows. The terminal gets its settings back also when the
 * user gives up.
 *
 * @throws {ContainerError} Failed when the user gives up
 */
export function askSecret(question: string): string {
  using terminal = openTerminal();
  const saved = getTerminal(terminal.number);
  // Without the signals of keys: a process that is ended would leave the terminal as it is now. Before
  // the question, as some type faster than this program.
  setTerminal(terminal.number, makeRaw(saved));
  try {
    say(terminal, question);
    return readLine(terminal, () => {
      throw new ContainerError("read the password: given up");
    });
  } finally {
    setTerminal(terminal.number, saved);
    say(terminal, "\n");
  }
}

/**
 * All of standard input, without the line end at its end.
 *
 * @throws {UsageError} when it is too long
 */
export async function readStdin(): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of Deno.stdin.readable) {
    text += decoder.decode(piece, { stream: true });
    if (text.length > LIMIT) throw new UsageError("read the password: it is too long");
  }
  return text.replace(/\r?\n$/, "");
}

function openTerminal(): Fd {
  try {
    return new Fd(openat(AT_FDCWD, "/dev/tty", O_RDWR | O_NOCTTY));
  } catch (cause) {
    throw new UsageError("ask for user and password: there is no terminal", {
      hint: "Give -u USER and -password-stdin",
      cause,
    });
  }
}

function say(terminal: Fd, text: string): void {
  writeAll(terminal.number, cstring(text).subarray(0, -1));
}

/** Reads up to a line end, by the keys of a terminal that does nothing itself. */
function readLine(terminal: Fd, interrupted: () => void): string {
  const buffer = alloc(1);
  let bytes: number[] = [];
  while (bytes.length < LIMIT) {
    const byte = read(terminal.number, buffer)[0];
    if (byte === undefined || byte === RETURN || byte === LINE_FEED) break;
    if (byte === INTERRUPT) interrupted();
    else if (byte === END && bytes.length === 0) break;
    else if (byte === KILL) bytes = [];
    else if (byte === BACKSPACE || byte === DELETE) takeBack(bytes);
    else bytes.push(byte);
  }
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

/** Takes back the last character: of several bytes all but the first begin with the bits 10 (RFC 3629). */
function takeBack(bytes: number[]): void {
  for (let byte = bytes.pop(); byte !== undefined && (byte & 0xc0) === 0x80;) byte = bytes.pop();
}
