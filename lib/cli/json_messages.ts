import { tell } from "../trace.ts";

/** An error as it is told. */
export interface ToldError {
  readonly message: string;
  /** What to do about it, where that is known. */
  readonly hint: string | undefined;
  /** Where it comes from, for `-debug`. */
  readonly stack: string | undefined;
}

/** Tells a warning as `-progress json` tells events: `{"event":"warning","message":"…"}`. */
export function warnInJSON(message: string): void {
  tell(JSON.stringify({ event: "warning", message }));
}

/** Tells an error as `-progress json` tells events: `{"event":"error","message":"…","hint":"…"}`. */
export function tellErrorInJSON({ message, hint, stack }: ToldError): void {
  tell(JSON.stringify({ event: "error", message, hint, stack }));
}
