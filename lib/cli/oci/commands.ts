import { expectChildren } from "../../children.ts";
import { UsageError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";
import { type Arguments, type OptionSpec, parseArguments } from "../arguments.ts";
import { HELP_OPTIONS } from "../command.ts";
import { describeOptions, usageOf } from "../usage.ts";
import {
  CREATE_OPTIONS,
  createCommand,
  RUN_BUNDLE_OPTIONS,
  runBundleCommand,
  startCommand,
} from "./bundle.ts";
import { EVENTS_OPTIONS, eventsCommand } from "./events.ts";
import { EXEC_OPTIONS, execCommand } from "./exec.ts";
import { featuresCommand } from "./features.ts";
import { GLOBAL_OPTIONS, type GlobalOptions, requireSystemd } from "./global.ts";
import {
  DELETE_OPTIONS,
  deleteCommand,
  KILL_OPTIONS,
  killCommand,
  pauseCommand,
  resumeCommand,
  stateCommand,
} from "./lifecycle.ts";
import { LIST_OPTIONS, listCommand, PS_OPTIONS, psCommand } from "./list.ts";
import { SPEC_OPTIONS, specCommand } from "./spec.ts";
import { UPDATE_OPTIONS, updateCommand } from "./update.ts";
import { print } from "../output.ts";

/** A command of the runtime's face. */
interface Command {
  readonly usage: string;
  readonly options?: readonly OptionSpec[];
  /** Whether what follows the id are the words of another program, with their own dashes. */
  readonly takesWords?: boolean;
  run(args: Arguments, globals: GlobalOptions): number | Promise<number>;
}

/** All commands, with runc's names. */
const COMMANDS: Readonly<Record<string, Command>> = {
  create: {
    usage: "create [OPTIONS] ID          make a container from a bundle",
    options: CREATE_OPTIONS,
    run: createCommand,
  },
  start: {
    usage: "start ID                     run the program of a created container",
    run: startCommand,
  },
  run: {
    usage: "run [OPTIONS] ID             create and start",
    options: RUN_BUNDLE_OPTIONS,
    run: runBundleCommand,
  },
  state: {
    usage: "state ID                     print the state",
    run: stateCommand,
  },
  kill: {
    usage:
      "kill [--all] ID [SIGNAL]     send a signal (default the image's for its end, else TERM)",
    options: KILL_OPTIONS,
    run: killCommand,
  },
  delete: {
    usage: "delete [--force] ID          delete a stopped container",
    options: DELETE_OPTIONS,
    run: deleteCommand,
  },
  pause: {
    usage: "pause ID                     have all processes stand still",
    run: pauseCommand,
  },
  resume: {
    usage: "resume ID                    let a paused container go on",
    run: resumeCommand,
  },
  exec: {
    usage: "exec [OPTIONS] ID COMMAND    run one more process in a container",
    options: EXEC_OPTIONS,
    takesWords: true,
    run: execCommand,
  },
  list: {
    usage: "list [-q] [-f table|json]    list the containers",
    options: LIST_OPTIONS,
    run: listCommand,
  },
  ps: {
    usage: "ps [-f table|json] ID        list the processes of a container",
    options: PS_OPTIONS,
    takesWords: true,
    run: psCommand,
  },
  update: {
    usage: "update [OPTIONS] ID          change the limits of a container",
    options: UPDATE_OPTIONS,
    run: updateCommand,
  },
  events: {
    usage: "events [--stats] ID          print usage and out-of-memory kills",
    options: EVENTS_OPTIONS,
    run: eventsCommand,
  },
  spec: {
    usage: "spec [--rootless]            write a config.json to begin with",
    options: SPEC_OPTIONS,
    run: specCommand,
  },
  features: {
    usage: "features                     print what this runtime recognises",
    run: featuresCommand,
  },
};

/** Runs a command of the runtime's face and returns the exit code. */
export function runRuntimeCommand(
  words: readonly string[],
  global: GlobalOptions,
): number | Promise<number> {
  const [word, ...rest] = words;
  if (word === undefined) throw new UsageError("read the arguments: the command is missing");
  if (word === "help") {
    const [command] = rest;
    if (command !== undefined) return runRuntimeCommand([command, "--help"], global);
    print(runtimeUsage());
    return 0;
  }
  if (!Object.hasOwn(COMMANDS, word)) {
    const near = nearest(word, Object.keys(COMMANDS));
    throw new UsageError(`run the command "${word}": there is none of that name`, {
      hint: near === undefined
        ? `Behind options of a runtime, such as --root, stand ${Object.keys(COMMANDS).join(", ")}`
        : `Did you mean ${near}?`,
    });
  }
  const { options = [], takesWords, run } = COMMANDS[word];
  const args = parseArguments(
    [...options, ...HELP_OPTIONS],
    rest,
    takesWords ? "first" : "anywhere",
  );
  if (args.flag("h") || args.flag("help")) {
    print(commandUsage(COMMANDS[word]));
    return 0;
  }
  expectChildren();
  if (global.cgroupManager === "systemd") requireSystemd();
  return run(args, global);
}

/** The usage of one command, as those of the manager's face have it. */
function commandUsage({ usage, options = [] }: Command): string {
  const [form, does] = usage.split(/ {2,}/);
  const summary = `${does[0].toUpperCase()}${does.slice(1)}.`;
  return usageOf({ synopsis: [form], summary, options }, HELP_OPTIONS);
}

/** The usage of the runtime's face. */
export function runtimeUsage(): string {
  const commands = Object.values(COMMANDS).map(({ usage }) => `  ${usage}`).join("\n");
  return `Usage: gocontainer [OPTIONS] COMMAND\n\nCommands:\n${commands}\n\nOptions:\n${
    describeOptions(GLOBAL_OPTIONS)
  }`;
}
