import { ContainerError } from "../errors.ts";
import { quote } from "../quote.ts";
import { type Digest, parseDigest } from "./digest.ts";

/** What an image is called, and where it is to be had. At least one of tag and digest is there. */
export interface Reference {
  /** Host and, if any, port, in lower case: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly registry: string;
  /** The name within the registry: `library/nginx`. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

/** The registry of names without one. No other is ever asked for them. */
export const DEFAULT_REGISTRY = "docker.io";

/** Where Docker Hub keeps the images whose names have no slash. */
const OFFICIAL = "library/";

const DEFAULT_TAG = "latest";

/** The longest name of a repository, of which registries make folders. */
const NAME_LIMIT = 255;

/** What skopeo and podman call a registry as the place of an image. */
const TRANSPORT = "docker://";

const LABEL = "(?:[a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])";
const HOST = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[[0-9a-f:.]+\\])(?::([0-9]{1,5}))?$`);
const REPOSITORY =
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/**
 * Reads `[HOST[:PORT]/]NAME[:TAG][@DIGEST]` as docker does: without a host it is one of docker.io,
 * there without a slash one of `library/`, and without tag and digest its tag is `latest`. The first
 * part is a host when it has a dot or a colon, or is `localhost` (distribution-spec, "Pulling
 * manifests"; distribution/reference). The `docker://` of skopeo and podman may stand before it.
 *
 * @throws {ContainerError} InvalidArgument
 */
export function parseReference(text: string): Reference {
  const plain = text.startsWith(TRANSPORT) ? text.slice(TRANSPORT.length) : text;
  const scheme = /^https?:\/\//i.exec(plain)?.[0];
  if (scheme !== undefined) {
    throw invalid(text, "it is an URL", {
      hint: `Leave ${scheme} out: ${quote(plain.slice(scheme.length))}`,
    });
  }
  const at = plain.indexOf("@");
  const digest = at < 0 ? undefined : parseDigest(plain.slice(at + 1));
  const named = at < 0 ? plain : plain.slice(0, at);
  const colon = named.lastIndexOf(":");
  const tag = colon > named.lastIndexOf("/") ? named.slice(colon + 1) : undefined;
  const name = tag === undefined ? named : named.slice(0, colon);

  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  const hasHost = isHost(first);
  const registry = hasHost ? registryOf(first) : DEFAULT_REGISTRY;
  const path = hasHost ? name.slice(slash + 1) : name;
  const repository = registry === DEFAULT_REGISTRY && path !== "" && !path.includes("/")
    ? OFFICIAL + path
    : path;

  if (hasHost) checkHost(text, registry);
  checkRepository(text, path, repository);
  if (tag !== undefined && !TAG.test(tag)) {
    throw invalid(text, `the tag ${quote(tag)} is none`, {
      hint: "A tag has letters, digits and _ . -, with a letter, digit or _ first, at most 128",
    });
  }
  return {
    registry,
    repository,
    ...(tag ?? digest) === undefined ? { tag: DEFAULT_TAG } : tag !== undefined && { tag },
    ...digest !== undefined && { digest },
  };
}

/** As {@link parseReference}; undefined for what is none. */
export function tryReference(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    if (error instanceof ContainerError) return undefined;
    throw error;
  }
}

/** A reference in full: `docker.io/library/nginx:1.27`. */
export function formatReference(reference: Reference): string {
  return `${reference.registry}/${reference.repository}${versionOf(reference)}`;
}

/** A reference as people write it: `nginx:1.27`. Reads back as the same. */
export function familiarReference(reference: Reference): string {
  const { registry, repository } = reference;
  const [first, rest] = repository.split("/", 2);
  const ambiguous = rest !== undefined && isHost(first!);
  if (registry !== DEFAULT_REGISTRY || ambiguous) return formatReference(reference);
  const short = repository.startsWith(OFFICIAL) && !repository.slice(OFFICIAL.length).includes("/")
    ? repository.slice(OFFICIAL.length)
    : repository;
  return short + versionOf(reference);
}

function versionOf({ tag, digest }: Reference): string {
  return (tag === undefined ? "" : `:${tag}`) + (digest === undefined ? "" : `@${digest}`);
}

/** Whether the first part of a name, up to a slash, is a host. */
function isHost(first: string): boolean {
  return /[.:]/.test(first) || first === "localhost";
}

/** A registry as it stands in references, from what a user calls it. */
function registryOf(host: string): string {
  const lower = host.toLowerCase();
  return lower === "index.docker.io" || lower === "registry-1.docker.io" ? DEFAULT_REGISTRY : lower;
}

/**
 * Reads the name of a registry alone, as `login` takes it; an URL of one as docker's files have it
 * (`https://index.docker.io/v1/`) is read as well.
 *
 * @throws {ContainerError} InvalidArgument
 */
export function parseRegistry(text: string): string {
  const host = text.replace(/^https?:\/\//, "").replace(/\/(?:v[12]\/?)?$/, "");
  const registry = registryOf(host);
  if (isRegistry(registry)) return registry;
  throw new ContainerError(
    `read the registry ${quote(text)}: it is no host with or without a port`,
    {
      code: "InvalidArgument",
      hint: "Give HOST[:PORT], as in quay.io",
    },
  );
}

function checkHost(text: string, host: string): void {
  if (isRegistry(host)) return;
  throw invalid(text, `${quote(host)} is not a host with or without a port`);
}

/** Whether a text is a host with or without a port. */
function isRegistry(host: string): boolean {
  const match = HOST.exec(host);
  const port = match?.[1];
  return match !== null && (port === undefined || (Number(port) > 0 && Number(port) < 65536));
}

function checkRepository(text: string, path: string, repository: string): void {
  if (path === "") throw invalid(text, "the name is empty");
  if (/^[0-9a-f]{64}$/.test(text)) {
    throw invalid(text, "64 hexadecimal digits are an image's id, not its name");
  }
  if (repository.length > NAME_LIMIT) {
    throw invalid(text, `the name is longer than ${NAME_LIMIT} characters`);
  }
  if (REPOSITORY.test(path)) return;
  const lower = path.toLowerCase();
  throw invalid(text, `the name ${quote(path)} is none`, {
    hint: lower !== path && REPOSITORY.test(lower)
      ? `Names are in lower case: ${quote(text.replace(path, lower))}`
      : "A name has small letters and digits, between them one of . _ __ -, and slashes",
  });
}

function invalid(text: string, fault: string, options: { hint?: string } = {}): ContainerError {
  return new ContainerError(`read the image reference ${quote(text)}: ${fault}`, {
    code: "InvalidArgument",
    hint: options.hint ?? "Give [HOST[:PORT]/]NAME[:TAG][@DIGEST], as in nginx:1.27",
  });
}
