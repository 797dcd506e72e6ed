/** Finding what a TypeScript module imports, without resolving anything. */

/** One import of a module. */
export interface Import {
  /** As written between the quotes. */
  readonly specifier: string;
  /** 1-based. */
  readonly line: number;
  /** `import type` or `export type`: nothing is loaded at run time. */
  readonly typeOnly: boolean;
}

/**
 * The imports of a module in order: `import … from "x"`, `import "x"`, `export … from "x"`,
 * `import("x")`, `typeof import("x")`. What stands in comments and string literals does not count.
 */
export function importsOf(source: string): Import[] {
  const found: Import[] = [];
  const { code, strings } = blankOut(source);
  const statement =
    /(?<![\w$.])(?:(import|export)\s+(type\s+(?!from\b|,))?(?:[\w$*{}\s,]*?\bfrom\s*)?|import\s*\(\s*)"(\d+)"/g;
  for (const match of code.matchAll(statement)) {
    const [whole, keyword, type, number] = match;
    if (keyword === "export" && !/\bfrom\s*"\d+"$/.test(whole)) continue;
    found.push({
      specifier: strings[Number(number)] ?? "",
      line: code.slice(0, match.index).split("\n").length,
      typeOnly: type !== undefined || onlyTypesNamed(whole),
    });
  }
  return found;
}

/** `import { type A, type B } from …` loads nothing either, as far as the type system goes. */
function onlyTypesNamed(statement: string): boolean {
  const names = /^(?:import|export)\s*\{([^}]*)\}\s*from/.exec(statement)?.[1];
  if (names === undefined) return false;
  const parts = names.split(",").map((name) => name.trim()).filter((name) => name !== "");
  return parts.length > 0 && parts.every((name) => name.startsWith("type "));
}

/**
 * The source with comments blanked and each string literal replaced by its number between double
 * quotes; line breaks stay where they are. Template literals are blanked, but not the code in their
 * `${…}`. Regular expression literals are recognised where an operand may stand.
 */
function blankOut(source: string): { code: string; strings: string[] } {
  const strings: string[] = [];
  const token =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`|[{}]|(?<=(?:^|[(,=:[!&|?{};+\n])\s*)\/(?![/*])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/g;
  const templatePart = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*(`|\$\{)/y;
  const depths: number[] = [];
  let depth = 0;
  let code = "";
  let at = 0;
  const lineBreaks = (text: string) => text.replace(/[^\n]+/g, " ");
  const template = (start: number) => {
    templatePart.lastIndex = start;
    const part = templatePart.exec(source);
    at = part === null ? source.length : templatePart.lastIndex;
    code += lineBreaks(source.slice(start, at));
    if (part?.[1] === "${") depths.push(depth);
  };
  while (true) {
    token.lastIndex = at;
    const match = token.exec(source);
    if (match === null) return { code: code + source.slice(at), strings };
    code += source.slice(at, match.index);
    at = token.lastIndex;
    const [text] = match;
    if (text === "`") template(at);
    else if (text === "}" && depths.at(-1) === depth) {
      depths.pop();
      template(at);
    } else if (text === "{" || text === "}") {
      depth += text === "{" ? 1 : -1;
      code += text;
    } else if (text.startsWith('"') || text.startsWith("'")) {
      code += `"${strings.push(text.slice(1, -1)) - 1}"`;
    } else code += lineBreaks(text);
  }
}
