/** Everything that can be said about the sources without running them. */

import { requireDeno, runDeno } from "../deno.ts";
import { moduleFlags } from "../modules.ts";
import { exists, filesBelow, ROOT } from "../project.ts";
import { say } from "../report.ts";
import { importViolations } from "./directions.ts";

const PLACES = ["main.ts", "lib", "ffi", "tools", "tests"];

/** Runs every check, all of them even when one fails; true when all went well. */
export async function check(): Promise<boolean> {
  requireDeno();
  const places = PLACES.map((place) => `${ROOT}/${place}`).filter(exists);
  const modules = places.flatMap(filesBelow).filter((path) => path.endsWith(".ts"));
  const flags = await moduleFlags();
  const results = [
    await told("format", () => deno(["fmt", "--check", ...places, `${ROOT}/deno.json`])),
    await told("lint", () => deno(["lint", "--quiet", ...places])),
    await told("types", () => deno(["check", "--quiet", ...flags, ...modules])),
    await told("import directions", () => Promise.resolve(directions())),
  ];
  return results.every((ok) => ok);
}

async function told(name: string, run: () => Promise<boolean>): Promise<boolean> {
  const ok = await run();
  say(`${ok ? "ok    " : "FAILED"} ${name}`);
  return ok;
}

async function deno(args: readonly string[]): Promise<boolean> {
  const { code } = await runDeno(args, { show: true });
  return code === 0;
}

function directions(): boolean {
  const violations = importViolations();
  for (const { path, line, message } of violations) say(`${path}:${line}: ${message}`);
  return violations.length === 0;
}
