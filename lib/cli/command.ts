import type { Arguments, OptionSpec } from "./arguments.ts";

/** A command of the manager. Its module is loaded when it is called. */
export interface Command {
  /** What follows `gocontainer`: `rmi [OPTIONS] IMAGE...`. More than one line for more than one form. */
  readonly synopsis: readonly string[];
  /** What it does: a sentence or a few. */
  readonly summary: string;
  /** Without those that every command has. */
  readonly options: readonly OptionSpec[];
  /** How many words it takes besides its options; any number unless told. */
  readonly words?: { readonly least: number; readonly most?: number };
  /** Does it; gives the exit code. */
  run(args: Arguments): number | Promise<number>;
}

/** The options by which one asks for the usage. */
export const HELP_OPTIONS: readonly OptionSpec[] = [{ name: "h", help: "print this" }, {
  name: "help",
}];

/** The options of every command. */
export const COMMON_OPTIONS: readonly OptionSpec[] = [
  { name: "debug", help: "show stack traces of errors" },
  ...HELP_OPTIONS,
];
