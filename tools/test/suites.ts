/** The suites: which files belong to which, and what they need. */

import { filesBelow, ROOT } from "../project.ts";

/** Test files that run together in one process, one after another. */
export interface Suite {
  readonly name: string;
  /** Folders relative to the project folder. Missing ones are empty. */
  readonly folders: readonly string[];
  /** Whether the tests make containers, or files of others, which takes root. */
  readonly root: boolean;
  /** Whether it runs beside the next one: its tests see and change nothing but folders of their own. */
  readonly beside?: boolean;
}

/** In the order of running: what is quick and points at the cause comes first. */
export const SUITES: readonly Suite[] = [
  { name: "unit", folders: ["tests/unit", "tools/offline/tests"], root: false },
  { name: "standalone", folders: ["tests/standalone"], root: true, beside: true },
  { name: "integration", folders: ["tests/integration"], root: true },
  { name: "security", folders: ["tests/security"], root: true },
  { name: "engines", folders: ["tests/engines"], root: true },
];

/** A suite's test files whose path contains one of the filters (all files without any). */
export function filesOf(
  suite: Suite,
  filters: readonly string[],
  root: string = ROOT,
): string[] {
  return suite.folders.flatMap((folder) => filesBelow(`${root}/${folder}`))
    .filter((path) => path.endsWith("_test.ts"))
    .filter((path) => {
      const relative = path.slice(root.length + 1);
      return filters.length === 0 || filters.some((filter) => relative.includes(filter));
    });
}
