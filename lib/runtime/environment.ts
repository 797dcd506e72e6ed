/**
 * The environment of a program, as environ(7) has it: of variables given twice the last one counts, in the
 * place of the first. Whether HOME is missing or empty is told, as it is then the container's /etc/passwd
 * that knows it.
 */
export function environment(
  entries: readonly string[] = [],
): { env: string[]; needsHome: boolean } {
  const variables = new Map<string, string>();
  for (const entry of entries) {
    const at = entry.indexOf("=");
    variables.set(entry.slice(0, at), entry.slice(at + 1));
  }
  const needsHome = !variables.get("HOME");
  if (needsHome) variables.delete("HOME");
  return { env: [...variables].map(([name, value]) => `${name}=${value}`), needsHome };
}

/** The folders in which a program without a slash is looked for (execvp(3)). */
export function searchPath(env: readonly string[]): string[] {
  const entry = env.find((entry) => entry.startsWith("PATH="));
  return (entry?.slice("PATH=".length) ??
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").split(":");
}
