import { parseJSON } from "../json.ts";
import { failureOf } from "./failure.ts";
import { ExchangeFault } from "./http/fault.ts";
import { type Answer, contentOfAtMost } from "./http/message.ts";
import { pulling, type Task } from "./manifests.ts";
import type { RegistrySession } from "./session.ts";

/** Entries that are asked for at a time, the most of them in all, and the most bytes of one answer. */
const PAGE = 1000;
const LIMIT = 100_000;
const PAGE_LIMIT = 4 * 1024 * 1024;

/** Some registries leave entries out that are not for everybody, and whole pages with them; but not for ever. */
const EMPTY_PAGES = 16;

/**
 * The tags of a repository, in the registry's order.
 *
 * @throws {ContainerError} NotFound, NotAllowed
 */
export function listTags(session: RegistrySession, task: Task): AsyncGenerator<string> {
  return pages(
    session,
    task,
    `/v2/${task.repository}/tags/list?n=${PAGE}`,
    "tags",
    pulling(task.repository),
  );
}

/**
 * The repositories of a registry; most large ones do not tell.
 *
 * @throws {ContainerError} NotAllowed, Unsupported
 */
export function listRepositories(session: RegistrySession, action: string): AsyncGenerator<string> {
  const scopes = ["registry:catalog:*"];
  return pages(session, { action, repository: "" }, `/v2/_catalog?n=${PAGE}`, "repositories", {
    scopes,
  });
}

async function* pages(
  session: RegistrySession,
  { action }: Task,
  first: string,
  member: string,
  purpose: { scopes: readonly string[]; repository?: string },
): AsyncGenerator<string> {
  let count = 0;
  let empty = 0;
  for (let target: string | URL | undefined = first; target !== undefined;) {
    using answer: Answer = await session.request({ method: "GET", target, ...purpose });
    if (answer.status !== 200) throw await failureOf(session, action, answer);
    const bytes = await contentOfAtMost(PAGE_LIMIT, answer);
    const value = parseJSON(bytes, {
      what: "the registry's list",
      maxBytes: PAGE_LIMIT,
      code: "Failed",
    });
    const names = ((value ?? {}) as Record<string, unknown>)[member] ?? [];
    if (!Array.isArray(names)) throw new ExchangeFault("malformed", "the registry's list is none");
    for (const name of names) {
      if (++count > LIMIT) return;
      if (typeof name === "string") yield name;
    }
    const next = nextOf(answer);
    empty = names.length === 0 ? empty + 1 : 0;
    if (empty > EMPTY_PAGES) return;
    target = next === undefined ? undefined : await session.ownUrl(next, answer.url);
  }
}

/** A link and its parameters; a field may have several (RFC 8288, 3). */
const LINK = /<([^<>]*)>((?:\s*;\s*[^\s=;,"<]+(?:\s*=\s*(?:"[^"]*"|[^\s;,"<]*))?)*)/g;
const PARAMETER = /;\s*([^\s=;,"<]+)(?:\s*=\s*(?:"([^"]*)"|([^\s;,"<]*)))?/g;

/** Where the next page is: `</v2/_catalog?n=1&last=a>; rel="prev", </v2/_catalog?n=1&last=c>; rel="next"`. */
function nextOf(answer: Answer): string | undefined {
  const links = answer.fields.all("link").flatMap((value) => [...value.matchAll(LINK)]);
  return links.find(([, , parameters = ""]) =>
    parameters.matchAll(PARAMETER).some(([, name, quoted, plain = ""]) =>
      name!.toLowerCase() === "rel" &&
      (quoted ?? plain).toLowerCase().split(/\s+/).includes("next")
    )
  )?.[1];
}
