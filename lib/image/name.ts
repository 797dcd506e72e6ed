import { ContainerError } from "../errors.ts";

const ALLOWED = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-";

/** Whether a text can name a folder or archive of the images folder, or the image in the binary. */
export function isImageName(name: string): boolean {
  return faultOf(name) === undefined;
}

/**
 * Checks an image's name before it becomes part of a path: letters, digits and `_ . + -`, with a
 * letter, digit or `_` first, no `..`, at most 128 characters.
 *
 * @throws {ContainerError} InvalidArgument
 */
export function checkImageName(name: string): void {
  const fault = faultOf(name);
  if (fault === undefined) return;
  throw new ContainerError(`use image ${JSON.stringify(name)}: ${fault}`, {
    code: "InvalidArgument",
    hint: "An image is named as its folder or archive in the images folder, without the ending: " +
      "alpine for alpine.tar.gz",
  });
}

function faultOf(name: string): string | undefined {
  if (name === "") return "the name is empty";
  if (name.length > 128) return "the name is longer than 128 characters";
  if (name.startsWith(".") || name.startsWith("-")) return `the name begins with "${name[0]}"`;
  if (name.includes("..")) return `the name has ".." in it`;
  for (const character of name) {
    if (!ALLOWED.includes(character)) return `the name has ${JSON.stringify(character)} in it`;
  }
  return undefined;
}
