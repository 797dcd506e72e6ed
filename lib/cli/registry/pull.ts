import { parsePlatform } from "../../image/platform.ts";
import { pullImage } from "../../image/pull.ts";
import { parseReference, type Reference } from "../../image/reference.ts";
import { StoreOnDemand } from "../../image/store/on_demand.ts";
import { showTransfer } from "../../image/transfer/display/mod.ts";
import type { Command } from "../command.ts";
import { assertNone, forEach } from "../each.ts";
import { listTags } from "../../registry/lists.ts";
import { RegistrySession, type SessionOptions, withRegistry } from "../../registry/session.ts";
import { quote } from "../../quote.ts";
import { IMAGES_OPTION, imagesFolderOf, PLATFORM_OPTION } from "../images/options.ts";
import {
  displayOf,
  PROGRESS_OPTION,
  QUIET_OPTION,
  REGISTRY_OPTIONS,
  sessionOptionsOf,
} from "./options.ts";
import { OTHER_PULL_OPTIONS } from "./docker_options.ts";
import { print } from "../output.ts";
import { repositoryOf } from "./repository.ts";

/** `gocontainer pull REF...`. */
export const command: Command = {
  synopsis: ["pull [OPTIONS] REF...", "pull -a [OPTIONS] REPOSITORY..."],
  summary:
    "Gets images from their registries into the store, verified, and prints their digests.\n" +
    "Without a host it is one of docker.io. What stops it leaves what it got: the next pull goes on\n" +
    "from there.",
  options: [
    { name: "a", alias: "all-tags", help: "get all tags of a repository" },
    IMAGES_OPTION,
    PLATFORM_OPTION,
    ...REGISTRY_OPTIONS,
    PROGRESS_OPTION,
    QUIET_OPTION,
    ...OTHER_PULL_OPTIONS,
  ],
  words: { least: 1 },
  async run(args) {
    const isAll = args.flag("a") ?? false;
    const named = args.rest.map((word) => isAll ? repositoryOf(word) : parseReference(word));
    const text = args.text("platform");
    const platform = text === undefined ? undefined : parsePlatform(text);
    const display = displayOf(args);
    const session = sessionOptionsOf(args);
    using stores = new StoreOnDemand(imagesFolderOf(args));
    const references: Reference[] = [];
    const unlisted = await forEach(named, async (one) => {
      references.push(...isAll ? await tagsOf(one, session) : [one]);
    });
    const errors = await forEach(references, async (reference) => {
      using show = showTransfer(display, reference);
      const { digest } = await pullImage(stores, reference, {
        ...session,
        platform,
        observe: show.observe,
      });
      show[Symbol.dispose]();
      print(digest);
    });
    assertNone([...unlisted, ...errors]);
    return 0;
  },
};

/** A repository's references, one for each of its tags. */
async function tagsOf(
  { registry, repository }: Reference,
  options: SessionOptions,
): Promise<Reference[]> {
  const action = `list the tags of ${quote(`${registry}/${repository}`)}`;
  using session = new RegistrySession(registry, options);
  const tags = await withRegistry(
    action,
    registry,
    () => Array.fromAsync(listTags(session, { action, repository })),
  );
  return tags.map((tag) => parseReference(`${registry}/${repository}:${tag}`));
}
