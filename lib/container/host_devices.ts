import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, S_IFBLK, S_IFCHR, S_IFMT } from "../../ffi/constants.ts";
import { tryStatx } from "../../ffi/file.ts";
import type { Device } from "../oci/spec.ts";

/** What of /dev a container has for itself. */
const OWN: readonly string[] = ["console", "fd", "mqueue", "ptmx", "pts", "shm"];

/** The host's device nodes, for a container that may use them all. */
export function hostDevices(folder = "/dev"): Device[] {
  const devices: Device[] = [];
  for (const { name, isDirectory, isSymlink } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    if (isSymlink || (folder === "/dev" && OWN.includes(name))) continue;
    if (isDirectory) devices.push(...hostDevices(path));
    else devices.push(...deviceAt(path));
  }
  return devices;
}

/** None where there is another kind of file, or nothing any more. */
function deviceAt(path: string): Device[] {
  const status = tryStatx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
  const kind = (status?.mode ?? 0) & S_IFMT;
  if (status === undefined || (kind !== S_IFCHR && kind !== S_IFBLK)) return [];
  const { mode, uid, gid, rdev: { major, minor } } = status;
  const type = kind === S_IFBLK ? "b" : "c";
  return [{ type, path, major, minor, fileMode: mode & 0o7777, uid, gid }];
}
