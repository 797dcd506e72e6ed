/** Which part of the project may import which: the arrows of the architecture. */

import { filesBelow, ROOT } from "../project.ts";
import { type Import, importsOf } from "./imports.ts";

/** An import against the arrows. */
export interface Violation {
  /** Relative to the project folder. */
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** A part of the project, and the parts that its modules may import. */
interface Part {
  /** A folder with all below it, a file, or `FOLDER/*.ts`: the modules right in it. */
  readonly name: string;
  readonly mayImport: readonly string[];
  /** Parts from which only types may be imported. */
  readonly types?: readonly string[];
  /** Whether packages may be imported (`@std/…`, `npm:…`). */
  readonly packages: boolean;
}

/** What lies right in `lib`: small things that every room of it may use. */
const LEAVES = "lib/*.ts";
const LOWEST = ["lib/cgroup", "lib/network", "lib/oci", "lib/seccomp"];

/** Every part may import itself. The most specific name that fits a path counts. */
const PARTS: readonly Part[] = [
  { name: "main.ts", mayImport: ["lib/cli", "ffi/process.ts", LEAVES], packages: true },
  {
    name: "lib/cli",
    mayImport: [
      "lib/container",
      "lib/image",
      "lib/registry",
      "lib/runtime",
      "lib/init",
      ...LOWEST,
      "ffi",
      LEAVES,
    ],
    packages: true,
  },
  {
    name: "lib/container",
    mayImport: ["lib/image", "lib/runtime", "lib/init", ...LOWEST, "ffi", LEAVES],
    packages: true,
  },
  {
    name: "lib/image",
    mayImport: ["lib/registry", "lib/runtime", "lib/init", ...LOWEST, "ffi", LEAVES],
    packages: true,
  },
  // A registry is asked for what an image's names and descriptors name, whatever becomes of it.
  {
    name: "lib/registry",
    mayImport: [
      "lib/image/digest.ts",
      "lib/image/reference.ts",
      "lib/image/descriptor.ts",
      "ffi",
      LEAVES,
    ],
    packages: true,
  },
  { name: "lib/runtime", mayImport: ["lib/init", ...LOWEST, "ffi", LEAVES], packages: true },
  { name: "lib/init", mayImport: ["ffi"], types: ["lib/oci", LEAVES], packages: false },
  { name: "lib/cgroup", mayImport: ["lib/oci", "ffi", LEAVES], packages: true },
  { name: "lib/network", mayImport: ["lib/oci", "ffi", LEAVES], packages: true },
  { name: "lib/seccomp", mayImport: ["lib/oci", "ffi", LEAVES], packages: true },
  { name: "lib/oci", mayImport: ["ffi", LEAVES], packages: true },
  { name: LEAVES, mayImport: ["ffi"], packages: true },
  { name: "ffi", mayImport: [], packages: false },
  { name: "tools/offline", mayImport: ["tools"], packages: false },
  { name: "tools/offline/tests", mayImport: ["tools/offline", "tools"], packages: true },
  // It takes the kernel's place, so it knows the calls; and it is a program of its own.
  {
    name: "tools/build/rehearsal",
    mayImport: [
      "tools",
      "ffi",
      "lib/image/media_type.ts",
      "lib/image/tar/entry.ts",
      "lib/image/tar/writer.ts",
    ],
    packages: true,
  },
  // The layout of what the build embeds is defined where it is read; the loader opens libc for the program.
  {
    name: "tools",
    mayImport: ["lib/image/image_trailer.ts", "ffi/libc_symbols.ts"],
    packages: false,
  },
];

/** Every import in `main.ts`, `lib`, `ffi` and `tools` that goes against the arrows. */
export function importViolations(root: string = ROOT): Violation[] {
  return ["main.ts", "lib", "ffi", "tools"]
    .flatMap((top) => filesBelow(`${root}/${top}`))
    .filter((path) => path.endsWith(".ts"))
    .flatMap((path) => violationsIn(path.slice(root.length + 1), Deno.readTextFileSync(path)));
}

/**
 * The violations in one module.
 *
 * @param path relative to the project folder
 */
export function violationsIn(path: string, source: string): Violation[] {
  const part = partOf(path);
  const found: Violation[] = [];
  for (const one of importsOf(source)) {
    const message = part === undefined
      ? `"${path}" belongs to no part of the project`
      : objection(part, path, one);
    if (message !== undefined) found.push({ path, line: one.line, message });
  }
  return found;
}

function objection(part: Part, path: string, one: Import): string | undefined {
  if (!/^\.{0,2}\//.test(one.specifier)) {
    return part.packages
      ? undefined
      : `${part.name} must not import the package "${one.specifier}"`;
  }
  const target = new URL(one.specifier, `file:///${path}`).pathname.slice(1);
  const other = partOf(target);
  const among = (names: readonly string[] = []) =>
    names.some((name) => name === target || name === other?.name);
  if (other?.name === part.name || among(part.mayImport)) return undefined;
  if (among(part.types)) {
    return one.typeOnly ? undefined : `${part.name} may import types only from "${target}"`;
  }
  return `${part.name} must not import "${target}"`;
}

function partOf(path: string): Part | undefined {
  return PARTS.filter(({ name }) => belongs(path, name))
    .sort((a, b) => b.name.length - a.name.length)[0];
}

function belongs(path: string, name: string): boolean {
  if (!name.endsWith("/*.ts")) return path === name || path.startsWith(`${name}/`);
  const folder = name.slice(0, -"*.ts".length);
  return path.startsWith(folder) && !path.slice(folder.length).includes("/");
}
