/** `deno task build [--target TRIPLE]`: builds `./gocontainer`. */

import { build } from "./build/mod.ts";
import { runTool, ToolError } from "./report.ts";

/** The value of `--target`, if given. */
function targetOf(args: readonly string[]): string | undefined {
  const [first, second, ...rest] = args;
  if (first === undefined) return undefined;
  if (first.startsWith("--target=") && second === undefined) return first.slice(9);
  if (first === "--target" && second !== undefined && rest.length === 0) return second;
  throw new ToolError(`read the arguments "${args.join(" ")}": only --target TRIPLE is known`);
}

await runTool(async () => {
  await build(targetOf(Deno.args));
  return 0;
});
