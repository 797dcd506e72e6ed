/** Row B13: what is hidden or read-only in /proc and /sys, reached by another way (CVE-2018-10892 and others). */

import { assert, assertEquals } from "@std/assert";
import { exists } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

/** What tells of the host, or lets it be changed. */
const HIDDEN = [
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
].filter((path) => exists(path));

/** Other names for the same. */
const DETOURS = [
  "",
  "/proc/self/root",
  "/proc/1/root",
  "/proc/self/cwd",
  "/proc/thread-self/root",
  "/proc/self/root/proc/self/root",
];

/** Without the filter it is the masks themselves that have to hold. */
function filter(seccomp: string): string[] {
  return seccomp === "default" ? [] : ["-security", "seccomp=unconfined"];
}

Deno.test("nothing hidden is seen by any name", async () => {
  await attack(workspace, async () => {
    const paths = DETOURS.flatMap((detour) => HIDDEN.map((path) => `${detour}${path}`));
    const script = "for f in $@; do if [ -d $f ]; then ls -A $f; else cat $f; fi; done; echo end";
    const { stdout } = await workspace.run(
      ["-net=none", "alpine", "/bin/sh", "-c", script, "sh", ...paths],
    );
    assertEquals(stdout, "end\n");
  });
});

for (const seccomp of ["default", "unconfined"]) {
  Deno.test(`neither a mount nor a namespace of users takes a mask away, seccomp ${seccomp}`, async () => {
    await attack(workspace, async () => {
      const reveal = "umount /proc/keys; umount -l /proc; mount -t proc p /mnt; " +
        "mount -t sysfs s /srv; mount --bind /proc /mnt; mount --rbind /proc /mnt; " +
        "cat /mnt/keys /mnt/timer_list /mnt/interrupts /proc/keys /proc/interrupts; ls -A /srv/firmware";
      const script = `${reveal}; unshare -Ur sh -c '${reveal}'; unshare -Urm sh -c '${reveal}'; ` +
        `unshare -Urmpf sh -c '${reveal}'; echo end`;
      const { stdout } = await workspace.run([
        "-net=none",
        ...filter(seccomp),
        "alpine",
        "/bin/sh",
        "-c",
        script,
      ]);
      assertEquals(stdout, "end\n");
    });
  });
}

for (const seccomp of ["default", "unconfined"]) {
  Deno.test(`what is read-only stays so by every name, seccomp ${seccomp}`, async () => {
    await attack(workspace, async () => {
      const name = "kernel/domainname";
      const before = await Deno.readTextFile(`/proc/sys/${name}`);
      const targets = [...DETOURS, "/mnt"].map((detour) => `${detour}/proc/sys/${name}`);
      const write = "for f in $@ /mnt/sys/kernel/domainname; do echo attacked > $f; done";
      const script = `${write}; unshare -Urm sh -c 'mount --rbind /proc /mnt; ${write}' sh $@; ` +
        "cat /proc/sys/kernel/domainname; grep -c ' /proc/sys ro' /proc/self/mountinfo";
      const { stdout } = await workspace.run(
        ["-net=none", ...filter(seccomp), "alpine", "/bin/sh", "-c", script, "sh", ...targets],
      );
      assertEquals(stdout, `${before}1\n`);
      assert(!stdout.includes("attacked"));
      assertEquals(await Deno.readTextFile(`/proc/sys/${name}`), before);
    });
  });
}
