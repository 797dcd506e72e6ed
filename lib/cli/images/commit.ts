import { commitContainer } from "../../container/commit.ts";
import { findRoot } from "../../container/saved_root.ts";
import { parseReference } from "../../image/reference.ts";
import { ImageStore } from "../../image/store/store.ts";
import type { Command } from "../command.ts";
import { CHANGE_OPTION, nameImage } from "./made.ts";
import { CONTAINERS_OPTION, containersFolderOf, IMAGES_OPTION, imagesFolderOf } from "./options.ts";

/** `gocontainer commit CONTAINER [REF]`. */
export const command: Command = {
  synopsis: ["commit [OPTIONS] CONTAINER [REF]"],
  summary:
    "Makes an image of what a container has changed, and of the image that it was made from, and\n" +
    "prints its id. The container runs, and stands still meanwhile, or has ended; then its image\n" +
    "has to be there still, or again, for rmi and prune do not know of containers that have ended.",
  options: [
    IMAGES_OPTION,
    CONTAINERS_OPTION,
    CHANGE_OPTION,
    { name: "a", alias: "author", value: "NAME", help: "who made it" },
    { name: "m", alias: "message", value: "TEXT", help: "what the image's history says" },
    {
      name: "pause",
      alias: "p",
      help: "let the container stand still (default; -pause=false: do not)",
    },
    // Nothing is told but its id.
    { name: "quiet", alias: "q" },
    {
      name: "format",
      synonym: "f",
      instead: "Images are stored as OCI's; gocontainer save writes archives for docker and others",
    },
    { name: "iidfile", instead: "Its id is printed: gocontainer commit … > FILE" },
    {
      name: "squash",
      synonym: "s",
      instead:
        "gocontainer export CONTAINER | gocontainer import - REF makes an image of one layer",
    },
    { name: "include-volumes", instead: "What is in volumes is in containers/ID/volumes" },
  ],
  words: { least: 1, most: 2 },
  async run(args) {
    const [container = "", name] = args.rest;
    const reference = name === undefined ? undefined : parseReference(name);
    const root = findRoot(containersFolderOf(args), container);
    const [author, comment] = [args.text("a"), args.text("m")];
    using store = ImageStore.open(imagesFolderOf(args));
    const descriptor = await commitContainer(store, root, {
      ...author === undefined ? {} : { author },
      ...comment === undefined ? {} : { comment },
      changes: args.texts("change"),
      pause: args.flag("pause") ?? true,
    });
    nameImage(store, reference, descriptor);
    return 0;
  },
};
