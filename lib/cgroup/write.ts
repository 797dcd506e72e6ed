import { AT_FDCWD, O_WRONLY } from "../../ffi/constants.ts";
import { SysError } from "../../ffi/errno.ts";
import { Fd, openat, readFile } from "../../ffi/file.ts";
import { ContainerError } from "../errors.ts";
import { unlessGone, writeFile, writeValue } from "./cgroupfs.ts";
import type { Setting } from "./setting.ts";

/**
 * Writes settings to the files of one cgroup, in order.
 *
 * @param onMissing called for a setting for which the kernel has no file.
 * @param undo gets how to take back each one that was written, when given.
 * @throws {ContainerError} InvalidArgument when the kernel refuses a value.
 */
export function writeSettings(
  folder: string,
  settings: readonly Setting[],
  onMissing: (setting: Setting, file: string) => void,
  undo?: DisposableStack,
): void {
  for (let i = 0; i < settings.length;) {
    const setting = settings[i]!;
    const old = undo ? present(folder, setting) : undefined;
    using file = open(folder, setting);
    if (!file) {
      if (!setting.extra) onMissing(setting, `${folder}/${[setting.file].flat().join(" or ")}`);
      i++;
      continue;
    }
    // Device rules are many values for one file: it is opened once for a run of them.
    do {
      const setting = settings[i]!;
      write(file.number, setting);
      if (old) undo?.defer(() => restore(setting, old.path, old.content));
      i++;
    } while (settings[i]?.file === setting.file);
  }
}

function open(folder: string, { file }: Setting): Fd | undefined {
  for (const name of [file].flat()) {
    const fd = unlessGone(() => openat(AT_FDCWD, `${folder}/${name}`, O_WRONLY));
    if (fd !== undefined) return new Fd(fd);
  }
  return undefined;
}

function present(
  folder: string,
  { file }: Setting,
): { path: string; content: string } | undefined {
  for (const path of [file].flat().map((name) => `${folder}/${name}`)) {
    try {
      return { path, content: readFile(path) };
    } catch (error) {
      // What cannot be read (memory.reclaim) was no state either.
      if (!(error instanceof SysError)) throw error;
    }
  }
  return undefined;
}

function write(fd: number, setting: Setting): void {
  try {
    writeValue(fd, setting.value);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    const hint = setting.refused ?? REFUSALS[error.code];
    throw new ContainerError(
      `set ${setting.field} to ${JSON.stringify(setting.value)}: the kernel refuses it, ` +
        `${error.code} (write to ${[setting.file].flat().join(" or ")})`,
      { code: "InvalidArgument", ...(hint ? { hint } : {}), cause: error },
    );
  }
}

const REFUSALS: Readonly<Record<string, string>> = {
  EBUSY: "The cgroup may already use more than that",
  ENODEV: "There is no such device",
  ENOSPC: "The cgroup above it has nothing left to give",
  ERANGE: "The number is too large",
};

function restore({ value, reset }: Setting, path: string, content: string): void {
  const lines = content.trim().split("\n");
  const key = `${value.split(" ")[0]} `;
  const old = reset === undefined ? lines : [lines.find((line) => line.startsWith(key)) ?? reset];
  // Nothing at all, as of a cpuset, is written as an empty line: a write of no bytes is none.
  for (const line of old) writeFile(path, line || "\n");
}
