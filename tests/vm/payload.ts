/** The second disk of the machine: the binary, the checks, and what they need. */

import { PATH } from "./programs.ts";

/**
 * Makes a tar archive of everything that goes into the machine, in `folder`. Beside the binary that
 * is Deno itself with the tests of lib/cgroup, which run there against cgroup v2.
 *
 * @returns the archive's path. The machine reads it as it is, as the content of a disk.
 */
export async function makePayload(
  options: { root: string; binary: string; folder: string; scripts: readonly string[] },
): Promise<string> {
  const { root, binary, folder, scripts } = options;
  const payload = `${folder}/payload`;
  await Deno.mkdir(`${payload}/project`, { recursive: true });
  const guest = new URL("guest", import.meta.url).pathname;
  await copy([`${guest}/.`], payload);
  await Deno.writeTextFile(`${payload}/scripts`, scripts.join("\n"));
  await copy([binary], `${payload}/gocontainer`);
  await copy([Deno.execPath()], `${payload}/deno`);
  await copy([`${root}/lib`, `${root}/ffi`], `${payload}/project`);
  await Deno.mkdir(`${payload}/project/tests/integration`, { recursive: true });
  const tests = "tests/integration/cgroup_test.ts";
  await copy([`${root}/${tests}`], `${payload}/project/${tests}`);
  await bringModules(`${payload}/project`);
  const archive = `${folder}/payload.tar`;
  const owner = ["--owner=0", "--group=0", "--numeric-owner"];
  await run("tar", ["-c", "-f", archive, ...owner, "-C", payload, "."]);
  await Deno.remove(payload, { recursive: true });
  return archive;
}

/**
 * Lets the tests in the machine, which reaches no registry, find `@std/assert`: the files that this
 * very process has it from are copied, or Deno's cache of them.
 */
async function bringModules(project: string): Promise<void> {
  const assert = import.meta.resolve("@std/assert");
  if (!assert.startsWith("file:")) {
    await run(Deno.execPath(), ["cache", "--quiet", assert], { DENO_DIR: `${project}/cache` });
    await writeImports(project, assert);
    return;
  }
  const path = new URL(assert).pathname;
  const [folder, file] = [path.replace(/\/[^/]*$/, ""), path.replace(/^.*\//, "")];
  const [above, name] = [folder.replace(/\/[^/]*$/, ""), folder.replace(/^.*\//, "")];
  await Deno.mkdir(`${project}/std`);
  // The modules of the standard library import each other across its folders.
  for (const neighbour of [name, "internal"]) {
    const exists = await Deno.stat(`${above}/${neighbour}`).then(() => true, () => false);
    if (exists) await copy([`${above}/${neighbour}`], `${project}/std`);
  }
  await writeImports(project, `./std/${name}/${file}`);
}

async function writeImports(project: string, assert: string): Promise<void> {
  const config = { imports: { "@std/assert": assert } };
  await Deno.writeTextFile(`${project}/deno.json`, JSON.stringify(config));
}

async function copy(from: string[], to: string): Promise<void> {
  await run("cp", ["-r", "--reflink=auto", ...from, to]);
}

async function run(
  program: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args, env: { PATH, ...env } })
    .output();
  if (success) return;
  throw new Error(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
}
