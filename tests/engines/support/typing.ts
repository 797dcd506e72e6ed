import type { Terminal } from "../../integration/support/terminal.ts";
import { until } from "../../integration/support/wait.ts";

/**
 * Types until what is shown matches: an engine that has just taken the terminal over, and a shell that
 * has just got a new size, throw away what was typed before.
 */
export async function typeUntilShown(
  terminal: Terminal,
  keys: string,
  pattern: RegExp,
): Promise<void> {
  let next = 0;
  await until(`the terminal shows ${pattern}`, () => {
    if (performance.now() >= next) {
      terminal.type(keys);
      next = performance.now() + 1000;
    }
    return pattern.test(terminal.shown);
  });
}
