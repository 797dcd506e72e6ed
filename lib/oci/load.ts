import { AT_FDCWD, O_NONBLOCK, O_RDONLY, S_IFMT, S_IFREG } from "../../ffi/constants.ts";
import { Fd, openat, read, statx } from "../../ffi/file.ts";
import { alloc } from "../../ffi/struct.ts";
import { ContainerError, SysError } from "../errors.ts";
import { jsonText, parseJSON } from "../json.ts";
import type { Process, Seccomp, Spec } from "./spec.ts";
import {
  validateProcess,
  validateResources,
  validateSeccomp,
  validateSpec,
} from "./validate/mod.ts";

/** No real configuration comes near it: the largest have some hundred KiB of seccomp rules. */
const MAX_BYTES = 4 * 1024 * 1024;

/** What to do where a bundle is not to be read. */
export const BUNDLE_HINT =
  "A bundle is a folder with config.json in it; of an image, gocontainer run makes a container";

/** A bundle's configuration. */
export interface LoadedSpec {
  spec: Spec;
  /** The file as it was read, for the container's own copy: later changes of it have no effect. */
  text: string;
  /** Sentences to warn of. */
  warnings: string[];
}

/**
 * Reads and checks `config.json` of a bundle (bundle.md). The file is opened once, and is a regular
 * one of at most 4 MiB.
 *
 * @param bundle the bundle's folder.
 * @throws {ContainerError} NotFound without the file, InvalidSpec for what is wrong in it.
 */
export function loadSpec(bundle: string): LoadedSpec {
  const path = `${bundle}/config.json`;
  using file = new Fd(open(path, O_NONBLOCK, BUNDLE_HINT));
  if ((statx(file.number).mode & S_IFMT) !== S_IFREG) {
    throw new ContainerError(`read ${JSON.stringify(path)}: it is no regular file`, {
      code: "InvalidSpec",
    });
  }
  const options = { what: "config.json", maxBytes: MAX_BYTES };
  const text = jsonText(readAll(file.number), options);
  return { ...validateSpec(parseJSON(text, options), options.what), text };
}

/** Reads and checks the process of `exec --process FILE`. Throws as {@link loadSpec} does. */
export function loadProcess(path: string): { process: Process; warnings: string[] } {
  return validateProcess(load(path), path);
}

/** Reads and checks the resources of `update --resources FILE`; `-` is standard input. */
export function loadResources(path: string): ReturnType<typeof validateResources> {
  const STDIN = 0;
  if (path !== "-") return validateResources(load(path), path);
  const options = { what: "standard input", maxBytes: MAX_BYTES };
  return validateResources(parseJSON(readAll(STDIN), options), options.what);
}

/**
 * Reads and checks a seccomp profile in a file of its own, as engines take them. Throws as {@link loadSpec}
 * does.
 *
 * @param resolve makes of it what `linux.seccomp` has.
 */
export function loadSeccomp(path: string, resolve: (profile: unknown) => unknown): Seccomp {
  return validateSeccomp(resolve(load(path)), path);
}

function load(path: string): unknown {
  // A pipe will do: a shell's <(…) is one.
  using file = new Fd(open(path, 0));
  try {
    return parseJSON(readAll(file.number), { what: path, maxBytes: MAX_BYTES });
  } catch (error) {
    throw error instanceof SysError ? unreadable(path, error) : error;
  }
}

function open(path: string, flags: number, hint?: string): number {
  try {
    return openat(AT_FDCWD, path, O_RDONLY | flags);
  } catch (error) {
    throw error instanceof SysError ? unreadable(path, error, hint) : error;
  }
}

function unreadable(path: string, cause: SysError, hint?: string): ContainerError {
  const isMissing = cause.code === "ENOENT" || cause.code === "ENOTDIR";
  return new ContainerError(`read ${JSON.stringify(path)}: ${cause.message}`, {
    code: isMissing ? "NotFound" : "Failed",
    cause,
    ...(isMissing && hint !== undefined ? { hint } : {}),
  });
}

/** The rest of an open file; of more than the limit only so much that it is seen to be too much. */
function readAll(fd: number): Uint8Array {
  let bytes = alloc(32 * 1024);
  let length = 0;
  for (;;) {
    const count = read(fd, bytes.subarray(length)).length;
    if (count === 0) return bytes.subarray(0, length);
    length += count;
    if (length > MAX_BYTES) return bytes.subarray(0, length);
    if (length < bytes.length) continue;
    const larger = alloc(4 * bytes.length);
    larger.set(bytes);
    bytes = larger;
  }
}
