/** How the scripts of the program (scripts.ts) are run: at its start, and while it is rehearsed. */

/** A module: its function runs it, and gives what it exports, if that is asked for while the program runs. */
export type Module = (this: unknown[], load: Load, later: Later) => unknown;

type Load = (script: string, places: readonly number[]) => void;
type Later = (script: string, at: number) => Promise<unknown>;

/**
 * Runs modules when they are needed, each once. Its text goes into the program as it stands, where it is compiled at
 * each start: so it is short.
 *
 * @param read gives the modules of a script.
 * @returns what runs a module with all that it needs, and gives what it exports.
 */
export function link(read: (script: string) => readonly Module[]): Later {
  const scripts: Record<string, unknown[]> = {};
  const shared: unknown[] = [];
  const load = (name: string, places: readonly number[]) => {
    const script = scripts[name] ??= [...read(name)];
    for (const at of places) {
      const module = script[at];
      if (typeof module === "function") script[at] = module.call(shared, load, later);
    }
  };
  const later = async (name: string, at: number) => {
    load(name, [at]);
    return await scripts[name][at];
  };
  return later;
}
