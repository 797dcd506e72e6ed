import type { Descriptor } from "../image/descriptor.ts";
import { ContainerError } from "../errors.ts";
import { failureOf } from "./failure.ts";
import type { Answer, Content } from "./http/message.ts";
import { pushing, type Task } from "./manifests.ts";
import { isPassing, mayPass, retryAfter } from "./retry.ts";
import type { RegistrySession } from "./session.ts";

/** Up to so many bytes a blob goes in one piece together with its end. */
const SMALL = 1024 * 1024;

/** What to do about what registries say to uploads alone. */
const HINTS = { UNSUPPORTED: "It may be there for reading alone, as mirrors are" };

/** A blob that is to be sent. */
export interface Source extends Pick<Descriptor, "digest" | "size"> {
  /** The bytes from `offset` up to `end`. */
  pieces(offset: number, end: number): ReturnType<Content["pieces"]>;
}

/** Who follows an upload. */
export interface UploadOptions {
  /** Another repository of the same registry that may have the blob. */
  readonly from?: string;
  /** So many bytes have been sent; less than before when some were lost. */
  readonly sent?: (bytes: number) => void;
}

/** How a blob came to be in a repository. */
export type Uploaded = "there" | "mounted" | "sent";

/**
 * Sees to it that a blob is in a repository: it may be there, be taken over from another repository of
 * the registry, or is sent, and after a break from where the registry says it has got to
 * (distribution-spec, "Pushing blobs").
 *
 * @throws {ExchangeFault} when it breaks again and again
 * @throws {ContainerError} NotAllowed and whatever the registry says
 */
export async function uploadBlob(
  session: RegistrySession,
  task: Task,
  blob: Source,
  options: UploadOptions = {},
): Promise<Uploaded> {
  if (await isThere(session, task, blob)) return "there";
  const taken = options.from === undefined
    ? undefined
    : await takeOver(session, task, blob, options.from);
  if (taken === "mounted") return "mounted";
  let begun = taken ?? await begin(session, task);
  const part = { largest: blob.size };
  for (let lost = 0;; lost++) {
    const { largest } = part;
    try {
      await send(session, task, blob, begun, part, options);
      return "sent";
    } catch (error) {
      if (!(error instanceof UploadLost)) throw error;
      // With parts that are smaller it is another try.
      if (part.largest < largest) lost = 0;
      if (lost === BEGINNINGS) throw error.cause;
      options.sent?.(0);
      begun = await begin(session, task);
    }
  }
}

/**
 * How often an upload is begun anew, of which the registry knows nothing any more: docker-registry forgets each one
 * whose connection breaks.
 */
const BEGINNINGS = 5;

/** The registry does not tell how far it has got; the cause is what was wrong before it was asked. */
class UploadLost extends Error {}

/** Whether a repository has a blob. */
async function isThere(
  session: RegistrySession,
  { repository }: Task,
  { digest }: Source,
): Promise<boolean> {
  using answer = await session.request({
    method: "HEAD",
    target: `/v2/${repository}/blobs/${digest}`,
    ...pushing(repository),
  });
  return answer.status === 200;
}

/** An upload that was begun. */
interface Begun {
  readonly location: URL;
  /** The smallest part that the registry takes, in bytes. */
  readonly least: number;
}

/**
 * Asks for a blob to be taken over from another repository; an upload that was begun instead where the registry
 * would rather have it sent. Undefined where it does neither: it may not know how, or not let us read there.
 */
async function takeOver(
  session: RegistrySession,
  { repository }: Task,
  { digest }: Source,
  from: string,
): Promise<Begun | "mounted" | undefined> {
  const query = `?mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(from)}`;
  const { scopes } = pushing(repository);
  try {
    using answer = await session.request({
      method: "POST",
      target: `/v2/${repository}/blobs/uploads/${query}`,
      repository,
      scopes: [...scopes, `repository:${from}:pull`],
    });
    if (answer.status === 201) return "mounted";
    return answer.status === 202 ? await begunBy(session, answer) : undefined;
  } catch (error) {
    // It only spares sending: what is really the matter shows when an upload is begun.
    if (error instanceof ContainerError) return undefined;
    throw error;
  }
}

/** Begins an upload. */
async function begin(session: RegistrySession, { action, repository }: Task): Promise<Begun> {
  using answer = await session.request({
    method: "POST",
    target: `/v2/${repository}/blobs/uploads/`,
    ...pushing(repository),
  });
  if (answer.status === 202) return await begunBy(session, answer);
  throw await failureOf(session, action, answer, HINTS);
}

async function begunBy(session: RegistrySession, answer: Answer): Promise<Begun> {
  const least = answer.fields.get("oci-chunk-min-length") ?? "";
  return {
    location: await session.ownUrl(locationOf(answer), answer.url),
    least: /^[0-9]{1,12}$/.test(least) ? Math.max(LEAST, Number(least)) : LEAST,
  };
}

