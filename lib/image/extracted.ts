import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { diskUsage } from "../disk_usage.ts";
import { SysError } from "../errors.ts";
import { findSafeFolder } from "../folder.ts";
import { EXTRACTED } from "./source.ts";

/**
 * How many archives of an images folder, and of the binary, have been extracted, and what that takes
 * on the disk in bytes.
 */
export function measureExtracted(imagesFolder: string): { count: number; bytes: number } {
  const folder = findSafeFolder(imagesFolder);
  if (folder === undefined) return { count: 0, bytes: 0 };
  try {
    using root = new Fd(openat(AT_FDCWD, `${folder}/${EXTRACTED}`, O_RDONLY | O_DIRECTORY));
    const names = [...Deno.readDirSync(`${folder}/${EXTRACTED}`)].map(({ name }) => name);
    const bytes = names.reduce((sum, name) => sum + diskUsage(root.number, name).bytes, 0);
    return { count: names.length, bytes };
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOENT") return { count: 0, bytes: 0 };
    throw error;
  }
}
