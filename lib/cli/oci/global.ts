import { dirname } from "@std/path/posix/dirname";
import { resolve } from "@std/path/posix/resolve";
import { type Arguments, type OptionSpec, parseArguments } from "../arguments.ts";
import { collectLeftovers } from "../leftovers.ts";
import { ContainerError, reasonOf, UsageError } from "../../errors.ts";
import { findSafeFolder } from "../../folder.ts";
import { limitedUser } from "../../runtime/ordinary_user.ts";
import { CGROUP_MANAGERS, type CgroupManager } from "../../cgroup/manager.ts";
import { StateRoot } from "../../runtime/state.ts";
import { userStateRoot } from "../../runtime/user_state_root.ts";
import { tell } from "../../trace.ts";

/** The options that stand before a command of the runtime's face. */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  {
    name: "root",
    value: "FOLDER",
    help:
      "folder of the containers' state (default /run/gocontainer, or $XDG_RUNTIME_DIR/gocontainer)",
  },
  {
    name: "log",
    value: "FILE",
    help: "write errors and warnings to this file, as engines read them",
  },
  { name: "log-format", value: "text|json", help: "form of the log (default text)" },
  { name: "systemd-cgroup", help: "let systemd make the cgroups" },
  {
    name: "cgroup-manager",
    value: "cgroupfs|systemd|disabled",
    help: "who makes the cgroups: gocontainer itself (default), systemd or nobody",
  },
  { name: "rootless", value: "BOOL" },
  { name: "criu", value: "PATH" },
  { name: "debug", help: "show stack traces of errors" },
  { name: "version", alias: "v", help: "print the versions" },
  { name: "help", alias: "h", help: "print the commands" },
];

/** What was said before the command. */
export interface GlobalOptions {
  readonly rootPath?: string;
  readonly log?: string;
  readonly logFormat: "text" | "json";
  readonly debug: boolean;
  /** Who makes the cgroups. */
  readonly cgroupManager: CgroupManager;
}

/** Reads the options before the command; `rest` begins with the command. */
export function readGlobalOptions(
  words: readonly string[],
): { options: GlobalOptions; args: Arguments } {
  const args = parseArguments(GLOBAL_OPTIONS, words);
  const logFormat = args.text("log-format") ?? "text";
  if (logFormat !== "text" && logFormat !== "json") {
    throw new UsageError(`read "--log-format ${logFormat}": it is text or json`);
  }
  if (args.text("root") === "") throw new UsageError('read "--root ": name a folder');
  return {
    options: {
      rootPath: args.text("root"),
      log: args.text("log"),
      logFormat,
      debug: args.flag("debug") ?? false,
      cgroupManager: cgroupManagerOf(args),
    },
    args,
  };
}

function cgroupManagerOf(args: Arguments): CgroupManager {
  const given = args.text("cgroup-manager");
  if (given === undefined) return args.flag("systemd-cgroup") ? "systemd" : "cgroupfs";
  const manager = CGROUP_MANAGERS.find((name) => name === given);
  if (manager !== undefined) return manager;
  throw new UsageError(`read "--cgroup-manager ${given}": it is ${CGROUP_MANAGERS.join(", ")}`);
}

/** As {@link readGlobalOptions}, without the first wrong option and all after it: where to tell of that. */
export function readableGlobalOptions(
  words: readonly string[],
): ReturnType<typeof readGlobalOptions> {
  for (let length = words.length;; length--) {
    try {
      return readGlobalOptions(words.slice(0, length));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
    }
  }
}

/** @throws {ContainerError} Unsupported where systemd does not run (sd_booted(3)). */
export function requireSystemd(): void {
  try {
    Deno.statSync("/run/systemd/system");
  } catch {
    throw new ContainerError("let systemd make the cgroups: systemd does not run here", {
      code: "Unsupported",
      hint: "Leave out --systemd-cgroup: gocontainer makes cgroups itself",
    });
  }
}

/**
 * The folder of the containers' state: an absolute one, as records name files in it. What root's says is done as root,
 * so nobody else may be able to put another in its place. In a user namespace the owners on the way have no names.
 */
export function openRoot({ rootPath }: GlobalOptions): StateRoot {
  if (rootPath) {
    const path = resolve(rootPath);
    if (limitedUser() === undefined) findSafeFolder(dirname(path));
    return StateRoot.open(path);
  }
  return StateRoot.open(rootPath ?? (isUser() ? userStateRoot() : undefined));
}

/** In the state folder that images' containers have as well, takes back first what killed processes have left. */
export async function tidyUp({ rootPath }: GlobalOptions): Promise<void> {
  if (rootPath === undefined && !isUser()) await collectLeftovers();
}

/** As runc tells them apart: root in a user namespace counts as the user whose environment he has. */
function isUser(): boolean {
  if (Deno.uid() !== 0) return true;
  return Deno.env.get("XDG_RUNTIME_DIR") !== undefined && Deno.env.get("USER") !== "root" &&
    limitedUser() !== undefined;
}

/** Whether what is told on stderr are records of the log: where JSON goes without a file, as other runtimes' does. */
export function logsToStderr({ log, logFormat }: GlobalOptions): boolean {
  return log === undefined && logFormat === "json";
}

/** Writes a line to the log, if there is one; what cannot be logged is not an error of its own. */
export function log(options: GlobalOptions, level: "error" | "warning", message: string): void {
  if (options.log === undefined && !logsToStderr(options)) return;
  const time = new Date().toISOString();
  const line = options.logFormat === "json"
    ? JSON.stringify({ level, msg: message, time })
    : `time="${time}" level=${level} msg=${JSON.stringify(message)}`;
  if (options.log === undefined) return tell(line);
  try {
    Deno.writeTextFileSync(options.log, line + "\n", { append: true, mode: 0o600 });
  } catch (error) {
    tell(`gocontainer: warning: write the log "${options.log}": ${reasonOf(error)}`);
  }
}
