/**
 * `tools/run.ts [--as-root] SCRIPT [ARGS]`: builds what is out of date and becomes `deno run SCRIPT`
 * with the project's modules at hand. The script finds the binary's path in `GOCONTAINER_BIN` and the
 * project folder in `GOCONTAINER_ROOT`. Where `GOCONTAINER_BIN` is set already, that binary is taken as
 * it is.
 */

import { buildIfStale } from "./build/mod.ts";
import { requireDeno } from "./deno.ts";
import { moduleFlags } from "./modules.ts";
import { asRoot, passedOn } from "./privilege.ts";
import { BINARY, ROOT } from "./project.ts";
import { runTool, ToolError } from "./report.ts";
import { become } from "./start/exec.ts";

await runTool(async () => {
  requireDeno();
  const root = Deno.args[0] === "--as-root";
  const [script, ...args] = root ? Deno.args.slice(1) : Deno.args;
  if (script === undefined) throw new ToolError("run a script: none is named");
  const given = Deno.env.get("GOCONTAINER_BIN");
  if (given === undefined) await buildIfStale();
  const deno = [Deno.execPath(), "run", "-A", ...await moduleFlags(), `${ROOT}/${script}`, ...args];
  const env = { GOCONTAINER_BIN: given ?? BINARY, GOCONTAINER_ROOT: ROOT };
  if (root) become(asRoot(deno, { ...passedOn(), ...env }));
  become([
    "/usr/bin/env",
    ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ...deno,
  ]);
});
