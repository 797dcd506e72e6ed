/** Becoming another program. */

import { reasonOf, ToolError } from "../report.ts";

/**
 * Replaces this process with a program found in PATH (execvp(3)), so that terminal, signals and exit
 * code are the program's own with nobody in between. Does not return.
 *
 * @param argv the program's name and its arguments
 * @throws ToolError when the program cannot be started
 */
export function become(argv: readonly string[]): never {
  const [file = ""] = argv;
  const strings = argv.map((argument) => new TextEncoder().encode(`${argument}\0`));
  const pointers = new BigUint64Array(strings.length + 1);
  strings.forEach((string, index) => {
    pointers[index] = Deno.UnsafePointer.value(Deno.UnsafePointer.of(string));
  });
  const [path] = strings;
  try {
    const libc = Deno.dlopen("libc.so.6", {
      // int execvp(const char *file, char *const argv[]);
      execvp: { parameters: ["buffer", "buffer"], result: "i32" },
    });
    libc.symbols.execvp(path ?? new Uint8Array(1), pointers);
  } catch (cause) {
    throw new ToolError(`start "${file}": ${reasonOf(cause)}`, { cause });
  }
  throw new ToolError(`start "${file}": it cannot be executed`);
}
