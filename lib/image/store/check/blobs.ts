import { S_IFMT, S_IFREG } from "../../../../ffi/constants.ts";
import { read, renameat2, statx, unlinkat } from "../../../../ffi/file.ts";
import { alloc } from "../../../../ffi/struct.ts";
import { ContainerError, SysError } from "../../../errors.ts";
import { quote } from "../../../quote.ts";
import { randomUUID } from "../../../uuid.ts";
import { type Digest, isDigest, Verifier } from "../../digest.ts";
import { BLOBS, REMOVED } from "../layout.ts";
import { tryOpen } from "../read_file.ts";
import type { ImageStore } from "../store.ts";
import type { Fault } from "./fault.ts";
import type { CheckOptions } from "./mod.ts";

/** Bytes that are read at a time. */
const PIECE = 1024 * 1024;

/**
 * Reads every blob and compares it with its name.
 *
 * @returns how many there are
 */
export async function checkBlobs(
  store: ImageStore,
  { repair, progress = () => {} }: CheckOptions,
  faults: Fault[],
): Promise<number> {
  const files = filesIn(store);
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const buffer = alloc(PIECE);
  let done = 0;
  for (const { path, digest } of files) {
    if (digest === undefined) {
      faults.push({ where: `file ${quote(path)}`, what: "is no blob: its name is no digest" });
      continue;
    }
    const what = await faultOf(store, path, digest, buffer, (bytes) => {
      done += bytes;
      progress(done / total);
    });
    if (what === undefined) continue;
    if (repair) remove(store.root, path);
    faults.push({ where: `blob ${digest}`, what, ...repair && { repair: "removed" } });
  }
  return files.length;
}

function remove(root: number, path: string): void {
  try {
    unlinkat(root, path);
  } catch (error) {
    if (!(error instanceof SysError && error.code === "EISDIR")) throw error;
    renameat2(root, path, root, `${REMOVED}/${randomUUID()}`);
  }
}

/** A file below `blobs`, by its path in the store. */
interface File {
  readonly path: string;
  /** Undefined where the name is none. */
  readonly digest?: Digest;
  readonly size: number;
}

function filesIn(store: ImageStore): File[] {
  const files: File[] = [];
  for (const { name: algorithm, isDirectory } of Deno.readDirSync(`${store.path}/${BLOBS}`)) {
    if (!isDirectory) {
      files.push({ path: `${BLOBS}/${algorithm}`, size: 0 });
      continue;
    }
    for (const { name } of Deno.readDirSync(`${store.path}/${BLOBS}/${algorithm}`)) {
      const path = `${BLOBS}/${algorithm}/${name}`;
      const digest = `${algorithm}:${name}`;
      using file = tryOpenAny(store.root, path);
      const size = file === undefined ? 0 : statx(file.number).size;
      files.push({ path, size, ...isDigest(digest) && { digest } });
    }
  }
  return files;
}

/** What is wrong with a blob; undefined when it is right, or has been removed meanwhile. */
async function faultOf(
  store: ImageStore,
  path: string,
  digest: Digest,
  buffer: Uint8Array<ArrayBuffer>,
  progress: (bytes: number) => void,
): Promise<string | undefined> {
  try {
    const verifier = new Verifier(digest);
    using file = tryOpen(store.root, path);
    if (file === undefined) return undefined;
    if ((statx(file.number).mode & S_IFMT) !== S_IFREG) return "is not a regular file";
    for (;;) {
      const piece = read(file.number, buffer);
      if (piece.length === 0) break;
      verifier.update(piece);
      progress(piece.length);
      await Promise.resolve();
    }
    return verifier.digest() === digest ? undefined : "is damaged: its content has another digest";
  } catch (error) {
    if (error instanceof SysError && error.code === "EIO") {
      return `cannot be read: ${error.message}`;
    }
    if (error instanceof SysError && error.code === "ELOOP") return "is a symbolic link";
    if (error instanceof ContainerError) return undefined;
    throw error;
  }
}

function tryOpenAny(root: number, path: string) {
  try {
    return tryOpen(root, path);
  } catch (error) {
    if (error instanceof SysError) return undefined;
    throw error;
  }
}
