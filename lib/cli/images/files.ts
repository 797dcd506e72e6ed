import {
  AT_FDCWD,
  O_NOCTTY,
  O_RDONLY,
  O_WRONLY,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
} from "../../../ffi/constants.ts";
import { Fd, openat, renameat2, statx, tryStatx, writeAll } from "../../../ffi/file.ts";
import { ContainerError, isFull, reasonOf, SysError, UsageError } from "../../errors.ts";
import { piecesOf } from "../../image/pieces.ts";
import type { ProgressLine } from "../../image/progress.ts";
import { UnnamedFile } from "../../image/unnamed_file.ts";
import { quote } from "../../quote.ts";
import { randomUUID } from "../../uuid.ts";
import { writeToStdout } from "../output.ts";

/** What a command reads: a file, or standard input. */
export interface Input extends Disposable {
  readonly fd: number;
  /** For messages. */
  readonly name: string;
}

/**
 * Opens the file that a command reads.
 *
 * @param path `-` or nothing for standard input
 * @throws {UsageError} when that is a terminal
 */
export function openInput(path: string | undefined): Input {
  if (path === undefined || path === "-") {
    if (Deno.stdin.isTerminal()) {
      throw new UsageError("read standard input: it is a terminal", {
        hint: "Give a file, or < FILE",
      });
    }
    return { fd: 0, name: "standard input", [Symbol.dispose]() {} };
  }
  try {
    using undo = new DisposableStack();
    const { number: fd } = undo.use(new Fd(openat(AT_FDCWD, path, O_RDONLY | O_NOCTTY)));
    if ((statx(fd).mode & S_IFMT) === S_IFDIR) throw isFolder(path);
    const file = undo.move();
    return { fd, name: quote(path), [Symbol.dispose]: () => file.dispose() };
  } catch (error) {
    if (error instanceof ContainerError) throw error;
    const isMissing = error instanceof SysError && error.code === "ENOENT";
    throw new ContainerError(`read ${quote(path)}: ${reasonOf(error)}`, {
      code: isMissing ? "NotFound" : "Failed",
      hint: isMissing ? "Give a file that is there, or - for standard input" : undefined,
      cause: error,
    });
  }
}

/** What is left of an input in pieces, as {@link piecesOf} gives them; the line tells how far that is. */
export function* piecesOfInput(
  { fd }: Input,
  progress: ProgressLine,
): Generator<Uint8Array<ArrayBuffer>> {
  const { mode, size } = statx(fd);
  const isFile = (mode & S_IFMT) === S_IFREG;
  let done = 0;
  for (const piece of piecesOf(fd)) {
    done += piece.length;
    if (isFile) progress.update(done / size);
    else progress.count(done);
    yield piece;
  }
}

function isFolder(path: string): ContainerError {
  return new ContainerError(`read ${quote(path)}: it is a folder, not an archive`, {
    code: "InvalidArgument",
    hint: `tar -C ${quote(path)} -c . makes one, which can be read with -`,
  });
}

/**
 * Writes what a command gives, to a file, which has its name when it is whole, or to standard output.
 *
 * @param path `-` or nothing for standard output
 * @throws {UsageError} when that is a terminal
 */
export function writeOutput(
  path: string | undefined,
  content: Iterable<Uint8Array<ArrayBuffer>>,
): void {
  if (path === undefined || path === "-") {
    if (Deno.stdout.isTerminal()) {
      throw new UsageError("write an archive: standard output is a terminal", {
        hint: "Give a file by -o FILE, or > FILE",
      });
    }
    for (const piece of content) writeToStdout(piece);
    return;
  }
  try {
    if (isSpecial(path)) {
      using file = new Fd(openat(AT_FDCWD, path, O_WRONLY | O_NOCTTY));
      writeAllTo(file.number, quote(path), content);
    } else writeWhole(path, content);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    throw outputError(quote(path), error);
  }
}

/** The error of writing what a command gives. */
export function outputError(name: string, error: unknown): ContainerError {
  return new ContainerError(`write ${name}: ${reasonOf(error)}`, {
    hint: isFull(error) ? "Make room, or give a place on another disk with -o" : undefined,
    cause: error,
  });
}

/** Whether there is something that is written to, not replaced: a device, a fifo. */
function isSpecial(path: string): boolean {
  const there = tryStatx(AT_FDCWD, path);
  return there !== undefined && (there.mode & S_IFMT) !== S_IFREG;
}

function writeWhole(path: string, content: Iterable<Uint8Array<ArrayBuffer>>): void {
  using file = new UnnamedFile(AT_FDCWD, `${path}.${randomUUID()}.partial`);
  writeAllTo(file.number, quote(path), content);
  file.place((partial) => renameat2(AT_FDCWD, partial, AT_FDCWD, path));
}

function writeAllTo(
  fd: number,
  name: string,
  content: Iterable<Uint8Array<ArrayBuffer>>,
): void {
  for (const piece of content) {
    try {
      writeAll(fd, piece);
    } catch (error) {
      throw outputError(name, error);
    }
  }
}
