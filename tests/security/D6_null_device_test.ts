/** Row D6: the null device of the host, which is the standard input of whatever is run without one. */

import { assertEquals } from "@std/assert";
import { Bundles, mapUsers } from "../integration/support/bundle.ts";
import { Workspace } from "../integration/support/workspace.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** It can be used as any other, and changed: here by a bit that means nothing to a device. */
const CHANGE =
  "chmod 667 /proc/self/fd/0 && echo x >&0 && stat -Lc '%t:%T %a' /dev/stdin; readlink /proc/self/fd/0; cat";
const CHANGED = "1:3 667\n/dev/null";

/** Runs something and asserts that the host's null device is what it was before. */
async function sparesNullDevice(body: () => Promise<string>): Promise<void> {
  const look = () => {
    const { mode, uid, gid } = Deno.statSync("/dev/null");
    return { mode: mode!, uid, gid };
  };
  const before = look();
  try {
    assertEquals(await body(), CHANGED);
    assertEquals(look(), before);
  } finally {
    await Deno.chmod("/dev/null", before.mode & 0o7777);
  }
}

Deno.test("standard input that is the null device is one of the container's own", async () => {
  await sparesNullDevice(() => workspace.sh(CHANGE, "-rm"));
  await sparesNullDevice(() => bundles.says(CHANGE));
  const same = { containerID: 0, hostID: 0, size: 65_536 };
  await sparesNullDevice(() =>
    bundles.says(CHANGE, (spec) => {
      mapUsers(spec);
      spec.linux.uidMappings = spec.linux.gidMappings = [same];
    })
  );
  await bundles.during(() => {}, async (id) => {
    await sparesNullDevice(async () => {
      const { stdout } = await bundles.command(["exec", id, "sh", "-c", CHANGE]);
      return stdout.trimEnd();
    });
  });
});

Deno.test("whatever the umask of the caller is, every user can open it", async () => {
  const args = ["-net=none", "-rm", "-u=1000", "alpine", "sh", "-c", "echo x >/dev/stdin; echo $?"];
  const through = ["sh", "-c", 'umask 077; exec "$0" "$@"'];
  const { stdout, stderr } = await workspace.run(args, { through });
  assertEquals([stdout, stderr], ["0\n", ""]);
});
