/** A server of tokens for docker-registry, and for the tests' own (distribution's token.md, jwt.md). */

import { ISSUER, SERVICE } from "./docker_registry.ts";
import { sh } from "../image_lab.ts";

/** What was asked of it. */
export interface TokenRequest {
  readonly method: string;
  readonly scopes: readonly string[];
  readonly authorization: string | null;
  readonly form: URLSearchParams;
}

/** What it knows of its users. */
export interface TokenServerOptions {
  /** Passwords by user. */
  readonly users?: Readonly<Record<string, string>>;
  /** Identity tokens that it takes. */
  readonly identityTokens?: readonly string[];
  /** Whether somebody without a name may pull. */
  readonly anonymous?: boolean;
  /** Whether it knows only the one way to ask. */
  readonly only?: "GET" | "POST";
  /** How long a token holds, in s. */
  readonly life?: number;
  readonly tls?: { readonly cert: string; readonly key: string };
}

export class TokenServer implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #key: CryptoKey;
  readonly #certificate: string;
  readonly #options: TokenServerOptions;
  readonly requests: TokenRequest[] = [];

  private constructor(
    key: CryptoKey,
    certificate: string,
    options: TokenServerOptions,
  ) {
    this.#key = key;
    this.#certificate = certificate;
    this.#options = options;
    const tls = options.tls && {
      cert: Deno.readTextFileSync(options.tls.cert),
      key: Deno.readTextFileSync(options.tls.key),
    };
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {}, ...tls } as Deno.ServeTcpOptions,
      (request) => this.#answer(request),
    );
  }

  /**
   * Starts one.
   *
   * @param folder where the certificate goes that its tokens are signed by: `tokens.crt`
   */
  static async start(folder: string, options: TokenServerOptions = {}): Promise<TokenServer> {
    sh(
      `openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout tokens.key -out tokens.crt \
         -subj "/CN=tokens of the tests" 2>/dev/null
       openssl pkcs8 -topk8 -nocrypt -in tokens.key -outform DER -out tokens.der`,
      folder,
    );
    const key = await crypto.subtle.importKey(
      "pkcs8",
      Deno.readFileSync(`${folder}/tokens.der`),
      { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
      false,
      ["sign"],
    );
    const certificate = Deno.readTextFileSync(`${folder}/tokens.crt`)
      .replace(/-----[A-Z ]+-----|\s/g, "");
    return new TokenServer(key, certificate, options);
  }

  get realm(): string {
    const scheme = this.#options.tls === undefined ? "http" : "https";
    return `${scheme}://localhost:${this.#server.addr.port}/token`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    const { method, headers } = request;
    const url = new URL(request.url);
    const form = method === "POST"
      ? new URLSearchParams(await request.text())
      : new URLSearchParams();
    const scopes = method === "POST"
      ? (form.get("scope") ?? "").split(" ")
      : url.searchParams.getAll("scope");
    const authorization = headers.get("authorization");
    this.requests.push({ method, scopes, authorization, form });
    const { only, users = {}, anonymous = false, identityTokens = [], life = 300 } = this.#options;
    if (only !== undefined && method !== only) return new Response("", { status: 405 });
    const [user, password] = method === "POST"
      ? [form.get("username"), form.get("password")]
      : authorization === null
      ? []
      : userAndPassword(authorization);
    const isKnown = (user && password !== undefined && users[user] === password) ||
      identityTokens.includes(form.get("refresh_token") ?? "");
    if (!isKnown && (authorization !== null || method === "POST" || !anonymous)) {
      return Response.json({ errors: [{ code: "UNAUTHORIZED", message: "who are you" }] }, {
        status: 401,
      });
    }
    const access = scopes.filter((scope) => scope !== "").map((scope) => {
      const [, type, name, actions] = /^([^:]*):(.*):([^:]*)$/.exec(scope)!;
      const granted = actions!.split(",").filter((action) => isKnown || action === "pull");
      return { type, name, actions: granted };
    });
    const token = await this.#sign(access, life);
    // OAuth's answer has the one name, docker's first had the other.
    return Response.json(
      method === "POST"
        ? { access_token: token, expires_in: life }
        : { token, expires_in: life, issued_at: new Date().toISOString() },
    );
  }

  async #sign(access: object, life: number): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const part = (value: object) =>
      new TextEncoder().encode(JSON.stringify(value)).toBase64({
        alphabet: "base64url",
        omitPadding: true,
      });
    const head = part({ typ: "JWT", alg: "RS256", x5c: [this.#certificate] });
    const claims = part({
      iss: ISSUER,
      sub: "",
      aud: SERVICE,
      iat: now - 5,
      nbf: now - 5,
      exp: now + life,
      jti: crypto.randomUUID(),
      access,
    });
    const text = new TextEncoder().encode(`${head}.${claims}`);
    const signature = await crypto.subtle.sign("RSASSA-PKCS1-v1_5", this.#key, text);
    const signed = new Uint8Array(signature).toBase64({ alphabet: "base64url", omitPadding: true });
    return `${head}.${claims}.${signed}`;
  }
}

/** RFC 7617: the first colon ends the user's name. */
function userAndPassword(authorization: string): string[] {
  const bytes = Uint8Array.fromBase64(authorization.replace("Basic ", ""));
  const [, user, password] = /^([^:]*):(.*)$/s.exec(new TextDecoder().decode(bytes))!;
  return [user!, password!];
}
