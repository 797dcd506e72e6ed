/** The versions of the runtime specification that are accepted as `ociVersion`, and told by `features`. */
export const OCI_VERSION_MIN = "1.0.0";
export const OCI_VERSION_MAX = "1.3.0";

/** A Semantic Version 2.0.0 in its parts; build metadata is left out, it does not order versions. */
export interface Version {
  major: number;
  minor: number;
  patch: number;
  /** The dot-separated identifiers after `-`, empty for a release. */
  prerelease: readonly string[];
}

/** Reads a version in the form of Semantic Versioning 2.0.0; null when it is none. */
export function parseVersion(text: string): Version | null {
  const [beforeBuild = "", build] = cut(text, "+");
  const [core = "", prerelease] = cut(beforeBuild, "-");
  const numbers = core.split(".");
  if (numbers.length !== 3 || !numbers.every(isNumber)) return null;
  if (build !== undefined && !isIdentifiers(build)) return null;
  const identifiers = prerelease?.split(".") ?? [];
  if (prerelease !== undefined && !isIdentifiers(prerelease)) return null;
  if (identifiers.some((identifier) => /^0\d+$/.test(identifier))) return null;
  const [major, minor, patch] = numbers.map(Number);
  return { major: major!, minor: minor!, patch: patch!, prerelease: identifiers };
}

/**
 * Whether a configuration of this version is understood: everything from {@link OCI_VERSION_MIN} on
 * (a pre-release comes before its release) to the last patch of {@link OCI_VERSION_MAX}'s minor version.
 */
export function isSupported({ major, minor, patch, prerelease }: Version): boolean {
  const newest = OCI_VERSION_MAX.split(".").map(Number);
  if (major !== newest[0] || minor > newest[1]!) return false;
  const isOldest = OCI_VERSION_MIN === `${major}.${minor}.${patch}`;
  return !isOldest || prerelease.length === 0;
}

/** What is before the first separator, and what is after it. */
function cut(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function isNumber(text: string): boolean {
  const number = Number(text);
  return Number.isSafeInteger(number) && number >= 0 && String(number) === text;
}

function isIdentifiers(text: string): boolean {
  return text.split(".").every((identifier) => /^[\dA-Za-z-]+$/.test(identifier));
}
