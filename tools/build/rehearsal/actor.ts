/** Letting the program play one act on the stage. */

import { LIBC_SYMBOLS } from "../../../ffi/libc_symbols.ts";
import { link, type Module } from "../link.ts";
import { FIRST } from "../scripts.ts";
import type { Props } from "./props.ts";
import { type Act, Curtain, Stage } from "./stage.ts";

/** The program's modules, by the name of the script that has them. */
export type Modules = Readonly<Record<string, readonly Module[]>>;

/** An act that came to its end. */
export interface Played {
  readonly curtain: Curtain;
  /** What the program has printed. */
  readonly printed: readonly string[];
}

/**
 * Runs the program from its entry, on the stage, to where it would become another program or end.
 *
 * @throws whatever ends it before.
 */
export async function play(modules: Modules, props: Props, act: Act): Promise<Played> {
  const printed: string[] = [];
  const print = (text: string) => void printed.push(text);
  using stage = new Stage(props, act);
  using _deno = replace("Deno", denoOn(stage, props, act));
  using _console = replace("console", { log: print, error: print });
  try {
    // Modules that nobody has run yet.
    await link((name) => modules[name])(FIRST, 0);
  } catch (error) {
    if (error instanceof Curtain) return { curtain: error, printed };
    throw error;
  }
  throw new Error("rehearse: the program ended without saying so");
}

/** Puts something in the place of a global until it is disposed of. */
function replace(name: "Deno" | "console", value: object): Disposable {
  const before = Object.getOwnPropertyDescriptor(globalThis, name)!;
  Object.defineProperty(globalThis, name, { ...before, value });
  return { [Symbol.dispose]: () => void Object.defineProperty(globalThis, name, before) };
}

/** What of Deno there is on the stage: nothing that would change the machine. */
function denoOn(stage: Stage, props: Props, act: Act): object {
  const looks = LOOKS.map((name) => [
    name,
    (path: string | URL) => (REAL[name] as Call)(props.pathOf(`${path}`)),
  ]);
  const deeds = DEEDS.map((name) => [
    name,
    (path: string | URL, ...rest: unknown[]) => {
      const place = props.pathOf(`${path}`);
      try {
        if (props.isOwn(place)) (REAL[name] as Call)(place, ...rest);
      } catch (error) {
        // What was only pretended to be made is easily removed.
        if (!(error instanceof REAL.errors.NotFound)) throw error;
      }
    },
  ]);
  return {
    ...Object.fromEntries(FACTS.map((name) => [name, REAL[name]])),
    ...Object.fromEntries([...looks, ...deeds]),
    args: act.words,
    env: {
      get: (name: string) => name === "TERM" ? "xterm" : undefined,
      has: () => false,
      set: () => {},
      delete: () => {},
    },
    stderr: { isTerminal: () => false, writeSync: (bytes: Uint8Array) => bytes.length },
    connect: () => Promise.resolve(props.registry.connect()),
    startTls: (conn: unknown) => Promise.resolve(conn),
    uid: () => 0,
    gid: () => 0,
    cwd: () => props.folder,
    umask: () => 0o022,
    exit: (code: number) => stage.fall("exit", code),
    dlopen: () => ({
      symbols: {
        ...LIBC.symbols,
        syscall: stage.syscall,
        syscallOn: stage.syscall,
        posix_spawn: stage.posixSpawn,
      },
    }),
    Command: class {
      outputSync() {
        return { success: true, code: 0, stdout: new Uint8Array(), stderr: new Uint8Array() };
      }
      spawn() {
        return { pid: Deno.pid, status: Promise.resolve({ success: true, code: 0 }) };
      }
    },
  };
}

/** The real one, which is not to be had by its name while the program plays. */
const REAL = { ...Deno };
type Call = (...args: unknown[]) => unknown;

const LIBC = Deno.dlopen("libc.so.6", LIBC_SYMBOLS);

const FACTS = [
  "build",
  "errors",
  "hostname",
  "inspect",
  "mainModule",
  "osRelease",
  "pid",
  "SeekMode",
  "UnsafePointer",
  "UnsafePointerView",
  "version",
] as const;

const LOOKS = [
  "lstatSync",
  "openSync",
  "readDirSync",
  "readFileSync",
  "readLinkSync",
  "readTextFileSync",
  "realPathSync",
  "statSync",
] as const;

const DEEDS = ["mkdirSync", "removeSync", "writeFileSync", "writeTextFileSync"] as const;
