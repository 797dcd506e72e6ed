import { type Arguments, describeOptions, parseArguments } from "./lib/cli/arguments.ts";
import { calledAs, chooseFace } from "./lib/cli/face.ts";
import { RUN_OPTIONS } from "./lib/cli/run_options.ts";
import { ContainerError, type ErrorCode, hintOf, SysError, UsageError } from "./lib/errors.ts";
import { tell, warn } from "./lib/trace.ts";
import { versionText } from "./lib/cli/version.ts";

const USAGE = `Usage: gocontainer [OPTIONS] IMAGE COMMAND [ARG...]
       gocontainer run [OPTIONS] IMAGE COMMAND [ARG...]
       gocontainer gc
       gocontainer create|start|state|kill|delete|exec|list|ps|pause|resume|update|events|spec|features …

Runs a command in a new container made from an image. Needs root.

Options, as -name value, -name=value, --name value or --name=value:
${describeOptions(RUN_OPTIONS)}

Exit code: the command's own, 128+n when signal n ended it; 125 when the container could not be made,
126 when the command cannot be run, 127 when there is no such command, 1 for bad arguments.`;

/** Commands besides `run`; each is loaded only when it is called. */
const COMMANDS: Record<string, (args: Arguments) => Promise<number>> = {
  gc: async (args) => (await import("./lib/cli/run.ts")).gcCommand(args),
};

/** The manager's face: images, and containers made from them. */
async function manage(words: readonly string[]): Promise<number> {
  const command = words[0] === undefined ? undefined : COMMANDS[words[0]];
  if (command !== undefined) {
    const args = parseArguments([{ name: "debug" }], words.slice(1));
    isDebug = args.flag("debug") ?? false;
    if (args.rest.length > 0) throw new UsageError(`run "${words[0]}": it takes no arguments`);
    requireRoot();
    return await command(args);
  }
  const args = parseArguments(RUN_OPTIONS, words[0] === "run" ? words.slice(1) : words);
  isDebug = args.flag("debug") ?? false;
  if (args.flag("version")) {
    console.log(versionText());
    return 0;
  }
  if (args.flag("h") || args.flag("help")) {
    console.log(USAGE);
    return 0;
  }
  if (args.rest.length < 2) {
    const missing = args.rest.length === 0 ? "an image and a command are" : "a command is";
    throw new UsageError(`run a container: ${missing} missing`);
  }
  requireRoot();
  const { runCommand } = await import("./lib/cli/run.ts");
  return await runCommand(args);
}

/** The runtime's face: bundles, the way engines drive it. Errors go to the engine's log as well. */
async function runtime(words: readonly string[]): Promise<number> {
  const { engineMessage, logError, readGlobalOptions, runRuntimeCommand, runtimeUsage } =
    await import(
      "./lib/cli/oci/mod.ts"
    );
  const { options, args } = readGlobalOptions(words);
  if (args.flag("version")) console.log(versionText());
  else if (args.flag("help")) console.log(runtimeUsage());
  else {
    try {
      return await runRuntimeCommand(args.rest, options);
    } catch (error) {
      const first = withoutUndo(error);
      const message = engineMessage(first);
      logError(options, message);
      tell(`gocontainer: ${message}`);
      const hint = hintOf(first);
      if (hint !== undefined) tell(hint);
      if (options.debug && first instanceof Error) tell(describeCauses(first));
      return args.rest[0] === "exec" ? 255 : 1;
    }
  }
  return 0;
}

function requireRoot(): void {
  if (Deno.uid() === 0) return;
  throw new ContainerError("make a container: only root may", {
    code: "NotAllowed",
    hint: "Run it with sudo",
  });
}

/** The only place that prints an error and decides the exit code. */
function report(error: unknown, debug: boolean): number {
  const message = error instanceof Error ? error.message : String(error);
  tell(`gocontainer: ${message}`);
  const hint = hintOf(error);
  if (hint !== undefined) tell(hint);
  if (debug && error instanceof Error) tell(describeCauses(error));
  if (error instanceof UsageError) {
    tell(`\n${USAGE}`);
    return 1;
  }
  return error instanceof ContainerError ? EXIT_CODES[error.code] ?? 125 : 125;
}

const EXIT_CODES: Partial<Record<ErrorCode, number>> = {
  CommandNotExecutable: 126,
  CommandNotFound: 127,
};

/** The first error; those of undoing what had been made are warnings beside it. */
function withoutUndo(error: unknown): unknown {
  let first = error;
  while (first instanceof SuppressedError) {
    const { error: later } = first;
    warn(`undo failed: ${later instanceof Error ? later.message : later}`);
    first = first.suppressed;
  }
  return first;
}

function describeCauses(error: Error): string {
  const lines = [error.stack ?? String(error)];
  if (error instanceof SysError) lines.push(`errno ${error.errno}`);
  if (error.cause instanceof Error) lines.push(`caused by ${describeCauses(error.cause)}`);
  return lines.join("\n");
}

/** Whether errors show where they come from; the same word among the command's own arguments does not count. */
let isDebug = false;

let exitCode: number;
try {
  const face = chooseFace(Deno.args, calledAs());
  exitCode = await (face === "runtime" ? runtime : manage)(Deno.args);
} catch (error) {
  exitCode = report(withoutUndo(error), isDebug);
}
Deno.exit(exitCode);
