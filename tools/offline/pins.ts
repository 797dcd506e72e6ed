/** The exact packages which stand in for what cannot be reached. A wrong checksum is an error. */

/** One version of one npm package. */
export interface NpmPin {
  readonly name: string;
  readonly version: string;
  /** Subresource integrity of the tarball: `sha512-` and base64. */
  readonly integrity: string;
}

/** One file of a package. */
export interface FilePin extends NpmPin {
  /** Its path in the tarball. */
  readonly file: string;
  /** SHA-256 of what is used of it, in hexadecimal. */
  readonly sha256: string;
}

/** The Deno whose `compile` writes the section format that {@link DENORT} reads. */
export const COMPILER = {
  name: "@deno/linux-x64-glibc",
  version: "2.6.8",
  integrity:
    "sha512-oY6qIbyrEHt+rzk7oHJ8KZgJ3mOQ1econRWcXlm/wOXORVDn7l9rEoY0vlOf4Qvv22tPTD5Jn1bxm6WBZBXmog==",
  file: "package/deno",
  sha256: "8b254e08be2565f608a06bfde3f62f3aabbf8994712f0078c7a7f24bc8c46676",
} as const satisfies FilePin;

/** A program made by `deno compile`; the file without its appended section is denort. */
export const DENORT = {
  name: "@mcp-stress/linux-x64",
  version: "0.2.1",
  integrity:
    "sha512-mBnQXZQ6Cm+Yw5P31/7xYeQSw80IXQ5appuAGrAKGkgAYzgCWswQ8hVU4jTPMnGR5XoUujZWvXTRkLTT3wSt/w==",
  file: "package/bin/mcp-stress",
  /** The Deno release that the base belongs to. */
  release: "2.6.10",
  /** Of the base alone. */
  sha256: "1b136202dc147212ad0b129de0c10eb5f17060917c9754c7921cd68f764ad2e2",
} as const satisfies FilePin & { release: string };

/** The program that `deno bundle` of {@link COMPILER} runs, of the release that it asks for. */
export const BUNDLER = {
  name: "@esbuild/linux-x64",
  version: "0.25.5",
  integrity:
    "sha512-uhj8N2obKTE6pSZ+aMUbqq+1nXxNjZIIjCjGLfsWvVpy7gKCOL6rsY1MhRh9zLtUtAI7vpgLMK6DxjO8Qm9lJw==",
  file: "package/bin/esbuild",
  sha256: "3331e0b23c99d93d9a39e436a4838de40ca1c95ac3bcbd9874ba169d8545b634",
} as const satisfies FilePin;

/** The target for which {@link COMPILER} and {@link DENORT} were made. */
export const TARGET = "x86_64-unknown-linux-gnu";

/** `@std/assert`, `@std/cli` and `@std/path` as JavaScript without types. */
export const STD_JAVASCRIPT: NpmPin = {
  name: "deno-std",
  version: "1.4.0",
  integrity:
    "sha512-7c0Y6tyn0Sx0NKiaAeGtDwrpG+C7VFcOStVcYXPnjAuIEonxzVV+n6s8iuFjg6keqzxo/zrPbR/J9EY9BLNsRA==",
};

/** Parts of `@std/fs` and `@std/path` with their types. */
export const STD_TYPED: NpmPin = {
  name: "@deno/sandbox",
  version: "0.13.2",
  integrity:
    "sha512-hteIwQ/mqkJHLrxtcONSCntziOAEWZz0Q2m/Ps4E+HjimLaQxsqpBU0Xn6hin23yf2wOCls336PG9epbMliUOQ==",
};
