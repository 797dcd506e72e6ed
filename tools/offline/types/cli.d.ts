/** Declarations for the JavaScript of `@std/cli/parse-args`, as its release 1.0.32 behaves. */

/** One name or several. */
type Names<N extends string> = N | readonly N[];

/** How arguments are read. Type parameters are the names given for each kind of option. */
export interface ParseOptions<
  B extends string = string,
  S extends string = string,
  C extends string = string,
  D extends Record<string, unknown> = Record<string, unknown>,
> {
  /** Puts what follows `--` into the result's `--` instead of `_`. */
  "--"?: boolean;
  /** Other names of an option. */
  alias?: Record<string, string | readonly string[]>;
  /** Options without a value; `true` makes every double-dashed one without `=` such an option. */
  boolean?: boolean | Names<B>;
  /** Values of options that are not given. */
  default?: D;
  /** Puts everything from the first positional argument on into `_`. */
  stopEarly?: boolean;
  /** Options whose value stays a string. */
  string?: Names<S>;
  /** Options that may be given again and become an array. */
  collect?: Names<C>;
  /** Options that `--no-NAME` sets to false. */
  negatable?: Names<string>;
  /** Called for an option named nowhere above; false leaves it out of the result. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** Read arguments: one property per option, `_` for the positional ones. */
export type Args<
  B extends string = never,
  S extends string = never,
  C extends string = never,
  D extends Record<string, unknown> = Record<never, never>,
> =
  & { [name: string]: unknown; _: (string | number)[]; "--"?: string[] }
  & { [K in Exclude<B, C>]: boolean | (K extends keyof D ? D[K] : never) }
  & { [K in Extract<B, C>]: boolean[] }
  & { [K in Exclude<S, C>]: string | (K extends keyof D ? D[K] : undefined) }
  & { [K in Extract<S, C>]: string[] }
  & { [K in Exclude<C, B | S>]: unknown[] };

export function parseArgs<
  const B extends string = never,
  const S extends string = never,
  const C extends string = never,
  D extends Record<string, unknown> = Record<never, never>,
>(args: string[], options?: ParseOptions<B, S, C, D>): Args<B, S, C, D>;
