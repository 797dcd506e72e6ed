/** How the tools speak: one line per fact on stderr, so that stdout stays the program's. */

/** A failure told in one sentence, with an optional second line that says what to do. */
export class ToolError extends Error {
  override name = "ToolError";
  readonly hint: string | undefined;

  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.hint = options.hint;
  }
}

/** Prints one line on stderr. */
export function say(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

/**
 * Runs a tool's main function and ends the process with the exit code it returns. A {@link ToolError}
 * becomes one sentence (and its hint) and exit code 1; anything else is a defect and keeps its stack.
 */
export async function runTool(main: () => number | Promise<number>): Promise<never> {
  try {
    Deno.exit(await main());
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    say(`error: ${error.message}`);
    if (error.hint !== undefined) say(error.hint);
    Deno.exit(1);
  }
}

/** The text of whatever was thrown, for use inside a sentence. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
