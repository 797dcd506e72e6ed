import { AT_FDCWD } from "../ffi/constants.ts";
import { SysError } from "../ffi/errno.ts";
import { statx } from "../ffi/file.ts";
import { ContainerError } from "./errors.ts";
import { step } from "./trace.ts";

/** Where helper programs are looked for, never by PATH: only the system's own folders count. */
const FOLDERS = ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/local/bin"];

const found = new Map<string, string | undefined>();

/**
 * The absolute path of a helper program, or undefined when it is not installed. A program or folder
 * that others than root may write is passed over, for what runs here runs as root.
 */
export function findProgram(name: string): string | undefined {
  if (!found.has(name)) {
    const folder = FOLDERS.find((folder) => isTrusted(folder) && isTrusted(`${folder}/${name}`));
    found.set(name, folder && `${folder}/${name}`);
  }
  return found.get(name);
}

/** What a helper program said. */
export interface Output {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a helper program to its end, with an empty environment and no standard input. */
export function runProgram(path: string, args: readonly string[]): Output {
  return decoded(command(path, args).outputSync());
}

/**
 * Starts a helper program as {@link runProgram} does, but one that tells little, and only of failures: its standard
 * output goes nowhere, and what it says is read when it has failed. To follow it all along costs a start 1 ms.
 */
export async function startProgram(path: string, args: readonly string[]): Promise<Output> {
  const child = command(path, args, "null").spawn();
  const { success } = await child.status;
  if (!success) return { success, stdout: "", stderr: await new Response(child.stderr).text() };
  await child.stderr.cancel();
  return { success, stdout: "", stderr: "" };
}

function command(
  path: string,
  args: readonly string[],
  stdout: "piped" | "null" = "piped",
): Deno.Command {
  return new Deno.Command(path, {
    args: [...args],
    clearEnv: true,
    stdin: "null",
    stdout,
    stderr: "piped",
  });
}

function decoded({ success, stdout, stderr }: Deno.CommandOutput): Output {
  const decoder = new TextDecoder();
  return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/**
 * Runs a helper program as a step.
 *
 * @throws {ContainerError} with what the program said when it fails.
 */
export function runTold(
  told: { label: string; check: string },
  path: string,
  args: readonly string[],
): void {
  const command = `${path} ${args.map((arg) => /[\s;{}!]/.test(arg) ? `'${arg}'` : arg).join(" ")}`;
  step({ ...told, call: command }, () => {
    const { success, stdout, stderr } = runProgram(path, args);
    if (success) return;
    const said = (stderr || stdout).trim().split("\n")[0]?.replace(/\.$/, "") || "it failed";
    throw new ContainerError(`run ${JSON.stringify(command)}: ${said}`);
  });
}

/** Whether it exists, is root's and nobody else may write it; symbolic links are followed. */
function isTrusted(path: string): boolean {
  try {
    const { uid, mode } = statx(AT_FDCWD, path, 0);
    return uid === 0 && (mode & 0o022) === 0;
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOENT") return false;
    throw error;
  }
}
