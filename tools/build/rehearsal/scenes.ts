/** What the program rehearses: the command lines whose speed counts. */

import { type Modules, play, type Played } from "./actor.ts";
import { type Layout, Props } from "./props.ts";

/** One command line. */
interface Scene {
  readonly words: readonly string[];
  /** What is to be done before. */
  readonly before?: () => void;
  /** What the launcher says, which is no part of this program. */
  readonly said?: readonly Uint8Array[];
  /** See {@link Act.builds}. */
  readonly builds?: boolean;
}

/** The launcher's words, MESSAGES of lib/init/launcher/image.ts. */
const BORN = 1, READY = 3, OPENED = 4, BEGUN = 5;
/** As a container's first process. */
const FIRST = { said: [word(OPENED, 3), word(BEGUN, 0), word(READY, 0)] };
/** As one more, which makes the program beside itself. */
const ANOTHER = { said: [word(BEGUN, 0), word(BORN, Deno.pid)] };

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
    { words: ["pull", "-i", props.images, "localhost/plain:1"], builds: true },
    // With a number for a name there is none to look up.
    { words: ["pull", "-i", props.images, "192.0.2.1/secure:1"], builds: true },
    { words: [...run, "embedded", program], ...FIRST },
    { words: [...run, "-net", "none", "-rm", "folder", program], ...FIRST },
    { words: ["run", ...run, "-net", "none", "localhost/plain:1", program], ...FIRST },
    {
      words: [...run, "-net", "none", "-u", "1:1", "-v", `${program}:/etc/a`, "folder", program],
      ...FIRST,
    },
    { words: ["spec", "--bundle", props.bundle] },
    {
      before: () => detach(`${props.bundle}/config.json`, program),
      words: ["create", "--bundle", props.bundle, "one"],
      ...FIRST,
    },
    { words: ["state", "one"] },
    { words: ["start", "one"] },
    { words: ["exec", "one", program], ...ANOTHER },
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
    for (const { words, before, said = [], builds } of scenes(props)) {
      try {
        before?.();
      } catch (error) {
        failures.push(`before ${words.join(" ")} (${layout}): ${error}`);
        continue;
      }
      const failure = await failureOf(play(modules, props, { words, said, builds }));
      if (failure !== undefined) failures.push(`${words.join(" ")} (${layout}): ${failure}`);
    }
  }
  return failures;
}

/** What went wrong in an act; undefined for nothing. */
async function failureOf(act: Promise<Played>): Promise<string | undefined> {
  try {
    const { curtain: { call, code, message }, printed } = await act;
    return call === "exit" && code === 0 ? undefined : [message, ...printed].join("; ");
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
