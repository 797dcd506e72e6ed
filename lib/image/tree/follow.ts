import type { ByteString } from "../tar/bytes.ts";

/** How many symbolic links a path may pass through, as for the kernel (path_resolution(7)). */
const LINK_LIMIT = 40;

/** How many parts the targets of these may have in all: each takes its time again for every member behind such links. */
const PART_LIMIT = 512;

/**
 * Follows the symbolic links of a path as chroot(2) has it: what they lead to is in the tree, whether they begin
 * with `/` or have `..` for more folders than there are. It need not be there.
 *
 * @param path clean
 * @param readLink the target of what is at a path without links; undefined where that is no link
 * @returns the path without links; undefined where they go round in circles, or as good as that
 */
export function followLinks(
  path: ByteString,
  readLink: (path: ByteString) => ByteString | undefined,
): ByteString | undefined {
  const rest = path.split("/").reverse();
  const done: ByteString[] = [];
  let links = 0;
  let parts = 0;
  for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      done.pop();
      continue;
    }
    const target = readLink([...done, part].join("/"));
    if (target === undefined) {
      done.push(part);
      continue;
    }
    const behind = target.split("/").filter((part) => part !== "" && part !== ".");
    parts += behind.length;
    if (++links > LINK_LIMIT || parts > PART_LIMIT) return undefined;
    if (target.startsWith("/")) done.length = 0;
    rest.push(...behind.reverse());
  }
  return done.join("/");
}