async function send(
  session: RegistrySession,
  task: Task,
  blob: Source,
  begun: Begun,
  part: { largest: number },
  { sent }: UploadOptions,
): Promise<void> {
  const { action, repository } = task;
  let { location } = begun;
  let offset = 0;
  let furthest = 0;
  const tries = session.tries();
  try {
    while (true) {
      const end = Math.min(blob.size, offset + part.largest);
      const isWhole = offset === 0 && end === blob.size && blob.size <= SMALL;
      const isLast = isWhole || offset === blob.size;
      const url = new URL(location);
      // What is in the query already stays as it was written: it may be signed.
      if (isLast) url.search += `${url.search === "" ? "?" : "&"}digest=${blob.digest}`;
      // All of it in one go is no part, and some registries take parts of a few MiB only (ghcr.io of 4).
      const isPart = !isLast && (offset > 0 || end < blob.size);
      let asked: number | undefined;
      let failure: unknown;
      let isOutOfRange = false;
      try {
        using answer = await session.request({
          method: isLast ? "PUT" : "PATCH",
          target: url,
          fields: {
            "Content-Type": "application/octet-stream",
            ...isPart && { "Content-Range": `${offset}-${end - 1}` },
          },
          content: followed(blob, offset, end, sent),
          mayRepeat: false,
          ...pushing(repository),
        });
        if (isLast && answer.status >= 200 && answer.status < 300) return;
        if (!isLast && (answer.status === 202 || answer.status === 201)) {
          location = await session.ownUrl(locationOf(answer), answer.url);
          offset = furtherThan(offset, end, reached(answer));
          // A registry that forgets what it took, again and again, would hold us for ever.
          if (offset > furthest) tries.succeed();
          furthest = Math.max(furthest, offset);
          continue;
        }
        failure = await failureOf(session, action, answer, HINTS);
        const { status } = answer;
        // Some proxies before registries take only so much at a time.
        if (status === 413 && end - offset > begun.least) {
          part.largest = smallerThan(end - offset, begun);
        } else {
          isOutOfRange = status === 416;
          const mayGoOn = isPassing(status) || status === 416 || status === 404;
          if (!mayGoOn || !tries.fail()) throw failure;
          asked = retryAfter(answer);
        }
      } catch (error) {
        if (!mayPass(error) || !tries.fail()) throw error;
        failure = error;
      }
      await tries.pause(asked);
      const now = await whereabouts(session, task, location);
      if (now !== undefined) {
        // Where both mean the same place, it is the size that is not taken.
        if (isOutOfRange && now.offset === offset && end - offset > begun.least) {
          part.largest = smallerThan(end - offset, begun);
          tries.succeed();
        }
        ({ location, offset } = now);
      } // It may have come to its end, and only the answer got lost.
      else if (await isThere(session, task, blob)) return;
      else throw new UploadLost("the upload is lost", { cause: failure });
    }
  } catch (error) {
    await abandon(session, task, location);
    throw error;
  }
}

/**
 * The smallest part that is tried, in bytes: nginx takes 1 MiB unless it is told otherwise, and what takes less
 * than this is not meant for registries.
 */
const LEAST = 64 * 1024;

/** The size of the next parts where one of so many bytes was too large. */
function smallerThan(length: number, { least }: Begun): number {
  return Math.max(least, Math.floor(length / 4));
}

/**
 * Where an upload has got to that took the part from `offset` to `end`. What it says may be less; but Amazon's
 * registry says after each part how far the first one went.
 */
function furtherThan(offset: number, end: number, told: number | undefined): number {
  return told !== undefined && told > offset && told < end ? told : end;
}

/**
 * Asks how far an upload has got; undefined when the registry knows of none, or does not answer such questions.
 */
async function whereabouts(
  session: RegistrySession,
  { action, repository }: Task,
  location: URL,
): Promise<{ location: URL; offset: number } | undefined> {
  using answer = await session.request({ method: "GET", target: location, ...pushing(repository) });
  if (NOT_TOLD.includes(answer.status)) return undefined;
  if (answer.status !== 204 && answer.status !== 202) {
    throw await failureOf(session, action, answer, HINTS);
  }
  const next = locationOf(answer);
  return {
    location: next === undefined ? location : await session.ownUrl(next, answer.url),
    offset: reached(answer) ?? 0,
  };
}

/** What registries answer that know nothing of an upload, or do not tell how far it has got. */
const NOT_TOLD: readonly number[] = [400, 404, 405, 410, 501];

/** Takes an upload back that came to nothing; what went wrong then is not of interest any more. */
async function abandon(
  session: RegistrySession,
  { repository }: Task,
  location: URL,
): Promise<void> {
  try {
    using _answer = await session.request({
      method: "DELETE",
      target: location,
      mayRepeat: false,
      ...pushing(repository),
    });
  } catch {
    // The registry forgets it in time.
  }
}

/** How many bytes a registry has; its range is inclusive, and 0-0 may mean none (of no bytes). */
function reached(answer: Answer): number | undefined {
  const range = /^(?:bytes=)?0-(-?[0-9]{1,15})$/.exec(answer.fields.get("range") ?? "");
  if (range === null) return undefined;
  const last = Number(range[1]);
  return last <= 0 ? 0 : last + 1;
}

function locationOf(answer: Answer): string | undefined {
  return answer.fields.get("location");
}

function followed(
  blob: Source,
  offset: number,
  end: number,
  sent: UploadOptions["sent"],
): Content {
  return {
    length: end - offset,
    async *pieces() {
      let at = offset;
      for await (const piece of blob.pieces(offset, end)) {
        yield piece;
        at += piece.length;
        sent?.(at);
      }
    },
  };
}
