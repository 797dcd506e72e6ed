import { ContainerError, type ErrorCode } from "../../errors.ts";
import { memberPath, quoteShort } from "../../json.ts";

/**
 * Where in a document the check stands. It words every error, so that all of them begin with the
 * document and the member: `config.json: linux.resources.cpu.period: expected …, got "x"`.
 */
export class Place {
  /** What is to be told but stops nothing: whole sentences that begin like the errors. */
  readonly warnings: string[] = [];
  readonly #names: (string | number)[] = [];

  /**
   * @param what what errors call the document.
   * @param code the code of the errors.
   */
  constructor(readonly what: string, readonly code: ErrorCode = "InvalidSpec") {}

  /** Goes to a member of the value it stands at. */
  enter(name: string | number): void {
    this.#names.push(name);
  }

  /** Goes back up. */
  leave(): void {
    this.#names.pop();
  }

  /**
   * Refuses a value.
   *
   * @param expected what is right: `a number of bytes`.
   * @param below the way from here to the value.
   */
  expected(expected: string, value: unknown, ...below: (string | number)[]): never {
    this.refuse(`expected ${expected}, got ${show(value)}`, ...below);
  }

  /** Refuses what is right by itself but not together with something else. */
  refuse(sentence: string, ...below: (string | number)[]): never {
    throw new ContainerError(this.#sentence(sentence, below), { code: this.code });
  }

  /** Keeps a warning; more than a hundred nobody reads. */
  warn(sentence: string, ...below: (string | number)[]): void {
    if (this.warnings.length < 100) this.warnings.push(this.#sentence(sentence, below));
  }

  #sentence(sentence: string, below: (string | number)[]): string {
    const path = memberPath([...this.#names, ...below]);
    return [this.what, path, sentence].filter((part) => part !== "").join(": ");
  }
}

/** A value in an error: short, whatever it is. */
function show(value: unknown): string {
  if (typeof value === "string") return quoteShort(value);
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  if (typeof value === "object" && value !== null) return "an object";
  const text = String(value);
  return text.length <= 100 ? text : `${text.slice(0, 100)}…`;
}
