import { counted } from "../count.ts";
import { ContainerError } from "../errors.ts";
import { parseJSON } from "../json.ts";
import { Place } from "../oci/validate/place.ts";
import {
  boolean,
  listOf,
  mapOf,
  object,
  oneOf,
  required,
  requiredList,
  type Rule,
} from "../oci/validate/schema.ts";
import { anyText } from "../oci/validate/texts.ts";
import { annotations, digest } from "./descriptor.ts";
import { type Digest, digestOf } from "./digest.ts";
import type { ImageManifest } from "./manifest.ts";
import { hostPlatform } from "./platform.ts";

/** What an image is and how it wants to be run (image-spec, config.md; docker's is the same). */
export interface ImageConfig {
  /** RFC 3339. */
  created?: string;
  author?: string;
  architecture: string;
  os: string;
  variant?: string;
  "os.version"?: string;
  "os.features"?: string[];
  /** How it wants to be run. */
  config?: ProcessConfig;
  rootfs: RootfsConfig;
  /** What was done to make it, the first step first. */
  history?: HistoryEntry[];
}

/** Defaults for the containers that are made from an image. */
export interface ProcessConfig {
  /** `USER[:GROUP]`. */
  User?: string;
  /** Keys such as `80/tcp`. */
  ExposedPorts?: Record<string, unknown>;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  /** Paths. */
  Volumes?: Record<string, unknown>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  /** Whether Entrypoint or Cmd is one word, for Windows to take apart. */
  ArgsEscaped?: boolean;
  Healthcheck?: unknown;
  OnBuild?: string[];
  Shell?: string[];
}

/** The layers of an image. */
export interface RootfsConfig {
  type: "layers";
  /** Digests of the unpacked layers, the lowest first. */
  diff_ids: Digest[];
}

/** A step of the making of an image. */
export interface HistoryEntry {
  /** RFC 3339. */
  created?: string;
  author?: string;
  created_by?: string;
  comment?: string;
  /** Whether it made no layer. */
  empty_layer?: boolean;
}

/** The most bytes that an image's config may have. */
export const CONFIG_LIMIT = 8 * 1024 * 1024;

/** What is there or not, whatever its value. */
const anything: Rule<unknown> = (value) => value;

const processConfig = object<ProcessConfig>(() => ({
  User: anyText,
  ExposedPorts: mapOf(anything),
  Env: listOf(anyText),
  Entrypoint: listOf(anyText),
  Cmd: listOf(anyText),
  Volumes: mapOf(anything),
  WorkingDir: anyText,
  Labels: annotations,
  StopSignal: anyText,
  ArgsEscaped: boolean,
  Healthcheck: anything,
  OnBuild: listOf(anyText),
  Shell: listOf(anyText),
}));

const rootfs = object<RootfsConfig>(() => ({
  type: required(oneOf(["layers"])),
  diff_ids: requiredList(digest),
}));

const history = object<HistoryEntry>(() => ({
  created: anyText,
  author: anyText,
  created_by: anyText,
  comment: anyText,
  empty_layer: boolean,
}));

/** What some programs leave out, or write nothing for. */
type OftenLeftOut = "os" | "architecture";

const imageConfig = object<
  Omit<ImageConfig, OftenLeftOut> & Partial<Pick<ImageConfig, OftenLeftOut>>
>(() => ({
  created: anyText,
  author: anyText,
  architecture: anyText,
  os: anyText,
  variant: anyText,
  "os.version": anyText,
  "os.features": listOf(anyText),
  config: processConfig,
  rootfs: required(rootfs),
  history: listOf(history),
}));

/**
 * Reads an image's config. Members that are null count as not there; others that the specification
 * does not know stay. One that does not say what it is for is for this machine, as to docker and podman.
 *
 * @param manifest the manifest that names it: as many layers have to be in both
 * @param what what errors call it
 * @throws {ContainerError} InvalidArchive
 */
export function parseConfig(
  bytes: Uint8Array,
  manifest: Pick<ImageManifest, "layers">,
  what: string,
): ImageConfig {
  const value = parseJSON(bytes, { what, maxBytes: CONFIG_LIMIT, code: "InvalidArchive" });
  const read = imageConfig(value, new Place(what, "InvalidArchive"));
  const host = hostPlatform();
  const config = Object.assign(read, {
    os: read.os || host.os,
    architecture: read.architecture || host.architecture,
  });
  const [told, there] = [config.rootfs.diff_ids.length, manifest.layers.length];
  if (told === there) return config;
  throw new ContainerError(
    `${what}: it has ${counted(told, "layer")}, but the manifest has ${there}`,
    {
      code: "InvalidArchive",
    },
  );
}

/**
 * The names of an image's layers as they lie on each other, the lowest first: each one's depends on
 * all below it (image-spec, config.md#layer-chainid).
 */
export function chainIds(diffIds: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  const encoder = new TextEncoder();
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : digestOf(encoder.encode(`${below} ${diffId}`)));
  }
  return chain;
}
