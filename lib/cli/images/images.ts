import { listImages } from "../../image/list.ts";
import { formatPlatform } from "../../image/platform.ts";
import { parseReference, tryReference } from "../../image/reference.ts";
import { type ListedImage, listStoredImages } from "../../image/store/listing.ts";
import { platformOf } from "../../image/store/image.ts";
import { notFound, resolveImage } from "../../image/store/resolve.ts";
import { ImageStore } from "../../image/store/store.ts";
import { formatSize } from "../../size.ts";
import type { Command } from "../command.ts";
import { formatAge } from "../format/age.ts";
import { type Filter, FILTER_OPTION, parseFilters } from "./filter.ts";
import { FORMAT_OPTION, printRows } from "../format/rows.ts";
import { type OtherNames, readable } from "../format/template/mod.ts";
import { rfc3339 } from "../format/time.ts";
import { IMAGES_OPTION, imagesFolderOf } from "./options.ts";
import { print } from "../output.ts";

/** An image, by the names that formats know. */
interface Row {
  readonly Name: string | null;
  /** The name in full. */
  readonly Reference: string | null;
  readonly Digest: string | null;
  readonly Id: string | null;
  readonly Platform: string | null;
  readonly Created: string | null;
  readonly LastUsed: string | null;
  /** Bytes, as pulled; of an archive as it lies there. */
  readonly Size: number | null;
  readonly Layers: number | null;
  readonly Labels: Readonly<Record<string, string>>;
  /** `store`, `archive`, `folder` or `embedded`. */
  readonly Source: string;
  /** What it is where it is no image: the media type. */
  readonly ArtifactType: string | null;
  /** What is wrong with it. */
  readonly Fault: string | null;
}

/** `gocontainer images`. */
export const command: Command = {
  synopsis: ["images [OPTIONS] [NAME]", "images check [OPTIONS]"],
  summary:
    "Lists the images that can be run: of the store, of the folder and the one in the binary.\n" +
    "With NAME only those of it, of all tags where it has none. The size is that of what was pulled;\n" +
    "gocontainer df tells what it takes on the disk.",
  options: [
    IMAGES_OPTION,
    FILTER_OPTION,
    { name: "q", alias: "quiet", synonym: ["aq", "qa"], help: "print ids only" },
    { name: "no-trunc", help: "print ids in full" },
    { name: "digests", help: "print digests, too" },
    // What docker hides without it there is none of here.
    { name: "all", alias: "a" },
    FORMAT_OPTION,
    { name: "sort", instead: "They are listed by name: … | sort -k COLUMN for another order" },
    { name: "noheading", synonym: "n", instead: "Use a template: -format '{{.Name}} {{.ID}}'" },
    { name: "tree", instead: "Each platform of an image that is there has a line of its own" },
  ],
  words: { least: 0, most: 1 },
  async run(args) {
    const folder = imagesFolderOf(args);
    const filter = await parseFilters(args.texts("filter"), (name) => createdOf(folder, name));
    const rows = await rowsOf(folder, args.rest[0], filter);
    const id = args.flag("no-trunc") ? (id: string) => id : shortId;
    const digests = args.flag("digests")
      ? [{ header: "DIGEST", cell: ({ Digest }: Row) => Digest ?? "-" }]
      : [];
    if (args.flag("q")) {
      for (const id of new Set(rows.flatMap(({ Id }) => Id === null ? [] : [Id]))) print(id);
      return 0;
    }
    printRows(args.text("format"), rows, [
      { header: "IMAGE", cell: ({ Name }) => Name ?? NONE },
      ...digests,
      { header: "ID", cell: ({ Id }) => Id === null ? "-" : id(Id) },
      { header: "PLATFORM", cell: ({ Platform }) => Platform ?? "-" },
      { header: "CREATED", cell: ({ Created }) => Created === null ? "-" : age(Created) },
      { header: "SIZE", cell: ({ Size }) => Size === null ? "-" : formatSize(Size) },
      { header: "SOURCE", cell: sourceOf },
    ], { ...DOCKERS_NAMES, ID: ({ Id }) => Id === null ? NONE : id(Id) });
    return 0;
  },
};

