import { readFile } from "../../../ffi/file.ts";
import { writeFile } from "../cgroupfs.ts";
import type { Freezer } from "../freezer.ts";

/** The freezer controller of cgroup v1 (Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst). */
export const freezer: Freezer = {
  freeze: (folder) => writeFile(`${folder}/freezer.state`, "FROZEN"),
  thaw: (folder, dirfd) => writeFile(`${folder}/freezer.state`, "THAWED", dirfd),
  isFrozen: (folder) => readFile(`${folder}/freezer.state`).trim() === "FROZEN",
};
