import { host, isInstalled } from "./project.ts";

/** Whether C programs can be made for a test. */
export const HAS_COMPILER = isInstalled("gcc");

/**
 * Compiles a C program that needs no library, so that it runs in any image.
 *
 * @param path where to put the program.
 */
export async function compile(path: string, source: string): Promise<void> {
  await Deno.writeTextFile(`${path}.c`, source);
  await host("gcc", "-static", "-O1", "-Wall", "-Werror", "-o", path, `${path}.c`);
}
