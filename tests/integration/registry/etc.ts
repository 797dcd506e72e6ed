/** Settings of the machine as one process sees them: files below /etc, in a mount namespace of its own. */

/**
 * What a command is started through so that it sees these files below /etc besides the machine's own.
 *
 * @param folder a folder of the test's
 * @param files contents by paths below /etc
 */
export function withEtc(folder: string, files: Readonly<Record<string, string>>): string[] {
  const upper = `${folder}/etc-${crypto.randomUUID()}`;
  const work = `${upper}-work`;
  Deno.mkdirSync(upper);
  Deno.mkdirSync(work);
  for (const [path, content] of Object.entries(files)) {
    const parent = `${upper}/${path}`.replace(/\/[^/]*$/, "");
    Deno.mkdirSync(parent, { recursive: true, mode: 0o755 });
    Deno.writeTextFileSync(`${upper}/${path}`, content, { mode: 0o644 });
  }
  const options = `lowerdir=/etc,upperdir=${upper},workdir=${work}`;
  const script = `mount -t overlay overlay -o ${options} /etc && exec "$0" "$@"`;
  return ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script];
}
