import { assertEquals } from "@std/assert";
import { oomReport } from "../../../lib/cgroup/v1/oom.ts";

/** What is reported where memory.limit_in_bytes shows this. */
function limitShownAs(text: string): bigint | undefined {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${folder}/memory.limit_in_bytes`, `${text}\n`);
    return oomReport(folder).limit;
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("v1: no limit is none, whatever the size of pages", () => {
  assertEquals(limitShownAs("4096"), 4096n);
  // 4, 16 and 64 KiB.
  for (const whole of ["9223372036854771712", "9223372036854759424", "9223372036854710272"]) {
    assertEquals(limitShownAs(whole), undefined, whole);
  }
});
