import { assertEquals } from "@std/assert";
import { inOneWord } from "../../../lib/cgroup/in_one_word.ts";

Deno.test("folders that differ in one place become one word for a shell", () => {
  const table: [string[], string][] = [
    [[], ""],
    [["/a/b"], "/a/b"],
    [["/a/cpu/x/y", "/a/memory/x/y"], "/a/{cpu,memory}/x/y"],
    [["/a/c/x", "/a/d/e/x"], "/a/{c,d/e}/x"],
    [["/a/x/memory.max", "/a/x/memory.swap.max"], "/a/x/{memory.max,memory.swap.max}"],
    [["/a/x", "/b/y"], "/{a/x,b/y}"],
    [["/a/x", "/a/b/x"], "/a/x /a/b/x"],
  ];
  for (const [folders, word] of table) assertEquals(inOneWord(folders), word);
});
