import type { Decision } from "./decision.ts";
import type { Label, Program } from "./program.ts";

/** A run of system call numbers, from `from` to the next span, about which the same is decided. */
export interface Span {
  readonly from: number;
  readonly decision: Decision;
}

/**
 * Lays decided calls over a background.
 *
 * @param background what holds for every number that is not decided; spans in ascending order from 0.
 * @param calls what is decided about single numbers.
 */
export function overlay(background: readonly Span[], calls: ReadonlyMap<number, Decision>): Span[] {
  const spans: Span[] = [];
  let last: Span | undefined;
  const put = (from: number, decision: Decision) => {
    if (decision !== last?.decision) spans.push(last = { from, decision });
  };
  let ground = 0;
  // The first number of which nothing is said yet.
  let next = 0;
  /** Says up to a number what holds on the background. */
  const fill = (end: number) => {
    while (next < end) {
      put(next, background[ground].decision);
      next = Math.min(end, background[ground + 1]?.from ?? end);
      if (next === background[ground + 1]?.from) ground++;
    }
  };
  const numbers = new Uint32Array(calls.size);
  let count = 0;
  for (const number of calls.keys()) numbers[count++] = number;
  for (const number of numbers.sort()) {
    if (number !== next) fill(number);
    put(number, calls.get(number)!);
    next = number + 1;
    while (background[ground + 1] && background[ground + 1].from <= next) ground++;
  }
  fill(2 ** 32);
  return spans;
}

/**
 * Adds a binary search over spans to a program: the call's number is expected to be loaded.
 *
 * @param otherwise what is done where a decision has none for a call's arguments.
 */
export function dispatch(program: Program, spans: readonly Span[], otherwise: number): Label {
  const search = (first: number, end: number): Label => {
    const span = spans[first];
    if (end - first === 1) return program.decide(span.decision, program.ret(otherwise));
    const second = spans[first + 1];
    if (end - first === 3) {
      const third = spans[first + 2];
      if (third.decision === span.decision && third.from === second.from + 1) {
        const outside = search(first, first + 1);
        return program.branch("=", second.from, search(first + 1, first + 2), outside);
      }
    }
    const middle = (first + end) >> 1;
    const above = search(middle, end);
    return program.branch(">=", spans[middle].from, above, search(first, middle));
  };
  return search(0, spans.length);
}
