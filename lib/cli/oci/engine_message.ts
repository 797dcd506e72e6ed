import { errnoText } from "../../../ffi/errno.ts";
import { messageOf, oneLine, reasonOf, SysError } from "../../errors.ts";

/**
 * An error as engines read it, in one line. They tell a missing program (exit code 127) and one that
 * may not be run (126) from each other by the system's words in small letters, such as "no such file
 * or directory".
 */
export function engineMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const message = messageOf(error);
  const { cause } = error;
  if (!(cause instanceof Error) || message.includes(reasonOf(cause))) return oneLine(message);
  const why = cause instanceof SysError ? errnoText(cause.errno).toLowerCase() : reasonOf(cause);
  return oneLine(`${message}: ${why}`);
}
