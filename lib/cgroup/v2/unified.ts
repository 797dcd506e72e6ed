import { ContainerError } from "../../errors.ts";
import type { Setting } from "../setting.ts";

/**
 * The files of `linux.resources.unified`, written as they are given, after everything else so that
 * they win.
 *
 * @throws {ContainerError} InvalidSpec for a key that is no file name.
 */
export function unifiedSettings(unified: Record<string, string>): Setting[] {
  return Object.entries(unified).map(([file, value]) => {
    if (!/^[a-z0-9_]+\.[A-Za-z0-9_.]+$/.test(file)) {
      throw new ContainerError(`set unified: ${JSON.stringify(file)} is no file of a cgroup`, {
        code: "InvalidSpec",
        hint: 'Keys are plain file names such as "memory.high"',
      });
    }
    return { field: `unified.${file}`, file, value };
  });
}

/** The controller that a cgroup v2 file belongs to; undefined for those of cgroups themselves. */
export function controllerOf(file: string): string | undefined {
  const controller = file.slice(0, file.indexOf("."));
  return controller === "cgroup" ? undefined : controller;
}
