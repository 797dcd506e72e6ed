import { ExchangeFault } from "./http/fault.ts";
import { isLoopback } from "./http/loopback.ts";
import type { Answer, Request } from "./http/message.ts";

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/** How often a request is sent elsewhere. */
const LIMIT = 8;

/**
 * Whether an URL may be spoken to that a server names. With TLS any may; without, only what was
 * without TLS before, and this machine itself unless the user allowed more.
 */
export function mayVisit(url: URL, from: URL, isInsecureAllowed: boolean): boolean {
  if (url.username !== "" || url.password !== "") return false;
  if (url.protocol === "https:") return true;
  return url.protocol === "http:" && from.protocol === "http:" &&
    (isLoopback(url.hostname) || isInsecureAllowed);
}

/**
 * Sends a request, and again to where the server says. What proves who asks never leaves the server
 * that it is for: not to another host, port or scheme (CVE-2020-15157). What changes something is
 * not sent to another server at all.
 *
 * @throws {ExchangeFault} malformed for a redirect that is not followed
 */
export async function follow(
  send: (request: Request) => Promise<Answer>,
  request: Request,
  isInsecureAllowed: boolean,
): Promise<Answer> {
  let current = request;
  for (let hops = 0; hops <= LIMIT; hops++) {
    const answer = await send(current);
    if (!REDIRECTS.includes(answer.status)) return answer;
    const { url } = current;
    const location = answer.fields.get("location");
    const next = location === undefined ? null : URL.parse(location, url);
    answer[Symbol.dispose]();
    if (next === null) throw refused(url, "nowhere");
    next.hash = "";
    if (!mayVisit(next, url, isInsecureAllowed)) {
      throw refused(
        url,
        `${next.protocol}//${next.host}`,
        mayVisit(next, url, true) ? ALLOW : undefined,
      );
    }
    const isReading = request.method === "GET" || request.method === "HEAD";
    if (next.origin !== url.origin) {
      if (!isReading) throw refused(url, next.host);
      current = { ...current, url: next, fields: withoutSecrets(current.fields) };
    } else current = { ...current, url: next };
  }
  throw new ExchangeFault("malformed", `follow ${request.url.host}: it leads round in circles`);
}

/** What to do where the user's word would be enough. */
const ALLOW = "Give -tls-verify=false if both may be spoken to without TLS";

function refused(url: URL, target: string, hint?: string): ExchangeFault {
  return new ExchangeFault(
    "malformed",
    `follow ${url.host}: it leads to ${target}, which is refused`,
    { hint },
  );
}

function withoutSecrets(fields: Request["fields"]): Request["fields"] {
  return Object.fromEntries(
    Object.entries(fields ?? {}).filter(([name]) => !/^(authorization|cookie)$/i.test(name)),
  );
}
