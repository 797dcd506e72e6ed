/** How many checks ended in which way. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Counts lines `ok - NAME` and `not ok - NAME` (testanything.org), numbered or not. Checks that did
 * not come to their end (a last line tells how many were made)
 * count as one failure.
 */
export function parseResults(text: string): Counts {
  const lines = text.split("\n");
  const passed = lines.filter((line) => /^ok\b/.test(line)).length;
  const failed = lines.filter((line) => /^not ok\b/.test(line)).length;
  const complete = lines.includes(`# all ${passed + failed} checks were made`);
  return { passed, failed: failed + (complete ? 0 : 1), skipped: 0 };
}

/** The line that closes a run. */
export function closingLine({ passed, failed, skipped }: Counts): string {
  const line = `${passed} passed, ${failed} failed`;
  return skipped > 0 ? `${line}, ${skipped} skipped` : line;
}
