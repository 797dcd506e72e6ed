/**
 * Whether a kernel is of a version or a later one.
 *
 * @param release as uname(2) has it: `6.1.0-18-amd64`.
 * @param version major and minor: `4.8`.
 */
export function isSince(release: string, version: string): boolean {
  const [major, minor] = numbers(release);
  const [atLeast, orMinor] = numbers(version);
  return major > atLeast || major === atLeast && minor >= orMinor;
}

function numbers(version: string): [number, number] {
  const [major = "0", minor = "0"] = version.split(".");
  return [parseInt(major), parseInt(minor)];
}
