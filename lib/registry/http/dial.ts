import { lookup } from "node:dns/promises";
import process from "node:process";
import { reasonOf } from "../../errors.ts";
import { ExchangeFault } from "./fault.ts";

/** How long one address is tried alone before the next one is tried beside it (RFC 8305, 5). */
const HEAD_START = 250;

/**
 * Connects to a host: its addresses one after the other, soon side by side, IPv6 and IPv4 in turn; the
 * first that answers is taken (RFC 8305).
 *
 * @param timeout in milliseconds
 * @throws {ExchangeFault} unreachable
 */
export async function dial(hostname: string, port: number, timeout: number): Promise<Deno.TcpConn> {
  const addresses = inTurn(await addressesOf(hostname));
  const won = Promise.withResolvers<Deno.TcpConn>();
  let isOver = false;
  let failed = 0;
  let first: unknown;
  let next = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tryNext = () => {
    clearTimeout(timer);
    if (isOver || next === addresses.length) return;
    timer = setTimeout(tryNext, HEAD_START);
    Deno.connect({ hostname: addresses[next++]!, port }).then((conn) => {
      if (isOver) conn.close();
      else won.resolve(conn);
    }, (error) => {
      // The address that the system prefers says most: others are of a protocol that there is not here, at times.
      first ??= error;
      if (++failed === addresses.length) won.reject(unreachable(hostname, port, first));
      else tryNext();
    });
  };
  const deadline = setTimeout(() => {
    won.reject(
      new ExchangeFault(
        "unreachable",
        `connect to ${hostname}, port ${port}: no answer for ${Math.round(timeout / 1000)} s`,
      ),
    );
  }, timeout);
  tryNext();
  try {
    return await won.promise;
  } finally {
    isOver = true;
    clearTimeout(timer);
    clearTimeout(deadline);
  }
}

/** This machine itself, whatever files and servers say of the name (RFC 6761, 6.3): it may do without TLS. */
const LOCALHOST = [{ address: "127.0.0.1", family: 4 }, { address: "::1", family: 6 }];

async function addressesOf(hostname: string): Promise<{ address: string; family: number }[]> {
  if (hostname === "localhost") return LOCALHOST;
  // Node's look-up uses a part of Node that it warns of.
  Object.assign(process, { noDeprecation: true });
  try {
    return await lookup(hostname.replace(/^\[(.*)\]$/, "$1"), { all: true });
  } catch (cause) {
    const code = (cause as { code?: string }).code;
    const fault = code === "ENOTFOUND" ? "there is none of that name" : code ?? cause;
    throw new ExchangeFault("unreachable", `look up the host ${hostname}: ${fault}`, { cause });
  }
}

/** The addresses of both families in turn, beginning with the one that the system prefers. */
function inTurn(addresses: readonly { address: string; family: number }[]): string[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family);
  const second = addresses.filter(({ family }) => family !== addresses[0]?.family);
  return first.flatMap((one, i) => i < second.length ? [one, second[i]!] : [one])
    .concat(second.slice(first.length)).map(({ address }) => address);
}

function unreachable(hostname: string, port: number, cause: unknown): ExchangeFault {
  const where = `connect to ${hostname}, port ${port}`;
  if (cause instanceof Deno.errors.ConnectionRefused) {
    return new ExchangeFault("unreachable", `${where}: nobody listens there`, { cause });
  }
  return new ExchangeFault("unreachable", `${where}: ${reasonOf(cause)}`, { cause });
}
