/** A process that makes an image ready, and prints its root: to be killed, or run many at once. */

import { extractRootfs } from "../../lib/image/extract.ts";
import { findRootfs } from "../../lib/image/rootfs.ts";

const [folder = "", name = ""] = Deno.args;
try {
  const rootfs = findRootfs(folder, name) ?? await extractRootfs(folder, name);
  console.log(rootfs.path);
} catch (error) {
  console.log(`error: ${error instanceof Error ? error.message : error}`);
  Deno.exit(1);
}
