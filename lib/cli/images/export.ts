import { exportRoot } from "../../container/export.ts";
import { findRoot } from "../../container/saved_root.ts";
import type { Command } from "../command.ts";
import { writeOutput } from "./files.ts";
import { CONTAINERS_OPTION, containersFolderOf } from "./options.ts";

/** `gocontainer export CONTAINER`. */
export const command: Command = {
  synopsis: ["export [OPTIONS] CONTAINER"],
  summary:
    "Writes a container's root file system to a tar archive: its image with its changes. Without\n" +
    "-o it goes to standard output.",
  options: [CONTAINERS_OPTION, {
    name: "o",
    alias: "output",
    value: "FILE",
    help: "write to this file",
  }],
  words: { least: 1, most: 1 },
  run(args) {
    const root = findRoot(containersFolderOf(args), args.rest[0]!);
    writeOutput(args.text("o"), exportRoot(root));
    return 0;
  },
};
