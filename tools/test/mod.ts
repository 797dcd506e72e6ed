/** Running every test against the built binary. */

import { findIp, INSTALL_IP } from "../build/iproute.ts";
import { buildIfStale } from "../build/mod.ts";
import { requireDeno, runDeno } from "../deno.ts";
import { moduleFlags } from "../modules.ts";
import { asRoot, findSudo, passedOn } from "../privilege.ts";
import { BINARY, BUILD_DIR, exists, ROOT } from "../project.ts";
import { say, ToolError } from "../report.ts";
import { type Counts, countsOf, failuresIn, sumOf } from "./junit.ts";
import { filesOf, type Suite, SUITES } from "./suites.ts";

/** What has become of the tests. */
export interface Results {
  readonly counts: Counts;
  /** A text for each that failed, the first line of which names it. */
  readonly failures: readonly string[];
}

/**
 * Builds what is out of date, then runs the suites one after another; those that can be run beside the next one are.
 *
 * @param filters parts of paths; only test files whose path contains one of them run
 * @throws ToolError when the tests cannot run at all
 */
export async function test(filters: readonly string[]): Promise<Results> {
  requireDeno();
  if (findIp() === undefined) throw new ToolError(INSTALL_IP);
  await buildIfStale();
  const flags = await moduleFlags();
  const finished: Results[] = [];
  let beside: { suite: Suite; run: Promise<Finished> }[] = [];
  for (const suite of SUITES) {
    const files = filesOf(suite, filters);
    const run = files.length === 0 ? undefined : start(suite, files, flags);
    if (suite.beside && run !== undefined) {
      beside.push({ suite, run });
      continue;
    }
    if (run !== undefined) {
      say(`\n# ${suite.name}`);
      finished.push(await run);
    }
    for (const { suite: { name }, run } of beside) {
      const results = await run;
      say(`\n# ${name}\n${results.said}`);
      finished.push(results);
    }
    beside = [];
  }
  return {
    counts: sumOf(finished.map(({ counts }) => counts)),
    failures: finished.flatMap(({ failures }) => failures),
  };
}

/** What has become of a suite; of one that ran beside another, also what it said. */
interface Finished extends Results {
  readonly said: string;
}

async function start(
  suite: Suite,
  files: readonly string[],
  flags: readonly string[],
): Promise<Finished> {
  if (suite.root && Deno.uid() !== 0 && findSudo() === undefined) {
    const said =
      `SKIPPED ${files.length} files of the suite "${suite.name}": they need root or sudo`;
    if (!suite.beside) say(said);
    return { counts: { passed: 0, failed: 0, skipped: files.length }, failures: [], said };
  }
  Deno.mkdirSync(`${BUILD_DIR}/test`, { recursive: true });
  const report = `${BUILD_DIR}/test/${suite.name}.xml`;
  if (exists(report)) Deno.removeSync(report);
  // Types are checked by `deno task check`, over all files at once.
  const args = ["test", ...flags, "-A", "--no-check", `--junit-path=${report}`, ...files];
  const env = { GOCONTAINER_BIN: binaryFor(suite), GOCONTAINER_ROOT: ROOT };
  const show = !suite.beside;
  const { code, output } = suite.root && Deno.uid() !== 0
    ? await runAsRoot([Deno.execPath(), ...args], { ...passedOn(), ...env }, show)
    : await runDeno(args, { show, env });
  const xml = exists(report) ? Deno.readTextFileSync(report) : "";
  const counts = countsOf(code, xml);
  const failures = failuresIn(xml);
  if (counts.failed > failures.length) {
    failures.push(`${suite.name}: it ended with exit code ${code}, and its report names no test`);
  }
  return { counts, failures, said: output };
}

async function runAsRoot(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  show: boolean,
): Promise<{ code: number; output: string }> {
  const [program = "", ...args] = asRoot(argv, env);
  const command = new Deno.Command(program, {
    args,
    cwd: ROOT,
    stdin: show ? "inherit" : "null",
    stdout: show ? "inherit" : "piped",
    stderr: show ? "inherit" : "piped",
  });
  if (show) return { code: (await command.spawn().status).code, output: "" };
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** The binary that a suite tests: processes of another one are not looked for where hosts are compared. */
function binaryFor(suite: Suite): string {
  if (!suite.beside) return BINARY;
  const copy = `${BUILD_DIR}/test/gocontainer-${suite.name}`;
  Deno.copyFileSync(BINARY, copy);
  return copy;
}
