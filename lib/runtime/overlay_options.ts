import type { OpenFolder } from "../init/plan.ts";
import { ContainerError } from "../errors.ts";
import { isSince } from "../seccomp/kernel_release.ts";

/** The options of an overlay, as the kernel takes them however many layers there are, however long their paths. */
export interface OverlayOptions {
  /** For fsconfig(2), one value each. */
  readonly options: readonly (readonly [key: string, value?: string])[];
  /** All of them in one text for mount(2), where that alone can take them. */
  readonly data?: string;
  /** What goes by descriptor: it has to be open in the mount namespace in which the mount is made. */
  readonly folders: readonly OpenFolder[];
}

/** fsconfig(2) takes values of at most 255 bytes. */
export const LONGEST_VALUE = 255;
/** mount(2) takes a page, with the closing NUL. */
const LONGEST_DATA = 4095;

/** Options whose value is a folder. */
const FOLDERS: readonly string[] = ["upperdir", "workdir"];

/**
 * Makes overlay options fit. Layers go one by one where the kernel takes them so, which it does since
 * Linux 6.5; what is too long even then, and all layers before, goes by descriptor, whose path is short.
 *
 * @param data options as a mount of the config has them, with the kernel's own escapes
 * @param open opens a folder, to stay open until the mount is made, and gives its descriptor
 * @returns undefined where nothing has to be done
 * @throws {ContainerError} Unsupported when an older kernel cannot take so many layers
 */
export function overlayOptions(
  data: readonly string[],
  open: (path: string) => number,
  release?: string,
): OverlayOptions | undefined {
  const pairs = data.map(keyAndValue);
  const lower = pairs.find(([key]) => key === "lowerdir")?.[1];
  const isLong = pairs.some(([key, value = ""]) =>
    (key === "lowerdir" || FOLDERS.includes(key)) && bytes(value) > LONGEST_VALUE
  );
  // Layers that hold nothing but data stand behind two colons; who uses them keeps them few.
  if (!isLong || lower === undefined || lower.includes("::")) return undefined;
  const folders: OpenFolder[] = [];
  const byFd = (path: string) => {
    const fd = open(path);
    folders.push({ fd, path });
    return `/proc/self/fd/${fd}`;
  };
  const fitting = (path: string) => bytes(path) > LONGEST_VALUE ? byFd(path) : path;
  const others = pairs.filter(([key]) => key !== "lowerdir").map(([key, value]) =>
    FOLDERS.includes(key) && bytes(value!) > LONGEST_VALUE
      ? [key, byFd(unescape(value!))] as const
      : [key, value] as const
  );
  const layers = unescapedLayers(lower);
  if (isSince(release ?? Deno.osRelease(), "6.5")) {
    return {
      options: [...layers.map((path) => ["lowerdir+", fitting(path)] as const), ...others],
      folders,
    };
  }
  const lowerdir = layers.map(byFd).join(":");
  const options = [["lowerdir", lowerdir] as const, ...others];
  if (bytes(lowerdir) <= LONGEST_VALUE) return { options, folders };
  const text = options.map(([key, value]) =>
    value === undefined ? key : `${key}=${value.replace(/\\.|,/gs, escapeComma)}`
  ).join();
  if (bytes(text) <= LONGEST_DATA) return { options, data: text, folders };
  throw new ContainerError(`mount an overlay of ${layers.length} layers: Linux takes fewer`, {
    code: "Unsupported",
    hint: "Use Linux 6.5 or later",
  });
}

/** The value of `lowerdir` as paths: colons are between them, backslashes before what is meant as it is. */
export function unescapedLayers(lowerdir: string): string[] {
  return (lowerdir.match(/(?:\\.|[^:\\])+/gs) ?? []).map(unescape);
}

/** What has a backslash before it stays as it is. */
function escapeComma(text: string): string {
  return text === "," ? "\\," : text;
}

function unescape(path: string): string {
  return path.replace(/\\(.)/gs, "$1");
}

/** An option of a mount as fsconfig(2) takes it. */
export function keyAndValue(option: string): readonly [string, string?] {
  const at = option.indexOf("=");
  return at < 0 ? [option] : [option.slice(0, at), option.slice(at + 1)];
}

function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}
