import { assertEquals, assertThrows } from "@std/assert";
import { readOptions } from "../../bench/options.ts";
import { ToolError } from "../../../tools/report.ts";

Deno.test("readOptions() has defaults", () => {
  assertEquals(readOptions([]), {
    rounds: 60,
    only: [],
    idle: 0,
    json: undefined,
    svg: undefined,
    help: false,
  });
});

Deno.test("readOptions() reads every option, --only repeatedly", () => {
  const words = "--rounds 5 --only runc --only=crun --idle 150 --json a.json --svg=b.svg".split(
    " ",
  );
  assertEquals(readOptions(words), {
    rounds: 5,
    only: ["runc", "crun"],
    idle: 150,
    json: "a.json",
    svg: "b.svg",
    help: false,
  });
});

for (
  const words of [
    ["--round", "5"],
    ["fast"],
    ["--rounds", "0"],
    ["--rounds", "1e3"],
    ["--idle", "-1"],
    ["--idle", "soon"],
    ["--json"],
    ["--only", ""],
  ]
) {
  Deno.test(`readOptions() refuses "${words.join(" ")}"`, () => {
    assertThrows(() => readOptions(words), ToolError);
  });
}
