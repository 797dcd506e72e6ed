import { readFile } from "../../../ffi/file.ts";
import { writeFile } from "../cgroupfs.ts";
import type { Freezer } from "../freezer.ts";

/** The freezer of cgroup v2, part of every cgroup since Linux 5.2 (cgroup-v2.rst, cgroup.freeze). */
export const freezer: Freezer = {
  freeze: (folder) => writeFile(`${folder}/cgroup.freeze`, "1"),
  thaw: (folder, dirfd) => writeFile(`${folder}/cgroup.freeze`, "0", dirfd),
  isFrozen: (folder) => /^frozen 1$/m.test(readFile(`${folder}/cgroup.events`)),
};
