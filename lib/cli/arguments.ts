import { UsageError } from "../errors.ts";
import { nearest } from "../nearest.ts";

/** One option of a command. */
export interface OptionSpec {
  readonly name: string;
  /** Another, shorter name, or several. */
  readonly alias?: string | readonly string[];
  /** What docker calls it: understood, and not in the usage. */
  readonly synonym?: string | readonly string[];
  /** What its value is called in the usage; an option without is a switch. */
  readonly value?: string;
  /** Whether it may be given more than once; the usage says so. */
  readonly many?: boolean;
  /** One line for the usage; an option without is hidden. */
  readonly help?: string;
  /** Of one that there is not, though other programs have it: what to do instead. */
  readonly instead?: string;
  /** What to tell where another option stands in the place of its value. */
  readonly valueHint?: string;
}

/** What was given: values of options, and all that follows them. */
export interface Arguments {
  /** The value of an option that takes one; undefined when it was not given. */
  text(name: string): string | undefined;
  /** All values of an option that may be given more than once. */
  texts(name: string): readonly string[];
  /** A switch; undefined when it was not given. */
  flag(name: string): boolean | undefined;
  /** The image or container, and its command with all its own dashes. */
  readonly rest: readonly string[];
}

/** An option that there is not. */
export class UnknownOption extends UsageError {}

/**
 * Reads `-name value`, `-name=value`, `--name value` and `--name=value` up to the first word that is
 * not an option, or `--`. Of a value given twice the last one counts.
 *
 * @param where `anywhere` when options may stand after other words too, up to `--`
 * @throws {UsageError} for an unknown option, with the nearest one there is, and for a missing value.
 */
export function parseArguments(
  options: readonly OptionSpec[],
  args: readonly string[],
  where: "first" | "anywhere" = "first",
): Arguments {
  const known = new Map(options.map((option) => [option.name, option]));
  for (const option of options) {
    for (const name of [option.alias ?? [], option.synonym ?? []].flat()) known.set(name, option);
  }
  const given = new Map<string, string[]>();
  const words: string[] = [];
  let at = 0;
  for (; at < args.length; at++) {
    const word = args[at];
    if (word === "--") {
      at++;
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      if (where === "first") break;
      words.push(word);
      continue;
    }
    const equals = word.indexOf("=");
    const dashed = equals < 0 ? word : word.slice(0, equals);
    const option = known.get(withoutDashes(dashed));
    if (option === undefined || option.instead !== undefined) {
      throw unknownOption(word, option, known);
    }
    let value = "true";
    if (equals >= 0) value = word.slice(equals + 1);
    else if (option.value !== undefined) {
      if (++at === args.length) {
        throw new UsageError(`read the option "${dashed}": it needs a value, ${option.value}`);
      }
      value = args[at];
      if (option.value === "FOLDER" && value.startsWith("-") && value !== "-") {
        throw new UsageError(
          `read the option "${dashed}": it needs a value, FOLDER, before "${value}"`,
          { hint: `${option.valueHint ?? ""}A folder of that name would be "./${value}"` },
        );
      }
    }
    const values = given.get(option.name);
    if (values === undefined) given.set(option.name, [value]);
    else values.push(value);
  }
  return {
    text: (name) => given.get(name)?.at(-1),
    texts: (name) => given.get(name) ?? [],
    flag: (name) => readSwitch(name, given.get(name)?.at(-1)),
    rest: [...words, ...args.slice(at)],
  };
}

/** An option's name, without the one or two dashes before it. */
export function withoutDashes(word: string): string {
  return word.slice(word.startsWith("--") ? 2 : word.startsWith("-") ? 1 : 0);
}

function readSwitch(name: string, value: string | undefined): boolean | undefined {
  if (value === undefined) return undefined;
  if (TRUE.includes(value)) return true;
  if (FALSE.includes(value)) return false;
  throw new UsageError(`read the option "-${name}=${value}": it is true or false`);
}

/** The words for it in the command lines of other runtimes. */
const TRUE = ["true", "1", "t", "T", "True", "TRUE"];
const FALSE = ["false", "0", "f", "F", "False", "FALSE"];

/** @param option one of that name which stands for another program's. */
function unknownOption(
  word: string,
  option: OptionSpec | undefined,
  known: ReadonlyMap<string, OptionSpec>,
): UnknownOption {
  const [dashed] = word.split("=", 1);
  return new UnknownOption(`read the option "${dashed}": there is none of that name`, {
    hint: option?.instead ?? attachedHint(word, known) ?? nearHint(dashed, known),
  });
}

/** Of a value that follows the letter of an option at once, as in `-p80:80` and `-eA=1`. */
function attachedHint(word: string, known: ReadonlyMap<string, OptionSpec>): string | undefined {
  const [, letter, value] = /^-([a-zA-Z])([^a-zA-Z].*|[A-Z]\w*=.*)$/s.exec(word) ?? [];
  const option = letter === undefined ? undefined : known.get(letter);
  if (option?.instead !== undefined) return option.instead;
  return option?.value === undefined ? undefined : `Did you mean -${letter} ${value}?`;
}

function nearHint(dashed: string, known: ReadonlyMap<string, OptionSpec>): string | undefined {
  // One letter is as near to any other.
  const names = [...known].filter(([name, { help }]) => help !== undefined && name.length > 1)
    .map(([name]) => name);
  const near = nearest(withoutDashes(dashed), names);
  return near === undefined ? undefined : `Did you mean -${near}?`;
}
