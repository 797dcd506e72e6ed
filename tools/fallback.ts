/**
 * The door to `tools/offline`: stand-ins for what a closed network keeps away. The folder may be
 * deleted; then the build needs JSR, Deno's download site and Alpine's site.
 */

import { exists } from "./project.ts";
import { ToolError } from "./report.ts";

/** Stand-ins. `from` says what was taken from where, to be printed. */
export interface Fallback {
  /**
   * The project's JSR modules from somewhere else.
   *
   * @returns an import map's path
   */
  modules(
    folder: string,
    imports: Readonly<Record<string, string>>,
  ): Promise<{ importMap: string; from: string }>;

  /** A Deno that makes programs for `target` in the environment `env`. */
  compiler(
    folder: string,
    target: string,
  ): Promise<{ deno: string; env: Record<string, string>; from: string }>;

  /** A small image made on this machine, for a machine of the same architecture. */
  image(
    folder: string,
    arch: string,
  ): Promise<{ name: string; path: string; from: string }>;
}

const ENTRY = new URL("offline/mod.ts", import.meta.url);

/**
 * Loads the stand-ins because something cannot be reached.
 *
 * @param missing what cannot be had, as the subject of a sentence
 * @param reason why not
 * @throws ToolError when the folder was deleted
 */
export async function loadFallback(missing: string, reason: string): Promise<Fallback> {
  if (!exists(ENTRY.pathname)) {
    throw new ToolError(`${missing} cannot be had: ${reason}`, {
      hint: "Connect to the internet; tools/offline, which brings stand-ins, is not there",
    });
  }
  // The address is computed, so that the folder is no part of the module graph.
  const { fallback }: { fallback: Fallback } = await import(ENTRY.href);
  return fallback;
}
