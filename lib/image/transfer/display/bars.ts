import { getWindowSize, isTerminal } from "../../../../ffi/tty.ts";
import { formatSize } from "../../../size.ts";
import type { TransferEvent } from "../events.ts";
import { draw, keepBelow, type Moving } from "../../../trace.ts";
import { Parts, type PartState, type PartStatus, shortName } from "./parts.ts";

/** How often the bars are drawn, in ms. */
const INTERVAL = 100;

/** Over how long the speed is measured, in ms. */
const SPAN = 3000;

const BAR = 24;

/** Bars on a terminal: one for each part of a transfer, and one for all of it. */
export class Bars implements Disposable, Moving {
  readonly #parts = new Parts();
  readonly #verb: string;
  readonly #samples: { time: number; moved: number }[] = [];
  #drawn = 0;
  #next = 0;
  #isOver = false;

  /** @param verb what is done: `pulling` */
  constructor(verb: string) {
    this.#verb = verb;
    keepBelow(this);
  }

  observe = (event: TransferEvent): void => {
    this.#parts.take(event);
    const now = performance.now();
    if (now < this.#next) return;
    this.#next = now + INTERVAL;
    this.draw(now);
  };

  /** Draws them for the last time; what comes after begins below. */
  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.draw();
    keepBelow();
  }

  clear(): void {
    if (this.#drawn > 0) draw(`\r\x1b[${this.#drawn}A\x1b[J`);
    this.#drawn = 0;
  }

  draw(now = performance.now()): void {
    const { rows, columns } = windowSize();
    const all = this.#parts.all;
    const shown = choose(all, Math.max(1, rows - 3));
    const lines = [
      ...shown.map((status) => lineOf(status)),
      ...all.length > shown.length ? [`… and ${all.length - shown.length} more`] : [],
      ...all.length > 0 ? [this.#total(all, now)] : [],
    ].map((line) => line.slice(0, Math.max(1, columns - 1)));
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : "";
    const text = lines.map((line) => `\x1b[K${line}\n`).join("");
    // What was drawn before and is no more.
    const rest = this.#drawn > lines.length ? "\x1b[J" : "";
    draw(`\r${up}${text}${rest}`);
    this.#drawn = lines.length;
  }

  #total(all: readonly PartStatus[], now: number): string {
    const moved = all.reduce((sum, status) => sum + status.moved, 0);
    const size = all.reduce((sum, { part }) => sum + part.size, 0);
    this.#samples.push({ time: now, moved });
    while (this.#samples.length > 2 && now - this.#samples[0]!.time > SPAN) this.#samples.shift();
    const { time, moved: before } = this.#samples[0]!;
    const speed = now > time && moved < size ? ((moved - before) / (now - time)) * 1000 : 0;
    const pace = speed > 0 ? `  ${formatSize(speed)}/s` : "";
    return `${this.#verb.padEnd(12)}  ${bar(moved, size)}  ${formatSize(moved)} / ${
      formatSize(size)
    }${pace}`;
  }
}

/** What happens now comes first where there is no room for all. */
function choose(all: readonly PartStatus[], room: number): readonly PartStatus[] {
  if (all.length <= room) return all;
  const order: readonly PartState[] = [
    "moving",
    "extracting",
    "waiting",
    "queued",
    "over",
    "ready",
  ];
  const chosen = new Set(
    [...all].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state)).slice(0, room - 1),
  );
  return all.filter((status) => chosen.has(status));
}

function lineOf(status: PartStatus): string {
  const { part, state, moved, extracted, note } = status;
  const done = state === "extracting" ? extracted : state === "ready" ? part.size : moved;
  const words: Readonly<Record<PartState, string>> = {
    queued: "waits",
    waiting: "waits for another process",
    moving: `${formatSize(moved)} / ${formatSize(part.size)}`,
    over: note ?? formatSize(part.size),
    extracting: `extracting ${formatSize(part.size)}`,
    ready: note === "there" ? "there" : `${formatSize(part.size)}, extracted`,
  };
  return `${shortName(part)}  ${bar(done, part.size)}  ${words[state]}`;
}

function bar(done: number, size: number): string {
  const filled = size === 0 ? BAR : Math.floor(Math.min(1, done / size) * BAR);
  return `[${"=".repeat(filled)}${filled < BAR ? ">" : ""}${
    " ".repeat(Math.max(0, BAR - filled - 1))
  }]`;
}

/** A terminal that does not know its size, or has gone away, is taken for the usual one. */
function windowSize(): { rows: number; columns: number } {
  const STDERR = 2;
  const { rows, columns } = isTerminal(STDERR) ? getWindowSize(STDERR) : { rows: 0, columns: 0 };
  return { rows: rows || 24, columns: columns || 80 };
}
