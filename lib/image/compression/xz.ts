import * as decoder from "xz-decompress";
import { ArchiveFault } from "../fault.ts";
import { release } from "../pieces.ts";
import { brokenData, ownBytes } from "./decompress.ts";

/** A module of CommonJS: where it is not bundled, all that it has is its default export. */
const { XzReadableStream } = "default" in decoder ? decoder.default as typeof decoder : decoder;

/**
 * Undoes xz, also of several streams one after another (the .xz file format 1.2), by the decoder that Linux has for
 * its own use, XZ Embedded. Checksums by CRC are verified; filters before LZMA2, which suit single programs rather
 * than archives, are refused.
 *
 * @throws {ArchiveFault} while it is read, when the data is broken, ends early, or takes what that decoder has not
 */
export async function* unxz(
  compressed: Iterable<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const pieces = compressed[Symbol.iterator]();
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      const { value, done } = pieces.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    // Nothing is read ahead: a piece lasts until the next one.
  }, { highWaterMark: 0 });
  const unpacked = new XzReadableStream(source).getReader();
  try {
    for (;;) {
      const { value, done } = await unpacked.read();
      if (done) return;
      const bytes = ownBytes(value);
      yield bytes;
      release(bytes);
    }
  } catch (error) {
    throw faultOf(error);
  } finally {
    // A decoder that has come to its end refuses: there is nothing to stop then.
    await unpacked.cancel().catch(() => {});
    pieces.return?.();
  }
}

/** What a decoder's error means, which it tells as a number of enum xz_ret (linux/xz.h). */
function faultOf(error: unknown): unknown {
  const [, code] = /error code (\d+)$/.exec(error instanceof Error ? error.message : "") ?? [];
  switch (code) {
    case undefined:
      return error;
    case "3": // XZ_MEM_ERROR
    case "4": // XZ_MEMLIMIT_ERROR
      return fault("needs more than 64 MiB to be undone; compress it with xz -9 or less", error);
    case "2": // XZ_UNSUPPORTED_CHECK
    case "6": // XZ_OPTIONS_ERROR
      return fault(
        "has a filter or checksum of xz that is not known here; compress it with plain xz",
        error,
      );
    case "8": // XZ_BUF_ERROR
      return fault("is truncated", error);
    default:
      return brokenData(error);
  }
}

function fault(message: string, cause: unknown): ArchiveFault {
  return new ArchiveFault(message, { cause });
}
