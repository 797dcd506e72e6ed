import { notFound } from "../../image/store/resolve.ts";
import { removeImage } from "../../image/store/remove.ts";
import { ImageStore } from "../../image/store/store.ts";
import type { Command } from "../command.ts";
import { assertNone, forEach } from "../each.ts";
import { IMAGES_OPTION, imagesFolderOf } from "./options.ts";
import { tellSwept } from "./swept.ts";

/** `gocontainer rmi IMAGE...`. */
export const command: Command = {
  synopsis: ["rmi [OPTIONS] IMAGE..."],
  summary: "Removes images of the store by name, digest or id, with what no other image needs.\n" +
    "An image that a container uses stays as long as that runs, unless -f is given: then it loses\n" +
    "its name now, and prune removes the rest later. Containers that have ended are not known\n" +
    "here. Archives and folders are yours to remove.",
  options: [
    IMAGES_OPTION,
    { name: "f", alias: "force", help: "also when it is in use or has several names" },
    // Nothing is below an image that could stay.
    { name: "no-prune" },
    { name: "all", synonym: ["a", "af", "fa"], instead: "Use gocontainer prune -all" },
    { name: "ignore", instead: "One that is not there is an error: gocontainer rmi … || true" },
  ],
  words: { least: 1 },
  async run(args) {
    const force = args.flag("f") ?? false;
    using store = ImageStore.find(imagesFolderOf(args));
    const errors = await forEach(args.rest, async (name) => {
      if (store === undefined) notFound(name);
      tellSwept(await removeImage(store, name, { force }));
    });
    assertNone(errors);
    return 0;
  },
};
