/**
 * Declarations for the JavaScript of `@std/path` and `@std/path/posix`, with the signatures of
 * release 1.1.6.
 */

/** A path in its parts, as {@link parse} gives them. */
export interface ParsedPath {
  root: string;
  dir: string;
  base: string;
  ext: string;
  name: string;
}

/** How {@link globToRegExp} reads a glob. */
export interface GlobOptions {
  /** Extended syntax: `@(a|b)`, `*(…)`, `+(…)`, `?(…)`, `!(…)`. On by default. */
  extended?: boolean;
  /** `**` matches any number of folders. On by default. */
  globstar?: boolean;
  /** Letters match in either case. Off by default. */
  caseInsensitive?: boolean;
}

export const DELIMITER: ":" | ";";
export const SEPARATOR: "/" | "\\";
export const SEPARATOR_PATTERN: RegExp;

export function basename(path: string | URL, suffix?: string): string;
export function common(paths: string[]): string;
export function dirname(path: string | URL): string;
export function extname(path: string | URL): string;
export function format(pathObject: Partial<ParsedPath>): string;
export function fromFileUrl(url: string | URL): string;
export function globToRegExp(glob: string, options?: GlobOptions): RegExp;
export function isAbsolute(path: string): boolean;
export function isGlob(str: string): boolean;
export function join(path: string | URL, ...paths: string[]): string;
export function joinGlobs(globs: string[], options?: Pick<GlobOptions, "globstar">): string;
export function normalize(path: string | URL): string;
export function normalizeGlob(glob: string, options?: Pick<GlobOptions, "globstar">): string;
export function parse(path: string): ParsedPath;
export function relative(from: string, to: string): string;
export function resolve(...pathSegments: string[]): string;
export function toFileUrl(path: string): URL;
export function toNamespacedPath(path: string): string;
