/** Row D8: programs that are root by their file's mode or have capabilities by an attribute, under no_new_privs. */

import { assertEquals, assertMatch } from "@std/assert";
import { cstring } from "../../ffi/cstring.ts";
import { syscall } from "../../ffi/libc.ts";
import { alloc } from "../../ffi/struct.ts";
import { testWith } from "../engines/support/skip.ts";
import { Bundles } from "../integration/support/bundle.ts";
import { compile, HAS_COMPILER } from "../integration/support/program.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** Tells who it has become. */
const WHO = `
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  char line[256];
  uid_t r, e, s;
  getresuid(&r, &e, &s);
  printf("uid %d %d %d\\n", r, e, s);
  FILE *status = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, status))
    if (!strncmp(line, "CapEff", 6) || !strncmp(line, "NoNewPrivs", 10) || !strncmp(line, "Seccomp:", 8))
      printf("%s", line);
  return 0;
}
`;

/** Puts the program into a root as one of root's by its mode, and as one with CAP_CHOWN. */
async function plant(root: string): Promise<void> {
  for (const name of ["setuid", "capable"]) {
    await compile(`${root}/${name}`, WHO);
    await Deno.remove(`${root}/${name}.c`);
    await Deno.chown(`${root}/${name}`, 0, 0);
  }
  await Deno.chmod(`${root}/setuid`, 0o4755);
  // struct vfs_cap_data, capabilities(7).
  const value = alloc(20);
  const words = new DataView(value.buffer);
  const VFS_CAP_REVISION_2 = 0x02000000, EFFECTIVE = 1, CAP_CHOWN = 1;
  words.setUint32(0, VFS_CAP_REVISION_2 | EFFECTIVE, true);
  words.setUint32(4, CAP_CHOWN, true);
  const path = `${root}/capable`;
  syscall("setxattr", path, cstring(path), cstring("security.capability"), value, value.length, 0);
}

const RAISED = /^uid 1000 0 0\n(.*\n)*?uid 1000 1000 1000\nCapEff:\t0000000000000001\n/;
const PLAIN =
  /^uid 1000 1000 1000\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n(Seccomp:.*\n)?uid 1000 1000 1000\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n/;

testWith(
  { gcc: HAS_COMPILER },
  "an image's programs raise nobody with -no-new-privileges",
  async () => {
    await attack(workspace, async () => {
      await workspace.image("raising", plant);
      const run = (...options: string[]) =>
        workspace.run([
          ...["-rm", "-net=none", "-u", "1000", ...options, "raising"],
          ...["/bin/sh", "-c", "/setuid; /capable"],
        ]);
      // Without it they do, which shows that they could.
      assertMatch((await run()).stdout, RAISED);
      assertMatch((await run("-no-new-privileges")).stdout, PLAIN);
    });
  },
);

for (const seccomp of [false, true]) {
  const where = seccomp ? " and a filter" : "";
  testWith(
    { gcc: HAS_COMPILER },
    `nor those of a bundle with noNewPrivileges${where}, also by exec`,
    async () => {
      await attack(workspace, async () => {
        const roots: string[] = [];
        for (const noNewPrivileges of [false, true]) {
          const expected = noNewPrivileges ? PLAIN : RAISED;
          await bundles.during((spec) => {
            spec.process.user = { uid: 1000, gid: 1000 };
            spec.process.noNewPrivileges = noNewPrivileges;
            // What a program may be raised to.
            spec.process.capabilities = { bounding: ["CAP_CHOWN"] };
            if (seccomp) {
              spec.linux.seccomp = {
                defaultAction: "SCMP_ACT_ALLOW",
                syscalls: [{ names: ["swapon"], action: "SCMP_ACT_ERRNO" }],
              };
            }
          }, async (id, _pid, bundle) => {
            roots.push(bundle);
            await plant(`${bundle}/rootfs`);
            const exec = (...options: string[]) =>
              bundles.command(["exec", ...options, id, "/bin/sh", "-c", "/setuid; /capable"]);
            const { code, stdout, stderr } = await exec();
            assertEquals(code, 0, stderr);
            assertMatch(stdout, expected);
            if (seccomp) assertMatch(stdout, /Seccomp:\t2/);
            assertMatch((await exec("--no-new-privs")).stdout, PLAIN);
          });
        }
      });
    },
  );
}
