import { UsageError } from "../../errors.ts";
import { quote } from "../../quote.ts";
import type { OptionSpec } from "../arguments.ts";

/** The option for a part of the list. */
export const FILTER_OPTION: OptionSpec = {
  name: "filter",
  alias: "f",
  value: "NAME=VALUE",
  many: true,
  help: "only images with dangling=true (without a name), reference=PATTERN, label=NAME[=VALUE], " +
    "before=IMAGE or since=IMAGE (made before or after it)",
};

/** What filters look at. */
export interface Filtered {
  readonly Name: string | null;
  /** RFC 3339. */
  readonly Created: string | null;
  readonly Labels: Readonly<Record<string, string>>;
}

/** Whether an image is one of those that are wanted. */
export type Filter = (image: Filtered) => boolean;

/** A filter of the values that were given; one that may be given more than once fits any or all of them. */
type Maker = (values: readonly string[], createdOf: CreatedOf) => Filter | Promise<Filter>;

/** Gives when an image was made, in ms since 1970. */
export type CreatedOf = (image: string) => Promise<number>;

const FILTERS: Readonly<Record<string, Maker>> = {
  dangling(values) {
    const last = values.at(-1)!;
    if (!SWITCH.test(last)) {
      throw invalid(`dangling=${last}`, "Give dangling=true or dangling=false");
    }
    const isWanted = /^(?:t|1)/i.test(last);
    return ({ Name }) => (Name === null) === isWanted;
  },
  reference(values) {
    const patterns = values.map(patternOf);
    return ({ Name }) => Name !== null && patterns.some((fits) => fits(Name));
  },
  label(values) {
    const wanted = values.map((value) => /^([^=]*)(?:=(.*))?$/s.exec(value)!);
    return ({ Labels }) =>
      wanted.every(([, name = "", value]) =>
        Object.hasOwn(Labels, name) && (value === undefined || Labels[name] === value)
      );
  },
  async before(values, createdOf) {
    const time = await createdOf(values.at(-1)!);
    return ({ Created }) => Created !== null && Date.parse(Created) < time;
  },
  async since(values, createdOf) {
    const time = await createdOf(values.at(-1)!);
    return ({ Created }) => Created !== null && Date.parse(Created) > time;
  },
};

const SWITCH = /^(?:true|false|[tf10])$/i;

/**
 * Reads what was given by {@link FILTER_OPTION}: an image is to fit all of it.
 *
 * @throws {UsageError} for what is no filter
 */
export async function parseFilters(
  texts: readonly string[],
  createdOf: CreatedOf,
): Promise<Filter> {
  const given = new Map<string, string[]>();
  for (const text of texts) {
    const at = text.indexOf("=");
    const name = text.slice(0, Math.max(at, 0));
    if (!Object.hasOwn(FILTERS, name)) {
      throw invalid(text, `There are ${Object.keys(FILTERS).join(", ")}, each with = and a value`);
    }
    given.set(name, [...given.get(name) ?? [], text.slice(at + 1)]);
  }
  const filters: Filter[] = [];
  for (const [name, values] of given) filters.push(await FILTERS[name]!(values, createdOf));
  return (image) => filters.every((filter) => filter(image));
}

function invalid(text: string, hint: string): UsageError {
  return new UsageError(`read "-filter ${quote(text).slice(1, -1)}": it is no filter`, {
    hint,
  });
}

/** Whether a name fits a pattern as docker has it: with its tag, or without. A star stands for no slash. */
function patternOf(pattern: string): (name: string) => boolean {
  const source = pattern.replace(/\[\^?[^\]]+\]|\\.|[^]/g, (part) => {
    if (part === "*") return "[^/]*";
    if (part === "?") return "[^/]";
    if (part.length > 2 && part.startsWith("[")) return part.replace(/\\/g, "\\\\");
    return part.replace(/^\\/, "").replace(/[.*+?^${}()|[\]\\/]/, "\\$&");
  });
  const fits = tryPattern(`^(?:${source})$`, pattern);
  return (name) => fits.test(name) || fits.test(name.replace(/(?::[^:/@]*)?(?:@.*)?$/, ""));
}

function tryPattern(source: string, pattern: string): RegExp {
  try {
    return new RegExp(source);
  } catch {
    throw invalid(`reference=${pattern}`, "Give a pattern with *, ? and [a-z], as in nginx:1.*");
  }
}
