import { ContainerError } from "../errors.ts";
import { parseJSON } from "../json.ts";
import { parseRegistry } from "../image/reference.ts";
import { quote } from "../quote.ts";
import { readSafeFile } from "../safe_file.ts";

/** The file in which docker's users say where registries are. */
const PATH = "/etc/docker/daemon.json";

/** What the machine's owner has said of registries. */
export interface RegistrySettings {
  /** Where images of docker.io are looked for first. */
  readonly mirrors: readonly URL[];
  /** Hosts, with port or without, that may be spoken to without TLS or with any certificate. */
  readonly insecure: readonly string[];
}

/**
 * Reads `registry-mirrors` and `insecure-registries` of `/etc/docker/daemon.json` (dockerd(8)); what
 * else is in it is docker's. Networks (`10.0.0.0/8`) among the insecure registries are passed over.
 *
 * @throws {ContainerError} InvalidArgument; NotAllowed when others could have written the file
 */
export function readRegistrySettings(path: string = PATH): RegistrySettings {
  const file = readSafeFile(path);
  if (file === undefined) return { mirrors: [], insecure: [] };
  const value = parseJSON(file.bytes, { what: path, code: "InvalidArgument" });
  const members = (value ?? {}) as Record<string, unknown>;
  return {
    mirrors: textsOf(members, "registry-mirrors", path).map((text) => mirrorUrl(text, path)),
    insecure: textsOf(members, "insecure-registries", path)
      .filter((text) => !/\/[0-9]+$/.test(text)).map((text) => insecureHost(text, path)),
  };
}

function textsOf(members: Record<string, unknown>, name: string, path: string): string[] {
  const value = members[name] ?? [];
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value;
  throw new ContainerError(`${path}: ${name}: expected an array of strings`, {
    code: "InvalidArgument",
  });
}

function insecureHost(text: string, path: string): string {
  try {
    return parseRegistry(text);
  } catch (cause) {
    throw new ContainerError(
      `${path}: insecure-registries: ${quote(text)}: it is no host with or without a port`,
      { code: "InvalidArgument", cause },
    );
  }
}

function mirrorUrl(text: string, path: string): URL {
  const url = URL.parse(text);
  const fault = url === null || !/^https?:$/.test(url.protocol)
    ? "it is no URL of http or https"
    : url.search + url.hash + url.username + url.password !== ""
    ? "it is more than scheme, host and path"
    : undefined;
  if (fault === undefined) return url!;
  throw new ContainerError(`${path}: registry-mirrors: ${quote(text)}: ${fault}`, {
    code: "InvalidArgument",
  });
}
