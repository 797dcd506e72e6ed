/** Building the one binary. */

import { INCLUDED_FILE } from "../../lib/image/image_trailer.ts";
import { requireDeno, runDeno, trustSystemCertificates } from "../deno.ts";
import { moduleFlags } from "../modules.ts";
import { BINARY, BUILD_DIR, exists, ROOT } from "../project.ts";
import { say, ToolError } from "../report.ts";
import { bundle } from "./bundle.ts";
import { V8_FLAGS, withCodeCache } from "./code_cache.ts";
import { type Compiler, compilerFor } from "./compiler.ts";
import { imageWithTrailer, splice } from "./embed.ts";
import { fingerprint, isStale, writeStamp } from "./fingerprint.ts";
import { DEFAULT_IMAGE, imageArchive } from "./images.ts";
import { findIp, INSTALL_IP } from "./iproute.ts";
import { isNative, type Target, targetNamed } from "./target.ts";

/** The binary's path for a target. */
function outputFor(target: Target): string {
  return isNative(target) ? BINARY : `${BINARY}-${target.arch}`;
}

/**
 * Builds the product: compiles, embeds the image, tries the result, and only then puts it in its
 * place, so that neither a failed build nor a running program is in the way.
 *
 * @param triple the target as `deno compile` calls it; by default this machine
 * @returns the binary's path
 * @throws ToolError when anything needed cannot be had, or the sources do not compile
 */
export async function build(triple?: string): Promise<string> {
  requireDeno();
  const target = targetNamed(triple);
  if (!exists(`${ROOT}/main.ts`)) {
    throw new ToolError(`build "${ROOT}": there is no main.ts`);
  }
  trustSystemCertificates();
  if (findIp() === undefined) say(`warning: ${INSTALL_IP}`);

  const sources = await fingerprint();
  const [compiler, flags, archive] = await allOf(
    compilerFor(target),
    moduleFlags(),
    imageArchive(target.arch),
  );
  const output = outputFor(target);
  using work = new WorkFolder();
  const image = await imageWithTrailer(archive);
  const program = await prepare(compiler, flags, target, work.folder);
  await compile(program, target, work.compiled);
  const spliced = [...program.spliced ?? [], image];
  if (!splice(Deno.readFileSync(work.compiled), spliced, work.finished)) {
    const includes = [...program.includes ?? [], writeIncluded(program.main, image)];
    await compile({ ...program, includes }, target, work.finished);
  }
  if (isNative(target)) await tryOut(work.finished);
  Deno.renameSync(work.finished, output);
  if (isNative(target)) writeStamp(sources, archive.name);
  say(`Built ${output}`);
  return output;
}

/**
 * The program to compile: bundled, and with V8's compiled form of it where this machine can make that,
 * which it cannot for another one; the modules as they are where there is no bundler. A bundle needs
 * no import map at start, so none is given along.
 */
async function prepare(
  compiler: Compiler,
  flags: readonly string[],
  target: Target,
  folder: string,
): Promise<Program> {
  const bundled = await bundle(compiler, flags, `${folder}/bundle`);
  if (bundled === undefined) return { main: `${ROOT}/main.ts`, compiler, flags };
  const main = `${bundled}/main.js`;
  const plain: Program = { main, compiler, flags: ["--no-config", "--no-lock"] };
  if (!isNative(target)) return plain;
  return { ...plain, ...await withCodeCache(bundled, compiler, target, folder) };
}

/** Builds for this machine unless the binary is up to date. */
export async function buildIfStale(): Promise<void> {
  if (await isStale(DEFAULT_IMAGE)) await build();
}

/**
 * Waits for all, so that none is still writing when one fails; the first failure in the order given
 * is the one told.
 */
async function allOf<const T extends readonly Promise<unknown>[]>(
  ...tasks: T
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(tasks);
  return await Promise.all(tasks);
}

/** A folder for what comes up while building, removed in the end whatever happened. */
class WorkFolder implements Disposable {
  readonly folder = Deno.makeTempDirSync({ dir: madeFolder(`${BUILD_DIR}/work`) });
  readonly compiled = `${this.folder}/compiled`;
  readonly finished = `${this.folder}/finished`;

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}

function madeFolder(path: string): string {
  Deno.mkdirSync(path, { recursive: true });
  return path;
}

/** Stores the image where the program looks for an included file, seen from its main module. */
function writeIncluded(main: string, image: Uint8Array): string {
  const path = new URL(INCLUDED_FILE, `file://${main}`).pathname;
  madeFolder(path.slice(0, path.lastIndexOf("/")));
  Deno.writeFileSync(path, image);
  return path;
}

/** What goes into the compiled program, and how. */
export interface Program {
  /** Path of the main module. */
  readonly main: string;
  readonly compiler: Compiler;
  /** With which its modules are found. */
  readonly flags: readonly string[];
  /** Paths of files to embed. */
  readonly includes?: readonly string[];
  /** What is to follow its base, before anything else. */
  readonly spliced?: readonly Uint8Array[];
  /** V8's flags, where they are others than the usual. */
  readonly v8Flags?: readonly string[];
}

/**
 * Compiles a program the way the product is compiled.
 *
 * @param output the path of what is made
 * @throws ToolError when it does not compile
 */
export async function compile(program: Program, target: Target, output: string): Promise<void> {
  const { code, output: told } = await runDeno([
    "compile",
    ...program.flags,
    ...(program.includes ?? []).map((path) => `--include=${path}`),
    "--allow-all",
    // That is `deno task check`'s business.
    "--no-check",
    // Otherwise V8's bytecode is read from a file in /tmp, whoever wrote it.
    "--no-code-cache",
    `--v8-flags=${(program.v8Flags ?? V8_FLAGS).join(",")}`,
    `--target=${target.triple}`,
    `--output=${output}`,
    program.main,
  ], program.compiler);
  if (code !== 0) {
    throw new ToolError(`compile "${program.main}": deno ended with ${code}\n${told.trimEnd()}`);
  }
}

/** Starts the program once. */
async function tryOut(path: string): Promise<void> {
  const { success, code, signal, stderr } = await new Deno.Command(path, {
    args: ["-version"],
    stdin: "null",
  }).output();
  if (success) return;
  const told = new TextDecoder().decode(stderr).trimEnd();
  throw new ToolError(
    `start the built program: \`-version\` ended with ${signal ?? `exit code ${code}`}\n${told}`,
  );
}
