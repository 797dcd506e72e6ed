/**
 * Stand-ins for JSR, Deno's download site and Alpine's site, out of what an npm registry and the
 * distribution have. Everything is pinned by version and checksum. Delete this folder, and the build
 * needs those sites; nothing else changes.
 */

import type { Fallback } from "../fallback.ts";
import { busyboxImage } from "./busybox_image.ts";
import { compiler } from "./compiler.ts";
import { BUNDLER, COMPILER, DENORT, STD_JAVASCRIPT, STD_TYPED } from "./pins.ts";
import type { NpmPin } from "./pins.ts";
import { stdModules } from "./std_modules.ts";

/** See {@link Fallback}. */
export const fallback: Fallback = {
  async modules(folder, imports) {
    const importMap = await stdModules(folder, imports);
    return { importMap, from: `npm packages ${named(STD_JAVASCRIPT)} and ${named(STD_TYPED)}` };
  },

  async compiler(folder, target) {
    const made = await compiler(folder, target);
    return {
      ...made,
      from: `npm package ${named(COMPILER)} with denort ${DENORT.release} of ${named(DENORT)} ` +
        `and ${named(BUNDLER)}`,
    };
  },

  async image(folder, arch) {
    return await busyboxImage(folder, arch);
  },
};

function named(pin: NpmPin): string {
  return `${pin.name}@${pin.version}`;
}
