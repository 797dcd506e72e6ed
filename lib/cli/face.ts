import { readFile } from "../../ffi/file.ts";
import { withoutDashes } from "./arguments.ts";

/** The manager runs images; the runtime takes bundles, as runc does. */
export type Face = "manager" | "runtime";

/** Options before the command that only the runtime has, and whether a value follows. */
const RUNTIME_OPTIONS: Readonly<Record<string, boolean>> = {
  "root": true,
  "log": true,
  "log-format": true,
  "rootless": true,
  "criu": true,
  "systemd-cgroup": false,
  "cgroup-manager": true,
};

/** Options that both have, none with a value. */
const SHARED_OPTIONS: readonly string[] = ["debug", "version", "help", "h", "v"];

/** Commands that only the runtime has. */
export const RUNTIME_COMMANDS: readonly string[] = [
  "create",
  "start",
  "state",
  "kill",
  "delete",
  "exec",
  "list",
  "ps",
  "pause",
  "resume",
  "update",
  "events",
  "spec",
  "features",
];

/**
 * Which of the two is meant. The word `run` belongs to both: it is the runtime's with `--bundle`,
 * after an option that only the runtime has, or when the program is called by a name of a runtime.
 *
 * @param words the command line.
 * @param calledAs the name by which the program was called.
 */
export function chooseFace(words: readonly string[], calledAs: string): Face {
  if (calledAs === "runc" || calledAs === "gocontainer-oci") return "runtime";
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    if (!word.startsWith("-") || word === "--") {
      if (RUNTIME_COMMANDS.includes(word)) return "runtime";
      return word === "run" && hasBundle(words.slice(at + 1)) ? "runtime" : "manager";
    }
    const [name] = withoutDashes(word).split("=", 1);
    if (Object.hasOwn(RUNTIME_OPTIONS, name)) return "runtime";
    if (!SHARED_OPTIONS.includes(name)) return "manager";
  }
  return "manager";
}

/** Options that may stand before `--bundle`. */
const RUN_OPTIONS_WITH_VALUE: readonly string[] = ["console-socket", "pid-file", "preserve-fds"];

/** Whether `--bundle` or `-b` stands among the options of `run`. */
function hasBundle(words: readonly string[]): boolean {
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    if (!word.startsWith("-") || word === "--") return false;
    const [name] = withoutDashes(word).split("=", 1);
    if (name === "bundle" || name === "b") return true;
    if (RUN_OPTIONS_WITH_VALUE.includes(name) && !word.includes("=")) at++;
  }
  return false;
}

/** The name by which the program was called: the last part of argv[0], which Deno does not tell. */
export function calledAs(): string {
  const [argv0] = readFile("/proc/self/cmdline").split("\0");
  return argv0.slice(argv0.lastIndexOf("/") + 1);
}
