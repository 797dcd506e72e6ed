import { BlockList, isIP } from "node:net";
import { ContainerError } from "../../errors.ts";
import { ExchangeFault } from "./fault.ts";
import { isLoopback } from "./loopback.ts";

/** A program that connects on behalf of this one. */
export interface Proxy {
  readonly hostname: string;
  readonly port: number;
  /** The value of Proxy-Authorization, where it asks for a password. */
  readonly authorization?: string;
}

/**
 * The proxy for an URL, as the variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY have it, in capital or
 * small letters. This machine itself is never reached by one.
 *
 * @throws {ContainerError} Unsupported for one that does not speak plain HTTP
 */
export function proxyFor(
  url: URL,
  variable: (name: string) => string | undefined = (name) => Deno.env.get(name),
): Proxy | undefined {
  const either = (name: string) => variable(name) || variable(name.toLowerCase()) || undefined;
  const name = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const text = either(name);
  if (text === undefined || isLoopback(url.hostname)) return undefined;
  if (isExcepted(url, either("NO_PROXY") ?? "")) return undefined;
  return parseProxy(text, name);
}

/** The status by which a proxy asks who that is (RFC 9110, 15.5.8). */
export const WANTS_PASSWORD = 407;

/** The fault of a proxy that wants another password than it is given, or one at all. */
export function wantsPassword(where: string): ExchangeFault {
  return new ExchangeFault("unreachable", `${where}: it wants to know who asks`, {
    hint: "Give a user and password that it takes: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT",
  });
}

function parseProxy(text: string, name: string): Proxy {
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (url === null || url.protocol !== "http:" || url.hostname === "") {
    const kind = url === null ? "it is no URL" : `${url.protocol.slice(0, -1)} is not spoken here`;
    throw new ContainerError(`use the proxy of ${name}: ${kind}`, {
      code: "Unsupported",
      hint: `Give one that speaks HTTP: ${name}=http://HOST:PORT`,
    });
  }
  const { hostname, port, username, password } = url;
  const user = `${decoded(username)}:${decoded(password)}`;
  return {
    hostname,
    port: port === "" ? 80 : Number(port),
    authorization: username === "" ? undefined : basic(user),
  };
}

/** Without the escapes of URLs; a percent sign that begins none stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function basic(user: string): string {
  return `Basic ${new TextEncoder().encode(user).toBase64()}`;
}

/** NO_PROXY: `*`, hosts, domains with all below them, each with or without a port; addresses and networks of them. */
function isExcepted(url: URL, exceptions: string): boolean {
  const host = url.hostname.toLowerCase();
  const address = host.replace(/^\[(.*)\]$/, "$1");
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  return exceptions.toLowerCase().split(",").map((one) => one.trim()).some((one) => {
    if (one === "*") return true;
    const [net = "", prefix] = one.split("/");
    if (isIP(address) !== 0 && isIP(net) !== 0) return isWithin(address, net, prefix);
    const match = /^\*?\.?(\[[^\]]*\]|[^:]+)(?::([0-9]+))?$/.exec(one);
    if (match === null || (match[2] !== undefined && match[2] !== port)) return false;
    const name = match[1]!;
    return host === name || host.endsWith(`.${name}`);
  });
}

/** Whether an address is in a network, or without a prefix the very same. */
function isWithin(address: string, net: string, prefix = isIP(net) === 4 ? "32" : "128"): boolean {
  if (isIP(net) !== isIP(address)) return false;
  const family = isIP(net) === 4 ? "ipv4" : "ipv6";
  const bits = Number(prefix);
  if (!/^[0-9]+$/.test(prefix) || bits > (family === "ipv4" ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(net, bits, family);
  return list.check(address, family);
}
