/** Row D6: devices of the host, made by their numbers inside. */

import { assertEquals } from "@std/assert";
import { AT_FDCWD } from "../../ffi/constants.ts";
import { statx } from "../../ffi/file.ts";
import { Bundles } from "../integration/support/bundle.ts";
import { Terminal } from "../integration/support/terminal.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** The disk that the host's own root is on, where it is on one. */
const { major, minor } = statx(AT_FDCWD, "/", 0).dev;

const DEVICES = [
  `b ${major} ${minor}`,
  "b 8 0",
  "b 259 0",
  "b 7 0",
  "c 1 1",
  "c 1 2",
  "c 1 4",
  "c 1 11",
  "c 4 0",
  "c 4 1",
  "c 4 64",
  "c 10 229",
  "c 10 232",
  "c 10 200",
  "c 10 237",
  "c 13 63",
  "c 29 0",
  "c 108 0",
  "c 188 0",
  "c 226 0",
];

/** Tells of every one that could be opened. */
const OPEN_ALL = `
  echo "${DEVICES.join("\n")}" | while read kind major minor; do
    for folder in /tmp /dev /dev/shm; do
      mknod $folder/d $kind $major $minor || continue
      (: < $folder/d) && echo "read $kind $major $minor"
      (: > $folder/d) && echo "write $kind $major $minor"
      rm $folder/d
    done
  done
  echo end`;

for (const options of [[], ["-u=0:0"], ["-v=/dev/shm:/shm"]]) {
  Deno.test(`no other device can be opened, to be read or written: ${options.join(" ")}`, async () => {
    await attack(workspace, async () => {
      const { stdout } = await workspace.run(
        ["-net=none", ...options, "alpine", "/bin/sh", "-c", OPEN_ALL],
      );
      assertEquals(stdout, "end\n");
    });
  });
}

Deno.test("the host's terminals cannot be opened by their numbers", async () => {
  await attack(workspace, async () => {
    using terminal = new Terminal();
    const { rdev } = statx(AT_FDCWD, terminal.path, 0);
    const script =
      `mknod /tmp/t c ${rdev.major} ${rdev.minor}; echo attacked > /tmp/t; cat < /tmp/t`;
    await workspace.run(["-net=none", "alpine", "/bin/sh", "-c", script]);
    assertEquals(terminal.shown, "");
  });
});

Deno.test("nor by a config that says nothing of devices, or whose rules come to nothing", async () => {
  await attack(workspace, async () => {
    const rules = [undefined, [], [{
      allow: false,
      type: "c" as const,
      major: 250,
      access: "rwm",
    }]];
    for (const devices of rules) {
      const capabilities = ["CAP_MKNOD", "CAP_DAC_OVERRIDE"];
      const said = await bundles.says(OPEN_ALL, (spec) => {
        delete spec.linux.seccomp;
        spec.linux.resources = devices === undefined ? undefined : { devices };
        spec.process.capabilities = {
          bounding: capabilities,
          permitted: capabilities,
          effective: capabilities,
        };
        spec.process.noNewPrivileges = false;
      });
      assertEquals(said, "end");
    }
  });
});
