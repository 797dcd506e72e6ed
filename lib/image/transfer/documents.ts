import { ContainerError } from "../../errors.ts";
import { FormRefused, putManifest, type Task } from "../../registry/manifests.ts";
import type { RegistrySession } from "../../registry/session.ts";
import type { Descriptor } from "../descriptor.ts";
import { type FormedDocument, formOf, inForm } from "../manifest_form.ts";
import type { Reference } from "../reference.ts";
import { listReferrer } from "./referrers.ts";

/** Where manifests and indexes are sent to. */
export interface DocumentsTarget {
  readonly session: RegistrySession;
  readonly task: Task;
  readonly reference: Reference;
  readonly warn?: (message: string) => void;
}

/**
 * Sends manifests and indexes, all that they name being there. A registry that does not take them gets them in
 * the other form, docker's or OCI's, unless the reference promises a digest: it would be another one.
 *
 * @param documents what an index lists before the index, and last the one that the reference is to lead to
 * @returns what the reference leads to now
 * @throws {ContainerError} whatever the registry says
 */
export async function sendDocuments(
  target: DocumentsTarget,
  documents: readonly FormedDocument[],
): Promise<Descriptor> {
  try {
    return await putAll(target, documents);
  } catch (error) {
    if (!(error instanceof FormRefused)) throw error;
    return await sendInOtherForm(target, documents, error);
  }
}

async function sendInOtherForm(
  target: DocumentsTarget,
  documents: readonly FormedDocument[],
  refused: FormRefused,
): Promise<Descriptor> {
  const { reference, session, warn } = target;
  const present = formOf(documents.at(-1)!.descriptor);
  const form = present === "OCI" ? "docker" : "OCI";
  if (reference.digest !== undefined) {
    throw withHint(refused, `Push it by a tag alone: it is tried in ${form}'s form then`);
  }
  const formed = inForm(form, documents);
  if ("lacks" in formed) {
    throw withHint(refused, `It was not tried in ${form}'s form, which has no ${formed.lacks}`);
  }
  try {
    const top = await putAll(target, formed.documents);
    warn?.(
      `the registry ${session.registry} does not take manifests of ${present}'s form: it was sent in ` +
        `${form}'s, by which its digest is another one`,
    );
    return top;
  } catch (error) {
    throw error instanceof FormRefused ? refused : error;
  }
}

async function putAll(
  { session, task, reference, warn }: DocumentsTarget,
  documents: readonly FormedDocument[],
): Promise<Descriptor> {
  const top = documents.at(-1)!.descriptor;
  for (const { descriptor, bytes } of documents) {
    const as = descriptor === top ? reference.tag ?? top.digest : descriptor.digest;
    const { isSubjectNoted } = await putManifest(session, task, as, descriptor.mediaType, bytes);
    if (!isSubjectNoted) await listReferrer({ session, task, warn }, { descriptor, bytes });
  }
  return top;
}

function withHint({ message, code, cause }: ContainerError, hint: string): ContainerError {
  return new ContainerError(message, { code, hint, cause });
}
