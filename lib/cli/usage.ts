/** What is told of options and commands: loaded only for those who are told. */

import type { OptionSpec } from "./arguments.ts";
import { type Command, COMMON_OPTIONS } from "./command.ts";
import { RUN_OPTIONS } from "./run_options.ts";

/** What `-h` prints of the tool as a whole, and of `run`. */
export function usageOfRun(): string {
  return `Usage: gocontainer [OPTIONS] IMAGE COMMAND [ARG...]
       gocontainer run [OPTIONS] IMAGE [COMMAND [ARG...]]
       gocontainer COMMAND [OPTIONS] [ARG...]
       gocontainer create|start|state|kill|delete|exec|list|ps|pause|resume|update|events|spec|features …

Runs a command in a new container made from an image. Needs root.

Commands (gocontainer COMMAND -h tells more; an image of such a name is run with: run -- NAME):
  pull, push, search    get an image from a registry, send one there, look for one
  login, logout         keep, forget user name and password for a registry
  images                list images; images check: look for damage in the store
  inspect, history      tell what is known of an image, how it was made
  tag, rmi              give an image a name, take it away
  load, save            read images from archives and OCI layouts, write them there
  import, export        make an image of a root file system, an archive of a container's
  commit                make an image of a container
  prune, df             remove what nobody needs, tell what is on the disk
  list, ps              list the containers that run, the processes of one
  exec, kill            run one more program in a container, send it a signal
  pause, resume         have a container stand still, go on
  gc                    take back what killed processes have left of containers

Options, as -name value, -name=value, --name value or --name=value:
${describeOptions(RUN_OPTIONS)}

Exit code: the command's own, 128+n when signal n ended it; 125 when the container could not be made,
126 when the command cannot be run, 127 when there is no such command, 1 for bad arguments.`;
}

/**
 * What `-h` prints of another command.
 *
 * @param common the options besides the command's own.
 */
export function usageOf(
  { synopsis, summary, options }: Pick<Command, "synopsis" | "summary" | "options">,
  common = COMMON_OPTIONS,
): string {
  const [first = "", ...more] = synopsis.map((line) => `gocontainer ${line}`);
  const usage = [`Usage: ${first}`, ...more.map((line) => `       ${line}`)].join("\n");
  return `${usage}\n\n${summary}\n\nOptions:\n${describeOptions([...options, ...common])}`;
}

/** The options of a command as lines of its usage. */
export function describeOptions(options: readonly OptionSpec[]): string {
  const shown = options.filter(({ help }) => help !== undefined);
  const left = shown.map(({ name, alias, value, many }) => {
    const names = [name, ...[alias ?? []].flat()].map((name) => `-${name}`).join(", ");
    return `  ${names}${value ? ` ${value}` : ""}${many ? "..." : ""}`;
  });
  const width = Math.max(...left.map(({ length }) => length)) + 2;
  return shown.map(({ help }, i) => left[i].padEnd(width) + help).join("\n");
}
