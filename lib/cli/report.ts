import {
  ContainerError,
  type ErrorCode,
  hintOf,
  messageOf,
  SysError,
  UsageError,
} from "../errors.ts";
import { tell, warn } from "../trace.ts";
import type { ToldError } from "./json_messages.ts";
import { NobodyReads } from "./output.ts";
import { hintOfRights } from "./rights.ts";

/** How errors are told. */
export interface Telling {
  /** Whether they show where they come from. */
  readonly isDebug: boolean;
  /** What is told with arguments that make no sense. */
  readonly usage: () => Promise<string>;
  /** Tells them instead, where a program reads what is told. */
  readonly tellInJSON?: (error: ToldError) => void;
}

/**
 * The only place that prints an error and decides the exit code; of several errors it is the first's.
 *
 * @returns the exit code.
 */
export async function report(thrown: unknown, telling: Telling): Promise<number> {
  const error = withoutUndo(thrown);
  if (error instanceof NobodyReads) return NobodyReads.exitCode;
  if (error instanceof AggregateError) {
    const codes: number[] = [];
    for (const one of error.errors) codes.push(await report(one, telling));
    return codes[0]!;
  }
  const told: ToldError = {
    message: messageOf(error),
    hint: hintOfRights(error) ?? hintOf(error),
    stack: telling.isDebug && error instanceof Error ? describeCauses(error) : undefined,
  };
  if (telling.tellInJSON !== undefined) telling.tellInJSON(told);
  else if (error instanceof UsageError) {
    tellWithUsage(told, await telling.usage(), error.allOptions);
  } else tellError(told);
  if (error instanceof UsageError) return 1;
  return error instanceof ContainerError ? EXIT_CODES[error.code] ?? 125 : 125;
}

/** The error comes last, to be in view, where all options take more lines than a terminal has. */
function tellWithUsage(told: ToldError, usage: string, allOptions: boolean): void {
  if (allOptions) tell(`${usage}\n`);
  tellError(told);
  if (!allOptions) tell(`\n${synopsisOf(usage)}`);
}

/** Tells an error on stderr: what it is, what to do, where it comes from. */
export function tellError({ message, hint, stack }: ToldError): void {
  tell(`gocontainer: ${message}`);
  if (hint !== undefined) tell(hint);
  if (stack !== undefined) tell(stack);
}

/** The forms of a command without its options: an error before it stays in view. */
export function synopsisOf(usage: string): string {
  return `${usage.slice(0, usage.indexOf("\n\n"))}\n\nThe option -h tells more.`;
}

const EXIT_CODES: Partial<Record<ErrorCode, number>> = {
  CommandNotExecutable: 126,
  CommandNotFound: 127,
};

/** The first error; those of undoing what had been made are warnings beside it. */
export function withoutUndo(error: unknown): unknown {
  if (!(error instanceof SuppressedError)) return error;
  const first = withoutUndo(error.suppressed);
  warn(`undo failed: ${messageOf(withoutUndo(error.error))}`);
  return first;
}

/** An error with its causes, and where they come from. */
export function describeCauses(error: Error): string {
  const lines = [error.stack ?? String(error)];
  if (error instanceof SysError) lines.push(`errno ${error.errno}`);
  if (error.cause instanceof Error) lines.push(`caused by ${describeCauses(error.cause)}`);
  return lines.join("\n");
}
