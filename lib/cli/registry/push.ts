import { UsageError } from "../../errors.ts";
import { parsePlatform } from "../../image/platform.ts";
import { pushImage } from "../../image/push.ts";
import { parseReference } from "../../image/reference.ts";
import { notFound, requireTarget } from "../../image/store/resolve.ts";
import { ImageStore } from "../../image/store/store.ts";
import { showTransfer } from "../../image/transfer/display/mod.ts";
import { quote } from "../../quote.ts";
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

/** `gocontainer push IMAGE [REF]`. */
export const command: Command = {
  synopsis: ["push [OPTIONS] IMAGE [REF]"],
  summary:
    "Sends an image of the store to a registry, under its own name or another one, and prints\n" +
    "its digest. What the registry has is not sent. An image of several platforms goes as a whole\n" +
    "where all of it is in the store; otherwise the one for this machine goes, and a warning says\n" +
    "what does not: other platforms, and attestations, which are not pulled. A registry that does\n" +
    "not take OCI's manifests gets docker's, which have other digests, and the other way round.",
  options: [IMAGES_OPTION, PLATFORM_OPTION, ...REGISTRY_OPTIONS, PROGRESS_OPTION, QUIET_OPTION],
  words: { least: 1, most: 2 },
  async run(args) {
    const [image = "", name] = args.rest;
    const text = args.text("platform");
    const platform = text === undefined ? undefined : parsePlatform(text);
    const display = displayOf(args);
    const session = sessionOptionsOf(args);
    using store = ImageStore.find(imagesFolderOf(args));
    if (store === undefined) notFound(image);
    const target = await requireTarget(store, image);
    const reference = name === undefined ? target.reference : parseReference(name);
    if (reference === undefined) {
      throw new UsageError(`push ${quote(image)}: it has no name, so give one to push it as`);
    }
    using show = showTransfer(display, reference, "pushing");
    const { digest } = await pushImage(store, target.descriptor, reference, {
      ...session,
      platform,
      observe: show.observe,
    });
    show[Symbol.dispose]();
    print(digest);
    return 0;
  },
};
