import { ExchangeFault } from "./fault.ts";
import type { Framing } from "./head.ts";
import { endedEarly, type Input } from "./input.ts";
import type { Patience } from "./patience.ts";

const LINE_LIMIT = 4096;
const TRAILER_LIMIT = 64;

/**
 * The content of an answer, piece by piece. Each piece is overwritten when the next one is asked for.
 *
 * @param end called when the content is whole, or cannot become so
 * @throws {ExchangeFault}
 */
export async function* contentOf(
  input: Input,
  framing: Framing,
  patience: Patience,
  end: (whole: boolean) => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let whole = false;
  try {
    switch (framing.kind) {
      case "length":
        yield* exactly(framing.length, input, patience);
        whole = true;
        break;
      case "chunked":
        yield* chunks(input, patience);
        whole = true;
        break;
      case "until-close":
        yield* upToEnd(input, patience);
    }
  } finally {
    end(whole);
  }
}

async function* exactly(
  length: number,
  input: Input,
  patience: Patience,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let left = length; left > 0;) {
    const piece = await input.some(left, patience);
    if (piece === undefined) throw endedEarly();
    left -= piece.length;
    yield piece;
  }
}

async function* upToEnd(
  input: Input,
  patience: Patience,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  while (true) {
    const piece = await input.some(Infinity, patience);
    if (piece === undefined) return;
    yield piece;
  }
}

/** RFC 9112, 7.1. What a chunk's extensions and the trailer say is passed over. */
async function* chunks(
  input: Input,
  patience: Patience,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  while (true) {
    const line = await input.line(LINE_LIMIT, patience);
    const size = /^([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?$/.exec(line);
    if (size === null) throw new ExchangeFault("malformed", "a chunk of the answer has no size");
    const length = parseInt(size[1]!, 16);
    if (length === 0) break;
    yield* exactly(length, input, patience);
    if (await input.line(LINE_LIMIT, patience) !== "") {
      throw new ExchangeFault("malformed", "a chunk of the answer is longer than it says");
    }
  }
  for (let lines = 0; await input.line(LINE_LIMIT, patience) !== ""; lines++) {
    if (lines > TRAILER_LIMIT) throw new ExchangeFault("malformed", "the answer's end is too long");
  }
}
