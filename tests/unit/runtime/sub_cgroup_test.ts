import { assertEquals, assertThrows } from "@std/assert";
import type { CgroupLayout } from "../../../lib/cgroup/detect.ts";
import { ContainerError } from "../../../lib/errors.ts";
import { subFolders } from "../../../lib/runtime/sub_cgroup.ts";

const layout: CgroupLayout = {
  kind: "hybrid",
  hierarchies: [
    { version: 1, mountpoint: "/cg/cpu,cpuacct", controllers: ["cpu", "cpuacct"] },
    { version: 1, mountpoint: "/cg/pids", controllers: ["pids"] },
    { version: 1, mountpoint: "/cg/systemd", controllers: [], name: "systemd" },
    { version: 2, mountpoint: "/cg/unified", controllers: [] },
  ],
};
const own = ["/cg/cpu,cpuacct/c", "/cg/pids/c", "/cg/systemd/c", "/cg/unified/c"];
const folders = (...words: string[]) => subFolders(own, words, layout);

Deno.test("a process of exec is in the container's cgroups unless told", () => {
  assertEquals(folders(), own);
  assertEquals(folders("/"), own);
});

Deno.test("a path is for all hierarchies, or for those of the controllers before it", () => {
  assertEquals(folders("a/./b"), own.map((folder) => `${folder}/a/b`));
  assertEquals(folders("pids,cpu:/x", "systemd:y"), [
    "/cg/cpu,cpuacct/c/x",
    "/cg/pids/c/x",
    "/cg/systemd/c/y",
    "/cg/unified/c",
  ]);
});

Deno.test("nothing leads out of the container's cgroup, and no controller is made up", () => {
  for (const word of ["..", "a/../../b", "pids:../x", "rdma:x"]) {
    assertThrows(() => folders(word), ContainerError, JSON.stringify(word));
  }
});
