import { ArchiveFault } from "../../fault.ts";
import type { Input } from "./input.ts";
import { LzmaDecoder } from "./lzma.ts";

/** The most that one chunk unpacks to, in bytes. */
const CHUNK_LIMIT = 2 * 1024 * 1024;

/**
 * Undoes LZMA2: chunks of LZMA data, or of plain bytes, that share a dictionary. Gives the bytes of
 * each chunk, a copy.
 *
 * @param dictionarySize in bytes; memory of about twice that is taken
 * @throws {ArchiveFault} when the data is wrong or ends early
 */
export function* lzma2(input: Input, dictionarySize: number): Generator<Uint8Array<ArrayBuffer>> {
  const lzma = new LzmaDecoder(2 * dictionarySize + CHUNK_LIMIT, dictionarySize);
  let needsDictionary = true;
  let needsProperties = true;
  for (;;) {
    const control = input.byte();
    if (control === 0) return;
    const resetsDictionary = control >= 0xe0 || control === 1;
    if (needsDictionary && !resetsDictionary) throw wrong();
    needsDictionary = false;
    if (resetsDictionary) lzma.resetDictionary();

    if (control < 0x80) {
      if (control > 2) throw wrong();
      const size = twoBytes(input) + 1;
      yield lzma.copy(input.bytes(size));
      continue;
    }
    const size = ((control & 0x1f) << 16) + twoBytes(input) + 1;
    const compressed = twoBytes(input) + 1;
    if (control >= 0xc0) {
      lzma.setProperties(input.byte());
      needsProperties = false;
    } else if (needsProperties) {
      throw wrong();
    } else if (control >= 0xa0) {
      lzma.resetState();
    }
    yield lzma.decode(input.bytes(compressed), size);
  }
}

function twoBytes(input: Input): number {
  return (input.byte() << 8) | input.byte();
}

function wrong(): ArchiveFault {
  return new ArchiveFault("is broken: the compressed data is wrong");
}
