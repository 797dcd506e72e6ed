import { ContainerError } from "../errors.ts";
import { printable } from "../quote.ts";
import { Authorizer, type Purpose } from "./authorizer.ts";
import { certificatesFor } from "./certificates.ts";
import { type Credentials, refused } from "./credentials/credentials.ts";
import { findCredentials } from "./credentials/find.ts";
import { readRegistrySettings } from "./daemon_file.ts";
import { follow } from "./follow.ts";
import { HttpClient } from "./http/client.ts";
import { ExchangeFault } from "./http/fault.ts";
import { isLoopback } from "./http/loopback.ts";
import { type Answer, contentOfAtMost, type Request } from "./http/message.ts";
import { DEFAULT_LIMITS, type Limits } from "./http/patience.ts";
import {
  DEFAULT_PERSISTENCE,
  isPassing,
  mayPass,
  type Persistence,
  retryAfter,
  Tries,
} from "./retry.ts";

/** How a registry is spoken to. */
export interface SessionOptions {
  /** Whom to say one is; what the machine's files say of it otherwise. */
  readonly credentials?: Credentials;
  /** Whether the user allows this registry any certificate, or to do without TLS. */
  readonly isInsecureAllowed?: boolean;
  readonly limits?: Limits;
  readonly persistence?: Persistence;
  /** Hears what the registry wants its users to know, each sentence once. */
  readonly warn?: (message: string) => void;
}

/** A request to a registry. */
export interface RegistryRequest extends Purpose {
  readonly method: Request["method"];
  /** From `/v2/` on, or an URL that the registry named. */
  readonly target: string | URL;
  readonly fields?: Request["fields"];
  readonly content?: Request["content"];
  /** Whether it may be sent once more when it failed; true unless told. */
  readonly mayRepeat?: boolean;
}

/** The host that docker.io's registry is at. */
const DOCKER_HUB = "registry-1.docker.io";

/** How often it is tried to reach a registry at all. */
const FIRST_CONTACT = 2;

/** A pause that somebody who waits wants to know of, in milliseconds. */
const LONG = 3000;

/** The longest warning that is passed on, in characters (distribution-spec, "Warnings"). */
const WARNING_LIMIT = 4096;

/**
 * Speaks with one registry: finds out whether it has TLS, proves who asks, follows redirects, tries
 * again what may go well the next time.
 */
export class RegistrySession implements Disposable {
  /** As references name it. */
  readonly registry: string;
  readonly #options: SessionOptions;
  readonly #isInsecureAllowed: boolean;
  readonly #persistence: Persistence;
  readonly #http: HttpClient;
  readonly #authorizer: Authorizer;
  readonly #given: URL | undefined;
  /** Servers whose certificate was found to be none, where the user allows that. */
  readonly #unverified = new Set<string>();
  readonly #warned = new Set<string>();
  readonly #ended = new AbortController();
  #base: Promise<URL> | undefined;
  #isReached = false;
  /** The end of the pause that was told of last, as `performance.now()` has it. */
  #pausesUntil = 0;

