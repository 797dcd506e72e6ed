import { pruneExtracted } from "../../image/extracted.ts";
import { prune } from "../../image/store/prune.ts";
import { ImageStore } from "../../image/store/store.ts";
import { nameOf } from "../../image/store/listing.ts";
import { formatSize } from "../../size.ts";
import type { Command } from "../command.ts";
import { printRows } from "../format/rows.ts";
import { parseAge, parseBytes } from "../quantity.ts";
import { IMAGES_OPTION, imagesFolderOf } from "./options.ts";
import { tellSwept } from "./swept.ts";
import { print } from "../output.ts";

/** `gocontainer prune`. */
export const command: Command = {
  synopsis: ["prune [OPTIONS]"],
  summary:
    "Removes images that have lost their name, what no image needs, and what is left of pulls and\n" +
    "extractions. With -all, -until or -keep-storage other images go as well; one that a container\n" +
    "uses never does.",
  options: [
    IMAGES_OPTION,
    {
      name: "all",
      alias: "a",
      synonym: ["af", "fa"],
      help: "remove all images that no container uses",
    },
    {
      name: "until",
      value: "AGE",
      help: "of these only those not used for so long, as in 10d or 12h",
    },
    {
      name: "keep-storage",
      value: "SIZE",
      help: "remove those used longest ago, until no more than SIZE is left",
    },
    // docker's commands ask without it; here nothing is asked.
    { name: "force", alias: "f" },
    {
      name: "filter",
      instead:
        "Use -until AGE, as in 24h, for those not used for so long; by label: gocontainer rmi " +
        "$(gocontainer images -q -filter label=…)",
    },
    { name: "volumes", instead: "Volumes are folders of the host, and stay" },
    { name: "dry-run", help: "remove nothing, and tell what would be" },
    { name: "format", value: "FORMAT", help: "json, for what was removed in detail" },
  ],
  words: { least: 0, most: 0 },
  async run(args) {
    const until = args.text("until");
    const keep = args.text("keep-storage");
    const dryRun = args.flag("dry-run") ?? false;
    const options = {
      all: args.flag("all") ?? until !== undefined,
      dryRun,
      ...until !== undefined && { unusedFor: parseAge(until, "-until") },
      ...keep !== undefined && { keepBytes: keep === "0" ? 0 : parseBytes(keep, "-keep-storage") },
    };
    const folder = imagesFolderOf(args);
    using store = ImageStore.find(folder);
    const swept = store === undefined ? NOTHING : await prune(store, options);
    const extractions = pruneExtracted(folder, dryRun);
    const freed = extractions.reduce((sum, one) => sum + one.bytes, swept.bytes);
    const format = args.text("format");
    if (format !== undefined) {
      printRows(format, [{
        DryRun: dryRun,
        Images: swept.references.map((entry) => ({
          Name: nameOf(entry) ?? null,
          Digest: entry.descriptor.digest,
        })),
        Blobs: swept.blobs.map(({ digest, bytes }) => ({ Digest: digest, Bytes: bytes })),
        Layers: swept.layers.map(({ path, bytes }) => ({
          ChainId: `sha256:${path.slice(path.lastIndexOf("/") + 1)}`,
          Bytes: bytes,
        })),
        Left: [...swept.left, ...extractions].map(({ path, bytes }) => ({
          Path: path,
          Bytes: bytes,
        })),
        Bytes: freed,
      }], [{ header: "BYTES", cell: ({ Bytes }) => String(Bytes) }]);
      return 0;
    }
    tellSwept(swept, dryRun);
    print(`${dryRun ? "Would free" : "Freed"} ${formatSize(freed)}`);
    return 0;
  },
};

const NOTHING = { references: [], blobs: [], layers: [], left: [], bytes: 0 };
