import { utf8 } from "../../ffi/cstring.ts";
import { AT_FDCWD, O_NONBLOCK, O_RDONLY, S_IFMT, S_IFREG } from "../../ffi/constants.ts";
import { Fd, openat, read, statx } from "../../ffi/file.ts";
import { alloc } from "../../ffi/struct.ts";
import { isDigits } from "../digits.ts";
import { ContainerError, SysError } from "../errors.ts";
import { warn } from "../trace.ts";
import { type Cidr, formatAddress } from "./cidr.ts";

/** How a container is connected: by the bridge, not at all, or in the host's own network namespace. */
export type NetworkMode = "bridge" | "none" | "host";

/** Files of the host that are handed on are cut to this size, in bytes. */
const MAX_SIZE = 64 * 1024;

/** Where systemd-resolved lists the servers that it asks itself (systemd-resolved.service(8)). */
const RESOLVED_SERVERS = "/run/systemd/resolve/resolv.conf";

/**
 * The servers that are asked when the host's are of no use in a container, because they answer on the
 * host's loopback only: Google's, as docker has it. They are reached from nearly everywhere, and a
 * container that resolves no name looks broken; the user is told.
 */
const PUBLIC_SERVERS = ["8.8.8.8", "8.8.4.4"];

/** The names by which a container knows its host, as podman gives them; the second one is Docker Desktop's. */
const HOST_NAMES = "host.containers.internal host.docker.internal";

/**
 * The container's /etc/hosts, hosts(5). With `host` it is the host's own.
 *
 * @param options.address of `eth0`; without one the name leads to 127.0.1.1, as on a machine
 * without a fixed address.
 * @param options.gateway the host's address towards the container, if there is one.
 * @throws {ContainerError} InvalidArgument when the name could not stand in the file.
 */
export function hostsFile(
  options: {
    mode: NetworkMode;
    hostname: string;
    address?: Cidr | undefined;
    gateway?: Cidr | undefined;
  },
): string {
  const { mode, hostname, address, gateway } = options;
  if (mode === "host") return readHostFile("/etc/hosts") ?? "";
  checkName(hostname);
  const [short] = hostname.split(".");
  const names = short === hostname || short === "" ? hostname : `${hostname} ${short}`;
  return [
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    `${address === undefined ? "127.0.1.1" : formatAddress(address)}\t${names}`,
    ...gateway === undefined ? [] : [`${formatAddress(gateway)}\t${HOST_NAMES}`],
    "",
  ].join("\n");
}

/** The container's /etc/hostname, hostname(5). */
export function hostnameFile(hostname: string): string {
  checkName(hostname);
  return `${hostname}\n`;
}

/**
 * The container's /etc/resolv.conf, resolv.conf(5): the host's, less the servers that a container
 * cannot reach. Where systemd-resolved answers on the host's loopback, the servers behind it are
 * taken. With `host` the file is handed on as it is.
 */
export function resolverFile(mode: NetworkMode): string {
  const own = readHostFile("/etc/resolv.conf") ?? "";
  if (mode === "host") return own;
  const text = asksResolved(own) ? readHostFile(RESOLVED_SERVERS) ?? own : own;
  const { content, servers } = reachableServers(text);
  if (servers > 0 || mode === "none") return content;
  warn(
    `the host's /etc/resolv.conf names no server that a container can reach, so it gets ` +
      `${PUBLIC_SERVERS.join(" and ")}`,
  );
  return content + PUBLIC_SERVERS.map((server) => `nameserver ${server}\n`).join("");
}

/** Whether the server of a resolv.conf is systemd-resolved, which has these two addresses. */
function asksResolved(text: string): boolean {
  return text.split("\n").some((line) => {
    const [keyword, server] = wordsOf(line);
    return keyword === "nameserver" && (server === "127.0.0.53" || server === "127.0.0.54");
  });
}

/** The words of a line, between blanks and tabs as the C library has them. */
function wordsOf(line: string): string[] {
  return line.replaceAll("\t", " ").split(" ").filter((word) => word !== "");
}

/**
 * A resolv.conf without the servers that cannot be reached from a container's own network: those on
 * the loopback, and IPv6 ones, for the bridge carries IPv4. Everything else stays, comments less.
 *
 * @returns the text, and how many servers it names.
 */
export function reachableServers(text: string): { content: string; servers: number } {
  let servers = 0;
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => {
    if (line === "" || line.startsWith("#") || line.startsWith(";")) return false;
    const [keyword, server = ""] = wordsOf(line);
    if (keyword !== "nameserver") return true;
    const parts = server.split(".");
    const isReachable = parts.length === 4 && parts.every(isDigits) && parts[0] !== "127" &&
      parts[0] !== "0";
    if (isReachable) servers++;
    return isReachable;
  });
  return { content: lines.map((line) => `${line}\n`).join(""), servers };
}

/**
 * A regular file of the host, at most MAX_SIZE bytes and whole lines of it, without the NUL bytes that a power cut may
 * have left there; undefined when there is none.
 */
function readHostFile(path: string): string | undefined {
  try {
    // Opening a FIFO would wait for a writer otherwise.
    using file = new Fd(openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK));
    const { mode, size } = statx(file.number);
    if ((mode & S_IFMT) !== S_IFREG) return undefined;
    // One of a virtual file system may have none.
    const buffer = alloc(Math.min(size || MAX_SIZE, MAX_SIZE) + 1);
    let length = 0;
    while (length < buffer.length) {
      const count = read(file.number, buffer.subarray(length)).length;
      if (count === 0) break;
      length += count;
    }
    const text = utf8(buffer.subarray(0, length)).replaceAll("\0", "");
    return length > MAX_SIZE ? text.slice(0, text.lastIndexOf("\n") + 1) : text;
  } catch (error) {
    // A link that leads nowhere, or round in circles, is as good as none.
    const isNone = error instanceof SysError && ["ENOENT", "ENOTDIR", "ELOOP"].includes(error.code);
    if (isNone) return undefined;
    throw error;
  }
}

/** @throws {ContainerError} InvalidArgument for what would be more than one name. */
function checkName(hostname: string): void {
  const isBreak = (char: string) => char === "#" || char === "\0" || char.trim() === "";
  if (hostname !== "" && ![...hostname].some(isBreak)) return;
  throw new ContainerError(`use the hostname ${JSON.stringify(hostname)}: it is not one word`, {
    code: "InvalidArgument",
    hint: "Use letters, digits, dots and dashes (hostname(7))",
  });
}
