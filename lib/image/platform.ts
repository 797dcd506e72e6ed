import { ContainerError } from "../errors.ts";
import { quote } from "../quote.ts";
import type { Digest } from "./digest.ts";
import type { Descriptor } from "./descriptor.ts";
import type { ImageIndex } from "./manifest.ts";
import { isIndex, isManifest } from "./media_type.ts";

/** What an image runs on, in the words of Go's GOOS and GOARCH (image-spec, image-index.md). */
export interface Platform {
  architecture: string;
  os: string;
  /** The generation of the processor: `v7` of `arm`. */
  variant?: string;
  "os.version"?: string;
  "os.features"?: string[];
}

/** Other names that are in use. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  "x86_64": "amd64",
  "x86-64": "amd64",
  "aarch64": "arm64",
  "i386": "386",
  "i686": "386",
  "armhf": "arm",
  "armel": "arm",
};

/** Variants from the latest to the first: a processor runs those of its own and what comes after it. */
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  amd64: ["v4", "v3", "v2", "v1"],
  arm: ["v8", "v7", "v6", "v5"],
  arm64: ["v9.5", "v9.4", "v9.3", "v9.2", "v9.1", "v9.0", "v9", "v8.9", "v8.8", "v8.7", "v8.6"]
    .concat(["v8.5", "v8.4", "v8.3", "v8.2", "v8.1", "v8.0", "v8"]),
  riscv64: ["rva23u64", "rva22u64", "rva20u64"],
};

/** What an architecture without a variant means. */
const DEFAULT_VARIANTS: Readonly<Record<string, string>> = {
  amd64: "v1",
  arm: "v7",
  arm64: "v8",
  riscv64: "rva20u64",
};

/** How many indexes may stand within each other, and how many an index may list. */
const DEPTH_LIMIT = 4;
const COUNT_LIMIT = 32;

/**
 * Reads `OS/ARCH[/VARIANT]`, or an architecture alone.
 *
 * @throws {ContainerError} InvalidArgument
 */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split("/");
  if (parts.length > 3 || !parts.every((part) => /^[a-z0-9_.-]{1,64}$/.test(part))) {
    throw new ContainerError(
      `read the platform ${quote(text)}: it is not OS/ARCH or OS/ARCH/VARIANT`,
      {
        code: "InvalidArgument",
        hint: "Give one such as linux/arm64 or linux/arm/v7",
      },
    );
  }
  const [os, architecture, variant] = parts.length === 1 ? ["linux", parts[0]!] : parts;
  return normalize({ os: os!, architecture: architecture!, ...variant && { variant } });
}

/** The platform as text: `linux/arm/v7`. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...variant ? [variant] : []].join("/");
}

/** What this machine runs. */
export function hostPlatform(): Platform {
  return { os: "linux", architecture: Deno.build.arch === "aarch64" ? "arm64" : "amd64" };
}

/** The usual names, and no variant where it is the usual one. */
export function normalize(platform: Platform): Platform {
  const lower = platform.architecture.toLowerCase();
  const architecture = Object.hasOwn(ARCHITECTURES, lower) ? ARCHITECTURES[lower]! : lower;
  const { variant, ...rest } = platform;
  const named = lower === "armel" ? "v6" : variant?.toLowerCase().replace(/^(\d)/, "v$1");
  const isUsual = named === undefined || named === "" || named === DEFAULT_VARIANTS[architecture];
  return {
    ...rest,
    os: platform.os.toLowerCase(),
    architecture,
    ...isUsual ? {} : { variant: named },
  };
}

/**
 * How well something for one platform runs where another is wanted: 0 when it is the very same, more
 * for variants that are older; undefined when it does not run.
 */
export function distance(offered: Platform, wanted: Platform): number | undefined {
  const [a, b] = [normalize(offered), normalize(wanted)];
  if (a.os !== b.os || a.architecture !== b.architecture) return undefined;
  if (a.variant === b.variant) return 0;
  const order = Object.hasOwn(VARIANTS, a.architecture) ? VARIANTS[a.architecture]! : [];
  const usual = DEFAULT_VARIANTS[a.architecture] ?? "";
  const [has, wants] = [order.indexOf(a.variant ?? usual), order.indexOf(b.variant ?? usual)];
  return has < 0 || wants < 0 || has < wants ? undefined : has - wants;
}

