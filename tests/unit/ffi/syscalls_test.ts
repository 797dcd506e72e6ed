import { assertEquals } from "@std/assert";
import { syscallsOf } from "../../../ffi/syscalls.ts";

/** The numbers of a header, `#define __NR_name number`. */
function numbers(header: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const [, name, number] of header.matchAll(/#define\s+__NR(?:3264)?_(\w+)\s+(\d+)/g)) {
    found.set(name, Number(number));
  }
  return found;
}

for (
  const [arch, file] of [
    ["x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"],
    ["aarch64", "/usr/include/asm-generic/unistd.h"],
  ] as const
) {
  const header = await Deno.readTextFile(file).catch(() => undefined);
  const skipped = header === undefined ? ` (skipped: no ${file})` : "";
  Deno.test({
    name: `system call numbers of ${arch} are the kernel's${skipped}`,
    ignore: header === undefined,
  }, () => {
    const known = numbers(header!);
    for (const [name, number] of Object.entries(syscallsOf(arch))) {
      // asm-generic calls the one in its 32/64-bit table by its older name.
      const expected = known.get(name) ?? known.get(name.replace(/^newfstatat$/, "fstatat"));
      assertEquals(number, expected, name);
    }
  });
}
