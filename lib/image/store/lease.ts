import { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } from "../../../ffi/constants.ts";
import { cstring } from "../../../ffi/cstring.ts";
import {
  Fd,
  flock,
  LOCK_EX,
  openat,
  tryFlock,
  tryUnlink,
  unlinkat,
  writeAll,
} from "../../../ffi/file.ts";
import { SysError } from "../../errors.ts";
import { randomUUID } from "../../uuid.ts";
import type { Descriptor } from "../descriptor.ts";
import { type Digest, isDigest } from "../digest.ts";
import { listLeases } from "./inventory.ts";
import { LEASES } from "./layout.ts";
import { lockStore } from "./lock.ts";
import { storeError } from "./room.ts";

/** What a lease keeps: content by its digest, and what that refers to where it is a manifest. */
export type Held = Pick<Descriptor, "digest" | "mediaType">;

/** What a process keeps, and for which container where it is for one. */
export interface HeldBy extends Held {
  readonly by?: string;
}

/**
 * Keeps content from being removed while a process works with it, whether or not a reference leads
 * to it: a pull that is under way, a container that runs. It is a file with a line for each digest,
 * locked as long as the process lives.
 */
export class Lease implements Disposable {
  readonly #root: number;
  readonly #held = new Set<Digest>();
  #name: string | undefined;
  #file: Fd | undefined;

  /** @param root the open store, which stays the caller's */
  constructor(root: number) {
    this.#root = root;
  }

  /** Says for which container all of it is kept. */
  keepFor(container: string): void {
    if (this.#file === undefined) return;
    writeAll(this.#file.number, cstring(`${FOR}${container}\n`).subarray(0, -1));
  }

  /** Its file's name; undefined as long as nothing is held. */
  get name(): string | undefined {
    return this.#name;
  }

  /**
   * Keeps these from now on. Whoever looks afterwards whether they are there can rely on the answer.
   */
  hold(...all: readonly Held[]): void {
    const fresh = all.filter(({ digest }) => !this.#held.has(digest));
    if (fresh.length === 0) return;
    try {
      this.#write(fresh);
    } catch (error) {
      // Where nothing can be written, nothing can be removed.
      if (!(error instanceof SysError && error.code === "EROFS")) {
        throw storeError("note in the store what is in use", error);
      }
    }
    for (const { digest } of fresh) this.#held.add(digest);
  }

  #write(fresh: readonly Held[]): void {
    using _lock = lockStore(this.#root, "shared");
    const file = this.#file ??= this.#make();
    const lines = fresh.map(({ digest, mediaType }) => `${digest} ${mediaType}\n`).join("");
    writeAll(file.number, cstring(lines).subarray(0, -1));
  }

  [Symbol.dispose](): void {
    // It is gone already where somebody removed the store meanwhile.
    if (this.#name !== undefined) tryUnlink(this.#root, `${LEASES}/${this.#name}`);
    this.#name = undefined;
    this.#file?.[Symbol.dispose]();
    this.#file = undefined;
    this.#held.clear();
  }

  /** Under the store's lock, so that nobody finds the file without its lock. */
  #make(): Fd {
    const name = randomUUID();
    const flags = O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW;
    const file = new Fd(openat(this.#root, `${LEASES}/${name}`, flags, 0o600));
    flock(file.number, LOCK_EX);
    this.#name = name;
    return file;
  }
}

/** Begins the line that names a container. */
const FOR = "for ";

/**
 * What all processes keep. Leases of those that died are removed.
 *
 * @param root the open store, whose lock the caller has, exclusive
 * @param folder its path
 * @param own a lease that does not count
 */
export function heldByAll(root: number, folder: string, own?: Lease): HeldBy[] {
  const held: HeldBy[] = [];
  for (const name of listLeases(folder)) {
    if (name === own?.name) continue;
    const path = `${LEASES}/${name}`;
    try {
      using file = new Fd(openat(root, path, O_RDWR | O_NOFOLLOW));
      if (tryFlock(file.number, LOCK_EX)) {
        unlinkat(root, path);
        continue;
      }
    } catch (error) {
      // Its owner removed it, having done with it.
      if (error instanceof SysError && error.code === "ENOENT") continue;
      throw error;
    }
    held.push(...readLines(`${folder}/${path}`));
  }
  return held;
}

function readLines(path: string): HeldBy[] {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  const lines = text.split("\n");
  const by = lines.find((line) => line.startsWith(FOR))?.slice(FOR.length);
  return lines.flatMap((line) => {
    const [digest = "", mediaType = ""] = line.split(" ", 2);
    return isDigest(digest) ? [{ digest, mediaType, ...by !== undefined && { by } }] : [];
  });
}
