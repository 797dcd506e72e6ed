import { assertEquals, assertThrows } from "@std/assert";
import { AT_FDCWD, O_RDONLY } from "../../../ffi/constants.ts";
import { CStringArray } from "../../../ffi/cstring.ts";
import { SysError } from "../../../ffi/errno.ts";
import { Fd, openat } from "../../../ffi/file.ts";
import { launch } from "../../../ffi/launch.ts";
import {
  clearCloseOnExec,
  inheritedFrom,
  isInherited,
  memfd_create,
  waitid,
} from "../../../ffi/process.ts";

/** Runs a shell script with these descriptors passed on. */
function run(script: string, passed: readonly number[]) {
  using shell = new Fd(openat(AT_FDCWD, "/bin/sh", O_RDONLY));
  const argv = new CStringArray(["sh", "-c", script]);
  const envp = new CStringArray(["GIVEN=yes"]);
  return waitid(launch(shell.number, { argv, envp, passed }));
}

Deno.test("a launched program has its arguments, its environment, and of all descriptors those that are passed on", () => {
  using one = new Fd(memfd_create("one"));
  using two = new Fd(memfd_create("two"));
  using other = new Fd(memfd_create("other"));
  const has = (fd: Fd) => `test -e /proc/self/fd/${fd.number}`;
  const script = `${has(one)} && ${has(two)} && ! ${has(other)} && test "$GIVEN" = yes && exit 5`;
  assertEquals(run(script, [one.number, two.number]), { code: 5 });
  // They are passed on by the child: nobody else whom this process starts meanwhile gets them.
  assertEquals([one, two].map((fd) => isInherited(fd.number)), [false, false]);
});

Deno.test("descriptors that go through execve are found, and no others", () => {
  using one = new Fd(memfd_create("one"));
  using other = new Fd(memfd_create("other"));
  clearCloseOnExec(one.number);
  const found = inheritedFrom(3);
  assertEquals([one, other].map(({ number }) => found.includes(number)), [true, false]);
});

Deno.test("what cannot be run ends with 127, or is told at once", () => {
  using text = new Fd(openat(AT_FDCWD, "/etc/passwd", O_RDONLY));
  const options = { argv: new CStringArray(["x"]), envp: new CStringArray([]), passed: [] };
  if (Deno.build.arch === "x86_64") {
    assertEquals(waitid(launch(text.number, options)), { code: 127 });
  } else {
    assertThrows(() => launch(text.number, options), SysError, "posix_spawn");
  }
});
