import { ContainerError } from "../errors.ts";
import { parseJSON } from "../json.ts";
import { quote } from "../quote.ts";
import { errorOf, hintOfRights, readFault } from "./answers.ts";
import {
  basicAuthorization,
  type Credentials,
  refused,
  userOf,
} from "./credentials/credentials.ts";
import { type Answer, contentFrom, contentOfAtMost, type Request } from "./http/message.ts";

/** Who gives out tokens, and for what (distribution's token authentication specification). */
export interface TokenService {
  readonly realm: URL;
  readonly service?: string;
}

/** A word that lets somebody in for a while. */
export interface Token {
  readonly token: string;
  /** When it has to be renewed, in milliseconds of `performance.now()`. */
  readonly expires: number;
}

const CLIENT_ID = "gocontainer";

/** The most bytes of an answer with a token; some are long. */
const LIMIT = 256 * 1024;

/** How long a token holds that does not say so, and how long before its end it is renewed, in s. */
const DEFAULT_LIFE = 60;
const MARGIN = 10;

/** More is no time that anybody means, in s. */
const LONGEST_LIFE = 24 * 60 * 60;

/**
 * Asks for a token: by GET, with user name and password where there are any, or by OAuth 2's POST
 * with an identity token. Servers that know but one of the two say so with status 404 or 405.
 *
 * @param send sends a request; it decides whom to trust
 * @param host the registry, for errors
 * @throws {ContainerError} NotAllowed when there is none for these credentials
 */
export async function requestToken(
  send: (request: Request) => Promise<Answer>,
  { realm, service }: TokenService,
  scopes: readonly string[],
  credentials: Credentials | undefined,
  host: string,
): Promise<Token> {
  const get = () => send(getRequest(realm, service, scopes, credentials));
  const post = (some: Credentials) => send(postRequest(realm, service, scopes, some));
  const first = credentials !== undefined && "identityToken" in credentials
    ? await post(credentials)
    : await get();
  const isOther = first.status === 404 || first.status === 405;
  const second = !isOther || credentials === undefined
    ? undefined
    : "identityToken" in credentials
    ? await get()
    : await post(credentials);
  if (second !== undefined) first[Symbol.dispose]();
  using answer = second ?? first;
  if (answer.status !== 200) {
    const fault = await readFault(answer);
    const isRefused = fault.status === 401 || fault.status === 403 || fault.status === 400;
    if (!isRefused) throw errorOf(`get a token of ${quote(realm.host)}`, fault);
    // ghcr.io says so of a repository that there is not, whoever asks.
    const says = fault.message === undefined ? "" : `: ${quote(fault.message)}`;
    if (fault.status === 403 && scopes.length > 0) {
      const what = scopes.map(quote).join(" and ");
      throw new ContainerError(
        `use the registry ${quote(host)}: it gives no token for ${what}${says}`,
        { code: "NotAllowed", hint: hintOfRights(host, credentials && userOf(credentials)) },
      );
    }
    if (credentials !== undefined) throw refused(host, fault.message);
    throw new ContainerError(`use the registry ${quote(host)}: it takes a login${says}`, {
      code: "NotAllowed",
      hint: `Run gocontainer login ${host}`,
    });
  }
  return readToken(await contentOfAtMost(LIMIT, answer), realm.host);
}

function getRequest(
  realm: URL,
  service: string | undefined,
  scopes: readonly string[],
  credentials: Credentials | undefined,
): Request {
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  url.searchParams.set("client_id", CLIENT_ID);
  if (credentials === undefined) return { method: "GET", url };
  const [user, word] = "identityToken" in credentials
    ? ["<token>", credentials.identityToken]
    : [credentials.username, credentials.password];
  if (!("identityToken" in credentials)) url.searchParams.set("account", user);
  return { method: "GET", url, fields: { Authorization: basicAuthorization(user, word) } };
}

/** RFC 6749, 4.3.2 and 6; distribution's oauth.md. */
function postRequest(
  realm: URL,
  service: string | undefined,
  scopes: readonly string[],
  credentials: Credentials,
): Request {
  const form = new URLSearchParams({ client_id: CLIENT_ID });
  if (service !== undefined) form.set("service", service);
  if (scopes.length > 0) form.set("scope", scopes.join(" "));
  if ("identityToken" in credentials) {
    form.set("grant_type", "refresh_token");
    form.set("refresh_token", credentials.identityToken);
  } else {
    form.set("grant_type", "password");
    form.set("username", credentials.username);
    form.set("password", credentials.password);
  }
  return {
    method: "POST",
    url: realm,
    fields: { "Content-Type": "application/x-www-form-urlencoded" },
    content: contentFrom(new TextEncoder().encode(form.toString())),
  };
}

function readToken(bytes: Uint8Array, host: string): Token {
  const what = `token of ${host}`;
  const value = parseJSON(bytes, { what, maxBytes: LIMIT, code: "Failed" });
  const { token, access_token, expires_in } = (value ?? {}) as Record<string, unknown>;
  const word = [token, access_token].find((one) => typeof one === "string" && one !== "");
  // What goes into a header field: RFC 6750, 2.1, and what is found besides.
  if (typeof word !== "string" || !/^[\x21-\x7e]+$/.test(word)) {
    throw new ContainerError(`${what}: there is none in the answer`);
  }
  const life = typeof expires_in === "number" && expires_in >= DEFAULT_LIFE
    ? Math.min(expires_in, LONGEST_LIFE)
    : DEFAULT_LIFE;
  // Counted from now: the server's clock may be any.
  return { token: word, expires: performance.now() + (life - MARGIN) * 1000 };
}
