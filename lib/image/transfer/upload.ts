import { read } from "../../../ffi/file.ts";
import { alloc } from "../../../ffi/struct.ts";
import { type Source, uploadBlob } from "../../registry/upload.ts";
import type { Task } from "../../registry/manifests.ts";
import type { RegistrySession } from "../../registry/session.ts";
import type { Descriptor } from "../descriptor.ts";
import type { ImageStore } from "../store/store.ts";
import type { TransferObserver } from "./events.ts";

/** A push under way. */
export interface Upload {
  readonly store: ImageStore;
  readonly session: RegistrySession;
  readonly task: Task;
  readonly observe: TransferObserver;
  /** In which repository of the registry a part may be already. */
  readonly elsewhere: (part: Descriptor) => string | undefined;
}

/** Bytes that are read at a time. */
const PIECE = 256 * 1024;

/**
 * Sends a part of an image, unless the repository has it.
 *
 * @throws {ContainerError} NotFound when it is not in the store
 */
export async function sendPart(upload: Upload, part: Descriptor): Promise<void> {
  const { store, session, task, observe } = upload;
  const how = await uploadBlob(session, task, sourceOf(store, part), {
    from: upload.elsewhere(part),
    sent: (bytes) => observe({ kind: "moved", part, bytes }),
  });
  observe({ kind: how === "sent" ? "done" : how, part });
}

function sourceOf(store: ImageStore, { digest, size }: Descriptor): Source {
  return {
    digest,
    size,
    *pieces(offset, end) {
      using file = store.openBlob(digest);
      const buffer = alloc(PIECE);
      for (let at = 0; at < end;) {
        const piece = read(file.number, buffer.subarray(0, Math.min(PIECE, end - at)));
        if (piece.length === 0) return;
        if (at + piece.length > offset) yield piece.subarray(Math.max(0, offset - at));
        at += piece.length;
      }
    },
  };
}
