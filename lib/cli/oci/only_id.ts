import { UsageError } from "../../errors.ts";
import type { Arguments } from "../arguments.ts";

/**
 * The container's id, the one word that a command takes.
 *
 * @param hint what to do where more words are given.
 * @throws {UsageError} when it is missing, or not alone.
 */
export function onlyId(args: Arguments, hint?: string): string {
  const id = firstId(args);
  if (args.rest.length === 1) return id;
  throw new UsageError(
    `read the arguments: more than the container's id is given, ${
      JSON.stringify(args.rest.slice(1).join(" "))
    }`,
    { hint },
  );
}

/**
 * The container's id, the first word of several.
 *
 * @throws {UsageError} when it is missing.
 */
export function firstId({ rest: [id] }: Arguments): string {
  if (id !== undefined) return id;
  throw new UsageError("read the arguments: the container's id is missing", {
    hint: "gocontainer list tells of all containers",
  });
}
