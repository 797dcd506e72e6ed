import { ArchiveFault } from "../../fault.ts";

/** States after which a literal came, and the number of all states. */
const LITERAL_STATES = 7;
const STATES = 12;
const POSITIONS = 16;
const INITIAL = 1024;
const TOP = 2 ** 24;
const MIN_MATCH = 2;

/** Adaptive probabilities of the lengths of matches. */
class LengthCoder {
  readonly choice = new Uint16Array(2);
  readonly low = new Uint16Array(POSITIONS << 3);
  readonly mid = new Uint16Array(POSITIONS << 3);
  readonly high = new Uint16Array(256);

  reset(): void {
    for (const part of [this.choice, this.low, this.mid, this.high]) part.fill(INITIAL);
  }
}

/**
 * Undoes LZMA as it stands in the chunks of LZMA2: a range coder over adaptive bits, of which
 * literals and matches in the dictionary are made (the LZMA specification of the LZMA SDK).
 *
 * The dictionary is the last part of what was unpacked, in a buffer that is moved down when the next
 * chunk would not fit any more.
 */
export class LzmaDecoder {
  readonly #buffer: Uint8Array<ArrayBuffer>;
  readonly #dictionarySize: number;
  /** Where the next byte goes, and where the dictionary begins at the earliest. */
  #end = 0;
  #start = 0;
  /** What makes `#end` the number of bytes since the dictionary was forgotten, which models go by. */
  #moved = 0;

  #input = new Uint8Array(0);
  #at = 0;
  #range = 0;
  #code = 0;

  #literalContext = 0;
  #literalMask = 0;
  #positionMask = 0;
  #state = 0;
  #distances = [0, 0, 0, 0] as [number, number, number, number];

  #literals = new Uint16Array(0);
  readonly #isMatch = new Uint16Array(STATES * POSITIONS);
  readonly #isRepeated = new Uint16Array(STATES);
  readonly #isRepeated0 = new Uint16Array(STATES);
  readonly #isRepeated1 = new Uint16Array(STATES);
  readonly #isRepeated2 = new Uint16Array(STATES);
  readonly #isLongRepeated0 = new Uint16Array(STATES * POSITIONS);
  readonly #slots = new Uint16Array(4 * 64);
  readonly #special = new Uint16Array(128);
  readonly #aligned = new Uint16Array(16);
  readonly #lengths = new LengthCoder();
  readonly #repeatedLengths = new LengthCoder();

  /** @param size of the buffer, in bytes: the dictionary's and that of a chunk, better more. */
  constructor(size: number, dictionarySize: number) {
    this.#buffer = new Uint8Array(new ArrayBuffer(size));
    this.#dictionarySize = dictionarySize;
  }

  /** Forgets what was unpacked. */
  resetDictionary(): void {
    this.#start = this.#end;
    this.#moved = -this.#end;
  }

  /**
   * Sets how literals and positions are modelled: one byte, `(pb * 5 + lp) * 9 + lc`.
   *
   * @throws {ArchiveFault} when LZMA2 does not allow it
   */
  setProperties(properties: number): void {
    const lc = properties % 9;
    const lp = Math.floor(properties / 9) % 5;
    const pb = Math.floor(properties / 45);
    if (pb > 4 || lc + lp > 4) throw wrong();
    this.#literalContext = lc;
    this.#literalMask = (1 << lp) - 1;
    this.#positionMask = (1 << pb) - 1;
    this.#literals = new Uint16Array(0x300 << (lc + lp));
    this.resetState();
  }

  /** Forgets all that was learnt, but not the dictionary. */
  resetState(): void {
    this.#state = 0;
    this.#distances = [0, 0, 0, 0];
    for (
      const part of [
        this.#literals,
        this.#isMatch,
        this.#isRepeated,
        this.#isRepeated0,
        this.#isRepeated1,
        this.#isRepeated2,
        this.#isLongRepeated0,
        this.#slots,
        this.#special,
        this.#aligned,
      ]
    ) part.fill(INITIAL);
    this.#lengths.reset();
    this.#repeatedLengths.reset();
  }

  /** Takes bytes that are not compressed. */
  copy(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    this.#makeRoom(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
    return bytes;
  }

