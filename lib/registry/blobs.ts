import type { Descriptor } from "../image/descriptor.ts";
import { ContainerError } from "../errors.ts";
import { failureOf } from "./failure.ts";
import { ExchangeFault } from "./http/fault.ts";
import type { Answer } from "./http/message.ts";
import { pulling, type Task } from "./manifests.ts";
import { isPassing, mayPass, retryAfter } from "./retry.ts";
import type { RegistrySession } from "./session.ts";

/** Where a blob's bytes go. It keeps what it has, and verifies all in the end. */
export interface BlobSink {
  /** How many bytes are there. */
  readonly offset: number;
  /** Forgets them. */
  restart(): void;
  write(bytes: Uint8Array<ArrayBuffer>): void;
}

/** Which blob, and how much of it there is to be. */
export type Wanted = Pick<Descriptor, "digest" | "size" | "urls">;

/**
 * Downloads what a sink lacks of a blob, and goes on where it stopped when the connection breaks or
 * the server stalls, as long as anything comes. The sink verifies what it got.
 *
 * @throws {ExchangeFault} when it breaks again and again
 * @throws {ContainerError} NotFound, NotAllowed, InvalidArchive
 */
export async function downloadBlob(
  session: RegistrySession,
  task: Task,
  blob: Wanted,
  sink: BlobSink,
): Promise<void> {
  const tries = session.tries();
  let restarts = 0;
  const restart = () => {
    if (++restarts > RESTARTS) {
      throw new ExchangeFault("malformed", "the registry ends early and cannot go on from there");
    }
    sink.restart();
  };
  while (sink.offset < blob.size) {
    const before = sink.offset;
    let asked: number | undefined;
    try {
      using answer = await requestBlob(session, task, blob, sink.offset);
      const told = await take(answer, blob, sink, restart);
      if (told === "done") return;
      if (told === "again") continue;
      asked = retryAfter(answer);
      if (!isPassing(answer.status) || !tries.fail()) {
        throw await failureFrom(session, task, answer);
      }
    } catch (error) {
      if (!mayPass(error)) throw error;
      // A stalled server that gives a little each time would hold us for ever.
      if (sink.offset - before >= Math.min(MEANT, blob.size / 4)) tries.succeed();
      if (!tries.fail()) throw error;
    }
    await tries.pause(asked);
  }
}

/** Registries lead to the stores where their blobs are, by addresses that hold for a while. */
async function failureFrom(
  session: RegistrySession,
  { action }: Task,
  answer: Answer,
): Promise<ContainerError> {
  if (await session.isOwn(answer)) return await failureOf(session, action, answer);
  const { status, url: { host } } = answer;
  return new ContainerError(
    `${action}: ${host}, to which the registry leads, answered with status ${status}`,
    {
      code: status === 404 ? "NotFound" : "Failed",
      hint: "A firewall or proxy may keep that host off, or the clock of this machine be wrong",
    },
  );
}

/** How often a download may begin anew: each time all that was got is lost. */
const RESTARTS = 3;

/** So many bytes in one go are meant. */
const MEANT = 1024 * 1024;

/** Encodings that make other bytes of it. Stores of objects tell of more: `aws-chunked` is how they were sent it. */
const COMPRESSION = /^(?:x-)?(?:gzip|compress|deflate|br|zstd)$/i;

/** Takes an answer's content; `again` when the download has to begin anew, `failed` for other answers. */
async function take(
  answer: Answer,
  blob: Wanted,
  sink: BlobSink,
  restart: () => void,
): Promise<"done" | "again" | "failed"> {
  if (COMPRESSION.test(answer.fields.get("content-encoding") ?? "")) {
    throw new ExchangeFault(
      "malformed",
      `the registry encodes its answer, which was not asked for`,
    );
  }
  switch (answer.status) {
    case 200:
      // It does not know how to begin in the middle.
      if (sink.offset > 0) restart();
      break;
    case 206:
      if (startOf(answer, blob.size) !== sink.offset) {
        if (sink.offset === 0) {
          throw new ExchangeFault(
            "malformed",
            "the registry gave another part than it was asked for",
          );
        }
        restart();
        return "again";
      }
      break;
    case 416:
      if (sink.offset === 0) return "failed";
      restart();
      return "again";
    default:
      return "failed";
  }
  for await (const piece of answer.content) sink.write(piece);
  if (sink.offset < blob.size) throw new ExchangeFault("broken", "the registry ended too early");
  return "done";
}

/** Where a part begins; -1 when it does not say, or says something else of the whole. Nexus left the unit out. */
function startOf(answer: Answer, size: number): number {
  const range = /^(?:bytes )?([0-9]{1,15})-([0-9]{1,15})\/([0-9]{1,15}|\*)$/.exec(
    answer.fields.get("content-range") ?? "",
  );
  if (range === null || (range[3] !== "*" && Number(range[3]) !== size)) return -1;
  return Number(range[1]);
}

async function requestBlob(
  session: RegistrySession,
  { repository }: Task,
  blob: Wanted,
  offset: number,
): Promise<Answer> {
  // Some registries know no range without an end.
  const fields = offset > 0 ? { Range: `bytes=${offset}-${blob.size - 1}` } : undefined;
  const answer = await session.request({
    method: "GET",
    target: `/v2/${repository}/blobs/${blob.digest}`,
    fields,
    // Trying again is for whoever knows how far it got.
    mayRepeat: false,
    ...pulling(repository),
  });
  if (answer.status !== 404 || blob.urls === undefined || blob.urls.length === 0) return answer;
  answer[Symbol.dispose]();
  return await requestElsewhere(session, blob, fields);
}

/** Content that the registry itself may not have: whoever does learns nothing of who asks. */
async function requestElsewhere(
  session: RegistrySession,
  blob: Wanted,
  fields: Record<string, string> | undefined,
): Promise<Answer> {
  let last: Answer | undefined;
  for (const text of blob.urls!.slice(0, 8)) {
    const url = URL.parse(text);
    if (url === null || url.protocol !== "https:" || url.username + url.password !== "") continue;
    last?.[Symbol.dispose]();
    last = await session.elsewhere({ method: "GET", url, fields });
    if (last.status === 200 || last.status === 206) return last;
  }
  if (last !== undefined) return last;
  throw new ContainerError(`get ${blob.digest}: it is to be had nowhere with TLS`, {
    code: "NotFound",
  });
}
