/**
 * `@std/*` out of npm packages: their JavaScript laid out in a folder, each module with a
 * declaration beside it, and an import map that leads the usual names there.
 */

import { fingerprintOf } from "../build/fingerprint.ts";
import { exists, filesBelow } from "../project.ts";
import { reasonOf, ToolError } from "../report.ts";
import { fetchPackage } from "./npm_package.ts";
import { type NpmPin, STD_JAVASCRIPT, STD_TYPED } from "./pins.ts";
import { filesOf } from "./tarball.ts";

/** Folders of the untyped package that are offered, and the declarations for each. */
const TYPES_OF: Readonly<Record<string, string>> = {
  "assert": "assert.d.ts",
  "cli": "cli.d.ts",
  "path": "path.d.ts",
  "path/posix": "path.d.ts",
};

const HERE = new URL(".", import.meta.url).pathname.replace(/\/$/, "");

/** Names and paths of the modules, at the top of the folder. */
const MODULES = "modules.json";

const TYPED_FS = "esm/deps/jsr.io/@std/fs/1.0.23";

/** What `@std/fs` expects to find at the top of its package: the globals, which Deno has itself. */
const SHIMS = `/* @ts-self-types="./_dnt.shims.d.ts" */
export const dntGlobalThis = globalThis;
export const Deno = globalThis.Deno;
`;
const SHIMS_TYPES = `export declare const dntGlobalThis: typeof globalThis;
export declare namespace Deno {
  type DirEntry = globalThis.Deno.DirEntry;
}
`;

/**
 * Lays out the modules in `folder`, unless they are there as they were laid out, and writes the
 * import map.
 *
 * @param imports the project's own `imports`; those which do not lead to JSR stay
 * @returns the path of the import map
 * @throws ToolError when a package cannot be had or its checksum is wrong
 */
export async function stdModules(
  folder: string,
  imports: Readonly<Record<string, string>>,
): Promise<string> {
  const tree = `${folder}/std`;
  const note = `${tree}.verified`;
  const recipe = await fingerprintOf(HERE);
  const noted = exists(note) ? Deno.readTextFileSync(note) : "";
  if (!exists(tree) || noted !== `${recipe} ${await fingerprintOf(tree)}`) {
    await layOut(tree);
    Deno.writeTextFileSync(note, `${recipe} ${await fingerprintOf(tree)}`);
  }

  const map: Record<string, string> = {};
  for (const [name, target] of Object.entries(imports)) {
    if (!target.startsWith("jsr:")) map[name] = target;
  }
  const modules = JSON.parse(Deno.readTextFileSync(`${tree}/${MODULES}`)) as Record<string, string>;
  for (const [name, path] of Object.entries(modules)) map[name] = `./std/${path}`;
  const path = `${folder}/import_map.json`;
  const text = `${JSON.stringify({ imports: map }, null, 2)}\n`;
  // The time of an unchanged map stays, and with it what Deno has cached.
  if (!exists(path) || Deno.readTextFileSync(path) !== text) Deno.writeTextFileSync(path, text);
  return path;
}

