import { ContainerError } from "../errors.ts";
import { quote } from "../quote.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import { basicAuthorization, type Credentials, userOf } from "./credentials/credentials.ts";
import { mayVisit } from "./follow.ts";
import type { Answer, Request } from "./http/message.ts";
import { scopesBeyond } from "./scope.ts";
import { requestToken, type Token, type TokenService } from "./token.ts";

/** What an authorizer works with. */
export interface AuthorizerOptions {
  /** The registry as references name it, for errors. */
  readonly registry: string;
  /** Whom to say one is; asked when it first matters. */
  readonly credentials: (repository?: string) => Promise<Credentials | undefined>;
  /** Sends a request and follows redirects. */
  readonly send: (request: Request) => Promise<Answer>;
  /** Whether the user allows this registry to do without TLS. */
  readonly isInsecureAllowed: boolean;
}

/** What is to be allowed: `repository:library/nginx:pull`, and in whose name. */
export interface Purpose {
  readonly scopes: readonly string[];
  /** Some users have different names for parts of a registry. */
  readonly repository?: string;
}

/** By tokens; what the registry wants them to be for besides what they are asked for. */
interface BearerWay {
  readonly bearer: TokenService;
  readonly scopes: readonly string[];
}

/**
 * Proves to one registry who asks, in the way that it wants: by a token of the server that it names,
 * or by user name and password. Tokens are kept for what they are for, and renewed before they end.
 */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #tokens = new Map<string, Promise<Token>>();
  readonly #credentials = new Map<string, Promise<Credentials | undefined>>();
  /** Who it was proved to be the last time, where it was somebody. */
  user: string | undefined;
  #way: BearerWay | "basic" | undefined;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /**
   * Learns from an answer of status 401 what the registry wants.
   *
   * @param purpose what had been asked for. Without one the scope that is named counts for nothing: to a
   *   question about no repository ghcr.io names one that there is not, and then gives no token at all
   * @returns whether that is something else than what was known
   * @throws {ContainerError} Unsupported for what cannot be done; NotAllowed for what is unsafe
   */
  learn(answer: Answer, purpose?: Purpose): boolean {
    const challenges = parseChallenges(answer.fields.all("www-authenticate"));
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer !== undefined) {
      const service = this.#serviceOf(bearer, answer.url);
      const { scope = "" } = bearer.parameters;
      const scopes = purpose === undefined ? [] : scopesBeyond(scope, purpose.scopes);
      const before = this.#way;
      const isKnown = typeof before === "object" &&
        before.bearer.realm.href === service.realm.href &&
        before.bearer.service === service.service &&
        before.scopes.join(" ") === scopes.join(" ");
      this.#way = { bearer: service, scopes };
      // What was known was refused: it may have ended early, or been taken back.
      this.#tokens.clear();
      return !isKnown;
    }
    if (challenges.some(({ scheme }) => scheme === "basic")) {
      const isKnown = this.#way === "basic";
      this.#way = "basic";
      return !isKnown;
    }
    const offered = challenges.map(({ scheme }) => scheme).join(", ");
    throw new ContainerError(
      `log in to ${quote(this.#options.registry)}: it offers ${
        offered === "" ? "no way to" : `only ${quote(offered)}`
      }`,
      { code: "Unsupported" },
    );
  }

  /**
   * The value of Authorization for a purpose; undefined where the registry has asked for nothing, or
   * for a password that there is none of.
   *
   * @throws {ContainerError} NotAllowed
   */
  async authorization(purpose: Purpose): Promise<string | undefined> {
    if (this.#way === undefined) return undefined;
    const credentials = await this.#credentialsFor(purpose.repository);
    this.user = credentials && userOf(credentials);
    if (this.#way !== "basic") return `Bearer ${(await this.#token(purpose, credentials)).token}`;
    if (credentials === undefined) return undefined;
    if ("identityToken" in credentials) {
      throw new ContainerError(
        `log in to ${quote(this.#options.registry)}: it wants a password, and there is a token`,
        { code: "NotAllowed", hint: `Run gocontainer login ${this.#options.registry}` },
      );
    }
    return basicAuthorization(credentials.username, credentials.password);
  }

  #credentialsFor(repository = ""): Promise<Credentials | undefined> {
    const known = this.#credentials.get(repository);
    if (known !== undefined) return known;
    const found = this.#options.credentials(repository === "" ? undefined : repository);
    this.#credentials.set(repository, found);
    return found;
  }

  async #token(purpose: Purpose, credentials: Credentials | undefined): Promise<Token> {
    const way = this.#way as BearerWay;
    const scopes = [...new Set([...purpose.scopes, ...way.scopes])];
    const key = JSON.stringify([purpose.repository, ...scopes]);
    // One request serves all who wait for it.
    const known = this.#tokens.get(key);
    if (known !== undefined) {
      const token = await known;
      if (token.expires > performance.now()) return token;
    }
    if (this.#tokens.get(key) === known) {
      const { send, registry } = this.#options;
      const fresh = requestToken(send, way.bearer, scopes, credentials, registry);
      this.#tokens.set(key, fresh);
      fresh.catch(() => this.#tokens.delete(key));
    }
    return await this.#tokens.get(key)!;
  }

  #serviceOf({ parameters }: Challenge, from: URL): TokenService {
    const { realm = "", service } = parameters;
    const url = URL.parse(realm);
    // Behind a proxy that does the TLS, registries name themselves without it.
    if (url?.protocol === "http:" && url.host === from.host) url.protocol = from.protocol;
    const { registry, isInsecureAllowed } = this.#options;
    if (url === null || !/^https?:$/.test(url.protocol)) {
      throw new ContainerError(`log in to ${quote(registry)}: ${quote(realm)} gives no tokens`, {
        code: "Unsupported",
      });
    }
    if (!mayVisit(url, from, isInsecureAllowed)) {
      throw new ContainerError(
        `log in to ${quote(registry)}: it wants the password sent to ${
          quote(url.host)
        } without TLS`,
        { code: "NotAllowed" },
      );
    }
    return { realm: url, ...service !== undefined && { service } };
  }
}
