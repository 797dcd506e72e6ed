/** What can be reached from here. */

import { reasonOf } from "./report.ts";

/** How long an address may take to answer before it counts as unreachable, in milliseconds. */
const TIMEOUT_MS = 4_000;

/** True when the user asked for a build that uses none of JSR, Deno's site and the images' sites. */
export function offlineForced(): boolean {
  const value = Deno.env.get("GOCONTAINER_OFFLINE") ?? "";
  return value !== "" && value !== "0";
}

/** Why `url` cannot be used from here, in a few words, or undefined when it answers. */
export async function whyUnreachable(url: string): Promise<string | undefined> {
  if (offlineForced()) return "GOCONTAINER_OFFLINE is set";
  try {
    const response = await fetch(url, {
      method: "HEAD",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.body?.cancel();
    return response.ok ? undefined : `${new URL(url).host} answers ${response.status}`;
  } catch (error) {
    return unreachableReason(url, error);
  }
}

/** A failed fetch in a few words that name the host. */
export function unreachableReason(url: string, error: unknown): string {
  const { host } = new URL(url);
  const cause = error instanceof Error && error.cause !== undefined ? reasonOf(error.cause) : "";
  const text = `${reasonOf(error)} ${cause}`;
  if (/timed out|TimeoutError/i.test(text)) return `${host} does not answer`;
  if (/dns error/i.test(text)) return `${host} has no address here`;
  if (/certificate/i.test(text)) return `the certificate of ${host} is not trusted here`;
  return `${host} cannot be reached`;
}
