import { assertEquals } from "@std/assert";
import { parseCgroupMounts } from "../../../lib/cgroup/detect.ts";

const UNIFIED =
  "29 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
const OTHERS = `22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
23 22 0:21 / /sys rw,nosuid shared:2 - sysfs sysfs rw
`;
const CO_MOUNTED =
  `30 23 0:27 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:9 - tmpfs tmpfs ro,mode=755
31 30 0:28 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw
32 30 0:29 / /sys/fs/cgroup/systemd rw shared:11 - cgroup cgroup rw,xattr,name=systemd
33 30 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:12 - cgroup cgroup rw,seclabel,cpu,cpuacct
34 30 0:31 / /sys/fs/cgroup/net_cls,net_prio rw shared:13 - cgroup cgroup rw,net_cls,net_prio
35 30 0:32 / /sys/fs/cgroup/memory rw shared:14 - cgroup cgroup rw,memory
`;

const controllers = () => "cpuset cpu io memory pids\n";
const none = () => "\n";

Deno.test("detect: cgroup v2 alone, with the controllers that it has", () => {
  assertEquals(parseCgroupMounts(OTHERS + UNIFIED, controllers), {
    kind: "v2",
    hierarchies: [{
      version: 2,
      mountpoint: "/sys/fs/cgroup",
      controllers: ["cpuset", "cpu", "io", "memory", "pids"],
    }],
  });
});

Deno.test("detect: hybrid, controllers that share a mount, and a named hierarchy", () => {
  const { kind, hierarchies } = parseCgroupMounts(OTHERS + CO_MOUNTED, none);
  assertEquals(kind, "hybrid");
  assertEquals(hierarchies, [
    { version: 2, mountpoint: "/sys/fs/cgroup/unified", controllers: [] },
    { version: 1, mountpoint: "/sys/fs/cgroup/systemd", controllers: [], name: "systemd" },
    { version: 1, mountpoint: "/sys/fs/cgroup/cpu,cpuacct", controllers: ["cpu", "cpuacct"] },
    {
      version: 1,
      mountpoint: "/sys/fs/cgroup/net_cls,net_prio",
      controllers: ["net_cls", "net_prio"],
    },
    { version: 1, mountpoint: "/sys/fs/cgroup/memory", controllers: ["memory"] },
  ]);
});

Deno.test("detect: cgroup v1 alone", () => {
  const lines = CO_MOUNTED.split("\n").filter((line) => !line.includes("cgroup2")).join("\n");
  const { kind, hierarchies } = parseCgroupMounts(lines, none);
  assertEquals([kind, hierarchies.length], ["v1", 4]);
});

Deno.test("detect: what is mounted read-only, by its mount or as a whole", () => {
  const [own, whole] = [
    UNIFIED.replace(" rw,nosuid", " ro,nosuid"),
    UNIFIED.replace("cgroup2 cgroup2 rw", "cgroup2 cgroup2 ro"),
  ];
  for (const text of [own, whole]) {
    assertEquals(parseCgroupMounts(text, none).hierarchies, [
      { version: 2, mountpoint: "/sys/fs/cgroup", controllers: [], readOnly: true },
    ]);
  }
});

Deno.test("detect: no cgroup file system at all", () => {
  assertEquals(parseCgroupMounts(OTHERS, none), { kind: "none", hierarchies: [] });
});

Deno.test("detect: of several mounts of one hierarchy the standard one counts", () => {
  const chroot = UNIFIED.replace("/sys/fs/cgroup", "/srv/root/sys/fs/cgroup");
  for (const text of [chroot + UNIFIED, UNIFIED + chroot]) {
    const read: string[] = [];
    const { hierarchies } = parseCgroupMounts(text, (mountpoint) => {
      read.push(mountpoint);
      return controllers();
    });
    assertEquals(hierarchies.map(({ mountpoint }) => mountpoint), ["/sys/fs/cgroup"]);
    // There may be no right to look into the others.
    assertEquals(read, ["/sys/fs/cgroup"]);
  }
});

Deno.test("detect: escaped mount points, and optional fields of any number", () => {
  const text = "40 23 0:40 /a /mnt/a\\040b rw master:1 propagate_from:2 - cgroup none rw,pids\n";
  assertEquals(parseCgroupMounts(text, none).hierarchies, [
    { version: 1, mountpoint: "/mnt/a b", controllers: ["pids"] },
  ]);
});

Deno.test("detect: a file system whose source is called cgroup is none", () => {
  const text = "40 23 0:40 / /mnt/x rw - tmpfs cgroup rw\n";
  assertEquals(parseCgroupMounts(text, none).kind, "none");
});
