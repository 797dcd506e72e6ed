import { counted } from "../../count.ts";
import { checkStore } from "../../image/store/check/mod.ts";
import { ProgressLine } from "../../image/progress.ts";
import { ImageStore } from "../../image/store/store.ts";
import type { Arguments } from "../arguments.ts";
import type { Command } from "../command.ts";
import { FORMAT_OPTION, printRows } from "../format/rows.ts";
import { IMAGES_OPTION, imagesFolderOf } from "./options.ts";
import { print } from "../output.ts";

/** `gocontainer images check`. */
export const command: Command = {
  synopsis: ["images check [OPTIONS]"],
  summary:
    "Reads all of the store and tells what is damaged or missing. The exit code is 0 when nothing\n" +
    "is, or all of it was repaired, else 2. What -repair removes comes back with the next pull.",
  options: [
    IMAGES_OPTION,
    { name: "layers", help: "compare extracted layers with what their archives unpack to" },
    { name: "repair", help: "remove what is damaged, and the names of images that cannot be run" },
    FORMAT_OPTION,
  ],
  words: { least: 0, most: 0 },
  async run(args) {
    using store = ImageStore.find(imagesFolderOf(args));
    if (store === undefined) {
      print("There is no store yet");
      return 0;
    }
    const { faults, blobs, images, layers } = await check(store, args);
    const rows = faults.map(({ where, what, repair }) => ({
      Where: where,
      Fault: what,
      Repair: repair ?? null,
    }));
    const format = args.text("format");
    if (format === undefined && rows.length === 0) {
      print(
        `Sound: ${
          [counted(images, "image"), counted(blobs, "blob"), counted(layers, "extracted layer")]
            .join(", ")
        }`,
      );
    } else {
      printRows(format, rows, [
        { header: "WHERE", cell: ({ Where }) => Where },
        { header: "FAULT", cell: ({ Fault }) => Fault },
        { header: "REPAIR", cell: ({ Repair }) => Repair ?? "-" },
      ]);
    }
    return rows.some(({ Repair }) => Repair === null) ? 2 : 0;
  },
};

async function check(store: ImageStore, args: Arguments) {
  using progress = new ProgressLine("check the store");
  return await checkStore(store, {
    repair: args.flag("repair") ?? false,
    content: args.flag("layers") ?? false,
    progress: (share) => progress.update(share),
  });
}
