import { assertEquals } from "@std/assert";
import {
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_RDONLY,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
} from "../../../ffi/mount_flags.ts";
import { mountStep } from "../../../lib/runtime/mount_step.ts";

Deno.test("a bind mount sets what is said, clears what is said, and leaves the rest", () => {
  const step = mountStep({
    destination: "mnt/../data",
    type: "bind",
    source: "from",
    options: ["rbind", "ro", "dev", "noatime", "rprivate"],
  }, { tree: 12 });
  assertEquals([step.kind, step.target, step.tree, step.recursive], ["bind", "/data", 12, true]);
  assertEquals(step.set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME);
  assertEquals(step.clear, MOUNT_ATTR_NODEV | MOUNT_ATTR__ATIME);
  assertEquals(step.propagation, [MS_PRIVATE | MS_REC]);
  assertEquals(step.options, []);
});

Deno.test("a new mount has its attributes, its file system's flags and its options", () => {
  const step = mountStep({
    destination: "/tmp",
    type: "tmpfs",
    options: ["ro", "noexec", "sync", "size=1k", "mode=700", "tmpcopyup"],
  });
  assertEquals([step.kind, step.fstype, step.source], ["new", "tmpfs", "tmpfs"]);
  assertEquals(step.set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC);
  assertEquals(step.options, [["ro"], ["sync"], ["size", "1k"], ["mode", "700"]]);
  assertEquals([step.copyUp, step.inheritMode, step.legacy], [true, undefined, undefined]);
});

Deno.test("a tmpfs without a mode has the one of what it covers", () => {
  assertEquals(mountStep({ destination: "/x", type: "tmpfs" }).inheritMode, true);
  assertEquals(mountStep({ destination: "/x", type: "ramfs" }).inheritMode, undefined);
});

Deno.test("what only mount(2) takes goes there", () => {
  const long = `lowerdir=${"/a".repeat(200)}`;
  const step = mountStep({
    destination: "/x",
    type: "overlay",
    options: ["ro", long, "index=off"],
  });
  assertEquals(step.legacy, { flags: MS_RDONLY, data: `${long},index=off` });
  assertEquals(
    mountStep({ destination: "/x", type: "ext4", options: ["iversion"] }).legacy?.data,
    "",
  );
  const short = `lowerdir=${"é".repeat(127)}`;
  assertEquals(
    mountStep({ destination: "/x", type: "overlay", options: [short] }).legacy,
    undefined,
  );
  const bytes = `lowerdir=${"é".repeat(128)}`;
  assertEquals(
    mountStep({ destination: "/x", type: "overlay", options: [bytes] }).legacy?.flags,
    0,
  );
});

Deno.test("a remount changes the mount, and the file system unless it is a bind mount's", () => {
  const whole = mountStep({ destination: "/x", options: ["remount", "rw", "size=2k"] });
  assertEquals([whole.kind, whole.clear], ["remount", MOUNT_ATTR_RDONLY]);
  assertEquals(whole.options, [["rw"], ["size", "2k"]]);
  const one = mountStep({ destination: "/x", options: ["remount", "bind", "ro"] });
  assertEquals([one.set, one.options], [MOUNT_ATTR_RDONLY, []]);
});

Deno.test("a mount label is for file systems that have no labels of their own", () => {
  const label = "system_u:object_r:container_file_t:s0:c1,c2";
  assertEquals(mountStep({ destination: "/x", type: "tmpfs" }, {}, label).options, [
    ["context", label],
  ]);
  assertEquals(mountStep({ destination: "/x", type: "proc" }, {}, label).options, []);
});
