import type { Digest } from "../image/digest.ts";
import { digestOf, isDigest, Verifier } from "../image/digest.ts";
import { ContainerError } from "../errors.ts";
import { readFault, type RegistryFault } from "./answers.ts";
import { failureFor, failureOf } from "./failure.ts";
import { contentFrom, contentOfAtMost } from "./http/message.ts";
import type { RegistrySession } from "./session.ts";

/** The media types of manifests and indexes, of both makes. */
const ACCEPTED = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/** The most bytes of a manifest or index; registries take no larger ones. */
const LIMIT = 4 * 1024 * 1024;

/** A manifest or index as a registry gave it. Nothing of it has been read yet. */
export interface FetchedManifest {
  /** As the registry calls it; undefined where it does not say. */
  readonly mediaType?: string;
  readonly digest: Digest;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What is asked of a registry, for errors and the right to it. */
export interface Task {
  /** `pull "nginx" from docker.io`. */
  readonly action: string;
  readonly repository: string;
}

/**
 * Gets a manifest or index. By digest, it is the one of that digest.
 *
 * @param reference a tag or digest
 * @throws {ContainerError} NotFound, NotAllowed, InvalidArchive, Failed
 */
export async function getManifest(
  session: RegistrySession,
  { action, repository }: Task,
  reference: string,
): Promise<FetchedManifest> {
  using answer = await session.request({
    method: "GET",
    target: `/v2/${repository}/manifests/${reference}`,
    fields: { Accept: ACCEPTED },
    ...pulling(repository),
  });
  if (answer.status !== 200) throw await failureOf(session, action, answer);
  const mediaType = typeOf(answer.fields.get("content-type"));
  if (mediaType === "text/html") {
    throw new ContainerError(`${action}: what answers is a page for people, not a registry`, {
      code: "InvalidArchive",
      hint: "Look at host and port, and whether a network before it wants a login",
    });
  }
  const bytes = await contentOfAtMost(LIMIT, answer);
  const told = answer.fields.get("docker-content-digest");
  const digest = isDigest(reference) ? reference : digestOf(bytes);
  for (const expected of isDigest(reference) ? [reference] : told === undefined ? [] : [told]) {
    if (isDigest(expected) && isRight(bytes, expected)) continue;
    throw new ContainerError(`${action}: the registry gave another manifest than it said`, {
      code: "InvalidArchive",
    });
  }
  return { ...mediaType !== undefined && { mediaType }, digest, bytes };
}

/**
 * Asks which manifest or index a tag leads to, without getting it. Registries that count downloads do
 * not count this one. Undefined when the registry does not tell.
 */
export async function headManifest(
  session: RegistrySession,
  { repository }: Task,
  reference: string,
): Promise<{ digest: Digest; size?: number; mediaType?: string } | undefined> {
  using answer = await session.request({
    method: "HEAD",
    target: `/v2/${repository}/manifests/${reference}`,
    fields: { Accept: ACCEPTED },
    ...pulling(repository),
  });
  const digest = answer.fields.get("docker-content-digest");
  if (answer.status !== 200 || digest === undefined || !isDigest(digest)) return undefined;
  const length = answer.fields.get("content-length");
  const mediaType = typeOf(answer.fields.get("content-type"));
  return {
    digest,
    ...length !== undefined && /^[0-9]{1,9}$/.test(length) && { size: Number(length) },
    ...mediaType !== undefined && { mediaType },
  };
}

/** A registry does not take a manifest as it is: it may know another form of it, OCI's or docker's. */
export class FormRefused extends ContainerError {}

/**
 * Puts a manifest or index into a repository; all that it names must be there.
 *
 * @param reference a tag or its digest
 * @returns whether the registry took note of the subject that it names (distribution-spec, "Pushing Manifests with
 *   Subject")
 * @throws {FormRefused} when it may be the media type that the registry does not know
 * @throws {ContainerError}
 */
export async function putManifest(
  session: RegistrySession,
  { action, repository }: Task,
  reference: string,
  mediaType: string,
  bytes: Uint8Array,
): Promise<{ isSubjectNoted: boolean }> {
  using answer = await session.request({
    method: "PUT",
    target: `/v2/${repository}/manifests/${reference}`,
    fields: { "Content-Type": mediaType },
    content: contentFrom(bytes),
    ...pushing(repository),
  });
  if (answer.status >= 200 && answer.status < 300) {
    return { isSubjectNoted: answer.fields.get("oci-subject") !== undefined };
  }
  const fault = await readFault(answer);
  const error = failureFor(session, action, fault);
  if (!mayBeOfForm(fault)) throw error;
  throw new FormRefused(error.message, { code: error.code, hint: error.hint });
}

/** What registries say to a media type that they do not know, each in its own way. */
function mayBeOfForm({ status, code = "", message = "" }: RegistryFault): boolean {
  return status === 415 || ["MANIFEST_INVALID", "TAG_INVALID", "UNSUPPORTED"].includes(code) ||
    (status === 400 && /unknown manifest|unsupported|media ?type/i.test(message));
}

/** The right to read a repository. */
export function pulling(repository: string) {
  return { repository, scopes: [`repository:${repository}:pull`] };
}

/** The right to write to a repository. */
export function pushing(repository: string) {
  return { repository, scopes: [`repository:${repository}:pull,push`] };
}

function isRight(bytes: Uint8Array, expected: Digest): boolean {
  const verifier = new Verifier(expected);
  verifier.update(bytes);
  return verifier.digest() === expected;
}

/** A media type without its parameters. */
function typeOf(value: string | undefined): string | undefined {
  return value?.replace(/;.*$/s, "").trim().toLowerCase() || undefined;
}