  /** @param given where it is, when that is not told by its name: a mirror */
  constructor(registry: string, options: SessionOptions = {}, given?: URL) {
    this.registry = registry;
    this.#options = options;
    this.#given = given;
    this.#isInsecureAllowed = (options.isInsecureAllowed ?? false) ||
      given?.protocol === "http:" || readRegistrySettings().insecure.includes(registry);
    this.#persistence = options.persistence ?? DEFAULT_PERSISTENCE;
    this.#http = new HttpClient(
      (url) => ({ ...certificatesFor(url), verify: !this.#unverified.has(url.host) }),
      options.limits ?? DEFAULT_LIMITS,
    );
    this.#authorizer = new Authorizer({
      registry,
      credentials: async (repository) =>
        options.credentials ?? await findCredentials(registry, repository),
      send: (request) => this.#askForToken(request),
      isInsecureAllowed: this.#isInsecureAllowed,
    });
  }

  /**
   * Sends a request. An answer of any status but 401 is the caller's to judge.
   *
   * @throws {ExchangeFault} when there is no answer
   * @throws {ContainerError} NotAllowed when the registry does not believe who asks
   */
  async request(request: RegistryRequest): Promise<Answer> {
    const tries = this.tries();
    while (true) {
      let asked: number | undefined;
      try {
        const answer = await this.#authorized(request);
        this.#passOnWarnings(answer);
        if (!isPassing(answer.status) || request.mayRepeat === false || !tries.fail()) {
          return answer;
        }
        asked = retryAfter(answer);
        answer[Symbol.dispose]();
      } catch (error) {
        const most = this.#isReached ? undefined : FIRST_CONTACT;
        if (!mayPass(error, this.#isReached) || request.mayRepeat === false || !tries.fail(most)) {
          throw error;
        }
      }
      await tries.pause(asked);
    }
  }

  /** Who the registry was told to be asked by the last time; undefined for nobody. */
  get user(): string | undefined {
    return this.#authorizer.user;
  }

  /** A way to try things that go on where they failed. */
  tries(): Tries {
    return new Tries(this.#persistence, this.#ended.signal, (delay) => this.#tellOfPause(delay));
  }

  /**
   * Sends a request to a server that is not the registry: it learns nothing of who asks.
   *
   * @throws {ExchangeFault}
   */
  elsewhere(request: Request): Promise<Answer> {
    return this.#follow(request);
  }

  /** Whether an answer is the registry's own, and not that of a server to which it led. */
  async isOwn(answer: Answer): Promise<boolean> {
    return answer.url.origin === (await this.#settled()).origin;
  }

  /** An URL that the registry named, which must be one of its own. */
  async ownUrl(location: string | undefined, from: URL): Promise<URL> {
    const base = await this.#settled();
    const url = location === undefined ? null : URL.parse(location, from);
    if (url !== null && url.host === base.host) {
      // Behind a proxy that does the TLS, registries name themselves without it.
      url.protocol = base.protocol;
      return url;
    }
    throw new ExchangeFault(
      "malformed",
      `follow ${base.host}: it leads to ${url === null ? "nowhere" : url.host}, which is refused`,
      {
        hint:
          "It has to call itself by the name that it is asked by, and a proxy before it to hand " +
          "that name on: in nginx by proxy_set_header Host $http_host",
      },
    );
  }

  /** Ends it: whoever still waits for something fails. */
  [Symbol.dispose](): void {
    this.#ended.abort();
    this.#http[Symbol.dispose]();
  }

  async #authorized(request: RegistryRequest): Promise<Answer> {
    const base = await this.#settled();
    const { method, target, fields, content } = request;
    const url = target instanceof URL ? target : new URL(base.href.replace(/\/$/, "") + target);
    for (let round = 0;; round++) {
      const authorization = await this.#authorizer.authorization(request);
      const answer = await this.#follow({
        method,
        url,
        fields: { ...fields, ...authorization !== undefined && { Authorization: authorization } },
        content,
      });
      // What another server wants to know, to which this one sent us, is not for it.
      const isOwn = answer.url.origin === base.origin;
      if (answer.status !== 401 || !isOwn || round === 2) return answer;
      const isNews = this.#authorizer.learn(answer, request);
      // Another token may do; the same password will not, and some servers count how often it was wrong.
      if (!isNews && authorization?.startsWith("Basic ")) {
        answer[Symbol.dispose]();
        throw refused(this.registry);
      }
      if (!isNews && round > 0) return answer;
      answer[Symbol.dispose]();
    }
  }

  /** Finds out where the registry is, and what it wants to know, by the request that all answer. */
  #settled(): Promise<URL> {
    return this.#base ??= this.#settle().catch((error) => {
      this.#base = undefined;
      throw error;
    });
  }

  async #settle(): Promise<URL> {
    const host = this.registry === "docker.io" ? DOCKER_HUB : this.registry;
    const base = this.#given ?? new URL(`https://${host}/`);
    const without = new URL(`http://${host}/`);
    const isHere = this.#given === undefined && isLoopback(base.hostname);
    // Those on this machine mostly do without, and the question is no secret.
    if (isHere && base.port !== "" && await this.#isRegistry(without)) return without;
    try {
      return await this.#ping(base);
    } catch (error) {
      const mayDoWithout = isHere || (this.#given === undefined && this.#isInsecureAllowed);
      // Servers without TLS refuse it, hang up, or wait for the end of what they take for a request.
      const isWithout = error instanceof ExchangeFault &&
        (error.kind === "not-tls" || error.kind === "broken" ||
          (error.kind === "unreachable" && base.port === ""));
      if (!mayDoWithout || !isWithout) throw error;
      return await this.#ping(without).catch((other) => {
        // What is told is why there is no TLS, unless something else is the matter.
        throw error.kind === "not-tls" ? other : error;
      });
    }
  }

  /** Whether what listens there answers as a registry does. */
  async #isRegistry(base: URL): Promise<boolean> {
    try {
      return await this.#ask(
        base,
        ({ status, url }) => url.origin === base.origin && (status === 200 || status === 401),
      );
    } catch (error) {
      if (error instanceof ExchangeFault) return false;
      throw error;
    }
  }

  async #ping(base: URL): Promise<URL> {
    await this.#ask(base, () => true);
    return base;
  }

  /** Takes note of what is answered to the question that all registries know, where it is good. */
  async #ask(base: URL, isGood: (answer: Answer) => boolean): Promise<boolean> {
    const url = new URL(`${base.href.replace(/\/$/, "")}/v2/`);
    using answer = await this.#follow({ method: "GET", url });
    if (!isGood(answer)) return false;
    this.#passOnWarnings(answer);
    this.#isReached = true;
    if (answer.status === 401 && answer.url.origin === base.origin) this.#authorizer.learn(answer);
    await passOver(answer);
    return true;
  }

  /** Asks a server of tokens, which may be busy as any other; a connection that breaks is for whoever needs the token. */
  async #askForToken(request: Request): Promise<Answer> {
    const tries = this.tries();
    while (true) {
      const answer = await this.#follow(request);
      if (!isPassing(answer.status) || !tries.fail()) return answer;
      const asked = retryAfter(answer);
      answer[Symbol.dispose]();
      await tries.pause(asked);
    }
  }

  #follow(request: Request): Promise<Answer> {
    return follow((one) => this.#send(one), request, this.#isInsecureAllowed);
  }

  async #send(request: Request): Promise<Answer> {
    try {
      return await this.#http.send(request);
    } catch (error) {
      const isUntrusted = error instanceof ExchangeFault && error.kind === "untrusted";
      const { host } = request.url;
      if (!isUntrusted || !this.#isInsecureAllowed || this.#unverified.has(host)) throw error;
      this.#unverified.add(host);
      return await this.#http.send(request);
    }
  }

  /** Of pauses at the same time one is told. */
  #tellOfPause(delay: number): void {
    const now = performance.now();
    if (delay < LONG || now < this.#pausesUntil) return;
    this.#pausesUntil = now + delay;
    this.#options.warn?.(
      `the registry ${this.registry} is busy, or out of reach: the next try is in ${
        Math.round(delay / 1000)
      } s`,
    );
  }

  #passOnWarnings({ fields }: Answer): void {
    for (const value of fields.all("warning")) {
      const text = /^299 - "((?:[^"\\]|\\.)*)"/.exec(value)?.[1]?.replace(/\\(.)/g, "$1");
      if (text === undefined || text.length > WARNING_LIMIT || this.#warned.has(text)) continue;
      // A registry that has ever more to say is not listened to.
      if (this.#warned.size >= 16) return;
      this.#warned.add(text);
      this.#options.warn?.(`the registry ${this.registry} says: ${printable(text)}`);
    }
  }
}

