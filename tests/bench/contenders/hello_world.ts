import { compilerFor } from "../../../tools/build/compiler.ts";
import { compile } from "../../../tools/build/mod.ts";
import { targetNamed } from "../../../tools/build/target.ts";
import { moduleFlags } from "../../../tools/modules.ts";
import { copyProgram } from "../workspace.ts";
import { type Contender, ENVIRONMENT } from "../contender.ts";

/**
 * The floor: a program that does nothing but say hello, compiled like gocontainer. What gocontainer
 * takes beyond it is its own.
 *
 * @param folder where to put the program
 * @throws {ToolError} when it does not compile
 */
export async function helloWorld(folder: string): Promise<Contender> {
  const target = targetNamed();
  const compiled = `${folder}/hello-world.compiled`;
  const program = `${folder}/hello-world`;
  const main = new URL("../programs/hello_world.ts", import.meta.url).pathname;
  const compiler = await compilerFor(target);
  await compile({ main, compiler, flags: await moduleFlags() }, target, compiled);
  copyProgram(compiled, program);
  return {
    name: "hello-world",
    title: "hello-world",
    includes: "Deno's start, no container",
    command: { argv: [program], env: ENVIRONMENT },
    every: 1,
    role: "floor",
  };
}
