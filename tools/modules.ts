/** Where the modules that `deno.json` names come from: JSR, or its stand-in. */

import { configFlags, projectConfig, runDeno, trustSystemCertificates } from "./deno.ts";
import { loadFallback } from "./fallback.ts";
import { offlineForced, whyUnreachable } from "./network.ts";
import { BUILD_DIR, exists, filesBelow, ROOT } from "./project.ts";
import { say } from "./report.ts";

let known: Promise<string[]> | undefined;

/**
 * The flags with which `deno compile`, `check`, `test` and `run` find every module of the project.
 * Looks once per process, and prints one line when they come from somewhere else than JSR.
 *
 * @throws ToolError when they cannot be had at all
 */
export function moduleFlags(): Promise<string[]> {
  return known ??= findModules();
}

async function findModules(): Promise<string[]> {
  trustSystemCertificates();
  const flags = configFlags();
  const reason = await whyUnreachable(new URL("@std/cli/meta.json", jsr()).href);
  if (reason === undefined || await allCached(flags)) return flags;
  const fallback = await loadFallback("the packages of JSR", reason);
  const { importMap, from } = await fallback.modules(
    `${BUILD_DIR}/offline`,
    projectConfig().imports,
  );
  say(`JSR's packages are taken from ${from} (${reason})`);
  return [...flags, `--import-map=${importMap}`];
}

/** The registry that Deno uses for `jsr:` modules. */
function jsr(): string {
  return (Deno.env.get("JSR_URL") ?? "https://jsr.io").replace(/\/*$/, "/");
}

/** Whether Deno has every module from an earlier run, so that no network is needed. */
async function allCached(flags: readonly string[]): Promise<boolean> {
  if (offlineForced()) return false;
  const roots = [`${ROOT}/main.ts`, ...filesBelow(`${ROOT}/tests`)]
    .filter((path) => path.endsWith(".ts") && exists(path));
  if (roots.length === 0) return false;
  const { code } = await runDeno(["cache", "--cached-only", "--quiet", ...flags, ...roots]);
  return code === 0;
}
