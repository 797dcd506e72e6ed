/**
 * Row E1: a cache of compiled code in a folder that all can write, which root's gocontainer would run. What
 * `deno compile` makes reads `<temporary folder>/deno-compile-<name>.cache` unless it is built without.
 */

import { assert, assertEquals } from "@std/assert";
import { basename } from "@std/path/posix/basename";
import { BINARY, exists, isInstalled } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

const FOLDERS = ["/tmp", "/var/tmp"];

/** All paths that a run names to the kernel, and those it tries below the folders that all can write. */
async function pathsOf(
  args: readonly string[],
  env: { [name: string]: string },
): Promise<string[]> {
  const log = workspace.path("strace.log");
  const through = ["strace", "-f", "-qqq", "-s", "4096", "-e", "trace=%file", "-o", log];
  await workspace.run(args, { through, env });
  const text = await Deno.readTextFile(log);
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, path]) => path);
}

for (const args of [["-version"], ["gc"], ["-net=none", "alpine", "true"], ["-h"]]) {
  Deno.test({
    name: `nothing is looked for in folders that all can write: ${args.join(" ")}`,
    ignore: !isInstalled("strace"),
    fn: async () => {
      await attack(workspace, async ({ folder }) => {
        const name = basename(BINARY);
        const planted = [...FOLDERS, folder].map((place) => `${place}/deno-compile-${name}.cache`)
          .filter((path) => !exists(path) && !path.startsWith(folder));
        for (const path of planted) await Deno.writeTextFile(path, "planted", { mode: 0o666 });
        try {
          for (const temporary of ["/tmp", "/var/tmp", folder]) {
            const env = { TMPDIR: temporary, TEMP: temporary, TMP: temporary };
            const paths = await pathsOf(args, env);
            assert(paths.length > 10, "strace has seen nothing");
            const suspicious = paths.filter((path) =>
              path.includes("deno-compile") || path.startsWith(`${folder}/`) ||
              FOLDERS.some((open) => path.startsWith(`${open}/`)) &&
                !path.startsWith(workspace.folder) && !BINARY.startsWith(path)
            );
            assertEquals(suspicious, []);
          }
          for (const path of planted) assertEquals(await Deno.readTextFile(path), "planted");
        } finally {
          for (const path of planted) await Deno.remove(path);
        }
      });
    },
  });
}
