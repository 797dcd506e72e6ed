import { parsePlatform } from "../../image/platform.ts";
import { pullImage } from "../../image/pull.ts";
import { parseReference } from "../../image/reference.ts";
import { StoreOnDemand } from "../../image/store/on_demand.ts";
import { showTransfer } from "../../image/transfer/display/mod.ts";
import type { Command } from "../command.ts";
import { IMAGES_OPTION, imagesFolderOf, PLATFORM_OPTION } from "../images/options.ts";
import {
  displayOf,
  PROGRESS_OPTION,
  QUIET_OPTION,
  REGISTRY_OPTIONS,
  sessionOptionsOf,
} from "./options.ts";
import { print } from "../output.ts";

/** `gocontainer pull REF`. */
export const command: Command = {
  synopsis: ["pull [OPTIONS] REF"],
  summary: "Gets an image from its registry into the store, verified, and prints its digest.\n" +
    "Without a host it is one of docker.io. What stops it leaves what it got: the next pull goes on\n" +
    "from there.",
  options: [IMAGES_OPTION, PLATFORM_OPTION, ...REGISTRY_OPTIONS, PROGRESS_OPTION, QUIET_OPTION],
  words: { least: 1, most: 1 },
  async run(args) {
    const reference = parseReference(args.rest[0]!);
    const text = args.text("platform");
    const platform = text === undefined ? undefined : parsePlatform(text);
    const display = displayOf(args);
    const session = sessionOptionsOf(args);
    using stores = new StoreOnDemand(imagesFolderOf(args));
    using show = showTransfer(display, reference);
    const { digest } = await pullImage(stores, reference, {
      ...session,
      platform,
      observe: show.observe,
    });
    show[Symbol.dispose]();
    print(digest);
    return 0;
  },
};
