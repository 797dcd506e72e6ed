import { _exit } from "./ffi/process.ts";
import { type Arguments, parseArguments, UnknownOption } from "./lib/cli/arguments.ts";
import { type Command, COMMON_OPTIONS } from "./lib/cli/command.ts";
import { isDockerWord } from "./lib/cli/docker_words.ts";
import { calledAs, chooseFace, RUNTIME_COMMANDS } from "./lib/cli/face.ts";
import { NobodyReads, print } from "./lib/cli/output.ts";
import type { ToldError } from "./lib/cli/json_messages.ts";
import { RUN_OPTIONS } from "./lib/cli/run_options.ts";
import { ContainerError, hintOf, UsageError } from "./lib/errors.ts";
import { sendWarnings, tell } from "./lib/trace.ts";
import { versionText } from "./lib/cli/version.ts";

/** Commands besides `run`, of one or two words; each is loaded only when it is called. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  images: async () => (await import("./lib/cli/images/images.ts")).command,
  "images check": async () => (await import("./lib/cli/images/check.ts")).command,
  inspect: async () => (await import("./lib/cli/images/inspect.ts")).command,
  history: async () => (await import("./lib/cli/images/history.ts")).command,
  tag: async () => (await import("./lib/cli/images/tag.ts")).command,
  rmi: async () => (await import("./lib/cli/images/rmi.ts")).command,
  prune: async () => (await import("./lib/cli/images/prune.ts")).command,
  df: async () => (await import("./lib/cli/images/df.ts")).command,
  pull: async () => (await import("./lib/cli/registry/pull.ts")).command,
  load: async () => (await import("./lib/cli/images/load.ts")).command,
  save: async () => (await import("./lib/cli/images/save.ts")).command,
  import: async () => (await import("./lib/cli/images/import.ts")).command,
  export: async () => (await import("./lib/cli/images/export.ts")).command,
  commit: async () => (await import("./lib/cli/images/commit.ts")).command,
  push: async () => (await import("./lib/cli/registry/push.ts")).command,
  search: async () => (await import("./lib/cli/registry/search.ts")).command,
  login: async () => (await import("./lib/cli/registry/login.ts")).command,
  logout: async () => (await import("./lib/cli/registry/logout.ts")).command,
  gc: async () => (await import("./lib/cli/run.ts")).gc,
};

/** The manager's face: images, and containers made from them. */
async function manage(words: readonly string[]): Promise<number> {
  for (const length of [2, 1]) {
    const name = words.slice(0, length).join(" ");
    if (words.length < length || !Object.hasOwn(COMMANDS, name)) continue;
    return await runCommand(name, await COMMANDS[name](), words.slice(length));
  }
  const args = await parseRun(words[0] === "run" ? words.slice(1) : words);
  await chooseTelling(args);
  if (args.flag("version")) {
    print(versionText());
    return 0;
  }
  if (args.flag("h") || args.flag("help")) {
    print(await usage());
    return 0;
  }
  const isRun = words[0] === "run";
  if (isDockerWord(words[0])) {
    const { refuseDockerCommand } = await import("./lib/cli/meant.ts");
    await refuseDockerCommand(words[0]);
  }
  const behind = words.length - args.rest.length;
  if (!isRun && behind > 0 && words[behind - 1] !== "--" && commandNames().includes(args.rest[0])) {
    const { refuseCommandBehindOptions } = await import("./lib/cli/meant.ts");
    await refuseCommandBehindOptions(args);
  }
  // An image may name a command of its own: whether it does is seen once it is there.
  const commands = isRun ? [] : commandNames();
  if (args.rest.length < (isRun ? 1 : 2)) {
    const { refuseTooFewWords } = await import("./lib/cli/meant.ts");
    refuseTooFewWords(args, commands);
  }
  requireRoot("make a container");
  const { runContainer } = await import("./lib/cli/run.ts");
  try {
    return await runContainer(args);
  } catch (error) {
    const { withWhatWasMeant } = await import("./lib/cli/meant.ts");
    throw await withWhatWasMeant(error, args, commands);
  }
}

/** What docker has besides is looked at for who has typed what there is not. */
async function parseRun(words: readonly string[]): Promise<Arguments> {
  try {
    return parseArguments(RUN_OPTIONS, words);
  } catch (error) {
    if (!(error instanceof UnknownOption)) throw error;
    const { DOCKER_OPTIONS } = await import("./lib/cli/docker_options.ts");
    return parseArguments([...RUN_OPTIONS, ...DOCKER_OPTIONS], words);
  }
}