/**
 * Chooses the manifest of an index for a platform: of those that run there the one of the nearest
 * variant, and of equal ones the first. Indexes in the index are looked into. An entry that does not
 * say what it is for counts only where no other one fits.
 *
 * @param load gives the index that a descriptor is of
 * @param what what errors call the index
 * @throws {ContainerError} NotFound, with the platforms that there are; InvalidArchive for indexes
 *   that stand too deep within each other
 */
export async function choosePlatform(
  index: ImageIndex,
  wanted: Platform,
  load: (descriptor: Descriptor) => ImageIndex | Promise<ImageIndex>,
  what: string,
): Promise<Descriptor> {
  const entries = await manifestsOf(index, load, what);
  const best = nearestTo(entries, wanted);
  if (best !== undefined) return best;
  const offered = entries.flatMap(({ platform }) =>
    platform === undefined ? [] : [formatPlatform(explicitly(platform))]
  );
  throw new ContainerError(`${what}: there is none for ${formatPlatform(wanted)}`, {
    code: "NotFound",
    hint: offered.length === 0
      ? "It lists no image at all"
      : `There are: ${[...new Set(offered)].map((one) => quote(one).slice(1, -1)).join(", ")}`,
  });
}

/** With the usual variant of arm, for an older one is as usual: it is said wherever others read the platform. */
export function explicitly(platform: Platform): Platform {
  const normal = normalize(platform);
  return normal.architecture === "arm" ? { variant: DEFAULT_VARIANTS.arm, ...normal } : normal;
}

/**
 * The first of those manifests that run best on a platform; undefined when none runs there. What does
 * not say what it is for comes last.
 */
export function nearestTo(
  manifests: readonly Descriptor[],
  wanted: Platform,
): Descriptor | undefined {
  let best: Descriptor | undefined;
  let least = Infinity;
  for (const manifest of manifests) {
    const far = manifest.platform === undefined
      ? Number.MAX_SAFE_INTEGER
      : distance(manifest.platform, wanted);
    if (far === undefined || far >= least) continue;
    best = manifest;
    least = far;
  }
  return best;
}

/**
 * The manifests of images in an index and in the indexes that it lists, in order. What an index lists
 * besides (attestations, signatures) is left out, and so is an index that was listed before.
 *
 * @throws {ContainerError} InvalidArchive when there are too many indexes, or too deep within each other
 */
export async function manifestsOf(
  index: ImageIndex,
  load: (descriptor: Descriptor) => ImageIndex | Promise<ImageIndex>,
  what: string,
): Promise<Descriptor[]> {
  const seen = new Set<Digest>();
  const found: Descriptor[] = [];
  const visit = async ({ manifests }: ImageIndex, depth: number, above?: Platform) => {
    for (const entry of manifests) {
      const platform = entry.platform ?? above;
      if (!isIndex(entry.mediaType)) {
        if (isManifest(entry.mediaType) && !isBesides(entry)) {
          found.push(platform === undefined ? entry : { ...entry, platform });
        }
        continue;
      }
      if (seen.has(entry.digest)) continue;
      seen.add(entry.digest);
      if (depth === DEPTH_LIMIT || seen.size > COUNT_LIMIT) {
        throw new ContainerError(`${what}: too many indexes within each other`, {
          code: "InvalidArchive",
        });
      }
      await visit(await load(entry), depth + 1, platform);
    }
  };
  await visit(index, 1);
  return found;
}

/** Whether an entry is no image: BuildKit's attestations are for the platform `unknown/unknown`. */
function isBesides({ platform, artifactType }: Descriptor): boolean {
  return artifactType !== undefined || platform?.os === "unknown" ||
    platform?.architecture === "unknown";
}
