import { ContainerError, UsageError } from "../../errors.ts";
import type { Descriptor } from "../../image/descriptor.ts";
import { parsePlatform } from "../../image/platform.ts";
import { pushImage } from "../../image/push.ts";
import { parseReference, type Reference } from "../../image/reference.ts";
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
import { OTHER_PUSH_OPTIONS } from "./docker_options.ts";
import { print } from "../output.ts";
import { repositoryOf } from "./repository.ts";

/** `gocontainer push IMAGE [REF]`. */
export const command: Command = {
  synopsis: ["push [OPTIONS] IMAGE [REF]", "push -a [OPTIONS] REPOSITORY"],
  summary:
    "Sends an image of the store to a registry, under its own name or another one, and prints\n" +
    "its digest. What the registry has is not sent. An image of several platforms goes as a whole\n" +
    "where all of it is in the store; otherwise the one for this machine goes, and a warning says\n" +
    "what does not: other platforms, and attestations, which are not pulled. A registry that does\n" +
    "not take OCI's manifests gets docker's, which have other digests, and the other way round.",
  options: [
    { name: "a", alias: "all-tags", help: "send all tags of a repository that are in the store" },
    IMAGES_OPTION,
    PLATFORM_OPTION,
    ...REGISTRY_OPTIONS,
    PROGRESS_OPTION,
    QUIET_OPTION,
    ...OTHER_PUSH_OPTIONS,
  ],
  words: { least: 1, most: 2 },
  async run(args) {
    const [image = "", name] = args.rest;
    const text = args.text("platform");
    const platform = text === undefined ? undefined : parsePlatform(text);
    const display = displayOf(args);
    const session = sessionOptionsOf(args);
    using store = ImageStore.find(imagesFolderOf(args));
    if (store === undefined) notFound(image);
    const all = args.flag("a") ? tagsOf(store, image, name) : [await targetOf(store, image, name)];
    for (const { descriptor, reference } of all) {
      using show = showTransfer(display, reference, "pushing");
      const { digest } = await pushImage(store, descriptor, reference, {
        ...session,
        platform,
        observe: show.observe,
      });
      show[Symbol.dispose]();
      print(digest);
    }
    return 0;
  },
};

/** What is sent, and what it is called where it goes. */
interface Sent {
  readonly descriptor: Descriptor;
  readonly reference: Reference;
}

async function targetOf(store: ImageStore, image: string, name?: string): Promise<Sent> {
  const target = await requireTarget(store, image);
  const reference = name === undefined ? target.reference : parseReference(name);
  if (reference !== undefined) return { descriptor: target.descriptor, reference };
  throw new UsageError(`push ${quote(image)}: it has no name, so give one to push it as`);
}

function tagsOf(store: ImageStore, image: string, name?: string): Sent[] {
  if (name !== undefined) {
    throw new UsageError(`push ${quote(name)}: all tags of a repository keep their names`);
  }
  const { registry, repository } = repositoryOf(image);
  const found = store.references().flatMap(({ reference, descriptor }) =>
    reference?.registry === registry && reference.repository === repository &&
      reference.tag !== undefined
      ? [{ descriptor, reference: { registry, repository, tag: reference.tag } }]
      : []
  );
  if (found.length > 0) return found;
  throw new ContainerError(`push all tags of ${quote(image)}: there is none in the store`, {
    code: "NotFound",
    hint: "gocontainer images lists what is there; gocontainer tag IMAGE REF gives it another name",
  });
}
