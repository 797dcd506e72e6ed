/** What the program rehearses: the command lines whose speed counts. */

import { type Modules, play, type Played } from "./actor.ts";
import { type Layout, Props } from "./props.ts";

/** One command line, and the processes that it takes. */
interface Scene {
  readonly words: readonly string[];
  /** What clone3(2) returns in each act, the children's first; without forks one act. */
  readonly acts?: readonly (readonly number[])[];
  /** What is to be done before. */
  readonly before?: () => void;
  /** What is said by the launcher, which is no part of this program: by one that is a process from its beginning on... */
  readonly launched?: readonly Uint8Array[];
  /** ...and by one that the last child has become. */
  readonly after?: Uint8Array;
}

const CHILD = 0;
/** The program finds itself in the place of its child. */
const PARENT = Deno.pid;
/** The launcher's words, MESSAGES of lib/init/launcher/image.ts. */
const BORN_TOLD = 1, READY = 3, OPENED = 4, BEGUN = 5;
/** A process of a container is a copy of its parent at first. */
const FORK = [[CHILD], [PARENT]];
/** It is the launcher from its beginning on. */
const LAUNCH = {
  acts: [[PARENT]],
  launched: [word(OPENED, 3), word(BEGUN, 0), word(READY, 0)],
};
/** The launcher has made another process. */
const BORN = word(BORN_TOLD, PARENT);

/** A message of the launcher's. */
function word(message: number, value: number): Uint8Array {
  return new Uint8Array(new Int32Array([message, value]).buffer);
}

function scenes(props: Props): Scene[] {
  const run = ["-c", props.containers, "-i", props.images];
  // A program that there is on every machine.
  const program = Deno.execPath();
  return [
    { words: ["-version"] },
    { words: [...run, "embedded", program], ...LAUNCH },
    { words: [...run, "-net", "none", "-rm", "folder", program], ...LAUNCH },
    { words: ["run", ...run, "-net", "none", "stored:1", program], ...LAUNCH },
    { words: [...run, "-net", "none", "-u", "1:1", "folder", program], ...LAUNCH },
    { words: ["spec", "--bundle", props.bundle] },
    {
      before: () => detach(`${props.bundle}/config.json`, program),
      words: ["create", "--bundle", props.bundle, "one"],
      ...LAUNCH,
    },
    { words: ["state", "one"] },
    { words: ["start", "one"] },
    { words: ["exec", "one", program], acts: FORK, after: BORN },
    { words: ["kill", "one", "KILL"] },
    { words: ["delete", "--force", "one"] },
  ];
}

/** Makes the config that `spec` has written one for a program without a terminal. */
function detach(path: string, program: string): void {
  const config = JSON.parse(Deno.readTextFileSync(path));
  Object.assign(config.process, { terminal: false, args: [program] });
  Deno.writeTextFileSync(path, JSON.stringify(config));
}

/**
 * Lets the program play all scenes.
 *
 * @param folder is made, for what it takes.
 * @returns a line for each act that did not come to its end.
 */
export async function rehearse(modules: Modules, folder: string): Promise<string[]> {
  const failures: string[] = [];
  for (const layout of ["v2", "hybrid"] satisfies Layout[]) {
    const props = await Props.make(`${folder}/${layout}`, layout);
    for (const { words, acts = [[]], launched = [], before, after } of scenes(props)) {
      try {
        before?.();
      } catch (error) {
        failures.push(`before ${words.join(" ")} (${layout}): ${error}`);
        continue;
      }
      const said: Uint8Array[] = [...launched];
      for (const clones of acts) {
        const failure = await failureOf(
          play(modules, props, { words, clones, said }),
          clones,
          said,
        );
        if (clones.at(-1) === CHILD && after !== undefined) said.push(after);
        if (failure === undefined) continue;
        failures.push(`${words.join(" ")} (${layout}, ${clones.join()}): ${failure}`);
      }
    }
  }
  return failures;
}

/** What went wrong in an act, whose last child becomes the program and all others end well; undefined for nothing. */
async function failureOf(
  act: Promise<Played>,
  clones: readonly number[],
  said: readonly Uint8Array[],
): Promise<string | undefined> {
  try {
    const { curtain: { call, code, message }, printed } = await act;
    const isLastChild = clones.at(-1) === CHILD;
    if (isLastChild ? call === "execve" : call === "exit" && code === 0) return undefined;
    const words = said.map((bytes) => new TextDecoder().decode(bytes));
    return [message, ...printed, ...words].join("; ");
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
