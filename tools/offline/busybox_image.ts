/** A small image of the distribution's static busybox, for when no Alpine is to be had. */

import { exists } from "../project.ts";
import { ToolError } from "../report.ts";
import { isStaticElf } from "./elf.ts";
import { type TarEntry, tarGz } from "./tar_writer.ts";

const PLACES = ["/bin/busybox", "/usr/bin/busybox"];

const FOLDERS: readonly [path: string, mode: number][] = [
  ["bin", 0o755],
  ["dev", 0o755],
  ["etc", 0o755],
  ["home", 0o755],
  ["mnt", 0o755],
  ["proc", 0o555],
  ["root", 0o700],
  ["run", 0o755],
  ["sbin", 0o755],
  ["sys", 0o555],
  ["tmp", 0o1777],
  ["usr", 0o755],
  ["usr/bin", 0o755],
  ["usr/sbin", 0o755],
  ["var", 0o755],
  ["var/tmp", 0o1777],
];

const FILES: Readonly<Record<string, string>> = {
  "etc/group": "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
  "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n" +
    "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
  "etc/profile": "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n",
};

/**
 * Makes the image `busybox` out of this machine's static busybox.
 *
 * @throws ToolError when there is no static busybox, or the architecture is another
 */
export async function busyboxImage(
  folder: string,
  arch: string,
): Promise<{ name: string; path: string; from: string }> {
  if (arch !== Deno.build.arch) {
    throw new ToolError(
      `make an image for "${arch}": this machine's busybox is for "${Deno.build.arch}"`,
      {
        hint: 'Set GOCONTAINER_IMAGE_MIRROR to a folder with the archives of "images/sources.json"',
      },
    );
  }
  const busybox = PLACES.find((path) => exists(path) && isStaticElf(Deno.readFileSync(path)));
  if (busybox === undefined) {
    throw new ToolError("make an image of busybox: there is no static busybox on this machine", {
      hint: "Install the package busybox-static (Debian, Ubuntu: `sudo apt-get install " +
        "busybox-static`), or set GOCONTAINER_IMAGE_MIRROR to a folder with the archives of " +
        '"images/sources.json"',
    });
  }
  const archive = await tarGz(busyboxEntries(Deno.readFileSync(busybox), await applets(busybox)));
  const path = `${folder}/busybox-${arch}.tar.gz`;
  Deno.mkdirSync(folder, { recursive: true });
  Deno.writeFileSync(`${path}.${Deno.pid}`, archive);
  Deno.renameSync(`${path}.${Deno.pid}`, path);
  return { name: "busybox", path, from: `made of "${busybox}"` };
}

/** Paths below the root under which busybox wants to be called. */
async function applets(busybox: string): Promise<string[]> {
  const { success, stdout } = await new Deno.Command(busybox, {
    args: ["--list-full"],
    clearEnv: true,
    stdin: "null",
  }).output();
  if (!success) throw new ToolError(`list the applets of "${busybox}": it failed`);
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
}

/** The image's entries: folders, files, the program, and a link for each applet. */
export function busyboxEntries(program: Uint8Array, appletPaths: readonly string[]): TarEntry[] {
  const entries = new Map<string, TarEntry>();
  for (const [path, mode] of FOLDERS) entries.set(path, { kind: "folder", path, mode });
  for (const [path, text] of Object.entries(FILES)) {
    entries.set(path, { kind: "file", path, mode: 0o644, content: new TextEncoder().encode(text) });
  }
  entries.set("bin/busybox", { kind: "file", path: "bin/busybox", mode: 0o755, content: program });
  for (const applet of appletPaths) {
    // Some applets have a place of their own (`linuxrc`, `usr/share/udhcpc/…`); they are not wanted.
    const known = entries.has(applet.slice(0, Math.max(0, applet.lastIndexOf("/"))));
    if (!known || entries.has(applet)) continue;
    entries.set(applet, { kind: "link", path: applet, mode: 0o777, target: "/bin/busybox" });
  }
  // Code-unit order puts every folder before what is in it.
  return [...entries.values()].sort((a, b) => a.path < b.path ? -1 : 1);
}
