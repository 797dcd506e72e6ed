import { assertEquals } from "@std/assert";
import { compile } from "../integration/support/program.ts";
import type { Workspace } from "../integration/support/workspace.ts";

/** A program in C: exchanges two names of a folder for each other, again and again, until it is ended. */
export const SWAP = `
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  if (write(1, "swapping\\n", 9) != 9) return 3;
  for (;;)
    if (syscall(SYS_renameat2, AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE)) {
      perror("renameat2");
      return 1;
    }
}
`;

/**
 * Does something while a container, which has a folder of the host as volume, exchanges two names in it
 * for each other as fast as it can.
 *
 * @param folder the folder of the host.
 * @param names the two names in it, relative.
 * @param options `mayEnd`: whether one of the names may vanish meanwhile.
 */
export async function whileSwapping(
  workspace: Workspace,
  folder: string,
  names: readonly [string, string],
  body: () => Promise<void>,
  options: { readonly mayEnd?: boolean } = {},
): Promise<void> {
  const program = workspace.path("swap");
  await compile(program, SWAP);
  const swapping = workspace.start([
    ...["-rm", "-net=none", "-v", `${folder}:/shared`, "-v", `${program}:/swap:ro`],
    ...["alpine", "/swap", ...names.map((name) => `/shared/${name}`)],
  ]);
  try {
    await swapping.says(/swapping/);
    await body();
  } finally {
    swapping.kill("SIGTERM");
    const { stderr } = await swapping.end();
    if (!options.mayEnd) assertEquals(stderr, "", "the swapping came to an end before");
  }
}
