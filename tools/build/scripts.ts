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
const DYNAMIC_IMPORT = /\bimport\("\.\/([^"]+)"\)/g;

/** The names of the bundle's modules that one needs before it runs, directly. */
export function staticImports(text: string): string[] {
  return [...text.matchAll(STATIC_IMPORT)].map((match) => match[2])
    .filter((from) => from.startsWith("./")).map((from) => from.slice(2));
}

/** All modules that those of the given names need before they run, themselves included, each after what it needs. */
export function closure(modules: readonly BundledModule[], names: readonly string[]): Set<string> {
  const texts = new Map(modules.map(({ name, text }) => [name, text]));
  const seen = new Set<string>(), found = new Set<string>();
  const visit = (name: string) => {
    if (seen.has(name)) return;
    seen.add(name);
    staticImports(texts.get(name) ?? "").forEach(visit);
    found.add(name);
  };
  names.forEach(visit);
  return found;
}

/** Modules by the name of the script that has them. */
export type Scripts = Readonly<Record<string, readonly BundledModule[]>>;

/** The module that the program begins with, and the script that has it, as the first one there. */
export const ENTRY = "main.js";
export const FIRST = "common";

/**
 * The text of each script: an array of functions, each of which runs a module (link.ts). What modules take from each
 * other lies in one array, their `this`: to make an object of each one's exports, and to take it apart again, costs a
 * start 0.5 ms. Only of what is imported while the program runs there is such an object.
 *
 * @throws ToolError when a module has what cannot be said so.
 */
export function asScripts(scripts: Scripts): Record<string, string> {
  const bundle = new Bundle(scripts);
  return Object.fromEntries(
    Object.keys(scripts).map((name) => [name, inAscii(`[${bundle.members(name).join(",\n")}]`)]),
  );
}

/** V8 keeps a text in two bytes for each character where a single one of them takes two: a page fault for 4 KiB more. */
function inAscii(text: string): string {
  return text.replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Where a module is: in which script, and the how manieth there. */
interface Place {
  readonly script: string;
  readonly at: number;
}

/** All scripts together. */
class Bundle {
  readonly #modules = new Map<string, BundledModule>();
  readonly #places = new Map<string, Place>();
  readonly #members = new Map<string, readonly BundledModule[]>();
  /** Modules that are asked for while the program runs. */
  readonly #entries = new Set<string>();
  /** The places in the array of what is imported, by `MODULE NAME`. */
  readonly #slots = new Map<string, number>();

  constructor(scripts: Scripts) {
    for (const [script, modules] of Object.entries(scripts)) {
      const sorted = modules.toSorted((a, b) =>
        Number(b.name === ENTRY) - Number(a.name === ENTRY)
      );
      this.#members.set(script, sorted);
      sorted.forEach((module, at) => {
        this.#modules.set(module.name, module);
        this.#places.set(module.name, { script, at });
      });
    }
    for (const { name: importer, text } of this.#modules.values()) {
      for (const [, name] of text.matchAll(DYNAMIC_IMPORT)) this.#entries.add(name);
      for (const [, names, from] of text.matchAll(STATIC_IMPORT)) {
        if (names === undefined || from.startsWith("node:")) continue;
        for (const [exported] of pairs(names, importer)) this.#slot(from.slice(2), exported);
      }
    }
  }

  /** The functions of a script. */
  members(script: string): string[] {
    return this.#members.get(script)!.map(({ name, text }) => {
      // Only the entry waits for something while it runs.
      const kind = name === ENTRY ? "async function" : "function";
      return `${kind}(load,later){"use strict";${this.#body(name, text)}\n}`;
    });
  }

  #body(name: string, text: string): string {
    const isEntry = name === ENTRY || this.#entries.has(name);
    const body = text
      .replace(STATIC_IMPORT, (_, names: string | undefined, from: string) => {
        if (names === undefined) return "";
        if (from.startsWith("node:")) {
          return `const ${pattern(names)}=process.getBuiltinModule("${from}");`;
        }
        const taken = pairs(names, name).map(([exported, local]) =>
          `${local}=this[${this.#slot(from.slice(2), exported)}]`
        );
        return `const ${taken.join(",")};`;
      })
      .replace(
        EXPORTS,
        (_, names: string) => this.#exports(name, pairs(`{${names}}`, name), isEntry),
      )
      .replace(
        DEFAULT_EXPORT,
        (_, value: string) => this.#exports(name, [[value, "default"]], isEntry),
      )
      .replace(DYNAMIC_IMPORT, (_, from: string) => {
        const { script, at } = this.#places.get(from)!;
        return `later("${script}",${at})`;
      });
    const left = body.match(/(?:^|[;\n}])(?:import[ {*("]|export[ {*]).{0,80}|import\.meta.{0,80}/);
    if (left !== null) {
      throw new ToolError(`make a script of "${name}": it has ${JSON.stringify(left[0])}`);
    }
    return isEntry ? this.#needs(name) + body : body;
  }

  /** Nothing that is exported changes once its module has run. */
  #exports(
    name: string,
    exported: readonly (readonly [string, string])[],
    isEntry: boolean,
  ): string {
    const given = exported.flatMap(([local, as]) => {
      const slot = this.#slots.get(`${name} ${as}`);
      return slot === undefined ? [] : [`this[${slot}]=${local};`];
    }).join("");
    if (!isEntry) return given;
    return `${given}return{${exported.map(([local, as]) => `${as}:${local}`).join()}};`;
  }

  /** Runs all that a module needs, each after what that needs itself. */
  #needs(name: string): string {
    const groups: { script: string; places: number[] }[] = [];
    for (const needed of closure([...this.#modules.values()], [name])) {
      if (needed === name) continue;
      const { script, at } = this.#places.get(needed)!;
      if (groups.at(-1)?.script !== script) groups.push({ script, places: [] });
      groups.at(-1)!.places.push(at);
    }
    return groups.map(({ script, places }) => `load("${script}",[${places.join()}]);`).join("");
  }

  #slot(module: string, exported: string): number {
    const key = `${module} ${exported}`;
    const slot = this.#slots.get(key) ?? this.#slots.size;
    this.#slots.set(key, slot);
    return slot;
  }
}

/** What stands in braces, or the name of a default: first what it is called where it comes from. */
function pairs(names: string, module: string): (readonly [there: string, here: string])[] {
  if (/^[\w$]+$/.test(names)) return [["default", names]];
  if (!/^\{[^*]*\}$/.test(names)) {
    throw new ToolError(`make a script of "${module}": it has ${JSON.stringify(names)}`);
  }
  return names.slice(1, -1).split(",").map((pair) => pair.trim()).filter((pair) => pair !== "")
    .map((pair) => {
      const [there, here = there] = pair.split(/\s+as\s+/);
      return [there, here];
    });
}

/** The same as what stands left of an assignment. */
function pattern(names: string): string {
  return names.startsWith("{") ? names.replace(/\s+as\s+/g, ":") : names;
}
