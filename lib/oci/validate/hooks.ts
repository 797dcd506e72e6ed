import type { Hook, Hooks } from "../spec.ts";
import { integer } from "./integers.ts";
import { listOf, object, required } from "./schema.ts";
import { absolutePath, environmentEntry, text } from "./texts.ts";

/** config.md, "POSIX-platform Hooks". */
const hook = object<Hook>(() => ({
  path: required(absolutePath),
  args: listOf(text),
  env: listOf(environmentEntry),
  timeout: integer(1, 0x7fff_ffff, "a number of seconds"),
}));

const hookList = listOf(hook);

export const hooks = object<Hooks>(() => ({
  prestart: hookList,
  createRuntime: hookList,
  createContainer: hookList,
  startContainer: hookList,
  poststart: hookList,
  poststop: hookList,
}));