/** The most bytes of an answer that are read for nothing but to use its connection again. */
const PASSED_OVER = 4096;

/** Reads what nobody wants to know, where that is little. */
async function passOver(answer: Answer): Promise<void> {
  try {
    await contentOfAtMost(PASSED_OVER, answer);
  } catch (error) {
    // Then there will be another connection.
    if (!(error instanceof ExchangeFault)) throw error;
  }
}

/**
 * Does something with a registry, and says of what failed below the level of its answers what was
 * tried and what can be done.
 *
 * @param action what is done: `pull "nginx" from docker.io`
 */
export async function withRegistry<T>(
  action: string,
  registry: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ExchangeFault)) throw error;
    throw new ContainerError(`${action}: ${error.message}`, {
      hint: error.hint ?? hintFor(error, registry),
      cause: error,
    });
  }
}

function hintFor({ kind }: ExchangeFault, registry: string): string | undefined {
  switch (kind) {
    case "untrusted":
      return `Put its authority's certificate at /etc/docker/certs.d/${registry}/ca.crt, ` +
        "or give -tls-verify=false";
    case "not-believed":
      return `Put one at /etc/docker/certs.d/${registry}/client.cert, and its key at client.key`;
    case "not-tls":
      return "Give -tls-verify=false if it may be spoken to without TLS";
    case "broken":
      return "Try again: it goes on where it stopped";
    default:
      return undefined;
  }
}
