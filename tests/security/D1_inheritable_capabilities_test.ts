/**
 * Row D1: inheritable or ambient capabilities, by which a file's own capabilities raise another user
 * (CVE-2022-24769, CVE-2022-29162).
 */

import { assertEquals } from "@std/assert";
import { cstring } from "../../ffi/cstring.ts";
import { syscall } from "../../ffi/libc.ts";
import { alloc } from "../../ffi/struct.ts";
import { Bundles, type FilledSpec } from "../integration/support/bundle.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

const NONE = "0".repeat(16);

/** Gives a file all capabilities, for those who inherit them: struct vfs_cap_data, capabilities(7). */
function setInheritable(path: string): void {
  const VFS_CAP_REVISION_2 = 0x02000000;
  const EFFECTIVE = 1;
  const ALL = 0xffffffff;
  const value = alloc(20);
  const words = new DataView(value.buffer);
  words.setUint32(0, VFS_CAP_REVISION_2 | EFFECTIVE, true);
  words.setUint32(8, ALL, true);
  words.setUint32(16, ALL, true);
  const name = cstring("security.capability");
  syscall("setxattr", path, cstring(path), name, value, value.length, 0);
}

for (const user of ["root", "nobody", "1000:1000"]) {
  Deno.test(`-u ${user} has nothing to inherit, and a file gives it nothing`, async () => {
    await attack(workspace, async () => {
      const image = `inherit-${user.replaceAll(/\W/g, "-")}`;
      await workspace.image(image, async (root) => {
        await Deno.copyFile(`${root}/bin/busybox`, `${root}/bin/raised`);
        await Deno.chmod(`${root}/bin/raised`, 0o755);
        setInheritable(`${root}/bin/raised`);
        await Deno.symlink("raised", `${root}/bin/cat-raised`);
      });
      const script = "exec -a cat raised /proc/self/status";
      const { stdout, stderr } = await workspace.run(
        ["-net=none", "-u", user, image, "/bin/sh", "-c", script],
      );
      const field = (name: string) => stdout.match(new RegExp(`^${name}:\\s+(\\w+)$`, "m"))?.[1];
      assertEquals([field("CapInh"), field("CapAmb")], [NONE, NONE], stderr);
      if (user !== "root") assertEquals([field("CapPrm"), field("CapEff")], [NONE, NONE]);
    });
  });
}

const RIGHTS = "+chown,+kill,+net_raw,+sys_chroot";
/** A caller who has something to inherit. */
const GENEROUS = ["setpriv", "--inh-caps", RIGHTS, "--ambient-caps", RIGHTS];

// Where there is no filter, nothing sets the capabilities a second time.
for (const noNewPrivileges of [true, false]) {
  const name = noNewPrivileges ? "with no_new_privs" : "without";
  Deno.test(`a bundle without a filter, ${name}, has the sets of its config, whatever the caller has`, async () => {
    await attack(workspace, async () => {
      const capabilities = ["CAP_CHOWN", "CAP_KILL"];
      const change = (spec: FilledSpec) => {
        delete spec.linux.seccomp;
        spec.process.noNewPrivileges = noNewPrivileges;
        spec.process.capabilities = {
          bounding: capabilities,
          permitted: capabilities,
          effective: capabilities,
        };
      };
      const CHOWN_KILL = "0000000000000021";
      const expected = ["Inh", "Prm", "Eff", "Bnd", "Amb"].map((set) =>
        `Cap${set}:\t${set === "Inh" || set === "Amb" ? NONE : CHOWN_KILL}`
      ).join("\n");
      const look = "grep Cap /proc/self/status";
      assertEquals(await bundles.says(look, change, { through: GENEROUS }), expected);
      await bundles.during(change, async (id) => {
        const words = ["exec", id, "sh", "-c", look];
        const { stdout, stderr } = await bundles.command(words, { through: GENEROUS });
        assertEquals([stdout.trim(), stderr], [expected, ""]);
      });
    });
  });
}
