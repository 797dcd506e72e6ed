/** `deno task check`: format, lint, types, import directions. */

import { check } from "./check/mod.ts";
import { runTool } from "./report.ts";

await runTool(async () => await check() ? 0 : 1);
