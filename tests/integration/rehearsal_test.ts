import { Script } from "node:vm";
import { assert, assertEquals } from "@std/assert";
import { bundle } from "../../tools/build/bundle.ts";
import { scriptsOf } from "../../tools/build/code_cache.ts";
import { asScripts } from "../../tools/build/scripts.ts";
import { compilerFor } from "../../tools/build/compiler.ts";
import type { Modules } from "../../tools/build/rehearsal/actor.ts";
import { rehearse } from "../../tools/build/rehearsal/scenes.ts";
import { targetNamed } from "../../tools/build/target.ts";
import { moduleFlags } from "../../tools/modules.ts";

Deno.test("every rehearsal comes to its end, so that the program has what it needs compiled", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const compiler = await compilerFor(targetNamed());
    const bundled = await bundle(compiler, await moduleFlags(), `${folder}/bundle`);
    if (bundled === undefined) throw new Error("there is no bundler");
    const scripts = asScripts(scriptsOf(bundled));
    const modules: Modules = Object.fromEntries(
      Object.entries(scripts).map(([name, text]) => [name, new Script(text).runInThisContext()]),
    );
    // Every megabyte of it takes a start 10 ms: what only some runs need is loaded on demand.
    const loaded = scripts.common.length + scripts.run.length;
    assert(loaded < 330_000, `every run loads ${loaded} bytes`);
    assertEquals(await rehearse(modules, `${folder}/stage`), []);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
