import { assertEquals } from "@std/assert";
import { formatSize } from "../../lib/size.ts";

Deno.test("sizes are told in three digits", () => {
  const cases: readonly (readonly [bytes: number, text: string])[] = [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.00 kB"],
    [1234, "1.23 kB"],
    [9994, "9.99 kB"],
    [9996, "10.0 kB"],
    [12_345, "12.3 kB"],
    [99_960, "100 kB"],
    [999_499, "999 kB"],
    [999_500, "1.00 MB"],
    [123_456_789, "123 MB"],
    [2_000_000_000, "2.00 GB"],
    [Number.MAX_SAFE_INTEGER, "9.01 PB"],
  ];
  for (const [bytes, text] of cases) assertEquals(formatSize(bytes), text, `${bytes}`);
});