function commandNames(): string[] {
  return ["run", ...Object.keys(COMMANDS), ...RUNTIME_COMMANDS];
}

async function runCommand(
  name: string,
  command: Command,
  words: readonly string[],
): Promise<number> {
  usage = async () => (await import("./lib/cli/usage.ts")).usageOf(command);
  const args = parseArguments([...command.options, ...COMMON_OPTIONS], words, "anywhere");
  await chooseTelling(args);
  if (args.flag("h") || args.flag("help")) {
    print(await usage());
    return 0;
  }
  const { least = 0, most = Infinity } = command.words ?? {};
  if (args.rest.length < least || args.rest.length > most) {
    const wrong = args.rest.length < least
      ? "an argument is missing"
      : most === 0
      ? "it takes no arguments"
      : "too many arguments";
    throw new UsageError(`run "${name}": ${wrong}`);
  }
  requireRoot(`run "${name}"`);
  const { expectChildren } = await import("./lib/children.ts");
  expectChildren();
  const { surviveFileSizeLimit } = await import("./lib/file_size_limit.ts");
  using _ = surviveFileSizeLimit();
  const { collectLeftovers } = await import("./lib/cli/leftovers.ts");
  if (name !== "gc") await collectLeftovers();
  return await command.run(args);
}

/** The runtime's face: bundles, the way engines drive it. Errors go to the engine's log as well, warnings to it alone. */
async function runtime(words: readonly string[]): Promise<number> {
  const oci = await import("./lib/cli/oci/mod.ts");
  try {
    const { options, args } = oci.readGlobalOptions(words);
    // Where there is a log, stderr is the container's own, as engines keep it.
    if (options.log !== undefined || oci.logsToStderr(options)) {
      sendWarnings((message) => oci.log(options, "warning", message));
    }
    if (args.flag("version")) print(versionText());
    else if (args.flag("help")) print(oci.runtimeUsage());
    else return await oci.runRuntimeCommand(args.rest, options);
    return 0;
  } catch (error) {
    const { describeCauses, synopsisOf, tellError, withoutUndo } = await import(
      "./lib/cli/report.ts"
    );
    const { options, args } = oci.readableGlobalOptions(words);
    const first = withoutUndo(error);
    if (first instanceof NobodyReads) throw first;
    const message = oci.engineMessage(first);
    oci.log(options, "error", message);
    const [command] = args.rest;
    if (!oci.logsToStderr(options)) {
      const stack = options.debug && first instanceof Error ? describeCauses(first) : undefined;
      tellError({ message, hint: hintOf(first), stack });
      if (command === undefined) tell(`\n${synopsisOf(oci.runtimeUsage())}`);
    }
    return command === "exec" ? 255 : 1;
  }
}

function requireRoot(action: string): void {
  if (Deno.uid() === 0) return;
  throw new ContainerError(`${action}: only root may`, {
    code: "NotAllowed",
    hint: "Run it with sudo",
  });
}

/** What is told with arguments that make no sense. */
let usage = async () => (await import("./lib/cli/usage.ts")).usageOfRun();

/** Whether errors show where they come from; the same word among the command's own arguments does not count. */
let isDebug = false;

/** Tells errors where a program reads what is told. */
let tellInJSON: ((error: ToldError) => void) | undefined;

/** How errors and warnings are told from now on. */
async function chooseTelling(args: Arguments): Promise<void> {
  isDebug = args.flag("debug") ?? false;
  if (args.text("progress") !== "json" || args.flag("q")) return;
  const { tellErrorInJSON, warnInJSON } = await import("./lib/cli/json_messages.ts");
  tellInJSON = tellErrorInJSON;
  sendWarnings(warnInJSON);
}

let exitCode: number;
try {
  const face = chooseFace(Deno.args, calledAs());
  exitCode = await (face === "runtime" ? runtime : manage)(Deno.args);
} catch (error) {
  const { report } = await import("./lib/cli/report.ts");
  exitCode = await report(error, { isDebug, usage, tellInJSON });
}
// Nothing is left to be done, and Deno takes its time for that.
_exit(exitCode);
