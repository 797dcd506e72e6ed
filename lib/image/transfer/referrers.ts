import { ContainerError } from "../../errors.ts";
import { getManifest, putManifest, type Task } from "../../registry/manifests.ts";
import type { RegistrySession } from "../../registry/session.ts";
import type { Descriptor } from "../descriptor.ts";
import type { Digest } from "../digest.ts";
import { isImageIndex, parseManifest } from "../manifest.ts";
import type { FormedDocument } from "../manifest_form.ts";
import { OCI_INDEX } from "../media_type.ts";

/**
 * Sees to it that what refers to something, as signatures do, is found there in a registry that keeps no such
 * lists itself: the list is an index with a tag made of the digest (distribution-spec, "Unavailable Referrers
 * API"). A list that cannot be brought up to date is warned of: what was sent is there all the same.
 *
 * @param document a manifest or index that was sent; one without a subject refers to nothing
 */
export async function listReferrer(
  { session, task, warn }: {
    readonly session: RegistrySession;
    readonly task: Task;
    readonly warn?: (message: string) => void;
  },
  { descriptor, bytes }: FormedDocument,
): Promise<void> {
  const document = parseManifest(bytes, descriptor.mediaType, "manifest");
  const { subject, annotations } = document;
  if (subject === undefined) return;
  const artifactType = isImageIndex(document)
    ? document.artifactType
    : document.artifactType ?? document.config.mediaType;
  const entry = {
    ...descriptor,
    ...artifactType !== undefined && { artifactType },
    ...annotations !== undefined && { annotations },
  };
  try {
    await addTo(session, task, tagOf(subject.digest), entry);
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
    warn?.(`what refers to ${subject.digest} is not listed there: ${error.message}`);
  }
}

async function addTo(
  session: RegistrySession,
  task: Task,
  tag: string,
  entry: Descriptor,
): Promise<void> {
  const present = await presentList(session, task, tag);
  if (present.some(({ digest }) => digest === entry.digest)) return;
  const list = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [...present, entry] };
  const bytes = new TextEncoder().encode(JSON.stringify(list));
  await putManifest(session, task, tag, OCI_INDEX, bytes);
}

async function presentList(
  session: RegistrySession,
  task: Task,
  tag: string,
): Promise<readonly Descriptor[]> {
  const what = `the list ${tag}`;
  try {
    const { bytes, mediaType } = await getManifest(session, task, tag);
    const document = parseManifest(bytes, mediaType, what);
    if (isImageIndex(document)) return document.manifests;
  } catch (error) {
    if (error instanceof ContainerError && error.code === "NotFound") return [];
    throw error;
  }
  throw new ContainerError(`${what} is an image, not an index`, { code: "InvalidArchive" });
}

/** `sha256-…`: what a tag takes of a digest (distribution-spec, "Referrers Tag Schema"). */
function tagOf(digest: Digest): string {
  const [algorithm, encoded] = digest.split(":") as [string, string];
  const part = (text: string, length: number) =>
    text.slice(0, length).replace(/[^a-zA-Z0-9._-]/g, "-");
  return `${part(algorithm, 32)}-${part(encoded, 64)}`;
}
