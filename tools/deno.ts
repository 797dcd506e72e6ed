/** Running Deno itself: which one, with which settings. */

import { BUILD_DIR, exists, ROOT } from "./project.ts";
import { ToolError } from "./report.ts";

/** The oldest Deno that compiles the project. */
const OLDEST = [2, 6] as const;

/**
 * Makes sure that the running Deno is recent enough.
 *
 * @throws ToolError when it is not
 */
export function requireDeno(version: string = Deno.version.deno): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw new ToolError(`build with Deno ${version}: Deno ${OLDEST.join(".")} or later is needed`, {
    hint: "Upgrade with `deno upgrade`, or put `npx --yes` before the command",
  });
}

/**
 * Makes this process and the Deno processes it starts trust the machine's certificates too, as npm
 * and curl do; without that a network with a certificate of its own cannot be used. Call it before
 * the first connection. A choice made in the environment stays.
 */
export function trustSystemCertificates(): void {
  if (Deno.env.get("DENO_TLS_CA_STORE") === undefined) {
    Deno.env.set("DENO_TLS_CA_STORE", "mozilla,system");
  }
}

/** The project's settings, `deno.json`. */
export interface ProjectConfig {
  readonly imports: Readonly<Record<string, string>>;
}

/** Reads `deno.json`. */
export function projectConfig(): ProjectConfig {
  return JSON.parse(Deno.readTextFileSync(`${ROOT}/deno.json`)) as ProjectConfig;
}

/**
 * Flags which make Deno use the project's settings and a working copy of its lock file: the copy
 * holds what this network adds (or lacks), the original stays as it was committed.
 */
export function configFlags(): string[] {
  const lock = `${BUILD_DIR}/deno.lock`;
  Deno.mkdirSync(BUILD_DIR, { recursive: true });
  if (exists(`${ROOT}/tools/deno.lock`)) Deno.copyFileSync(`${ROOT}/tools/deno.lock`, lock);
  return [`--config=${ROOT}/deno.json`, `--lock=${lock}`];
}

/** How {@link runDeno} ended. */
export interface DenoResult {
  readonly code: number;
  /** Empty when the output went to the terminal. */
  readonly output: string;
}

/**
 * Runs Deno in the project folder and waits.
 *
 * @param options.deno the executable; by default the running one
 * @param options.show `true` passes its output on as it comes; else it is returned, both streams
 */
export async function runDeno(
  args: readonly string[],
  options: { deno?: string; env?: Record<string, string>; show?: boolean } = {},
): Promise<DenoResult> {
  const io = options.show ? "inherit" : "piped";
  const result = await new Deno.Command(options.deno ?? Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    // Deno's own inside is of no interest where the project's sources are at fault.
    env: { DENO_NO_UPDATE_CHECK: "1", RUST_BACKTRACE: "0", ...options.env },
    stdin: "null",
    stdout: io,
    stderr: io,
  }).output();
  if (options.show) return { code: result.code, output: "" };
  const decoder = new TextDecoder();
  return {
    code: result.code,
    output: decoder.decode(result.stdout) + decoder.decode(result.stderr),
  };
}
