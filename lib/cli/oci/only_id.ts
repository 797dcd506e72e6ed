import { UsageError } from "../../errors.ts";
import type { Arguments } from "../arguments.ts";

/**
 * The container's id, the one word that a command takes.
 *
 * @throws {UsageError} when it is missing, or not alone.
 */
export function onlyId(args: Arguments): string {
  if (args.rest.length === 1) return args.rest[0];
  throw new UsageError(
    args.rest.length === 0
      ? "read the arguments: the container's id is missing"
      : `read the arguments: more than the container's id is given, ${
        JSON.stringify(args.rest.slice(1).join(" "))
      }`,
  );
}
