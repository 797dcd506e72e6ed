/** Reading the results that `deno test --junit-path` writes. */

/** How many tests (their steps count as tests) ended in which way. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Sums up. */
export function sumOf(all: readonly Counts[]): Counts {
  return {
    passed: all.reduce((sum, { passed }) => sum + passed, 0),
    failed: all.reduce((sum, { failed }) => sum + failed, 0),
    skipped: all.reduce((sum, { skipped }) => sum + skipped, 0),
  };
}

/** Counts the `testcase` elements of a JUnit report. */
export function countsIn(xml: string): Counts {
  let [passed, failed, skipped] = [0, 0, 0];
  for (const { body } of casesIn(xml)) {
    if (/<(?:failure|error)\b/.test(body)) failed++;
    else if (/<skipped\b/.test(body)) skipped++;
    else passed++;
  }
  return { passed, failed, skipped };
}

/** The failed tests of a JUnit report: the file and the name, and below it, indented, what went wrong. */
export function failuresIn(xml: string): string[] {
  return casesIn(xml).flatMap(({ attributes, body }) => {
    const failure = /<(?:failure|error)\b[^>]*>([\s\S]*?)<\//.exec(body);
    if (failure === null) return [];
    const attribute = (name: string) =>
      new RegExp(` ${name}="([^"]*)"`).exec(attributes)?.[1] ?? "?";
    const text = unescape(`${attribute("classname")}: ${attribute("name")}\n${failure[1]}`);
    return [text.trimEnd().replaceAll("\n", "\n  ")];
  });
}

/** Text in a report is escaped, so tags are tags. */
function casesIn(xml: string): { attributes: string; body: string }[] {
  const cases = xml.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g);
  return [...cases].map(([, attributes = "", body = ""]) => ({ attributes, body }));
}

function unescape(text: string): string {
  const characters: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replaceAll(/&(\w+);/g, (entity, name) => characters[name] ?? entity);
}

/**
 * The counts of one finished run. A run that failed without a failing test in its report (a module
 * that does not load, a crash) has one failed test all the same.
 *
 * @param code the run's exit code
 * @param xml its report, empty when it left none
 */
export function countsOf(code: number, xml: string): Counts {
  const counts = countsIn(xml);
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/** The line that closes every run. */
export function closingLine({ passed, failed, skipped }: Counts): string {
  const line = `${passed} passed, ${failed} failed`;
  return skipped > 0 ? `${line}, ${skipped} skipped` : line;
}
