import { ContainerError } from "../../errors.ts";
import { DenoConnection } from "./connection.ts";
import { dial } from "./dial.ts";
import { exchange, type Line } from "./exchange.ts";
import { ExchangeFault } from "./fault.ts";
import { endedEarly, Input } from "./input.ts";
import type { Answer, Request } from "./message.ts";
import { DEFAULT_LIMITS, type Limits } from "./patience.ts";
import { type Proxy, proxyFor, WANTS_PASSWORD, wantsPassword } from "./proxy.ts";
import { secure, secureUnverified } from "./secure.ts";
import type { Trust } from "./trust.ts";
import { tunnel } from "./tunnel.ts";

/** How long a connection that nobody uses is kept, in milliseconds, and how many to one server. */
const KEPT_FOR = 20_000;
const KEPT = 8;

/**
 * Speaks HTTP/1.1 with any number of servers, and keeps connections for the next request. It follows
 * no redirect and knows no password: that is for those who call it.
 *
 * Deno's own `fetch` takes two to three times the time and twice the memory for large content, undoes
 * compression that was not asked for, cannot do without verifying a certificate, and goes by variables
 * of the environment.
 */
export class HttpClient implements Disposable {
  readonly #limits: Limits;
  readonly #trustFor: (url: URL) => Trust;
  readonly #kept = new Map<string, { line: Line; since: number }[]>();
  readonly #lines = new Set<Line>();
  #isEnded = false;

  /** @param trustFor whom to trust for a server, asked for each new connection */
  constructor(trustFor: (url: URL) => Trust, limits: Limits = DEFAULT_LIMITS) {
    this.#trustFor = trustFor;
    this.#limits = limits;
  }

  /**
   * Sends a request and reads the head of the answer.
   *
   * @throws {ExchangeFault}, and whatever the request's content throws
   * @throws {ContainerError} Unsupported for what no proxy is used for
   */
  async send(request: Request): Promise<Answer> {
    const { url } = request;
    const proxy = proxyFor(url);
    const over = async (line: Line) => {
      const answer = await exchange(line, request, {
        proxy,
        limits: this.#limits,
        end: (mayKeep) => mayKeep ? this.#keep(url, line) : this.#close(line),
      });
      if (proxy === undefined || answer?.status !== WANTS_PASSWORD) return answer;
      answer[Symbol.dispose]();
      throw wantsPassword(`ask ${url.host} by the proxy ${proxy.hostname}:${proxy.port}`);
    };
    const kept = this.#takeKept(url);
    if (kept !== undefined) {
      // The server may have ended it meanwhile: then nothing of an answer comes. What changes
      // something is not simply sent again: the server may have got it.
      const isReading = request.method === "GET" || request.method === "HEAD";
      const answer = await over(kept).catch((error) => {
        if (isReading && error instanceof ExchangeFault && error.kind === "broken") {
          return undefined;
        }
        throw error;
      });
      if (answer !== undefined) return answer;
      if (!isReading) throw endedEarly();
    }
    const answer = await over(await this.#connect(url, proxy));
    if (answer === undefined) throw endedEarly();
    return answer;
  }

  /** Ends all connections: whoever still waits for something fails. */
  [Symbol.dispose](): void {
    this.#isEnded = true;
    for (const { connection } of this.#lines) connection.close();
    this.#lines.clear();
    this.#kept.clear();
  }

  async #connect(url: URL, proxy: Proxy | undefined): Promise<Line> {
    const { connect } = this.#limits;
    const isSecure = url.protocol === "https:";
    const port = Number(url.port || (isSecure ? "443" : "80"));
    const tcp = async () => {
      if (proxy === undefined) return await dial(url.hostname, port, connect);
      const conn = await dialProxy(proxy, connect, url);
      if (isSecure) await tunnel(conn, url.hostname, port, proxy, this.#limits);
      return conn;
    };
    const open = async () => {
      if (!isSecure) return new DenoConnection(await tcp());
      const trust = this.#trustFor(url);
      if (proxy === undefined) {
        return trust.verify
          ? await secure(url, trust, tcp, connect)
          : await secureUnverified(url, trust, connect);
      }
      if (trust.verify && trust.identity === undefined) {
        return await secure(url, trust, tcp, connect);
      }
      throw new ContainerError(
        `connect to ${url.host}: by a proxy, certificates are verified and none is shown`,
        {
          code: "Unsupported",
          hint: `Reach it without the proxy: NO_PROXY=${url.hostname}`,
        },
      );
    };
    const connection = await open();
    const line = { connection, input: new Input(connection) };
    this.#lines.add(line);
    if (!this.#isEnded) return line;
    this.#close(line);
    throw new ExchangeFault("broken", "the connection was ended");
  }

  #takeKept(url: URL): Line | undefined {
    const kept = this.#kept.get(url.origin) ?? [];
    while (true) {
      const last = kept.pop();
      if (last === undefined) return undefined;
      if (performance.now() - last.since < KEPT_FOR) return last.line;
      this.#close(last.line);
    }
  }

  #keep(url: URL, line: Line): void {
    const kept = this.#kept.get(url.origin) ?? [];
    this.#kept.set(url.origin, kept);
    if (kept.length < KEPT && !this.#isEnded) kept.push({ line, since: performance.now() });
    else this.#close(line);
  }

  #close(line: Line): void {
    this.#lines.delete(line);
    line.connection.close();
  }
}

/** Connects to a proxy; what fails tells that it is one, for its host is none that the user has named now. */
async function dialProxy(
  { hostname, port }: Proxy,
  deadline: number,
  url: URL,
): Promise<Deno.TcpConn> {
  try {
    return await dial(hostname, port, deadline);
  } catch (error) {
    if (!(error instanceof ExchangeFault)) throw error;
    throw new ExchangeFault(error.kind, `reach ${url.host} by a proxy: ${error.message}`, {
      cause: error,
      hint:
        `The environment names the proxy (env | grep -i _proxy); NO_PROXY=${url.hostname} does without`,
    });
  }
}
