import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "../../ffi/constants.ts";
import type { Name } from "../../ffi/cstring.ts";
import { DT_DIR, getdents64 } from "../../ffi/directory.ts";
import { close, openat, statx, tryStatx } from "../../ffi/file.ts";
import { ContainerError } from "../errors.ts";
import { unlessGone } from "./cgroupfs.ts";

/** Milliseconds, far more than it takes to go through all that would fit into memory. */
const TIMEOUT = 300_000;

/** What is done on the way through a tree of cgroups. */
export interface Visitor {
  /** With each open cgroup, before those below it. */
  readonly enter?: (dirfd: number) => void;
  /** With the child `name` of an open cgroup, after all that is below it. */
  readonly leave?: (dirfd: number, name: Name) => void;
}

/**
 * Goes through a cgroup and all below it; what is gone is passed over. Who lives in a cgroup chooses the names of
 * those below it and how deep they lie: so names are bytes, no path is built of them, and one descriptor is open
 * at a time. On the way back up `..` is opened: no cgroup moves to another parent.
 *
 * @param timeout milliseconds: whoever lives there can make the tree grow all the while.
 * @throws {ContainerError} when it takes longer.
 */
export function walkTree(path: string, { enter, leave }: Visitor, timeout = TIMEOUT): void {
  const top = openFolder(AT_FDCWD, path);
  if (top === undefined) return;
  const end = performance.now() + timeout;
  const above: { name: Name; siblings: Name[] }[] = [];
  let folder = top;
  try {
    enter?.(folder);
    let names = childrenOf(folder);
    for (;;) {
      if (performance.now() > end) throw endless(path, timeout);
      const name = names.pop();
      if (name !== undefined) {
        const child = openFolder(folder, name);
        if (child === undefined) continue;
        folder = replace(folder, child);
        above.push({ name, siblings: names });
        enter?.(folder);
        names = childrenOf(folder);
        continue;
      }
      const left = above.pop();
      if (left === undefined) return;
      folder = replace(folder, openat(folder, "..", O_RDONLY | O_DIRECTORY));
      leave?.(folder, left.name);
      names = left.siblings;
    }
  } finally {
    close(folder);
  }
}

/** Whether there is nothing below a cgroup, or no such cgroup (any more). */
export function isLeaf(path: string): boolean {
  const status = tryStatx(AT_FDCWD, path);
  return status === undefined || status.nlink === LINKS_OF_LEAF;
}

/** A folder has a link by its name, one by its `.`, and one by the `..` of each folder in it. */
const LINKS_OF_LEAF = 2;

function childrenOf(folder: number): Name[] {
  const names: Name[] = [];
  if (statx(folder).nlink === LINKS_OF_LEAF) return names;
  unlessGone(() => {
    for (let some = getdents64(folder); some.length > 0; some = getdents64(folder)) {
      // Copied, or each would keep all that was read with it.
      names.push(...some.filter(({ type }) => type === DT_DIR).map(({ name }) => name.slice()));
    }
  });
  return names;
}

function openFolder(dirfd: number, name: Name): number | undefined {
  return unlessGone(() => openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
}

function replace(folder: number, by: number): number {
  close(folder);
  return by;
}

function endless(path: string, timeout: number): ContainerError {
  const quoted = JSON.stringify(path);
  return new ContainerError(
    `go through the cgroup ${quoted}: ${timeout / 1000} s are not enough for all below it`,
    { code: "InUse", hint: "A process in it may be making ever more: kill or delete reaches it" },
  );
}
