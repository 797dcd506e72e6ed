/** The project folder, absolute. */
export const ROOT = Deno.env.get("GOCONTAINER_ROOT") ??
  new URL("../../..", import.meta.url).pathname.replace(/\/$/, "");

/** The binary under test, absolute. */
export const BINARY = Deno.env.get("GOCONTAINER_BIN") ?? `${ROOT}/gocontainer`;

/** The folder of the records of all containers. */
export const STATE = "/run/gocontainer";

/** The Alpine archive that the build used; undefined when there is only the one in the binary. */
export function alpineArchive(): string | undefined {
  const folders = [Deno.env.get("GOCONTAINER_IMAGE_MIRROR"), `${ROOT}/.build/images`];
  for (const folder of folders) {
    if (folder === undefined) continue;
    for (const { name } of entriesOf(folder)) {
      const isAlpine = name.startsWith("alpine-minirootfs-");
      if (isAlpine && name.endsWith(`-${Deno.build.arch}.tar.gz`)) return `${folder}/${name}`;
    }
  }
  return undefined;
}

/** The entries of a folder, sorted by name; none when it is missing. */
export function entriesOf(folder: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Whether a path is there; symbolic links are not followed. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Whether a program is installed on the host. */
export function isInstalled(program: string): boolean {
  return (Deno.env.get("PATH") ?? "").split(":").some((folder) => exists(`${folder}/${program}`));
}

/**
 * Runs a program of the host to its end and returns what it said.
 *
 * @throws {Error} when it fails, with what it said of that.
 */
export async function host(program: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args, stdin: "null" })
    .output();
  const text = new TextDecoder();
  if (!success) throw new Error(`${program} ${args.join(" ")}: ${text.decode(stderr)}`);
  return text.decode(stdout);
}
