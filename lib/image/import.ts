import { Budget } from "./budget.ts";
import { decompress } from "./compression/decompress.ts";
import { type Compression, compressionOf, MAGIC_LENGTH } from "./compression/kind.ts";
import type { ProcessConfig } from "./config.ts";
import type { Descriptor } from "./descriptor.ts";
import { Verifier } from "./digest.ts";
import { ArchiveFault } from "./fault.ts";
import { addImage, type MadeLayer } from "./make.ts";
import { OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD } from "./media_type.ts";
import { withBeginning } from "./pieces.ts";
import { explicitly, type Platform } from "./platform.ts";
import { BlobWriter } from "./store/blob_writer.ts";
import type { ImageStore } from "./store/store.ts";
import { TarReader } from "./tar/reader.ts";
import { join, placeOf } from "./tree/place.ts";

/** What the archive's layer is called; of xz it is called nothing, and so it is unpacked. */
const MEDIA_TYPES: Readonly<Record<Compression, string>> = {
  none: OCI_LAYER,
  gzip: OCI_LAYER_GZIP,
  zstd: OCI_LAYER_ZSTD,
  xz: OCI_LAYER,
};

/** What {@link importRootfs} makes besides the layer. */
export interface ImportOptions {
  /** How the image wants to be run. */
  readonly config: ProcessConfig;
  /** What its history says of the layer. */
  readonly comment: string;
  /** What it is for; this machine's unless told. */
  readonly platform?: Platform;
}

/**
 * Makes an image of one layer of the archive of a root file system, which is stored as it is, up to its end.
 *
 * @throws {ArchiveFault} when it is broken, or holds an image instead
 */
export async function importRootfs(
  store: ImageStore,
  archive: Iterable<Uint8Array<ArrayBuffer>>,
  options: ImportOptions,
): Promise<Descriptor> {
  const layer = await storeLayer(store, archive);
  const created = new Date().toISOString();
  return await addImage(store, [layer], {
    created,
    ...options.platform && explicitly(options.platform),
    config: options.config,
    history: [{ created, created_by: "gocontainer import", comment: options.comment }],
  });
}

async function storeLayer(
  store: ImageStore,
  archive: Iterable<Uint8Array<ArrayBuffer>>,
): Promise<MadeLayer> {
  using blob = new BlobWriter(store);
  const pieces = withBeginning(MAGIC_LENGTH, archive);
  const first = pieces.next().value ?? new Uint8Array(0);
  const compression = compressionOf(first.subarray(0, MAGIC_LENGTH));
  const asItIs = compression !== "xz";
  const keep = (bytes: Uint8Array<ArrayBuffer>) => blob.write(bytes);
  let compressed = 0;
  const read = function* () {
    for (let piece = first; piece !== undefined; piece = pieces.next().value!) {
      compressed += piece.length;
      yield piece;
    }
  };
  const source = read();
  const verifier = new Verifier();
  const reader = rootfsReader(new Budget(store.root));
  let unpacked = 0;
  for await (const piece of await decompress(source, compression, asItIs ? keep : undefined)) {
    unpacked += piece.length;
    reader.budget.compare(unpacked, compressed);
    verifier.update(piece);
    if (!asItIs) keep(piece);
    reader.tar.push(piece);
  }
  // Who writes it into a pipe gets rid of all of it.
  while (!source.next().done);
  reader.tar.finish();
  reader.assertRootfs();
  return { descriptor: blob.commit(MEDIA_TYPES[compression]), diffId: verifier.digest() };
}

/** The names in an archive's root by which a root file system and an image in layers are told apart. */
const TELLING: readonly string[] = ["oci-layout", "manifest.json", "usr", "bin"];

/** Looks whether an archive is one of a root file system, without writing anything. */
function rootfsReader(budget: Budget) {
  const names = new Set<string>();
  let files = 0;
  const tar = new TarReader({
    entry(entry) {
      budget.count(entry);
      const path = join(placeOf(entry.name.replace(/^\/+/, "./"), entry.name));
      if (entry.type !== "folder") files++;
      const [first] = path.split("/", 1);
      if (TELLING.includes(first!)) names.add(first!);
    },
    data() {},
    end() {},
  }, { endMark: false });
  const assertRootfs = () => {
    if (files === 0) throw new ArchiveFault("has no file in it");
    const isImage = names.has("oci-layout") || names.has("manifest.json");
    if (!isImage || names.has("usr") || names.has("bin")) return;
    throw new ArchiveFault("holds an image in layers, not a root file system", {
      hint: "Load it: gocontainer load FILE",
    });
  };
  return { tar, budget, assertRootfs };
}
