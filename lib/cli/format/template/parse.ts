import { invalid } from "./invalid.ts";
import { entriesOf, FUNCTIONS, isTrue, lookUp } from "./functions.ts";
import { nonsense, type Piece, piecesOf, type Token, tokensOf } from "./pieces.ts";
import { member, say, type Scope, Text } from "./scope.ts";

/** A part of a template, which gives text. */
type Part = (scope: Scope) => string;

/** What stands in a part, and gives a value. */
type Expression = (scope: Scope) => unknown;

/**
 * Reads a template.
 *
 * @throws {UsageError}
 */
export function parse(text: string): Part {
  const parser = new Parser(text);
  const all = parser.parts();
  if (parser.end !== "") throw invalid(text, `"{{${parser.end}}}" ends nothing`);
  return all;
}

/** Words that end what others began. */
const ENDS = /^(?:end|else(?:\s.*)?)$/s;

class Parser {
  readonly #text: string;
  readonly #pieces: Piece[];
  /** What ended the last parts: `end`, `else`, `else if …`, or nothing at the end of the text. */
  end = "";

  constructor(text: string) {
    this.#text = text;
    this.#pieces = piecesOf(text).reverse();
  }

  /** Parts up to what ends them. */
  parts(): Part {
    const parts: Part[] = [];
    const all = (scope: Scope) => {
      const own = { ...scope, variables: new Map(scope.variables) };
      return parts.map((part) => part(own)).join("");
    };
    for (let piece = this.#pieces.pop(); piece !== undefined; piece = this.#pieces.pop()) {
      if (typeof piece === "string") {
        const text = piece;
        parts.push(() => text);
      } else if (ENDS.test(piece.inner)) {
        this.end = piece.inner;
        return all;
      } else {
        parts.push(this.#part(piece.inner));
      }
    }
    this.end = "";
    return all;
  }

  #part(inner: string): Part {
    const [, word, rest = ""] = /^(if|with|range)\b(.*)$/s.exec(inner) ?? [];
    switch (word) {
      case "if":
        return this.#choice(inner, rest, (scope) => scope);
      case "with":
        return this.#choice(inner, rest, (scope, dot) => ({ ...scope, dot }));
      case "range":
        return this.#range(inner, rest);
    }
    const { name, value } = this.#declaration(inner, inner);
    if (name !== undefined) return (scope) => (value(scope), "");
    return (scope) => say(value(scope), scope);
  }

  /** A value that may be kept under a name: `$name := .Name`, or `$name = .Name` where there is that name. */
  #declaration(source: string, inner: string): { name?: string; value: Expression } {
    const [head, name, sign] = /^\s*\$(\w+)\s*(:?=)/.exec(source) ?? [];
    if (head === undefined) return { value: this.#expression(source, inner) };
    const given = this.#expression(source.slice(head.length), inner);
    return {
      name,
      value: (scope) => {
        const value = given(scope);
        const known = scope.variables.get(name!);
        if (sign === ":=") scope.variables.set(name!, { value });
        else if (known !== undefined) known.value = value;
        else throw invalid(this.#text, `there is no "$${name}"`);
        return value;
      },
    };
  }

  /** @param inside the scope of what stands there when it is so */
  #choice(
    inner: string,
    condition: string,
    inside: (scope: Scope, value: unknown) => Scope,
  ): Part {
    const { value } = this.#declaration(condition, inner);
    const yes = this.parts();
    const no = this.#otherwise(inner);
    return (scope) => {
      const own = { ...scope, variables: new Map(scope.variables) };
      const found = value(own);
      return isTrue(found) ? yes(inside(own, found)) : no(own);
    };
  }

  /** What stands after `else`, up to the end of what began so. */
  #otherwise(inner: string): Part {
    const { end } = this;
    if (end === "") throw invalid(this.#text, `"{{${inner}}}" is not ended by "{{end}}"`);
    if (end === "end") return () => "";
    const more = end.slice("else".length).trim();
    // `else if` has no end of its own.
    if (more !== "") return this.#part(more);
    const parts = this.parts();
    if (this.end === "end") return parts;
    throw invalid(this.#text, `"{{${inner}}}" is not ended by "{{end}}"`);
  }

  #range(inner: string, rest: string): Part {
    const [head = "", declared] = /^\s*(\$\w+\s*(?:,\s*\$\w+\s*)?):=/.exec(rest) ?? [];
    const names = declared?.split(",").map((name) => name.trim().slice(1)) ?? [];
    const list = this.#expression(rest.slice(head.length), inner);
    const each = this.parts();
    const none = this.#otherwise(inner);
    return (scope) => {
      const entries = entriesOf(list(scope));
      if (entries.length === 0) return none(scope);
      return entries.map((entry) => {
        const given = names.map((name, at) =>
          [name, { value: entry[names.length === 1 ? 1 : at] }] as const
        );
        const variables = new Map([...scope.variables, ...given]);
        return each({ ...scope, dot: entry[1], variables });
      }).join("");
    };
  }

