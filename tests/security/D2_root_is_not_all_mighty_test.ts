/** Row D2: what root of a container must not be able to do. */

import { assertEquals, assertMatch } from "@std/assert";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

/** What is tried, as a shell command that must be refused, and the capability that it takes. */
const DEEDS: readonly (readonly [deed: string, command: string])[] = [
  ["mount (CAP_SYS_ADMIN)", "mount -t tmpfs x /mnt"],
  ["remount the root", "mount -o remount,ro /"],
  ["unmount", "umount /dev/shm"],
  ["pivot the root", "pivot_root / /mnt"],
  ["set the hostname", "hostname other"],
  ["make a network namespace", "unshare -n true"],
  ["make a mount namespace", "unshare -m true"],
  ["set an address (CAP_NET_ADMIN)", "ip address add 10.99.99.1/24 dev eth0"],
  ["take the network down", "ip link set eth0 down"],
  ["change the routes", "ip route del default"],
  ["set the clock (CAP_SYS_TIME)", "date -s 2001-01-01; test $(date +%Y) = 2001"],
  ["load a module (CAP_SYS_MODULE)", "insmod /mnt/none.ko"],
  ["raise a priority (CAP_SYS_NICE)", "nice -n -5 sh -c 'test $(nice) = -5'"],
  ["raise a limit (CAP_SYS_RESOURCE)", "ulimit -Hn 10; ulimit -Hn 20"],
  ["read the log of the kernel (CAP_SYSLOG)", "dmesg -c"],
  ["switch swap (CAP_SYS_ADMIN)", "swapoff -a; swapon /etc/passwd"],
  ["change the kernel's parameters", "echo 1 > /proc/sys/kernel/sysrq"],
  ["trigger sysrq", "echo h > /proc/sysrq-trigger"],
  ["open a disk by its number", "mknod /disk b 254 0 && head -c 1 /disk"],
  ["open the kernel's memory", "mknod /mem c 1 1 && head -c 1 /mem"],
  [
    "set the flag immutable (CAP_LINUX_IMMUTABLE)",
    "chattr +i /etc/passwd; lsattr /etc/passwd | grep '^....i'",
  ],
];

Deno.test("each of these deeds is refused", async (t) => {
  await attack(workspace, async () => {
    for (const [deed, command] of DEEDS) {
      await t.step(deed, async () => {
        const script = `(${command}) 2>&1 && echo DONE; true`;
        // Without the filter it is the capabilities themselves that have to hold.
        for (const filter of [[], ["-security", "seccomp=unconfined"]]) {
          const { stdout, code } = await workspace.run(
            [...filter, "alpine", "/bin/sh", "-c", script],
          );
          assertEquals(code, 0);
          assertEquals(stdout.includes("DONE"), false, stdout);
          assertMatch(
            stdout,
            /not permitted|denied|Read-only|No such (file|device)|Invalid|not found|can't|error/i,
          );
        }
      });
    }
  });
});

Deno.test("signals of a container reach no process of the host", async () => {
  await attack(workspace, async () => {
    const sleeper = new Deno.Command("sleep", { args: ["1000"] }).spawn();
    try {
      const script = `kill -9 ${sleeper.pid} -1 2>&1; ls -d /proc/${sleeper.pid} 2>&1; true`;
      const { stdout } = await workspace.run(["-net=host", "alpine", "/bin/sh", "-c", script]);
      assertMatch(stdout, /No such process|No such file/);
      Deno.kill(sleeper.pid, "SIGCONT");
    } finally {
      sleeper.kill("SIGKILL");
      assertEquals((await sleeper.status).signal, "SIGKILL");
    }
  });
});
