/** The archive to embed: pinned by checksum, from the mirror folder, the web, or a stand-in. */

import { loadFallback } from "../fallback.ts";
import { offlineForced, unreachableReason } from "../network.ts";
import { BUILD_DIR, exists, ROOT } from "../project.ts";
import { reasonOf, say, ToolError } from "../report.ts";

/** The image that `deno task start` runs and that the build embeds. */
export const DEFAULT_IMAGE = "alpine";

const DOWNLOAD_TIMEOUT_MS = 60_000;

/** One line of `images/sources.json`. */
export interface ImageSource {
  readonly name: string;
  /** As Linux calls it: `x86_64`, `aarch64`. */
  readonly arch: string;
  readonly url: string;
  /** Of the archive, hexadecimal. */
  readonly sha512: string;
}

/** An archive at hand. */
export interface ImageArchive {
  readonly name: string;
  /** Whose last part tells the archive's kind: `….tar.gz`. */
  readonly path: string;
}

/** The pinned sources. */
function imageSources(): ImageSource[] {
  return JSON.parse(Deno.readTextFileSync(`${ROOT}/images/sources.json`)) as ImageSource[];
}

/**
 * The archive of the default image for an architecture, verified. Prints a line when it is not the
 * one from its own site.
 *
 * @throws ToolError when an archive has a wrong checksum, or none can be had
 */
export async function imageArchive(arch: string): Promise<ImageArchive> {
  const source = imageSources().find((one) => one.name === DEFAULT_IMAGE && one.arch === arch);
  if (source === undefined) {
    throw new ToolError(
      `find image "${DEFAULT_IMAGE}" for "${arch}": images/sources.json has none`,
    );
  }
  const fileName = source.url.slice(source.url.lastIndexOf("/") + 1);
  const path = `${BUILD_DIR}/images/${fileName}`;
  if (exists(path) && await sha512Of(Deno.readFileSync(path)) === source.sha512) {
    return { name: source.name, path };
  }

  const mirror = Deno.env.get("GOCONTAINER_IMAGE_MIRROR");
  const mirrored = `${mirror}/${fileName}`;
  if (mirror !== undefined && exists(mirrored)) {
    await keep(Deno.readFileSync(mirrored), source, path, mirrored);
    say(`Image "${source.name}" is taken from "${mirrored}"`);
    return { name: source.name, path };
  }
  if (mirror !== undefined) say(`warning: the image mirror "${mirror}" has no "${fileName}"`);

  const answer = await download(source.url);
  if (typeof answer !== "string") {
    await keep(answer, source, path, source.url);
    return { name: source.name, path };
  }
  const fallback = await loadFallback(`image "${source.name}"`, answer);
  const { name, path: made, from } = await insteadOf(source, answer, () => {
    return fallback.image(`${BUILD_DIR}/images`, arch);
  });
  say(`Image "${source.name}" was not to be had (${answer}): the binary brings "${name}", ${from}`);
  return { name, path: made };
}

/** Does what stands in for an image that was not to be had; where that fails as well, both are told. */
async function insteadOf<T>(
  { name }: ImageSource,
  reason: string,
  standIn: () => Promise<T>,
): Promise<T> {
  try {
    return await standIn();
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    throw new ToolError(`get image "${name}": ${reason}; and to ${error.message}`, {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    });
  }
}

/** The bytes behind a URL, or in a few words why the site cannot be reached. */
async function download(url: string): Promise<Uint8Array<ArrayBuffer> | string> {
  if (offlineForced()) return "GOCONTAINER_OFFLINE is set";
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS) });
    if (response.ok) return await response.bytes();
    await response.body?.cancel();
    return `${new URL(url).host} answers ${response.status}`;
  } catch (error) {
    return unreachableReason(url, error);
  }
}

/** Stores verified bytes at `path`; `origin` says whose they are when the checksum is wrong. */
async function keep(
  bytes: Uint8Array<ArrayBuffer>,
  source: ImageSource,
  path: string,
  origin: string,
): Promise<void> {
  const actual = await sha512Of(bytes);
  if (actual !== source.sha512) {
    throw new ToolError(
      `verify image archive "${origin}": its sha512 is "${actual}" instead of "${source.sha512}"`,
    );
  }
  const unfinished = `${path}.${Deno.pid}`;
  try {
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    Deno.writeFileSync(unfinished, bytes);
    Deno.renameSync(unfinished, path);
  } catch (cause) {
    throw new ToolError(`store image archive "${path}": ${reasonOf(cause)}`, { cause });
  }
}

/** SHA-512 in hexadecimal. */
export async function sha512Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-512", bytes)).toHex();
}