/** What docker's templates call it, besides the id. */
const DOCKERS_NAMES: OtherNames<Row> = {
  Repository: ({ Name }) => versionless(Name)[0],
  Tag: ({ Name }) => versionless(Name)[1] ?? NONE,
  CreatedAt: ({ Created }) => Created,
  CreatedSince: ({ Created }) => Created === null ? NONE : age(Created),
  Size: ({ Size }) => readable(Size),
  VirtualSize: ({ Size }) => readable(Size),
  // docker too measures them elsewhere: in its df.
  Containers: () => "N/A",
  SharedSize: () => "N/A",
  UniqueSize: () => "N/A",
};

function sourceOf({ Source, ArtifactType, Fault }: Row): string {
  if (Fault !== null) return `${Source}, damaged: ${Fault}`;
  return ArtifactType === null ? Source : `${Source}, artifact of type ${ArtifactType}`;
}

const NONE = "<none>";

/** A name without its tag and digest, and its tag. */
function versionless(name: string | null): [repository: string, tag?: string] {
  if (name === null) return [NONE];
  const [, repository = name, tag] = /^([^@]*?)(?::([^:/@]*))?(?:@.*)?$/.exec(name) ?? [];
  return [repository, tag];
}

/** @throws {ContainerError} NotFound */
async function createdOf(imagesFolder: string, name: string): Promise<number> {
  using store = ImageStore.find(imagesFolder);
  if (store === undefined) notFound(name);
  return Date.parse((await resolveImage(store, name)).config.created ?? "");
}

/** @param name only images of that name, where it is given */
async function rowsOf(
  imagesFolder: string,
  name: string | undefined,
  filter: Filter,
): Promise<Row[]> {
  const listed = listImages(imagesFolder).filter((entry) =>
    name === undefined || entry.name === name
  );
  const isMeant = name === undefined ? () => true : meaning(name, listed.length > 0);
  const plain = listed.map((entry): Row => ({
    ...NOTHING,
    Name: entry.name,
    Size: entry.size ?? null,
    Source: entry.source,
  }));
  using store = ImageStore.find(imagesFolder);
  const stored = store === undefined ? [] : await listStoredImages(store);
  return [...plain, ...stored.filter(isMeant).map(rowOf)].filter(filter)
    .sort((a, b) => compare(a.Name, b.Name));
}

/**
 * Whether an image of the store is of a name: of any tag where that has neither tag nor digest.
 *
 * @param isOther whether something else bears it, so that it need not be one that the store can have
 * @throws {ContainerError} InvalidArgument
 */
function meaning(text: string, isOther: boolean): (image: ListedImage) => boolean {
  if (isOther && tryReference(text) === undefined) return () => false;
  const { registry, repository, digest } = parseReference(text);
  const [, givenTag] = versionless(text);
  return ({ entry: { reference, descriptor } }) =>
    reference?.registry === registry && reference.repository === repository &&
    (givenTag === undefined || reference.tag === givenTag) &&
    (digest === undefined || descriptor.digest === digest);
}

function rowOf({ name, entry, image, artifactType, fault, size, lastUsed }: ListedImage): Row {
  return {
    ...NOTHING,
    Name: name ?? null,
    Reference: entry.name ?? null,
    Digest: entry.descriptor.digest,
    ...image && {
      Id: image.id,
      Platform: formatPlatform(platformOf(image.config)),
      Created: rfc3339(image.config.created),
      Layers: image.manifest.layers.length,
      Labels: image.config.config?.Labels ?? {},
    },
    LastUsed: rfc3339(lastUsed),
    Size: size,
    Source: "store",
    ArtifactType: artifactType ?? null,
    Fault: fault ?? null,
  };
}

const NOTHING = {
  Name: null,
  Reference: null,
  Digest: null,
  Id: null,
  Platform: null,
  Created: null,
  LastUsed: null,
  Size: null,
  Layers: null,
  Labels: {},
  Source: "",
  ArtifactType: null,
  Fault: null,
};

/** Twelve digits, as docker shows them: enough to name it by. */
export function shortId(id: string): string {
  return id.slice(id.indexOf(":") + 1).slice(0, 12);
}

function age(time: string): string {
  return formatAge(Date.parse(time));
}

/** By name; those without come last. */
function compare(a: string | null, b: string | null): number {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? 1 : -1;
  return a < b ? -1 : 1;
}