/** Makes the folder anew: beside its place first, so that half of it is never used. */
async function layOut(tree: string): Promise<void> {
  const unfinished = `${tree}.${Deno.pid}`;
  const plain = folderName(STD_JAVASCRIPT);
  const typed = folderName(STD_TYPED);
  try {
    await unpack(STD_JAVASCRIPT, /^(assert|cli|internal|path)\//, `${unfinished}/${plain}`);
    await unpack(STD_TYPED, /^esm\/(deps\/jsr\.io\/@std\/|_dnt\.shims)/, `${unfinished}/${typed}`);
    const modules = {
      ...typedModules(unfinished, typed),
      ...plainModules(unfinished, plain),
    };
    const sorted = Object.fromEntries(Object.entries(modules).sort());
    Deno.writeTextFileSync(`${unfinished}/${MODULES}`, JSON.stringify(sorted));
    if (exists(tree)) Deno.removeSync(tree, { recursive: true });
    Deno.renameSync(unfinished, tree);
  } catch (cause) {
    if (exists(unfinished)) Deno.removeSync(unfinished, { recursive: true });
    if (cause instanceof ToolError) throw cause;
    throw new ToolError(`lay out the modules in "${tree}": ${reasonOf(cause)}`, { cause });
  }
}

function folderName(pin: NpmPin): string {
  return `${pin.name.replace(/^@/, "").replace("/", "-")}-${pin.version}`;
}

/** Unpacks the matching files of a package. */
async function unpack(pin: NpmPin, wanted: RegExp, target: string): Promise<void> {
  for await (const file of filesOf(await fetchPackage(pin))) {
    const path = file.path.replace(/^package\//, "");
    if (!wanted.test(path) || path.split("/").includes("..") || path.endsWith(".map")) continue;
    const place = `${target}/${path}`;
    Deno.mkdirSync(place.slice(0, place.lastIndexOf("/")), { recursive: true });
    using output = Deno.openSync(place, { write: true, createNew: true });
    await file.copyTo((piece) => writeAll(output, piece));
  }
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
}

/**
 * `@std/fs` comes with declarations beside the code; each module is told where they are.
 *
 * @returns names and paths below `tree`
 */
function typedModules(tree: string, part: string): Record<string, string> {
  Deno.writeTextFileSync(`${tree}/${part}/esm/_dnt.shims.js`, SHIMS);
  Deno.writeTextFileSync(`${tree}/${part}/esm/_dnt.shims.d.ts`, SHIMS_TYPES);
  const map: Record<string, string> = {};
  for (const path of filesBelow(`${tree}/${part}/esm/deps`)) {
    if (!path.endsWith(".js")) continue;
    const own = path.slice(path.lastIndexOf("/") + 1);
    declareTypes(path, `./${own.replace(/\.js$/, ".d.ts")}`);
    if (path.startsWith(`${tree}/${part}/${TYPED_FS}/`) && !own.startsWith("_")) {
      map[`@std/fs/${kebab(own)}`] = path.slice(tree.length + 1);
    }
  }
  return map;
}

/**
 * Gives every public module a declaration which passes on its part of the handwritten one.
 *
 * @returns names and paths below `tree`
 */
function plainModules(tree: string, part: string): Record<string, string> {
  const map: Record<string, string> = {};
  for (const [folder, types] of Object.entries(TYPES_OF)) {
    const declarations = Deno.readTextFileSync(`${HERE}/types/${types}`);
    Deno.writeTextFileSync(`${tree}/${part}/${types}`, declarations);
    const toTop = folder.split("/").map(() => "..").join("/");
    for (const entry of Deno.readDirSync(`${tree}/${part}/${folder}`)) {
      if (!entry.isFile || !entry.name.endsWith(".js") || entry.name.startsWith("_")) continue;
      const path = `${part}/${folder}/${entry.name}`;
      if (entry.name === "mod.js") {
        // That of `cli` also has what the declarations leave out.
        if (folder === "cli") continue;
        declareTypes(`${tree}/${path}`, `${toTop}/${types}`);
        map[`@std/${folder}`] = path;
        continue;
      }
      const names = exportedNames(Deno.readTextFileSync(`${tree}/${path}`));
      if (names.length === 0 || !names.every((name) => declares(declarations, name))) continue;
      const own = entry.name.replace(/\.js$/, ".d.ts");
      Deno.writeTextFileSync(
        `${tree}/${part}/${folder}/${own}`,
        `export { ${names.join(", ")} } from "${toTop}/${types}";\n`,
      );
      declareTypes(`${tree}/${path}`, `./${own}`);
      map[`@std/${folder}/${kebab(entry.name)}`] = path;
    }
  }
  return map;
}

/** The names that a JavaScript module exports by declaration, in order. */
export function exportedNames(source: string): string[] {
  return [...source.matchAll(/^export (?:async )?(?:function\*?|class|const) (\w+)/gm)]
    .map((match) => match[1] ?? "");
}

function declares(declarations: string, name: string): boolean {
  return new RegExp(`^export (?:declare )?(?:function|class|const) ${name}\\b`, "m")
    .test(declarations);
}

/** `parse_args.js` is published as `parse-args`. */
function kebab(file: string): string {
  return file.replace(/\.js$/, "").replaceAll("_", "-");
}

/** Puts the pragma that names a module's declaration on its first line. */
function declareTypes(path: string, types: string): void {
  const source = Deno.readTextFileSync(path);
  Deno.writeTextFileSync(path, `/* @ts-self-types="${types}" */\n${source}`);
}
