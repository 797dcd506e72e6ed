/** A Deno, a denort and an esbuild that fit together, each a file out of an npm package. */

import { exists } from "../project.ts";
import { reasonOf, ToolError } from "../report.ts";
import { fetchPackage } from "./npm_package.ts";
import { BUNDLER, COMPILER, DENORT, type FilePin, TARGET } from "./pins.ts";
import { filesOf } from "./tarball.ts";

/** The last bytes of a program made by `deno compile`: magic, two words, length of the section. */
const SECTION_END = 24;
const SECTION_MAGIC = "d3n0l4nd";

/**
 * The compiler for `target`, its parts taken from their packages when not yet in `folder`.
 *
 * @returns Deno, and the environment in which it uses the other two
 * @throws ToolError when there is none for the target, a package cannot be had, or a checksum is wrong
 */
export async function compiler(
  folder: string,
  target: string,
): Promise<{ deno: string; env: Record<string, string> }> {
  if (target !== TARGET) {
    throw new ToolError(
      `build for "${target}": its denort comes from Deno's download site alone, ` +
        `which cannot be reached; without it only "${TARGET}" can be built`,
    );
  }
  const deno = `${folder}/deno-${COMPILER.version}`;
  const denort = `${folder}/denort-${DENORT.release}`;
  // Deno takes the esbuild that lies here for one that it downloaded.
  const cache = `${folder}/deno-dir`;
  const esbuild = `${cache}/dl/esbuild-${BUNDLER.version}/esbuild-linux-x64`;
  await Promise.all([
    makeExecutable(deno, COMPILER.sha256, (path) => extract(COMPILER, path)),
    makeExecutable(denort, DENORT.sha256, async (path) => {
      await extract(DENORT, path);
      Deno.truncateSync(path, baseLength(path));
    }),
    makeExecutable(esbuild, BUNDLER.sha256, (path) => extract(BUNDLER, path)),
  ]);
  return { deno, env: { DENORT_BIN: denort, DENO_DIR: cache } };
}

/** Extracts the pinned file of a package to `path`. */
async function extract(pin: FilePin, path: string): Promise<void> {
  for await (const file of filesOf(await fetchPackage(pin))) {
    if (file.path !== pin.file) continue;
    using output = Deno.openSync(path, { write: true, createNew: true, mode: 0o755 });
    await file.copyTo((piece) => {
      for (let done = 0; done < piece.length;) done += output.writeSync(piece.subarray(done));
    });
    return;
  }
  throw new ToolError(`unpack npm package "${pin.name}@${pin.version}": "${pin.file}" is missing`);
}

/**
 * Length in bytes of the program at `path` without its appended section.
 *
 * @throws ToolError when it has none
 */
function baseLength(path: string): number {
  using file = Deno.openSync(path);
  const { size } = file.statSync();
  const end = new Uint8Array(SECTION_END);
  file.seekSync(-SECTION_END, Deno.SeekMode.End);
  file.readSync(end);
  const length = Number(new DataView(end.buffer).getBigUint64(16, true));
  if (new TextDecoder().decode(end.subarray(0, 8)) !== SECTION_MAGIC || length > size) {
    throw new ToolError(`cut denort out of "${path}": the file has no appended section`);
  }
  return size - length;
}

/**
 * Makes sure that `path` is a file with this SHA-256. A file checked before is known again by its
 * size, times and inode, noted down beside it: reading 100 MB at every build would be felt.
 */
async function makeExecutable(
  path: string,
  sha256: string,
  make: (path: string) => Promise<void>,
): Promise<void> {
  const note = `${path}.verified`;
  if (exists(path)) {
    const noted = exists(note) ? Deno.readTextFileSync(note) : "";
    if (noted === `${sha256} ${identity(path)}`) return;
    if (await sha256Of(path) === sha256) return noteDown(path, note, sha256);
  }
  const unfinished = `${path}.${Deno.pid}`;
  try {
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await make(unfinished);
    const actual = await sha256Of(unfinished);
    if (actual !== sha256) {
      throw new ToolError(`verify "${path}": its sha256 is "${actual}" instead of "${sha256}"`);
    }
    Deno.renameSync(unfinished, path);
  } catch (cause) {
    if (exists(unfinished)) Deno.removeSync(unfinished);
    if (cause instanceof ToolError) throw cause;
    throw new ToolError(`make "${path}": ${reasonOf(cause)}`, { cause });
  }
  noteDown(path, note, sha256);
}

function noteDown(path: string, note: string, sha256: string): void {
  Deno.writeTextFileSync(note, `${sha256} ${identity(path)}`);
}

function identity(path: string): string {
  const { size, mtime, ctime, ino } = Deno.statSync(path);
  return `${size} ${mtime?.getTime()} ${ctime?.getTime()} ${ino}`;
}

async function sha256Of(path: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", Deno.readFileSync(path));
  return new Uint8Array(digest).toHex();
}
