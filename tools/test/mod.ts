/** Running every test against the built binary. */

import { findIp, INSTALL_IP } from "../build/iproute.ts";
import { buildIfStale } from "../build/mod.ts";
import { requireDeno, runDeno } from "../deno.ts";
import { moduleFlags } from "../modules.ts";
import { asRoot, findSudo, passedOn } from "../privilege.ts";
import { BINARY, BUILD_DIR, exists, ROOT } from "../project.ts";
import { say, ToolError } from "../report.ts";
import { type Counts, countsOf, sumOf } from "./junit.ts";
import { filesOf, type Suite, SUITES } from "./suites.ts";

/**
 * Builds what is out of date, then runs the suites one after another.
 *
 * @param filters parts of paths; only test files whose path contains one of them run
 * @throws ToolError when the tests cannot run at all
 */
export async function test(filters: readonly string[]): Promise<Counts> {
  requireDeno();
  if (findIp() === undefined) throw new ToolError(INSTALL_IP);
  await buildIfStale();
  const flags = await moduleFlags();
  const results: Counts[] = [];
  for (const suite of SUITES) {
    const files = filesOf(suite, filters);
    if (files.length === 0) continue;
    say(`\n# ${suite.name}`);
    results.push(await run(suite, files, flags));
  }
  return sumOf(results);
}

async function run(
  suite: Suite,
  files: readonly string[],
  flags: readonly string[],
): Promise<Counts> {
  if (suite.root && Deno.uid() !== 0 && findSudo() === undefined) {
    say(`SKIPPED ${files.length} files of the suite "${suite.name}": they need root or sudo`);
    return { passed: 0, failed: 0, skipped: files.length };
  }
  const report = `${BUILD_DIR}/test/${suite.name}.xml`;
  Deno.mkdirSync(`${BUILD_DIR}/test`, { recursive: true });
  if (exists(report)) Deno.removeSync(report);
  // Types are checked by `deno task check`, over all files at once.
  const args = ["test", ...flags, "-A", "--no-check", `--junit-path=${report}`, ...files];
  const env = { GOCONTAINER_BIN: BINARY, GOCONTAINER_ROOT: ROOT };
  const code = suite.root && Deno.uid() !== 0
    ? await runAsRoot([Deno.execPath(), ...args], { ...passedOn(), ...env })
    : (await runDeno(args, { show: true, env })).code;
  return countsOf(code, exists(report) ? Deno.readTextFileSync(report) : undefined);
}

async function runAsRoot(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const [program = "", ...args] = asRoot(argv, env);
  const { code } = await new Deno.Command(program, {
    args,
    cwd: ROOT,
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  return code;
}
