/**
 * `deno task start [ARGS]`: runs `./gocontainer ARGS` (`alpine /bin/sh` without any), built before if
 * it is missing or older than its sources.
 */

import { isStale } from "./build/fingerprint.ts";
import { asRoot } from "./privilege.ts";
import { BINARY } from "./project.ts";
import { runTool } from "./report.ts";
import { become } from "./start/exec.ts";

const DEFAULT_ARGS = ["alpine", "/bin/sh"];

await runTool(async () => {
  if (await isStale(DEFAULT_ARGS[0] ?? "")) {
    // Loaded only here: an up-to-date binary starts the sooner.
    const { build } = await import("./build/mod.ts");
    await build();
  }
  become(asRoot([BINARY, ...(Deno.args.length > 0 ? Deno.args : DEFAULT_ARGS)]));
});
