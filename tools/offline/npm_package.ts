/** Fetching one pinned package from the registry that npm is configured with. */

import { ROOT } from "../project.ts";
import { reasonOf, ToolError } from "../report.ts";
import { authorizationFor, type NpmSettings, npmSettings, registryFor } from "./npm_config.ts";
import type { NpmPin } from "./pins.ts";

const TIMEOUT_MS = 600_000;

/**
 * The tarball (gzip) of a pinned package.
 *
 * @throws ToolError when the registry cannot be reached, does not have it, or the checksum is wrong
 */
export async function fetchPackage(pin: NpmPin): Promise<Uint8Array<ArrayBuffer>> {
  const settings = npmSettings(ROOT);
  const base = pin.name.slice(pin.name.indexOf("/") + 1);
  const registry = registryFor(pin.name, settings);
  using client = Deno.createHttpClient({ caCerts: extraCertificates(settings) });

  // Nearly every registry has the tarball at this address; where not, its document names the place.
  let response = await get(`${registry}${pin.name}/-/${base}-${pin.version}.tgz`, settings, client);
  if (!response.ok) {
    await response.body?.cancel();
    const url = await tarballUrl(pin, registry, settings, client);
    response = await get(url, settings, client);
  }
  if (!response.ok) {
    await response.body?.cancel();
    throw new ToolError(
      `fetch npm package "${pin.name}@${pin.version}": the registry answered ${response.status}`,
    );
  }
  const bytes = await response.bytes();
  await verifyIntegrity(bytes, pin);
  return bytes;
}

async function get(
  url: string,
  settings: NpmSettings,
  client: Deno.HttpClient,
): Promise<Response> {
  const authorization = authorizationFor(url, settings);
  try {
    return await fetch(url, {
      client,
      headers: authorization === undefined ? {} : { authorization },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (cause) {
    throw new ToolError(`fetch "${url}": ${reasonOf(cause)}`, {
      cause,
      hint: "The npm registry is needed once, to build without JSR and Deno's download site",
    });
  }
}

async function tarballUrl(
  pin: NpmPin,
  registry: string,
  settings: NpmSettings,
  client: Deno.HttpClient,
): Promise<string> {
  const response = await get(`${registry}${pin.name.replace("/", "%2f")}`, settings, client);
  const document = response.ok ? await response.json() as RegistryDocument : undefined;
  if (document === undefined) await response.body?.cancel();
  const url = document?.versions?.[pin.version]?.dist?.tarball;
  if (url === undefined) {
    throw new ToolError(
      `fetch npm package "${pin.name}@${pin.version}": the registry does not have it`,
    );
  }
  return url;
}

interface RegistryDocument {
  versions?: Record<string, { dist?: { tarball?: string } }>;
}

function extraCertificates(settings: NpmSettings): string[] {
  const file = settings.get("cafile");
  if (file === undefined) return [];
  try {
    return [Deno.readTextFileSync(file)];
  } catch (cause) {
    throw new ToolError(`read npm's certificate file "${file}": ${reasonOf(cause)}`, { cause });
  }
}

/**
 * Compares bytes with the pin's subresource integrity.
 *
 * @throws ToolError when they differ
 */
export async function verifyIntegrity(
  bytes: Uint8Array<ArrayBuffer>,
  pin: NpmPin,
): Promise<void> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-512", bytes));
  const actual = `sha512-${digest.toBase64()}`;
  if (actual !== pin.integrity) {
    throw new ToolError(
      `verify npm package "${pin.name}@${pin.version}": its checksum is "${actual}" instead of "${pin.integrity}"`,
    );
  }
}
