/**
 * Row D13: bugs of the kernel that take a new user namespace and a mount to be reached (CVE-2022-0847,
 * CVE-2023-0386, CVE-2021-3493): a container can have neither.
 */

import { assertEquals, assertMatch } from "@std/assert";
import { Bundles, type FilledSpec } from "../integration/support/bundle.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { defaultProfile } from "../../lib/seccomp/default_profile.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** Ways to a file system of one's own, each of which says REACHED when it gets there. */
const WAYS = [
  "unshare -Ur echo REACHED",
  "unshare -Urm sh -c 'mount -t tmpfs x /mnt && echo REACHED'",
  "mkdir -p /tmp/l /tmp/u /tmp/w /tmp/m; unshare -Urm sh -c " +
  "'mount -t tmpfs x /tmp/u && mkdir /tmp/u/u /tmp/u/w && " +
  "mount -t overlay o -o lowerdir=/etc,upperdir=/tmp/u/u,workdir=/tmp/u/w /tmp/m && echo REACHED'",
  "unshare -Urp sh -c 'echo REACHED'",
  "nsenter -t 1 -U echo REACHED",
  "mount -t tmpfs x /mnt && echo REACHED",
  "mount -t overlay o -o lowerdir=/etc:/usr /mnt && echo REACHED",
];

const SCRIPT = `${WAYS.map((way) => `(${way}) 2>/dev/null`).join("; ")}; echo end`;

Deno.test("without a filter the way is open", async () => {
  await attack(workspace, async () => {
    const { stdout } = await workspace.run([
      ...["-rm", "-net=none", "-security", "seccomp=unconfined", "alpine", "/bin/sh", "-c", SCRIPT],
    ]);
    assertMatch(stdout, /^REACHED\n/);
  });
});

for (const options of [[], ["-u", "1000"], ["-cap-add", "NET_ADMIN"], ["-userns", "auto"]]) {
  Deno.test(`a container of an image reaches none of it: ${options.join(" ")}`, async () => {
    await attack(workspace, async () => {
      const { stdout, stderr } = await workspace.run([
        ...["-rm", "-net=none", ...options, "alpine", "/bin/sh", "-c", SCRIPT],
      ]);
      assertEquals(stdout, "end\n", stderr);
    });
  });
}

const KINDS: Readonly<Record<string, (spec: FilledSpec) => void>> = {
  "with no_new_privs": (spec) => spec.process.noNewPrivileges = true,
  "without no_new_privs": (spec) => spec.process.noNewPrivileges = false,
  "of another user": (spec) => spec.process.user = { uid: 1000, gid: 1000 },
};

for (const [kind, change] of Object.entries(KINDS)) {
  Deno.test(`nor does one of a bundle with docker's policy, ${kind}, nor a process that joins it`, async () => {
    await attack(workspace, async () => {
      await bundles.during((spec) => {
        change(spec);
        spec.linux.seccomp = defaultProfile([]);
      }, async (id) => {
        const { code, stdout, stderr } = await bundles.command(
          ["exec", id, "/bin/sh", "-c", SCRIPT],
        );
        assertEquals([code, stdout], [0, "end\n"], stderr);
      });
      const { stdout, stderr } = await bundles.run(SCRIPT, (spec) => {
        change(spec);
        spec.linux.seccomp = defaultProfile([]);
      });
      assertEquals(stdout, "end\n", stderr);
    });
  });
}
