/** Letting the program play one act on the stage. */

import { LIBC_SYMBOLS } from "../../../ffi/libc_symbols.ts";
import { ENTRY, FIRST } from "../scripts.ts";
import type { Props } from "./props.ts";
import { type Act, Curtain, Stage } from "./stage.ts";

/** The program's modules as its scripts have them: each runs and returns what it exports. */
export type Modules = Readonly<
  Record<string, (load: (name: string) => unknown, later: (name: string) => unknown) => unknown>
>;

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
    await enter(modules);
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

/** As the loader does (loader.ts), with modules that nobody has loaded yet. */
async function enter(modules: Modules): Promise<void> {
  const loaded = new Map<string, unknown>();
  const load = (name: string) => {
    if (!loaded.has(name)) loaded.set(name, modules[name](load, later));
    return loaded.get(name);
  };
  const later = (name: string) => Promise.resolve().then(() => load(name));
  await load(`${FIRST}/${ENTRY}`);
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
