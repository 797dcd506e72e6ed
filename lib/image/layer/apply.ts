import { Budget } from "../budget.ts";
import { unpack } from "../compression/decompress.ts";
import { type Digest, Verifier } from "../digest.ts";
import { ArchiveFault } from "../fault.ts";
import type { ByteString } from "../tar/bytes.ts";
import { TarReader } from "../tar/reader.ts";
import { settleUnlisted } from "../tree/attributes.ts";
import { TreeWriter } from "../tree/writer.ts";
import { LayersView } from "./layers_view.ts";
import { LayerSink } from "./sink.ts";

/** A layer and where it goes. */
export interface LayerTarget {
  /** What the layer's archive is, unpacked. */
  readonly diffId: Digest;
  /** Descriptor of the folder, empty and root's, that becomes the layer: one for an overlay. */
  readonly into: number;
  /** Descriptors of the folders of the layers below, the uppermost first. */
  readonly below: readonly number[];
  /** Is told how many bytes of the blob have been worked off, now and then. */
  readonly progress?: (bytes: number) => void;
  /** Is told of the member that comes next. */
  readonly member?: (name: ByteString) => void;
}

/**
 * Writes a layer to a folder, as what overlayfs lays over the layers below (image-spec, layer.md;
 * kernel, filesystems/overlayfs.rst): what is gone is a character device 0:0, a folder whose content
 * is gone has the attribute `trusted.overlay.opaque`. What is unpacked is hashed as it is written.
 *
 * @param blob the layer as it is in the store, compressed in whatever way, and verified
 * @throws {ArchiveFault} when it is broken, hostile or another than the image says
 * @throws {SysError} for what the system refuses
 */
export async function applyLayer(
  blob: Iterable<Uint8Array<ArrayBuffer>>,
  target: LayerTarget,
): Promise<void> {
  const { diffId, into, below } = target;
  settleUnlisted(into);
  const budget = new Budget(into);
  const view = new LayersView([into, ...below]);
  using writer = new TreeWriter(into, { view, onExtra: (made) => budget.count(made) });
  const sink = new LayerSink(writer);
  const reader = new TarReader({
    entry(entry) {
      target.member?.(entry.name);
      budget.count(entry);
      sink.entry(entry);
    },
    data: (bytes, offset) => sink.data(bytes, offset),
    end: () => sink.end(),
  }, { endMark: false });
  const verifier = new Verifier(diffId);
  let compressed = 0;
  let unpacked = 0;
  const counted = function* () {
    for (const piece of blob) {
      compressed += piece.length;
      target.progress?.(compressed);
      yield piece;
    }
  };
  // Some that change nothing are no archive, not even its end mark.
  for await (const piece of await unpack(counted(), { mayBeEmpty: true })) {
    unpacked += piece.length;
    budget.compare(unpacked, compressed);
    verifier.update(piece);
    reader.push(piece);
  }
  reader.finish();
  writer.finish();
  const found = verifier.digest();
  if (found === diffId) return;
  throw new ArchiveFault(`unpacks to ${found}, and the image's config says ${diffId}`);
}
