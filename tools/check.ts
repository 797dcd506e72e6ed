/** `deno task check`: format, lint, types, import directions. */

import { check } from "./check/mod.ts";
import { runTool, ToolError } from "./report.ts";

await runTool(async () => {
  if (Deno.args.length > 0) {
    throw new ToolError(`read the arguments "${Deno.args.join(" ")}": there are none`);
  }
  return await check() ? 0 : 1;
});
