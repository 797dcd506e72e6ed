/** `deno task test [FILTER...]`: builds, runs every test, ends with what failed and `N passed, N failed`. */

import { runTool, ToolError } from "./report.ts";
import { closingLine } from "./test/junit.ts";
import { test } from "./test/mod.ts";

await runTool(async () => {
  const { counts, failures } = await test(Deno.args);
  if (counts.passed + counts.failed === 0) {
    throw new ToolError(
      Deno.args.length === 0
        ? "run the tests: none ran"
        : `run the tests with "${Deno.args.join('" or "')}" in their path: none ran`,
    );
  }
  for (const failure of failures) console.log(`\nFAILED ${failure}`);
  console.log(`\n${closingLine(counts)}`);
  return counts.failed === 0 ? 0 : 1;
});
