import { assertEquals } from "@std/assert";
import { importsOf } from "../../../tools/check/imports.ts";

function specifiers(source: string): string[] {
  return importsOf(source).map(({ specifier }) => specifier);
}

Deno.test("importsOf() finds every form of import", () => {
  const source = [
    'import a from "./a.ts";',
    "import { b, type B } from './b.ts';",
    'import * as c from "./c.ts";',
    'import d, { e } from "./d.ts";',
    'import "./f.ts";',
    'export { g } from "./g.ts";',
    'export * from "./h.ts";',
    'export * as i from "./i.ts";',
    'const j = await import("./j.ts");',
    "const k = await import(\n  './k.ts'\n);",
    'let l: typeof import("./l.ts");',
    'import m from "./m.json" with { type: "json" };',
  ].join("\n");
  assertEquals(
    specifiers(source).map((one) => one.slice(2, 3)).join(""),
    "abcdfghijklm",
  );
});

Deno.test("importsOf() tells the line, also of an import over several lines", () => {
  const source = 'import {\n  a,\n  b,\n} from "./a.ts";\n\nimport "./b.ts";\n';
  assertEquals(importsOf(source).map(({ line }) => line), [1, 6]);
});

Deno.test("importsOf() tells imports of types alone apart", () => {
  const source = [
    'import type { A } from "./1.ts";',
    'import { type A, type B } from "./2.ts";',
    'export type { A } from "./3.ts";',
    'import { type A, b } from "./4.ts";',
    'import type from "./5.ts";',
    'import "./6.ts";',
    'import {} from "./7.ts";',
  ].join("\n");
  assertEquals(
    importsOf(source).map(({ typeOnly }) => typeOnly),
    [true, true, true, false, false, false, false],
  );
});

Deno.test("importsOf() passes over comments, strings, templates and regular expressions", () => {
  const source = [
    '// import "./comment.ts";',
    '/* import "./comment.ts";\n */',
    "const a = 'import \"./string.ts\"';",
    'const b = `import "./template.ts" ${f({ x: `}` })} import("./template.ts")`;',
    'const c = x.replace(/"[`\'/]"/g, "");',
    'const d = { import: "./key.ts" };',
    'const e = x.from("./method.ts");',
    'export const f = "./value.ts";',
    'import "./real.ts";',
  ].join("\n");
  assertEquals(specifiers(source), ["./real.ts"]);
});

Deno.test("importsOf() looks into the code inside a template", () => {
  assertEquals(specifiers('const a = `${await import("./a.ts")} b`;'), ["./a.ts"]);
});

Deno.test("importsOf() takes a division for no regular expression", () => {
  assertEquals(specifiers('const a = b / c; import "./a.ts"; const d = e / f;'), ["./a.ts"]);
});
