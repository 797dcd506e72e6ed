/** Telling whether the binary was built from the sources as they are now. */

import { BINARY, BUILD_DIR, filesBelow, ROOT } from "../project.ts";

/** What decides over the binary: files, and folders with all that is in them. */
const SOURCES = ["main.ts", "lib", "ffi", "deno.json", "images/sources.json", "tools"];

const STAMP = `${BUILD_DIR}/gocontainer.json`;

/** What is noted down about a build. */
export interface Stamp {
  /** Of the sources, see {@link fingerprint}. */
  readonly sources: string;
  /** Size, time and inode of the binary. */
  readonly binary: string;
  /** The name of the embedded image. */
  readonly image: string;
}

/**
 * The fingerprint of all that decides over the binary.
 *
 * @param root the project folder
 */
export async function fingerprint(root: string = ROOT): Promise<string> {
  return await fingerprintOf(root, SOURCES);
}

/**
 * SHA-256 over names and contents of all files below a folder, hexadecimal. Contents and not times,
 * so that a fresh clone, a switched branch and a touched file are judged right.
 *
 * @param parts files and folders in it to which the fingerprint is limited
 */
export async function fingerprintOf(folder: string, parts?: readonly string[]): Promise<string> {
  const encoder = new TextEncoder();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const tops = parts?.map((part) => `${folder}/${part}`) ?? [folder];
  for (const path of tops.flatMap(filesBelow)) {
    const content = Deno.readFileSync(path);
    // With its length before it, no content can pass for another file's name.
    pieces.push(encoder.encode(`${path.slice(folder.length)}\0${content.length}\0`), content);
  }
  const all = await new Blob(pieces).arrayBuffer();
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all)).toHex();
}

/** Identity of a file that is not read through: changes whenever it is replaced or written to. */
export function identity(path: string): string {
  const { size, mtime, ino } = Deno.statSync(path);
  return `${size} ${mtime?.getTime()} ${ino}`;
}

/** Notes down that the binary was built from the sources with this fingerprint. */
export function writeStamp(sources: string, image: string): void {
  const stamp: Stamp = { sources, image, binary: identity(BINARY) };
  Deno.writeTextFileSync(`${STAMP}.new`, JSON.stringify(stamp));
  Deno.renameSync(`${STAMP}.new`, STAMP);
}

/** The note about the last build, or undefined when the binary is not the one built then. */
function readStamp(): Stamp | undefined {
  try {
    const stamp = JSON.parse(Deno.readTextFileSync(STAMP)) as Stamp;
    return stamp.binary === identity(BINARY) ? stamp : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Whether `./gocontainer` is missing or not what the present sources make. A binary built without
 * Alpine counts as old once there is a mirror folder to take Alpine from.
 */
export async function isStale(wanted: string): Promise<boolean> {
  const stamp = readStamp();
  if (stamp === undefined || stamp.sources !== await fingerprint()) return true;
  return stamp.image !== wanted && Deno.env.get("GOCONTAINER_IMAGE_MIRROR") !== undefined;
}
