import { basename } from "@std/path/posix/basename";
import { dirname } from "@std/path/posix/dirname";
import { resolve } from "@std/path/posix/resolve";
import { ContainerError, UsageError } from "../errors.ts";
import { isImageHere } from "../image/here.ts";
import { ARCHIVE_ENDINGS } from "../image/source.ts";
import { nearest } from "../nearest.ts";
import { quote } from "../quote.ts";
import type { Arguments } from "./arguments.ts";
import { DOCKER_COMMANDS } from "./docker.ts";
import type { DockerWord } from "./docker_words.ts";

/** @throws {UsageError} that tells what to do instead, unless an image is called so. */
export async function refuseDockerCommand(word: DockerWord): Promise<void> {
  // Nobody but root could run it.
  if (Deno.uid() === 0 && await isImageHere("images", word)) return;
  throw new UsageError(
    `run "${word}": there is no such command, nor is an image of that name here`,
    {
      hint: DOCKER_COMMANDS[word],
    },
  );
}

/**
 * docker's `-i IMAGE`: the next word would be pulled as the image, into a folder called like the one that was meant.
 *
 * @param folder what `-i` was given, which is not there.
 * @throws {UsageError} where it is an image that is here.
 */
export async function refuseImageAsFolder(folder: string): Promise<void> {
  // Where the images cannot be looked at, that is told when one of them is wanted.
  if (!await isImageHere("images", folder).catch(() => false)) return;
  throw new UsageError(`read "-i ${folder}": there is no such folder with images, but an image`, {
    hint: "Leave -i out: input is always passed",
  });
}

/**
 * A command that stands behind options of `run` would be looked for as an image, with a registry in the end.
 *
 * @throws {UsageError} unless an image is called so.
 */
export async function refuseCommandBehindOptions(args: Arguments): Promise<void> {
  const [word] = args.rest;
  if (Deno.uid() === 0 && await isImageHere(args.text("i") ?? "images", word)) return;
  throw new UsageError(`read the command "${word}": it stands behind options`, {
    hint: `Begin with it: gocontainer ${word} [OPTIONS] …; an image of that name stands behind --`,
  });
}

/**
 * An image and a command are what it takes.
 *
 * @param commands those that a word which stands alone may have been meant to be.
 * @throws {UsageError}
 */
export function refuseTooFewWords({ rest }: Arguments, commands: readonly string[]): never {
  const [word] = rest;
  const meant = word === undefined ? undefined : commandNear(word, commands);
  const missing = word === undefined ? "an image and a command are" : "a command is";
  throw new UsageError(`run a container: ${missing} missing`, {
    hint: meant ??
      `Give ${word === undefined ? "both, such as alpine" : "one, such as"} /bin/sh`,
    allOptions: meant === undefined,
  });
}

/**
 * The error of an image that could not be had, with what was meant instead of an image where that can be told: a
 * command, a path, or the `-i` of docker, which here takes a folder. Any other error as it is.
 *
 * @param commands those that the first word may have been meant to be.
 */
export async function withWhatWasMeant(
  error: unknown,
  args: Arguments,
  commands: readonly string[],
): Promise<unknown> {
  if (!(error instanceof ContainerError) || !OF_IMAGE.test(error.message)) return error;
  const path = atPath(args.rest[0]);
  if (path !== undefined) return withHint(error, path);
  // Something of that name is here, and is what was meant.
  if (error.code === "Unsupported" || error.code === "InvalidArgument") return error;
  const folder = args.text("i");
  // Where that cannot be looked at, the error itself is to be told.
  const isImage = folder !== undefined && await isImageHere("images", folder).catch(() => false);
  if (isImage) {
    const hint =
      `-i is the folder with images (-i ${folder}); input is always passed, without an option`;
    return withHint(error, hint);
  }
  const meant = commandNear(args.rest[0], commands);
  if (meant === undefined) return error;
  // Why it cannot be pulled is nothing to a command; what images there are may have been meant.
  return withHint(error, error.hint?.includes("There are: ") ? `${meant} ${error.hint}` : meant);
}

/** The beginning of messages of an image that is not there, or whose name cannot be one. */
const OF_IMAGE = /^(use image|read the image reference) /;

function withHint(error: ContainerError, hint: string): ContainerError {
  return new ContainerError(error.message, { code: error.code, hint, cause: error });
}

/** What to give where a word is the path of a root file system, or of an archive of one. */
function atPath(word: string): string | undefined {
  const path = resolve(word);
  const ending = ARCHIVE_ENDINGS.find((ending) => path.endsWith(ending)) ?? "";
  const name = basename(path, ending);
  const isThere = ending === ""
    ? ["bin", "usr", "etc"].some((folder) => statusOf(`${path}/${folder}`)?.isDirectory)
    : statusOf(path)?.isFile;
  if (!isThere || name === "") return undefined;
  return `An image is chosen by the folder that it is in, and its name: gocontainer -i ${
    quote(dirname(path))
  } ${name} COMMAND`;
}

function statusOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    // What cannot be looked at was not meant.
    return undefined;
  }
}

function commandNear(word: string, commands: readonly string[]): string | undefined {
  const near = nearest(word, commands);
  return near === undefined ? undefined : `Did you mean the command "${near}"?`;
}
