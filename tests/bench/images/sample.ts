import { addImage, addLayer, type MadeLayer } from "../../../lib/image/make.ts";
import { parseReference } from "../../../lib/image/reference.ts";
import { ImageStore } from "../../../lib/image/store/store.ts";
import type { TarEntry } from "../../../lib/image/tar/entry.ts";
import { END_MARK, padding, tarHeader } from "../../../lib/image/tar/writer.ts";
import { Random } from "../../unit/oci/random.ts";

/** An image to be pulled: so many files of such a size, in so many layers. */
export interface Sample {
  /** As the table calls it, and as it is tagged. */
  readonly name: string;
  readonly files: number;
  /** Of each file, in bytes. */
  readonly size: number;
  readonly layers: number;
}

const MB = 1_000_000;

/** The images of the benchmark. */
export const SAMPLES: readonly Sample[] = [
  { name: "3 MB, 1 layer", files: 60, size: 50_000, layers: 1 },
  { name: "3 MB, 20 layers", files: 60, size: 50_000, layers: 20 },
  { name: "3 MB, 60 layers", files: 60, size: 50_000, layers: 60 },
  { name: "100 MB, 1 layer", files: 500, size: 200_000, layers: 1 },
  { name: "100 MB, 20 layers", files: 500, size: 200_000, layers: 20 },
  { name: "100 MB, 60 layers", files: 480, size: 200_000, layers: 60 },
  { name: "1 GB, 1 layer", files: 500, size: 2 * MB, layers: 1 },
  { name: "1 GB, 20 layers", files: 500, size: 2 * MB, layers: 20 },
  { name: "1 GB, 60 layers", files: 480, size: 2 * MB, layers: 60 },
  { name: "100,000 files", files: 100_000, size: 1500, layers: 1 },
];

/** The tag of a sample. */
export function tagOf({ name }: Sample): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, "-");
}

/** Makes the image of a sample in the store of a folder. */
export async function makeSample(folder: string, sample: Sample): Promise<void> {
  using store = ImageStore.open(folder);
  const random = new Random(1);
  const pool = compressible(random);
  const perLayer = Math.ceil(sample.files / sample.layers);
  const layers: MadeLayer[] = [];
  for (let at = 0; at < sample.files; at += perLayer) {
    const count = Math.min(perLayer, sample.files - at);
    layers.push(await addLayer(store, archive(at, count, sample.size, pool, random)));
  }
  const descriptor = await addImage(store, layers, {
    config: { Cmd: ["/bin/true"] },
    history: layers.map(() => ({ created_by: "bench" })),
  });
  store.setReference(parseReference(`bench/image:${tagOf(sample)}`), descriptor);
}

/** Files of one layer, a hundred in each folder. */
function* archive(
  first: number,
  count: number,
  size: number,
  pool: Uint8Array<ArrayBuffer>,
  random: Random,
): Generator<Uint8Array<ArrayBuffer>> {
  for (let number = first; number < first + count; number++) {
    const folder = `data/${Math.floor(number / 100)}`;
    if (number === first || number % 100 === 0) {
      yield tarHeader({ ...MEMBER, type: "folder", name: folder, mode: 0o755 });
    }
    yield tarHeader({ ...MEMBER, name: `${folder}/file-${number}`, size });
    for (let left = size; left > 0;) {
      const from = random.below(pool.length / 2);
      const piece = pool.slice(from, from + Math.min(left, pool.length / 2));
      left -= piece.length;
      yield piece;
    }
    yield padding(size);
  }
  yield END_MARK;
}

const MEMBER: TarEntry = {
  type: "file",
  name: "",
  linkname: "",
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: { seconds: 1_700_000_000, nanoseconds: 0 },
  size: 0,
  major: 0,
  minor: 0,
  xattrs: new Map(),
};

/** Bytes that shrink to some 40 percent, as those of programs do. */
function compressible(random: Random): Uint8Array<ArrayBuffer> {
  const pool = new Uint8Array(new ArrayBuffer(8 * 1024 * 1024));
  for (let at = 0; at < pool.length; at += 16) {
    for (let i = 0; i < 6; i++) pool[at + i] = random.below(256);
  }
  return pool;
}
