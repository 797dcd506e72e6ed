import { assertEquals, assertThrows } from "@std/assert";
import { SysError } from "../../../ffi/errno.ts";
import { writeProc } from "../../../lib/init/procfs.ts";

Deno.test("a file of this process itself can be written, and only one of procfs", () => {
  const before = Deno.readTextFileSync("/proc/self/comm").trimEnd();
  try {
    writeProc("self/comm", "renamed");
    assertEquals(Deno.readTextFileSync("/proc/self/comm"), "renamed\n");
  } finally {
    writeProc("self/comm", before);
  }
  for (const path of ["self/cwd/x", "self/root/etc/hostname", "../etc/hostname"]) {
    assertThrows(() => writeProc(path, "x"), SysError);
  }
});
