import { assertEquals } from "@std/assert";
import { closingLine, countsIn, countsOf, failuresIn, sumOf } from "../../../tools/test/junit.ts";

const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="4" failures="1" errors="0" time="0.079">
  <testsuite name="./a_test.ts" tests="4" disabled="1" errors="0" failures="1">
    <testcase name="one" classname="./a_test.ts" time="0.000" line="1" col="6">
    </testcase>
    <testcase name="bad &lt;failure&gt;" classname="./a_test.ts" time="0.000">
      <failure message="x">Error: &lt;/testcase&gt; &amp;amp;
    at a file</failure>
    </testcase>
    <testcase name="two" classname="./a_test.ts"/>
    <testcase name="later" classname="./a_test.ts" time="0.000">
      <skipped/>
    </testcase>
  </testsuite>
</testsuites>`;

Deno.test("countsIn() counts each kind of result", () => {
  assertEquals(countsIn(REPORT), { passed: 2, failed: 1, skipped: 1 });
});

Deno.test("failuresIn() names each test that failed, and tells why", () => {
  assertEquals(failuresIn(REPORT), [
    "./a_test.ts: bad <failure>\n  Error: </testcase> &amp;\n      at a file",
  ]);
});

Deno.test("countsOf() counts a run that broke down as one failure", () => {
  assertEquals(countsOf(139, ""), { passed: 0, failed: 1, skipped: 0 });
  assertEquals(countsOf(1, REPORT), { passed: 2, failed: 1, skipped: 1 });
  assertEquals(countsOf(0, "<testsuites></testsuites>"), { passed: 0, failed: 0, skipped: 0 });
});

Deno.test("closingLine() names skipped tests only when there are some", () => {
  const some = { passed: 2, failed: 0, skipped: 0 };
  assertEquals(closingLine(some), "2 passed, 0 failed");
  assertEquals(
    closingLine(sumOf([some, { passed: 1, failed: 1, skipped: 3 }])),
    "3 passed, 1 failed, 3 skipped",
  );
});
