import { DEFAULT_REGISTRY, parseReference } from "../../image/reference.ts";
import { UsageError } from "../../errors.ts";
import { quote } from "../../quote.ts";
import { listTags } from "../../registry/lists.ts";
import { type Found, searchRegistry, searchUrl } from "../../registry/search.ts";
import { RegistrySession, withRegistry } from "../../registry/session.ts";
import type { Arguments } from "../arguments.ts";
import type { Command } from "../command.ts";
import { FORMAT_OPTION, printRows } from "../format/rows.ts";
import { parseWhole } from "../quantity.ts";
import { REGISTRY_OPTIONS, sessionOptionsOf } from "./options.ts";
import { OTHER_SEARCH_OPTIONS } from "./docker_options.ts";

/** How much of a description stands in the table, in characters. */
const DESCRIPTION = 60;

/** `gocontainer search TERM`. */
export const command: Command = {
  synopsis: ["search [OPTIONS] [REGISTRY/]TERM", "search -tags [OPTIONS] REPOSITORY"],
  summary:
    "Looks for repositories in a registry (docker.io unless told), or lists the tags of one.\n" +
    "Not every registry can be searched.",
  options: [
    { name: "tags", synonym: "list-tags", help: "list the tags of a repository" },
    { name: "limit", value: "NUMBER", help: "the most that are listed (default 25, of tags all)" },
    ...REGISTRY_OPTIONS,
    { name: "no-trunc", help: "do not shorten descriptions" },
    FORMAT_OPTION,
    ...OTHER_SEARCH_OPTIONS,
  ],
  words: { least: 1, most: 1 },
  async run(args) {
    const [term = ""] = args.rest;
    await (args.flag("tags") ? printTags(term, args) : printFound(term, args));
    return 0;
  },
};

async function printFound(text: string, args: Arguments): Promise<void> {
  const { registry, term } = termOf(text);
  const action = `search ${registry} for ${quote(term)}`;
  using session = new RegistrySession(registry, sessionOptionsOf(args), searchUrl(registry));
  const limit = limitOf(args) ?? 25;
  const found = await withRegistry(
    action,
    registry,
    () => searchRegistry(session, action, term, limit),
  );
  const prefix = registry === DEFAULT_REGISTRY ? "" : `${registry}/`;
  const rows = found.map(({ name, description, stars, isOfficial }: Found) => ({
    Name: prefix + name,
    Description: description ?? null,
    Stars: stars ?? null,
    Official: isOfficial ?? null,
  }));
  printRows(args.text("format"), rows, [
    { header: "NAME", cell: ({ Name }) => Name },
    { header: "STARS", cell: ({ Stars }) => Stars === null ? "-" : String(Stars) },
    { header: "OFFICIAL", cell: ({ Official }) => Official ? "yes" : "-" },
    {
      header: "DESCRIPTION",
      cell: ({ Description }) =>
        args.flag("no-trunc") ? Description ?? "-" : shorten(Description ?? "-"),
    },
  ], {
    StarCount: ({ Stars }) => Stars,
    IsOfficial: ({ Official }) => Official ? "[OK]" : "",
    IsAutomated: () => "",
  });
}

async function printTags(text: string, args: Arguments): Promise<void> {
  const { registry, repository } = parseReference(text);
  const action = `list the tags of ${quote(text)}`;
  const limit = limitOf(args) ?? Infinity;
  using session = new RegistrySession(registry, sessionOptionsOf(args));
  const tags = await withRegistry(action, registry, async () => {
    const all: string[] = [];
    for await (const tag of listTags(session, { action, repository })) {
      if (all.push(tag) >= limit) break;
    }
    return all;
  });
  printRows(args.text("format"), tags.map((Tag) => ({ Tag })), [
    { header: "TAG", cell: ({ Tag }) => Tag },
  ]);
}

/** `quay.io/podman` is a term for another registry, `library/nginx` one for docker.io. */
function termOf(text: string): { registry: string; term: string } {
  const slash = text.indexOf("/");
  const first = text.slice(0, Math.max(slash, 0));
  if (!/[.:]/.test(first) && first !== "localhost") {
    if (text === "") throw new UsageError("search: the word to look for is missing");
    return { registry: DEFAULT_REGISTRY, term: text };
  }
  const { registry } = parseReference(`${first}/x`);
  return { registry, term: text.slice(slash + 1) };
}

function limitOf(args: Arguments): number | undefined {
  const text = args.text("limit");
  return text === undefined ? undefined : parseWhole(text, "-limit", 1, 100_000);
}

function shorten(text: string): string {
  return text.length > DESCRIPTION ? `${text.slice(0, DESCRIPTION - 1)}…` : text;
}
