import { ContainerError } from "../../errors.ts";
import { parseReference } from "../../image/reference.ts";
import { notFound, requireTarget } from "../../image/store/resolve.ts";
import { ImageStore } from "../../image/store/store.ts";
import { quote } from "../../quote.ts";
import type { Command } from "../command.ts";
import { IMAGES_OPTION, imagesFolderOf } from "./options.ts";

/** `gocontainer tag IMAGE REF`. */
export const command: Command = {
  synopsis: ["tag [OPTIONS] IMAGE REF"],
  summary: "Gives an image of the store another name. One that had the name before loses it.",
  options: [IMAGES_OPTION],
  words: { least: 2, most: 2 },
  async run(args) {
    const [image = "", name = ""] = args.rest;
    const reference = parseReference(name);
    if (reference.digest !== undefined) {
      throw new ContainerError(`tag ${quote(name)}: a name that is given cannot have a digest`, {
        code: "InvalidArgument",
        hint: "Give HOST/NAME:TAG",
      });
    }
    using store = ImageStore.find(imagesFolderOf(args));
    if (store === undefined) notFound(image);
    const { descriptor } = await requireTarget(store, image);
    // Another process may have removed it meanwhile; from now on it stays.
    if (!store.hasBlob(descriptor)) notFound(image);
    store.setReference(reference, descriptor);
    return 0;
  },
};
