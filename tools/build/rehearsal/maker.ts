/**
 * A program of the build: lets the product rehearse, and then has V8 write down what it has compiled of
 * it, function by function. What no rehearsal calls is compiled when it is called.
 *
 * Arguments: a folder for the rehearsals, then the paths of the scripts, each `NAME.js`, beside which
 * `NAME.cache` is written. Prints a line for each rehearsal that fails, and what the product said.
 */
import { Script } from "node:vm";
import type { Modules } from "./actor.ts";
import { rehearse } from "./scenes.ts";

const [folder, ...paths] = Deno.args;
const scripts = paths.map((path) =>
  new Script(Deno.readTextFileSync(path), { filename: "gocontainer.js" })
);
const modules: Modules = Object.fromEntries(
  scripts.map((script, i) => [nameOf(paths[i]), script.runInThisContext()]),
);
for (const failure of await rehearse(modules, folder)) console.log(failure);
scripts.forEach((script, i) => {
  Deno.writeFileSync(paths[i].replace(/\.js$/, ".cache"), script.createCachedData());
});

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1).replace(/\.js$/, "");
}
