/** Bundled modules as scripts, which is what V8 keeps the compiled form of. */

import { ToolError } from "../report.ts";

/** A module of the bundle: its file name, its text, and the modules of the bundle that it needs at once. */
export interface BundledModule {
  readonly name: string;
  readonly text: string;
}

const STATIC_IMPORT = /(?<=^|[;\n}])import\s*(?:([^"';]*?)\s*from\s*)?"([^"]+)";?/g;
const EXPORTS = /(?<=^|[;\n}])export\s*\{([^}]*)\};?/g;

const DEFAULT_EXPORT = /(?<=^|[;\n}])export default ([^;]+);/;

/** The names of the bundle's modules that one needs before it runs, directly. */
export function staticImports(text: string): string[] {
  return [...text.matchAll(STATIC_IMPORT)].map((match) => match[2])
    .filter((from) => from.startsWith("./")).map((from) => from.slice(2));
}

/** All modules that those of the given names need before they run, themselves included. */
export function closure(modules: readonly BundledModule[], names: readonly string[]): Set<string> {
  const texts = new Map(modules.map(({ name, text }) => [name, text]));
  const found = new Set<string>();
  const visit = (name: string) => {
    if (found.has(name)) return;
    found.add(name);
    staticImports(texts.get(name) ?? "").forEach(visit);
  };
  names.forEach(visit);
  return found;
}

/** Modules by the name of the script that has them. */
export type Scripts = Readonly<Record<string, readonly BundledModule[]>>;

/**
 * The text of each script: an object of functions, each of which runs a module and returns what it exports. A module
 * is called `SCRIPT/NAME` there. `load(name)` gives the exports of another one, `later(name)` a promise of them.
 *
 * @throws ToolError when a module has what cannot be said so.
 */
export function asScripts(scripts: Scripts): Record<string, string> {
  const homes = new Map(
    Object.entries(scripts).flatMap(([script, modules]) =>
      modules.map(({ name }) => [name, `${script}/${name}`])
    ),
  );
  return Object.fromEntries(
    Object.entries(scripts).map(([script, modules]) => [script, asScript(modules, homes)]),
  );
}

function asScript(modules: readonly BundledModule[], homes: Homes): string {
  const members = modules.map(({ name, text }) => {
    const body = asFunctionBody(name, text, homes);
    // Only the entry waits for something while it runs.
    const kind = name === ENTRY ? "async function" : "function";
    return `${JSON.stringify(homes.get(name))}:${kind}(load,later){"use strict";${body}\n}`;
  });
  return inAscii(`({${members.join(",\n")}})`);
}

/** V8 keeps a text in two bytes for each character where a single one of them takes two: a page fault for 4 KiB more. */
function inAscii(text: string): string {
  return text.replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Whole names of modules by their own. */
type Homes = ReadonlyMap<string, string>;

/** The module that the program begins with, and the script that has it. */
export const ENTRY = "main.js";
export const FIRST = "common";

function asFunctionBody(name: string, text: string, homes: Homes): string {
  const body = text
    .replace(STATIC_IMPORT, (_, names: string | undefined, from: string) => {
      const value = from.startsWith("node:")
        ? `process.getBuiltinModule("${from}")`
        : `load("${homes.get(from.slice(2))}")`;
      return `${names === undefined ? value : `const ${pattern(names)}=${value}`};`;
    })
    .replace(EXPORTS, (_, names: string) => `return{${members(names)}};`)
    .replace(DEFAULT_EXPORT, "return{default:$1};")
    .replace(/\bimport\("\.\/([^"]+)"\)/g, (_, from: string) => `later("${homes.get(from)}")`);
  const left = body.match(/(?:^|[;\n}])(?:import[ {*("]|export[ {*]).{0,80}|import\.meta.{0,80}/);
  if (left !== null) {
    throw new ToolError(`make a script of "${name}": it has ${JSON.stringify(left[0])}`);
  }
  return body;
}

/** `{a as b, c}` or a default name, as what stands left of an assignment. */
function pattern(names: string): string {
  return names.startsWith("{") ? names.replace(/\s+as\s+/g, ":") : names;
}

/**
 * `a as b, c` as the members of an object: nothing that is exported changes once its module has run, and a getter
 * for each would take more of the compiled form than the rest of a small module.
 */
function members(names: string): string {
  return names.split(",").map((pair) => pair.trim()).filter((pair) => pair !== "").map((pair) => {
    const [local, exported = local] = pair.split(/\s+as\s+/);
    return `${exported}:${local}`;
  }).join(",");
}
