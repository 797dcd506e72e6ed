import { assert, assertEquals } from "@std/assert";
import { type Abi, isSyscallName, syscallNumbers } from "../../../lib/seccomp/tables.ts";
import { FIRST_DEMULTIPLEXED, multiplexed } from "../../../lib/seccomp/multiplexed.ts";

/** Where Debian's linux-libc-dev, and its packages for other machines, have the numbers. */
const HEADERS: Record<Abi, string> = {
  x86_64: "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
  x86: "/usr/include/x86_64-linux-gnu/asm/unistd_32.h",
  x32: "/usr/include/x86_64-linux-gnu/asm/unistd_x32.h",
  aarch64: "/usr/aarch64-linux-gnu/include/asm-generic/unistd.h",
  arm: "/usr/arm-linux-gnueabihf/include/asm/unistd-eabi.h",
};

/** What the headers call differently, or define for other machines only. */
const NOT_AARCH64 = /^(arch_specific_syscall|syscalls|sync_file_range2|.*(32|64))$/;

for (const abi of ["x86_64", "x86", "x32", "aarch64", "arm"] as const) {
  const text = read(HEADERS[abi]) +
    (abi === "arm" ? read(HEADERS.arm.replace("eabi", "common")) : "");
  Deno.test({
    name: `the numbers of ${abi} are the kernel's${text ? "" : ` (needs ${HEADERS[abi]})`}`,
    ignore: text === "",
    fn() {
      const numbers = syscallNumbers(abi);
      const defined = [...text.matchAll(/^#define __NR_(\w+)\s+(?:.*\+ |)(\d+)\)?\s*$/gm)]
        .filter(([, name]) => abi !== "aarch64" || !NOT_AARCH64.test(name) || numbers.has(name));
      assert(defined.length > 280, `${defined.length} calls in the header`);
      for (const [, name, number] of defined) assertEquals(numbers.get(name), Number(number), name);
      // The header may be older; what it does not have is new, then.
      const newest = Math.max(...defined.map(([, , number]) => Number(number)), 450);
      const known = new Set(defined.map(([, name]) => name));
      for (const [name, number] of numbers) {
        const isNew = number > newest || name === "uretprobe" || name === "uprobe";
        assert(
          known.has(name) || isNew || abi === "arm" || abi === "x32" || abi === "aarch64",
          name,
        );
      }
    },
  });
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

Deno.test("no two calls of an ABI share a number, but for one of ARM with two names", () => {
  for (const abi of ["x86_64", "x86", "x32", "aarch64", "arm"] as const) {
    const names = Map.groupBy(syscallNumbers(abi), ([, number]) => number);
    const shared = [...names.values()].filter((list) => list.length > 1)
      .map((list) => list.map(([name]) => name));
    assertEquals(shared, abi === "arm" ? [["arm_sync_file_range", "sync_file_range2"]] : []);
  }
});

Deno.test("what is new has the same number everywhere", () => {
  for (const [name, number] of syscallNumbers("x86_64")) {
    if (number < 424) continue;
    for (const abi of ["x86", "x32", "aarch64", "arm"] as const) {
      if (name === "memfd_secret" && abi === "arm") continue;
      assertEquals(syscallNumbers(abi).get(name), number, `${name} on ${abi}`);
    }
  }
});

Deno.test("multiplexed calls have no number below the first that they got", () => {
  const numbers = syscallNumbers("x86");
  for (const [name, number] of numbers) {
    if (multiplexed(name)) assert(number >= FIRST_DEMULTIPLEXED, name);
  }
  assertEquals(multiplexed("shmctl"), { multiplexer: "ipc", selector: 24 });
  assertEquals(multiplexed("sendmmsg"), { multiplexer: "socketcall", selector: 20 });
  assertEquals(multiplexed("read"), undefined);
});

Deno.test("names are known wherever they are from", () => {
  for (const name of ["read", "cacheflush", "riscv_hwprobe", "vm86", "newfstatat", "send"]) {
    assert(isSyscallName(name), name);
  }
  for (const name of ["", "424", "opne", "READ"]) assert(!isSyscallName(name), name);
});
