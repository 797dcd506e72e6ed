import { assertEquals } from "@std/assert";
import { formatTable } from "../../bench/table.ts";

Deno.test("formatTable() aligns every column on its side", () => {
  const table = formatTable(
    [{ heading: "name", align: "left" }, { heading: "ms", align: "right" }],
    [["runc", "9.5"], ["bubblewrap", "14.25"]],
  );
  assertEquals(
    table,
    [
      "name           ms",
      "runc          9.5",
      "bubblewrap  14.25",
    ].join("\n"),
  );
});

Deno.test("formatTable() leaves missing cells empty and no blanks at line ends", () => {
  const table = formatTable(
    [{ heading: "a", align: "left" }, { heading: "b", align: "left" }],
    [["long"], ["x", "y"]],
  );
  assertEquals(table, "a     b\nlong\nx     y");
});

Deno.test("formatTable() counts characters, not code units", () => {
  const columns = [{ heading: "", align: "left" }, { heading: "", align: "left" }] as const;
  assertEquals(formatTable(columns, [["𝛍", "x"], ["ab", "y"]]), "\n𝛍   x\nab  y");
});
