import { assertEquals, assertThrows } from "@std/assert";
import { ancestors, resolveCgroupsPath } from "../../../lib/cgroup/path.ts";
import { ContainerError } from "../../../lib/errors.ts";

Deno.test("cgroupsPath: absolute ones stay, relative ones stand below go_containers", () => {
  assertEquals(resolveCgroupsPath("/go_containers/a"), "/go_containers/a");
  assertEquals(resolveCgroupsPath("//a/./b/"), "/a/b");
  assertEquals(resolveCgroupsPath("a/b"), "/go_containers/a/b");
});

Deno.test("cgroupsPath: what leads nowhere or upwards is refused", () => {
  for (const path of ["", "/", "/.", "..", "/a/../b", "a/..", "/a\nb", "a\0b"]) {
    const error = assertThrows(() => resolveCgroupsPath(path), ContainerError);
    assertEquals(error.code, "InvalidSpec", path);
  }
  assertEquals(resolveCgroupsPath("/a..b/..."), "/a..b/...");
});

Deno.test("the folders between mount point and cgroup, outermost first", () => {
  assertEquals(ancestors("/sys/fs/cgroup", "/sys/fs/cgroup/a/b/c"), [
    "/sys/fs/cgroup/a",
    "/sys/fs/cgroup/a/b",
  ]);
  assertEquals(ancestors("/sys/fs/cgroup", "/sys/fs/cgroup/a"), []);
});
