import { measureStore } from "../../image/store/usage.ts";
import { ImageStore } from "../../image/store/store.ts";
import { measureExtracted } from "../../image/extracted.ts";
import { formatSize } from "../../size.ts";
import type { Command } from "../command.ts";
import { FORMAT_OPTION, printRows } from "../format/rows.ts";
import { readable } from "../format/template/mod.ts";
import { IMAGES_OPTION, imagesFolderOf } from "./options.ts";

/** `gocontainer df`. */
export const command: Command = {
  synopsis: ["df [OPTIONS]"],
  summary:
    "Tells what images take on the disk: as they were pulled, extracted in layers, what is left of\n" +
    "pulls that were not completed, and what was extracted of archives. What can be reclaimed is what\n" +
    "prune -all removes.",
  options: [
    IMAGES_OPTION,
    { name: "v", alias: "verbose", help: "tell it image by image" },
    FORMAT_OPTION,
  ],
  words: { least: 0, most: 0 },
  async run(args) {
    const folder = imagesFolderOf(args);
    using store = ImageStore.find(folder);
    const { kinds, images } = store === undefined
      ? { kinds: [], images: [] }
      : await measureStore(store);
    if (args.flag("v")) {
      const rows = images.map(({ name, digest, bytes, unique }) => ({
        Name: name ?? null,
        Digest: digest,
        Size: bytes,
        Shared: bytes - unique,
        Unique: unique,
      }));
      printRows(args.text("format"), rows, [
        { header: "IMAGE", cell: ({ Name, Digest }) => Name ?? Digest.slice(0, 19) },
        { header: "SIZE", cell: ({ Size }) => formatSize(Size) },
        { header: "SHARED", cell: ({ Shared }) => formatSize(Shared) },
        { header: "UNIQUE", cell: ({ Unique }) => formatSize(Unique) },
      ], {
        Size: ({ Size }) => readable(Size),
        Shared: ({ Shared }) => readable(Shared),
        Unique: ({ Unique }) => readable(Unique),
      });
      return 0;
    }
    const extracted = measureExtracted(folder);
    const rows = [...kinds, { kind: "archives", inUse: 0, ...extracted }]
      .map(({ kind, count, inUse, bytes, reclaimable }) => ({
        Type: kind,
        Count: count,
        InUse: inUse,
        Size: bytes,
        Reclaimable: reclaimable,
      }));
    printRows(args.text("format"), rows, [
      { header: "TYPE", cell: ({ Type }) => Type },
      { header: "COUNT", cell: ({ Count }) => String(Count) },
      { header: "IN USE", cell: ({ InUse }) => String(InUse) },
      { header: "SIZE", cell: ({ Size }) => formatSize(Size) },
      { header: "RECLAIMABLE", cell: ({ Reclaimable }) => formatSize(Reclaimable) },
    ], {
      TotalCount: ({ Count }) => Count,
      Active: ({ InUse }) => InUse,
      Size: ({ Size }) => readable(Size),
      Reclaimable: ({ Reclaimable }) => readable(Reclaimable),
    });
    return 0;
  },
};
