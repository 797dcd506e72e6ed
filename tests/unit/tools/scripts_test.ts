import { Script } from "node:vm";
import { assertEquals, assertFalse, assertThrows } from "@std/assert";
import {
  asScripts,
  closure,
  ENTRY,
  type Scripts,
  staticImports,
} from "../../../tools/build/scripts.ts";
import { link } from "../../../tools/build/link.ts";
import { ToolError } from "../../../tools/report.ts";

const MODULES = [
  {
    name: ENTRY,
    text: `import{a as x,b}from"./one.js";import"./two.js";var r=x+b();` +
      `globalThis.said=[r,(await import("./late.js")).default];`,
  },
  {
    name: "one.js",
    text: `import{t}from"./two.js";var q=1;function f(){q++;return q+t}\nexport{q as a,f as b};`,
  },
  {
    name: "two.js",
    text:
      `function o(){return 1}import{basename as n}from"node:path";var t=n("/x/7")*o();export{t};\n`,
  },
  { name: "late.js", text: `var w="late";export default w;\n/*! a licence */` },
];

/** Runs scripts as the program's loader does. */
async function run(scripts: Scripts): Promise<unknown> {
  const texts = asScripts(scripts);
  await link((name) => new Script(texts[name]).runInThisContext())("hot", 0);
  const { said } = globalThis as { said?: unknown };
  return said;
}

Deno.test("bundled modules do as scripts what they do as modules", async () => {
  assertEquals(await run({ hot: MODULES }), [1 + 2 + 7, "late"]);
});

Deno.test("a module may lie in another script than the one that asks for it later", async () => {
  const needed = closure(MODULES, [ENTRY]);
  assertEquals([...needed].sort(), ["main.js", "one.js", "two.js"]);
  const hot = MODULES.filter(({ name }) => needed.has(name));
  const cold = MODULES.filter(({ name }) => !needed.has(name));
  assertEquals(await run({ hot, cold }), [10, "late"]);
});

Deno.test("imports that follow each other on one line are all seen", () => {
  assertEquals(staticImports(MODULES[0].text), ["one.js", "two.js"]);
});

Deno.test("characters beyond ASCII are written as escapes, and are the same", async () => {
  const text = "globalThis.said=[/^[μ]s$/u.test('μs'),'ü😀'.length,`ü😀`];";
  assertEquals(await run({ hot: [{ name: ENTRY, text }] }), [true, 3, "ü😀"]);
  assertFalse(/[\u0080-\uffff]/.test(asScripts({ hot: [{ name: ENTRY, text }] }).hot));
});

Deno.test("what a script cannot have is refused", () => {
  for (
    const text of [
      "export*from'./x.js';",
      "var u=import.meta.url;",
      "export class A{}",
      "import*as n from'./x.js';",
      'import*as n from"./x.js";',
    ]
  ) {
    assertThrows(() => asScripts({ hot: [{ name: "x.js", text }] }), ToolError, `"x.js"`);
  }
});
