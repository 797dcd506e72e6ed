import { assertEquals, assertNotEquals } from "@std/assert";
import { AT_FDCWD, O_DIRECTORY, O_PATH } from "../../../ffi/constants.ts";
import { Fd, openat } from "../../../ffi/file.ts";
import { openRegular } from "../../../lib/init/regular.ts";

/** The two ways: by the name again, and by the descriptor. */
function open(path: string): (Fd | undefined)[] {
  using place = new Fd(openat(AT_FDCWD, path, O_PATH));
  using own = new Fd(openat(AT_FDCWD, "/proc/self/fd", O_PATH | O_DIRECTORY));
  return [undefined, own.number].map((own) => {
    const fd = openRegular(place.number, (flags) => openat(AT_FDCWD, path, flags), own);
    return fd === undefined ? undefined : new Fd(fd);
  });
}

Deno.test("a regular file is opened for reading", () => {
  for (const opened of open("/etc/passwd")) {
    using file = opened;
    assertNotEquals(file, undefined);
  }
});

Deno.test("what is no file, or of a file system of the kernel, is not", () => {
  for (const path of ["/etc", "/dev/null", "/proc/version", "/sys/kernel/notes"]) {
    assertEquals(open(path), [undefined, undefined], path);
  }
});
