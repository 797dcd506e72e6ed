/** Which Deno compiles, and on which base: its own denort, or the stand-ins for both. */

import { runDeno } from "../deno.ts";
import { loadFallback } from "../fallback.ts";
import { offlineForced, whyUnreachable } from "../network.ts";
import { BUILD_DIR, exists } from "../project.ts";
import { say } from "../report.ts";
import type { Target } from "./target.ts";

const DOWNLOAD_SITE = "https://dl.deno.land/release-latest.txt";

/** A Deno able to compile, and what its environment needs for it. */
export interface Compiler {
  readonly deno: string;
  readonly env: Record<string, string>;
}

/**
 * The compiler for a target: the running Deno wherever it can get its base (`DENORT_BIN`, its cache,
 * Deno's download site), else the stand-in. Prints one line in the latter case.
 *
 * @throws ToolError when there is none for the target
 */
export async function compilerFor(target: Target): Promise<Compiler> {
  const own = { deno: Deno.execPath(), env: {} };
  if (Deno.env.get("DENORT_BIN") !== undefined) return own;
  const reason = await whyUnreachable(DOWNLOAD_SITE);
  if (reason === undefined || await denortCached(target)) return own;
  const fallback = await loadFallback(`the base for "${target.triple}"`, reason);
  const { deno, env, from } = await fallback.compiler(`${BUILD_DIR}/offline`, target.triple);
  say(`The compiler is ${from} (${reason})`);
  return { deno, env };
}

async function denortCached(target: Target): Promise<boolean> {
  if (offlineForced()) return false;
  const { code, output } = await runDeno(["info", "--json", "--no-config"]);
  if (code !== 0) return false;
  const { denoDir } = JSON.parse(output) as { denoDir: string };
  const release = `${denoDir}/dl/release/v${Deno.version.deno}`;
  return exists(`${release}/denort-${target.triple}.zip`);
}