  #expression(source: string, inner: string): Expression {
    const tokens = tokensOf(source, this.#text).reverse();
    const value = this.#pipeline(tokens, inner);
    if (tokens.length > 0) throw nonsense(inner, this.#text);
    return value;
  }

  /** What one command gives is the last argument of the next one. */
  #pipeline(tokens: Token[], inner: string): Expression {
    let value = this.#command(tokens, inner);
    while (tokens.at(-1)?.text === "|") {
      tokens.pop();
      value = this.#command(tokens, inner, value);
    }
    return value;
  }

  #command(tokens: Token[], inner: string, last?: Expression): Expression {
    const first = tokens.at(-1);
    const name = first?.kind === "word" && !Object.hasOwn(CONSTANTS, first.text)
      ? tokens.pop()!.text
      : undefined;
    const args: Expression[] = [];
    while (tokens.length > 0 && tokens.at(-1)!.text !== "|" && tokens.at(-1)!.text !== ")") {
      args.push(this.#operand(tokens, inner));
    }
    if (last !== undefined) args.push(last);
    if (name !== undefined) return this.#call(name, args);
    const [value, ...keys] = args;
    if (value === undefined || last !== undefined) throw nonsense(inner, this.#text);
    if (keys.length === 0) return value;
    return (scope) => lookUp(value(scope), keys.map((key) => key(scope)));
  }

  #call(name: string, args: readonly Expression[]): Expression {
    if (!Object.hasOwn(FUNCTIONS, name)) {
      throw invalid(this.#text, `there is no function "${name}"`);
    }
    const { least, most, call } = FUNCTIONS[name]!;
    if (args.length < least || args.length > most) {
      const few = args.length < least ? "few" : "many";
      throw invalid(this.#text, `"${name}" is given too ${few} arguments`);
    }
    return (scope) => call(args.map((arg) => arg(scope)), scope);
  }

  #operand(tokens: Token[], inner: string): Expression {
    const { kind, text } = tokens.pop()!;
    switch (kind) {
      case "path":
        return this.#path(text);
      case "number": {
        const number = Number(text);
        return () => number;
      }
      case "text": {
        const own = new Text(this.#unquoted(text, inner));
        return () => own;
      }
      case "word":
        if (Object.hasOwn(CONSTANTS, text)) return () => CONSTANTS[text];
        break;
      case "sign":
        if (text === "(") {
          const value = this.#pipeline(tokens, inner);
          if (tokens.pop()?.text === ")") return this.#membersOf(value, tokens);
        }
    }
    throw nonsense(inner, this.#text);
  }

  /** `(index .Layers 0).Digest` */
  #membersOf(value: Expression, tokens: Token[]): Expression {
    const next = tokens.at(-1);
    if (next?.kind !== "path" || !next.isGlued || !next.text.startsWith(".")) return value;
    const names = namesIn(tokens.pop()!.text);
    return (scope) => member(value(scope), names, scope);
  }

  #path(text: string): Expression {
    const [variable = ""] = /^\$\w*/.exec(text) ?? [];
    const names = namesIn(text.slice(variable.length));
    if (variable === "") return (scope) => member(scope.dot, names, scope);
    const name = variable.slice(1);
    return (scope) => {
      const known = scope.variables.get(name);
      if (known === undefined) throw invalid(this.#text, `there is no "${variable}"`);
      return member(known.value, names, scope);
    };
  }

  #unquoted(text: string, inner: string): string {
    if (text.startsWith("`")) return text.slice(1, -1);
    try {
      return JSON.parse(text) as string;
    } catch {
      throw nonsense(inner, this.#text);
    }
  }
}

/** The names in `.Config.Env`. */
function namesIn(path: string): string[] {
  return path.split(".").filter((name) => name !== "");
}

const CONSTANTS: Readonly<Record<string, unknown>> = { true: true, false: false, nil: null };
