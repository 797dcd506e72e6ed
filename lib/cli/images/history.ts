import { historyOf } from "../../image/history.ts";
import { parsePlatform } from "../../image/platform.ts";
import { notFound, resolveImage } from "../../image/store/resolve.ts";
import { ImageStore } from "../../image/store/store.ts";
import { formatSize } from "../../size.ts";
import type { Command } from "../command.ts";
import { formatAge } from "../format/age.ts";
import { FORMAT_OPTION, printRows } from "../format/rows.ts";
import { readable } from "../format/template/mod.ts";
import { rfc3339 } from "../format/time.ts";
import { print } from "../output.ts";
import { shortId } from "./images.ts";
import { IMAGES_OPTION, imagesFolderOf, PLATFORM_OPTION } from "./options.ts";

/** Characters of a step that a table has room for. */
const SHOWN = 60;

/** `gocontainer history IMAGE`. */
export const command: Command = {
  synopsis: ["history [OPTIONS] IMAGE"],
  summary:
    "Tells how an image of the store was made, the last step first, and what each step added, as\n" +
    "it was pulled.",
  options: [
    IMAGES_OPTION,
    PLATFORM_OPTION,
    {
      name: "q",
      alias: "quiet",
      help: "print ids only: that of the image, and <missing> for the steps before",
    },
    { name: "no-trunc", help: "show all of each step" },
    { name: "human", alias: "H", help: "-human=false: sizes in bytes, times in full" },
    FORMAT_OPTION,
  ],
  words: { least: 1, most: 1 },
  async run(args) {
    const [name = ""] = args.rest;
    const platform = args.text("platform");
    using store = ImageStore.find(imagesFolderOf(args));
    if (store === undefined) notFound(name);
    const { config, manifest, id } = await resolveImage(
      store,
      name,
      platform === undefined ? {} : { platform: parsePlatform(platform) },
    );
    const rows = historyOf(config, manifest).reverse().map((step) => ({
      Layer: step.layer?.digest ?? null,
      Created: rfc3339(step.created),
      CreatedBy: step.created_by ?? "",
      Size: step.layer?.size ?? 0,
      Comment: step.comment ?? "",
      Author: step.author ?? "",
    }));
    const idOf = (row: unknown) =>
      // The steps before the last one made no image that anybody has.
      row !== rows[0] ? "<missing>" : args.flag("no-trunc") ? id : shortId(id);
    if (args.flag("q")) {
      for (const row of rows) print(idOf(row));
      return 0;
    }
    const isHuman = args.flag("human") ?? true;
    const shorten = (text: string) =>
      args.flag("no-trunc") || text.length <= SHOWN ? text : `${text.slice(0, SHOWN - 1)}…`;
    printRows(args.text("format"), rows, [
      { header: "LAYER", cell: ({ Layer }) => Layer?.slice("sha256:".length).slice(0, 12) ?? "-" },
      {
        header: "CREATED",
        cell: ({ Created }) =>
          Created === null ? "-" : isHuman ? formatAge(Date.parse(Created)) : Created,
      },
      { header: "CREATED BY", cell: ({ CreatedBy }) => shorten(CreatedBy) },
      { header: "SIZE", cell: ({ Size }) => isHuman ? formatSize(Size) : String(Size) },
      { header: "COMMENT", cell: ({ Comment }) => shorten(Comment) },
    ], {
      ID: idOf,
      Size: ({ Size }) => isHuman ? readable(Size) : Size,
      CreatedAt: ({ Created }) => Created,
      CreatedSince: ({ Created }) => Created === null ? "" : formatAge(Date.parse(Created)),
    });
    return 0;
  },
};
