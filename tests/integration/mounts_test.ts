/** The file systems of a container: /proc, /sys, /dev and below, with what is hidden and read-only. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { exists } from "./support/project.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

interface Mount {
  readonly root: string;
  readonly target: string;
  readonly options: string[];
  readonly tags: string[];
  readonly fstype: string;
  readonly source: string;
  readonly data: string[];
}

/** proc_pid_mountinfo(5). */
function parseMounts(text: string): Mount[] {
  return text.trim().split("\n").map((line) => {
    const [own, fs] = line.split(" - ").map((part) => part.split(" "));
    return {
      root: own[3],
      target: own[4],
      options: own[5].split(","),
      tags: own.slice(6),
      fstype: fs[0],
      source: fs[1],
      data: fs[2].split(","),
    };
  });
}

/** The mounts of a container; those of cgroups apart, whose number is the host's. */
async function mountsOf(...options: string[]): Promise<Map<string, Mount>> {
  const mounts = parseMounts(await workspace.sh("cat /proc/self/mountinfo", ...options));
  return new Map(mounts.map((mount) => [mount.target, mount]));
}

function assertOptions(mount: Mount | undefined, fstype: string, ...options: string[]): void {
  assert(mount !== undefined, `${fstype} is not mounted`);
  assertEquals(mount.fstype, fstype, mount.target);
  const all = [...mount.options, ...mount.data];
  for (const option of options) {
    assert(all.includes(option), `${mount.target} is not ${option} but ${all}`);
  }
}

Deno.test("nothing but these is mounted, and nothing is told to other namespaces", async () => {
  const mounts = await mountsOf();
  const targets = [...mounts.keys()].filter((path) => !path.startsWith("/sys/fs/cgroup/"));
  const always = ["/", "/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys"];
  const files = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];
  const covered = [...MASKED, ...READONLY].filter((path) => exists(path));
  assertEquals(targets.sort(), [...always, "/sys/fs/cgroup", ...files, ...covered].sort());
  for (const { target, tags } of mounts.values()) assertEquals(tags, [], target);
});

Deno.test("each file system has the options of the default ones", async () => {
  const mounts = await mountsOf();
  assertOptions(mounts.get("/"), "overlay", "rw");
  assertOptions(mounts.get("/proc"), "proc", "rw", "nosuid", "nodev", "noexec");
  assertOptions(mounts.get("/sys"), "sysfs", "ro", "nosuid", "nodev", "noexec");
  assertOptions(mounts.get("/dev"), "tmpfs", "rw", "nosuid", "size=65536k", "mode=755");
  const pts = mounts.get("/dev/pts");
  assertOptions(pts, "devpts", "rw", "nosuid", "noexec", "gid=5", "mode=620", "ptmxmode=666");
  assertOptions(mounts.get("/dev/shm"), "tmpfs", "nosuid", "nodev", "noexec", "size=65536k");
  assertOptions(mounts.get("/dev/mqueue"), "mqueue", "rw", "nosuid", "nodev", "noexec");
  assertEquals(await workspace.sh("stat -c '%a %u:%g' /dev /dev/shm"), "755 0:0\n1777 0:0");
});

Deno.test("the cgroups of every hierarchy of the host are there, begin at the container, read-only", async () => {
  const inside = parseMounts(await workspace.sh("cat /proc/self/mountinfo"))
    .filter(({ target }) => target.startsWith("/sys/fs/cgroup"));
  const outside = parseMounts(Deno.readTextFileSync("/proc/self/mountinfo"))
    .filter(({ fstype }) => fstype === "cgroup" || fstype === "cgroup2");
  const kinds = (mounts: Mount[]) =>
    mounts.filter(({ fstype }) => fstype !== "tmpfs")
      .map(({ fstype, data }) => `${fstype} ${[...data].sort()}`);
  assertEquals(new Set(kinds(inside)), new Set(kinds(outside)));
  for (const { target, options, root } of inside) {
    for (const option of ["ro", "nosuid", "nodev", "noexec"]) {
      assert(options.includes(option), `${target} is not ${option} but ${options}`);
    }
    assertEquals(root, "/", target);
  }
  const places = await workspace.sh("cat /proc/self/cgroup; find /sys/fs/cgroup -name '*-*-*-*-*'");
  for (const line of places.split("\n")) assertMatch(line, /^\d+:[\w,=]*:\/$/);
});

Deno.test("/dev/pts is an instance of its own", async () => {
  assertEquals(await workspace.sh("ls /dev/pts"), "ptmx");
});

Deno.test("/dev/mqueue and /dev/shm are the container's own", async () => {
  const name = `gocontainer-test-${Deno.pid}`;
  await workspace.sh(`touch /dev/mqueue/${name} /dev/shm/${name}; ls /dev/mqueue/${name}`);
  assertEquals(exists(`/dev/shm/${name}`), false);
  assertEquals(await workspace.sh("ls /dev/mqueue /dev/shm"), "/dev/mqueue:\n\n/dev/shm:");
});

const MASKED = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];

Deno.test("what tells of the host is hidden: folders are empty, files are /dev/null", async () => {
  const mounts = await mountsOf();
  for (const path of MASKED) {
    const mount = mounts.get(path);
    // A kernel may lack some, but never all.
    assertEquals(mount !== undefined, exists(path), path);
    if (mount === undefined) continue;
    assert(mount.options.includes("ro"), `${path}: ${mount.options}`);
    if (Deno.statSync(path).isDirectory) {
      assertEquals([mount.fstype, await workspace.sh(`ls -A ${path}`)], ["tmpfs", ""]);
    } else {
      const seen = await workspace.sh(`stat -c '%t:%T' ${path}; wc -c < ${path}`);
      assertEquals([mount.root.split("/").at(-1), seen], ["null", "1:3\n0"]);
    }
  }
  assert(mounts.has("/proc/interrupts"));
});

const READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

Deno.test("what would change the host is read-only", async () => {
  const mounts = await mountsOf();
  for (const path of READONLY) {
    assertEquals(mounts.has(path), exists(path), path);
    if (!mounts.has(path)) continue;
    assertOptions(mounts.get(path), "proc", "ro", "nosuid", "nodev", "noexec");
  }
  assert(mounts.has("/proc/sys"));
});

Deno.test("kernel parameters and sysfs cannot be written", async () => {
  const targets = [
    "/proc/sys/kernel/panic",
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sysrq-trigger",
    "/sys/kernel/uevent_helper",
    "/sys/power/state",
  ];
  for (const target of targets.filter((path) => exists(path))) {
    const told = await workspace.sh(`echo x 2>&1 >> ${target} || true`);
    assertMatch(told, /Read-only file system|Permission denied/, target);
  }
});

Deno.test("/proc is mounted on the pid namespace of the container", async () => {
  assertEquals(await workspace.sh("readlink /proc/self; echo $$"), "2\n1");
});

Deno.test("the masks cannot be taken away from inside", async () => {
  const told = await workspace.sh("umount /proc/keys 2>&1; mount -o remount,rw /sys 2>&1; true");
  assertEquals(told.match(/(Operation not permitted|permission denied)/gi)?.length, 2, told);
});
