import { assertEquals } from "@std/assert";
import { assertHostIsAsBefore, lookAtHost } from "../integration/support/host.ts";
import { host } from "../integration/support/project.ts";
import type { Workspace } from "../integration/support/workspace.ts";

/** What an attack is after: files of the host that no container may read or change. */
export interface Decoy {
  /** The folder of the host, absolute. */
  readonly folder: string;
  /** A file in it, absolute. */
  readonly file: string;
  /** The file's content, which nobody inside may see. */
  readonly secret: string;
}

/** Folders below that of the decoy, where the mounts of an attack would fit. */
export const PLACES = ["tmp", "bound", "placed/deeper"];

/**
 * Runs an attack and asserts that neither the decoy nor the host's mounts, cgroups, links,
 * namespaces, records and processes have changed.
 */
export async function attack(
  workspace: Workspace,
  body: (decoy: Decoy) => Promise<void>,
): Promise<void> {
  // What the first of all containers makes for good is there before the comparison.
  assertEquals((await workspace.run(["-rm", "alpine", "true"])).code, 0);
  const folder = await Deno.makeTempDir({ dir: workspace.folder, prefix: "decoy-" });
  const secret = crypto.randomUUID();
  const file = `${folder}/file`;
  await Deno.writeTextFile(file, secret, { mode: 0o644 });
  await Deno.mkdir(`${folder}/sub`);
  await Deno.symlink("file", `${folder}/ptmx`);
  await Deno.symlink("file", `${folder}/stdin`);
  // Whatever an attack aims at may have a place here.
  for (const place of PLACES) await Deno.mkdir(`${folder}/${place}`, { recursive: true });
  const [files, before] = [await listing(folder), lookAtHost()];
  await body({ folder, file, secret });
  assertEquals(await listing(folder), files);
  assertEquals(await Deno.readTextFile(file), secret);
  await assertHostIsAsBefore(before);
}

/** Names, kinds, modes, owners, sizes and times of all that is below a folder. */
function listing(folder: string): Promise<string> {
  return host("find", folder, "-printf", "%P %y %m %U:%G %s %T@ %C@ %l\n");
}
