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
 * It is bundled twice, and made small the second time, for in between something is done about esbuild (0.25.5): it
 * takes what a `using` declares for a constant, and where the next statement is the only one that uses it, puts the
 * expression there, so that nothing is ever disposed of.
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
  const plain = `${folder}-plain`;
  if (!await bundleModules(`${ROOT}/main.ts`, compiler, flags, plain)) return undefined;
  for (const { name } of Deno.readDirSync(plain)) {
    const path = `${plain}/${name}`;
    Deno.writeTextFileSync(path, findAnywhere(keepDisposals(Deno.readTextFileSync(path))));
  }
  const small = ["--no-config", "--no-lock", "--minify"];
  return await bundleModules(`${plain}/main.js`, compiler, small, folder) ? folder : undefined;
}

const REQUIRE =
  /import \{ createRequire as (\w+) \} from "node:module";\n(var \w+ =) \1\(import\.meta\.url\);/;

/**
 * Packages of CommonJS ask for Deno's own modules, and nothing else is left to be asked for. The bundler would have
 * them found from where they stand, which scripts do not know, by what takes 0.4 ms to be made at every start.
 */
function findAnywhere(text: string): string {
  return text.replace(REQUIRE, "$2 (name) => process.getBuiltinModule(name);");
}

async function bundleModules(
  main: string,
  compiler: Compiler,
  flags: readonly string[],
  folder: string,
): Promise<boolean> {
  const { code, output } = await runDeno([
    "bundle",
    ...flags,
    "--platform=deno",
    "--code-splitting",
    `--outdir=${folder}`,
    main,
  ], compiler);
  if (code === 0) return true;
  if (!CANNOT_BUNDLE.test(output)) {
    throw new ToolError(`bundle "${main}": deno ended with ${code}\n${output.trimEnd()}`);
  }
  say("warning: the program starts slower than it could, because `deno bundle` is not to be had");
  return false;
}

/**
 * Puts a declaration of nothing behind each `using` of a module as esbuild writes it, so that no statement that uses
 * what was declared comes right after it. Of what is added nothing but a constant remains.
 */
export function keepDisposals(text: string): string {
  let count = 0;
  let indent: string | undefined;
  return text.split("\n").map((line) => {
    indent ??= /^( *)(?:await )?using [\w$]+ = /.exec(line)?.[1];
    // It ends where it began: what stands between is further in.
    if (indent === undefined || !line.endsWith(";") || /^ */.exec(line)![0] !== indent) return line;
    const kept = `${line}\n${indent}using kept_${++count} = null;`;
    indent = undefined;
    return kept;
  }).join("\n");
}
