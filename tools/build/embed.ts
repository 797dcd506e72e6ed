/** Putting an image into a compiled program, in the layout of `lib/image/image_trailer.ts`. */

import { TRAILER_MAGIC, TRAILER_SIZE, TRAILER_VERSION } from "../../lib/image/image_trailer.ts";
import { ToolError } from "../report.ts";
import { type ImageArchive, sha512Of } from "./images.ts";

/** The last bytes of a program whose section was appended: magic, two words, the section's length. */
const SECTION_END = 24;
const SECTION_MAGIC = "d3n0l4nd";

/**
 * An archive with its trailer behind it.
 *
 * @throws ToolError when a name is too long for the trailer
 */
export async function imageWithTrailer(archive: ImageArchive): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = Deno.readFileSync(archive.path);
  const fileName = archive.path.slice(archive.path.lastIndexOf("/") + 1);
  const whole = new Uint8Array(bytes.length + TRAILER_SIZE);
  whole.set(bytes);
  const trailer = whole.subarray(bytes.length);
  const view = new DataView(whole.buffer, bytes.length);
  putText(trailer.subarray(0, 16), TRAILER_MAGIC);
  view.setBigUint64(16, TRAILER_VERSION, true);
  view.setBigUint64(24, BigInt(bytes.length), true);
  trailer.set(Uint8Array.fromHex(await sha512Of(bytes)), 32);
  putText(trailer.subarray(96, 160), archive.name);
  putText(trailer.subarray(160, 256), fileName);
  return whole;
}

function putText(field: Uint8Array, text: string): void {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > field.length) {
    throw new ToolError(
      `embed image "${text}": the name has ${bytes.length} bytes, ${field.length} are the most`,
    );
  }
  field.set(bytes);
}

/**
 * The length in bytes of the section at the end of a compiled program, or undefined when the program
 * keeps its section elsewhere, as newer releases of Deno do.
 */
export function sectionLength(program: Uint8Array): number | undefined {
  const end = program.subarray(-SECTION_END);
  if (end.length < SECTION_END) return undefined;
  if (new TextDecoder().decode(end.subarray(0, SECTION_MAGIC.length)) !== SECTION_MAGIC) {
    return undefined;
  }
  const length = Number(new DataView(end.buffer, end.byteOffset).getBigUint64(16, true));
  return length >= SECTION_END && length <= program.length ? length : undefined;
}

/** The length in bytes of what comes before the appended section: Deno's own base. Undefined as there. */
export function baseLength(program: Uint8Array): number | undefined {
  const length = sectionLength(program);
  return length === undefined ? undefined : program.length - length;
}

/**
 * Writes `program` to `path` with `pieces` between its base and its appended section, where reading
 * the section at every start does not touch them.
 *
 * @returns false, and writes nothing, when the program has no appended section
 */
export function splice(
  program: Uint8Array,
  pieces: readonly Uint8Array[],
  path: string,
): boolean {
  const base = baseLength(program);
  if (base === undefined) return false;
  using output = Deno.openSync(path, { write: true, create: true, truncate: true, mode: 0o755 });
  for (const piece of [program.subarray(0, base), ...pieces, program.subarray(base)]) {
    writeAll(output, piece);
  }
  return true;
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
}