  /**
   * Undoes a chunk.
   *
   * @param size what it unpacks to, in bytes
   * @throws {ArchiveFault}
   */
  decode(input: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
    this.#makeRoom(size);
    const from = this.#end;
    this.#input = input;
    this.#at = 5;
    this.#range = 0xffffffff;
    this.#code = new DataView(input.buffer, input.byteOffset).getUint32(1);
    if (input[0] !== 0) throw wrong();
    this.#run(from + size);
    this.#normalize();
    if (this.#at !== input.length || this.#code !== 0) throw wrong();
    return this.#buffer.slice(from, this.#end);
  }

  #makeRoom(size: number): void {
    if (this.#end + size <= this.#buffer.length) return;
    const keep = Math.min(this.#dictionarySize, this.#end - this.#start);
    this.#buffer.copyWithin(0, this.#end - keep, this.#end);
    this.#moved += this.#end - keep;
    this.#start = 0;
    this.#end = keep;
  }

  #run(limit: number): void {
    while (this.#end < limit) {
      const position = (this.#end + this.#moved) & this.#positionMask;
      if (this.#bit(this.#isMatch, (this.#state << 4) + position) === 0) {
        this.#literal();
        continue;
      }
      const length = this.#bit(this.#isRepeated, this.#state) === 0
        ? this.#match(position)
        : this.#repeatedMatch(position);
      this.#repeat(length, limit);
    }
  }

  #literal(): void {
    const buffer = this.#buffer;
    const end = this.#end;
    const before = end > this.#start ? buffer[end - 1]! : 0;
    const position = (end + this.#moved) & this.#literalMask;
    const context = (position << this.#literalContext) + (before >> (8 - this.#literalContext));
    const base = context * 0x300;
    let symbol = 1;
    if (this.#state >= LITERAL_STATES) {
      let matched = buffer[end - this.#distances[0] - 1]!;
      while (symbol < 0x100) {
        const expected = (matched >> 7) & 1;
        matched <<= 1;
        const bit = this.#bit(this.#literals, base + ((1 + expected) << 8) + symbol);
        symbol = (symbol << 1) | bit;
        if (bit !== expected) break;
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.#bit(this.#literals, base + symbol);
    buffer[end] = symbol;
    this.#end = end + 1;
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
  }

  /** A match at a new distance; gives its length. */
  #match(position: number): number {
    const [first, second, third] = this.#distances;
    this.#state = this.#state < LITERAL_STATES ? 7 : 10;
    const length = this.#length(this.#lengths, position);
    const slot = this.#tree(this.#slots, Math.min(length - MIN_MATCH, 3) << 6, 6);
    this.#distances = [this.#distance(slot), first, second, third];
    return length;
  }

  #distance(slot: number): number {
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const base = (2 | (slot & 1)) * 2 ** bits;
    if (slot < 14) return base + this.#reverseTree(this.#special, base - slot, bits);
    return base + this.#plainBits(bits - 4) * 16 + this.#reverseTree(this.#aligned, 0, 4);
  }

  /** A match at one of the four last distances; gives its length. */
  #repeatedMatch(position: number): number {
    const [first, second, third, fourth] = this.#distances;
    const afterLiteral = this.#state < LITERAL_STATES;
    if (this.#bit(this.#isRepeated0, this.#state) === 0) {
      if (this.#bit(this.#isLongRepeated0, (this.#state << 4) + position) === 0) {
        this.#state = afterLiteral ? 9 : 11;
        return 1;
      }
    } else if (this.#bit(this.#isRepeated1, this.#state) === 0) {
      this.#distances = [second, first, third, fourth];
    } else if (this.#bit(this.#isRepeated2, this.#state) === 0) {
      this.#distances = [third, first, second, fourth];
    } else {
      this.#distances = [fourth, first, second, third];
    }
    this.#state = afterLiteral ? 8 : 11;
    return this.#length(this.#repeatedLengths, position);
  }

  #length(coder: LengthCoder, position: number): number {
    if (this.#bit(coder.choice, 0) === 0) {
      return MIN_MATCH + this.#tree(coder.low, position << 3, 3);
    }
    if (this.#bit(coder.choice, 1) === 0) {
      return MIN_MATCH + 8 + this.#tree(coder.mid, position << 3, 3);
    }
    return MIN_MATCH + 16 + this.#tree(coder.high, 0, 8);
  }

  /** Copies bytes of the dictionary; they may be among those that are just being written. */
  #repeat(length: number, limit: number): void {
    const distance = this.#distances[0] + 1;
    const known = Math.min(this.#end - this.#start, this.#dictionarySize);
    if (distance > known || this.#end + length > limit) throw wrong();
    const buffer = this.#buffer;
    let to = this.#end;
    for (let from = to - distance, stop = to + length; to < stop;) buffer[to++] = buffer[from++]!;
    this.#end = to;
  }

  #bit(probabilities: Uint16Array, index: number): number {
    this.#normalize();
    const probability = probabilities[index]!;
    const bound = (this.#range >>> 11) * probability;
    if (this.#code < bound) {
      this.#range = bound;
      probabilities[index] = probability + ((2048 - probability) >> 5);
      return 0;
    }
    this.#range -= bound;
    this.#code -= bound;
    probabilities[index] = probability - (probability >> 5);
    return 1;
  }

  #normalize(): void {
    if (this.#range >= TOP) return;
    // Past the end of the chunk there are zeros, which the check at its end finds.
    const next = this.#at < this.#input.length ? this.#input[this.#at]! : 0;
    this.#at++;
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | next) >>> 0;
  }

  #tree(probabilities: Uint16Array, base: number, bits: number): number {
    let symbol = 1;
    for (let i = 0; i < bits; i++) symbol = (symbol << 1) | this.#bit(probabilities, base + symbol);
    return symbol - (1 << bits);
  }

  #reverseTree(probabilities: Uint16Array, base: number, bits: number): number {
    let symbol = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.#bit(probabilities, base + symbol);
      symbol = (symbol << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  /** Bits that are all as likely. */
  #plainBits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) {
      this.#normalize();
      this.#range = this.#range >>> 1;
      const bit = this.#code >= this.#range ? 1 : 0;
      if (bit === 1) this.#code -= this.#range;
      value = value * 2 + bit;
    }
    return value;
  }
}

function wrong(): ArchiveFault {
  return new ArchiveFault("is broken: the compressed data is wrong");
}
