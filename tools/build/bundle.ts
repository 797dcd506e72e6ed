/** Gathering the program's many modules into a few files. */

import { runDeno } from "../deno.ts";
import { ROOT } from "../project.ts";
import { say, ToolError } from "../report.ts";
import type { Compiler } from "./compiler.ts";

/** What Deno says when it is bundling as such that it cannot do. */
const CANNOT_BUNDLE = /@esbuild|unrecognized subcommand|unexpected argument/;

/**
 * Bundles `main.ts` into `folder`, its entry `main.js`. Every module costs time at start (found, read,
 * linked); what is imported on demand stays apart.
 *
 * @returns the folder; undefined, with a warning printed, where this Deno cannot bundle or
 * cannot get its bundler
 * @throws ToolError when the sources do not bundle
 */
export async function bundle(
  compiler: Compiler,
  flags: readonly string[],
  folder: string,
): Promise<string | undefined> {
  const main = `${ROOT}/main.ts`;
  const { code, output } = await runDeno([
    "bundle",
    ...flags,
    "--platform=deno",
    "--minify",
    "--code-splitting",
    `--outdir=${folder}`,
    main,
  ], compiler);
  if (code === 0) return folder;
  if (!CANNOT_BUNDLE.test(output)) {
    throw new ToolError(`bundle "${main}": deno ended with ${code}\n${output.trimEnd()}`);
  }
  say("warning: the program starts slower than it could, because `deno bundle` is not to be had");
  return undefined;
}
