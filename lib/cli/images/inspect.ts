import { UsageError } from "../../errors.ts";
import { quote } from "../../quote.ts";
import { chainIds } from "../../image/config.ts";
import { hashOf } from "../../image/digest.ts";
import { type ImageEntry, listImages } from "../../image/list.ts";
import { formatPlatform, parsePlatform } from "../../image/platform.ts";
import { familiarReference } from "../../image/reference.ts";
import { manifestsOrNone, type StoredImage } from "../../image/store/image.ts";
import { listLayers } from "../../image/store/inventory.ts";
import { lastUse, nameOf, sizeOfImage } from "../../image/store/listing.ts";
import type { ReferenceEntry } from "../../image/store/references.ts";
import { notFound, resolveImage } from "../../image/store/resolve.ts";
import { ImageStore } from "../../image/store/store.ts";
import { formatSize } from "../../size.ts";
import type { Command } from "../command.ts";
import { assertNone, forEach } from "../each.ts";
import { formatAge } from "../format/age.ts";
import { type Column, printableJSON, printRows } from "../format/rows.ts";
import { rfc3339 } from "../format/time.ts";
import { shortId } from "./images.ts";
import { IMAGES_OPTION, imagesFolderOf, PLATFORM_OPTION } from "./options.ts";
import { print } from "../output.ts";

/** `gocontainer inspect IMAGE...`. */
export const command: Command = {
  synopsis: ["inspect [OPTIONS] IMAGE..."],
  summary: "Prints all that is known of images, as JSON, or the main of it as a table.",
  options: [
    IMAGES_OPTION,
    PLATFORM_OPTION,
    {
      name: "format",
      alias: "f",
      value: "FORMAT",
      help: "json (default), table, or a template such as {{.Config.Env}}",
    },
    // The size is told without it.
    { name: "size", alias: "s" },
    { name: "type", alias: "t", value: "image" },
  ],
  words: { least: 1 },
  async run(args) {
    const folder = imagesFolderOf(args);
    const type = args.text("type") ?? "image";
    if (type !== "image") {
      throw new UsageError(`inspect what is of the type ${quote(type)}: it tells of images alone`, {
        hint: "gocontainer state NAME tells of a container that runs",
      });
    }
    const platform = args.text("platform");
    const plain = listImages(folder);
    using store = ImageStore.find(folder);
    const found: Inspected[] = [];
    const options = platform === undefined ? {} : { platform: parsePlatform(platform) };
    const errors = await forEach(args.rest, async (name) => {
      const entry = plain.find((one) => one.name === name);
      if (entry !== undefined) {
        found.push(describePlain(entry));
        return;
      }
      if (store === undefined) notFound(name);
      const image = await resolveImage(store, name, options);
      found.push(describe(store, image, await referencesTo(store, image)));
    });
    if (found.length > 0) {
      const format = args.text("format") ?? "json";
      if (format === "json") print(printableJSON(found, Deno.stdout.isTerminal()));
      else printRows(format, found, COLUMNS);
    }
    assertNone(errors);
    return 0;
  },
};

/** All that is known of an image; of one that is a mere root file system, where it is. */
type Inspected = Described | ReturnType<typeof describePlain>;
type Described = ReturnType<typeof describe>;

function describePlain({ name, source, file, size }: ImageEntry) {
  return { Name: name, Source: source, File: file, Size: size ?? null };
}

/** The names that lead to an image, whichever of its names, digests and ids it was found by. */
async function referencesTo(
  store: ImageStore,
  { descriptor, target }: StoredImage,
): Promise<ReferenceEntry[]> {
  const found: ReferenceEntry[] = [];
  for (const entry of store.references()) {
    if (entry.reference === undefined) continue;
    const isIt = entry.descriptor.digest === target.digest ||
      (await manifestsOrNone(store, entry.descriptor)).some(({ digest }) =>
        digest === descriptor.digest
      );
    if (isIt) found.push(entry);
  }
  return found;
}

/** In docker's words where it has any. */
function describe(store: ImageStore, image: StoredImage, references: readonly ReferenceEntry[]) {
  const { descriptor, manifest, config, id } = image;
  const extracted = new Set(listLayers(store.path).map(({ name }) => name));
  const chain = chainIds(config.rootfs.diff_ids);
  return {
    Id: id,
    RepoTags: references.map(nameOf),
    RepoDigests: [
      ...new Set(
        references.map(({ reference, descriptor: { digest } }) =>
          familiarReference({ ...reference!, tag: undefined, digest })
        ),
      ),
    ],
    Digest: descriptor.digest,
    MediaType: descriptor.mediaType,
    Source: "store",
    Created: rfc3339(config.created),
    LastUsed: rfc3339(lastUse(store, descriptor)),
    Author: config.author ?? "",
    Architecture: config.architecture,
    Variant: config.variant ?? "",
    Os: config.os,
    Size: sizeOfImage(image),
    Config: { ...NO_CONFIG, ...config.config },
    RootFS: { Type: config.rootfs.type, Layers: config.rootfs.diff_ids },
    Layers: manifest.layers.map(({ mediaType, digest, size }, index) => ({
      MediaType: mediaType,
      Digest: digest,
      Size: size,
      DiffId: config.rootfs.diff_ids[index],
      ChainId: chain[index],
      Extracted: extracted.has(hashOf(chain[index]!)),
    })),
    Annotations: manifest.annotations ?? {},
  };
}

/** What templates may ask for of every image. */
const NO_CONFIG = {
  User: "",
  ExposedPorts: {},
  Env: [],
  Entrypoint: [],
  Cmd: [],
  Volumes: {},
  WorkingDir: "",
  Labels: {},
  StopSignal: "",
};

/** What a line has room for. */
const COLUMNS: readonly Column<Inspected>[] = [
  {
    header: "IMAGE",
    cell: (row) => "Name" in row ? row.Name : row.RepoTags.join(", ") || "<none>",
  },
  { header: "ID", cell: (row) => "Name" in row ? "-" : shortId(row.Id) },
  { header: "PLATFORM", cell: (row) => "Name" in row ? "-" : platformIn(row) },
  { header: "CREATED", cell: (row) => "Name" in row ? "-" : ageOf(row) },
  { header: "SIZE", cell: ({ Size }) => Size === null ? "-" : formatSize(Size) },
  { header: "LAYERS", cell: (row) => "Name" in row ? "-" : String(row.Layers.length) },
  { header: "USER", cell: (row) => "Name" in row ? "-" : row.Config.User || "-" },
  { header: "COMMAND", cell: (row) => "Name" in row ? "-" : commandIn(row) || "-" },
];

function platformIn({ Os, Architecture, Variant }: Described): string {
  return formatPlatform({ os: Os, architecture: Architecture, variant: Variant });
}

function ageOf({ Created }: Described): string {
  return Created === null ? "-" : formatAge(Date.parse(Created));
}

function commandIn({ Config: { Entrypoint, Cmd } }: Described): string {
  return [...Entrypoint ?? [], ...Cmd ?? []].join(" ");
}
