import { removeFolder } from "../cgroupfs.ts";

/**
 * Takes away what is left of a scope in hierarchies that systemd does not look after.
 *
 * @param folders those of the container's own cgroup below it.
 */
export function removeScope(folders: readonly string[]): void {
  for (const folder of folders) removeFolder(folder.slice(0, folder.lastIndexOf("/")));
}
