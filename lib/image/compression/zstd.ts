import { ZSTDDecoder } from "zstddec/stream";
import { ArchiveFault } from "../fault.ts";
import { release } from "../pieces.ts";
import { ownBytes } from "./decompress.ts";

/** Undoes zstd (RFC 8878) with windows of up to 128 MiB; checksums are verified where there are any. */
export async function unzstd(
  compressed: Iterable<Uint8Array<ArrayBuffer>>,
): Promise<Iterable<Uint8Array<ArrayBuffer>>> {
  const decoder = new ZSTDDecoder();
  await decoder.init();
  return decode(decoder, compressed);
}

function* decode(
  decoder: ZSTDDecoder,
  compressed: Iterable<Uint8Array<ArrayBuffer>>,
): Generator<Uint8Array<ArrayBuffer>> {
  let idle = 0;
  let most = 0;
  const input = function* () {
    for (const piece of compressed) {
      idle = 0;
      most = piece.length;
      yield piece;
    }
  };
  try {
    for (const piece of decoder.decodeStreaming(input())) {
      // The decoder does not tell of wrong data: it goes on without taking or giving anything. A
      // frame without content gives nothing either, but takes at least one byte.
      idle = piece.length === 0 ? idle + 1 : 0;
      if (idle > most) throw new ArchiveFault("is broken: the compressed data is wrong");
      if (piece.length === 0) continue;
      const bytes = ownBytes(piece);
      yield bytes;
      release(bytes);
    }
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("Incomplete stream")) {
      throw new ArchiveFault("is truncated or broken", { cause: error });
    }
    throw error;
  }
}
