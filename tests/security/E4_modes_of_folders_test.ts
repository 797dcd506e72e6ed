/** E4: what is kept is root's alone, whatever mask the caller has: there are set-user-id programs in it. */

import { assertEquals } from "@std/assert";
import { sh, TrialFolder } from "../integration/image_lab.ts";
import { BINARY, entriesOf, STATE } from "../integration/support/project.ts";

const ignore = Deno.uid() !== 0;

for (const mask of ["000", "077"]) {
  Deno.test({ name: `E4: folders are root's alone with the mask ${mask}`, ignore }, () => {
    using trial = new TrialFolder();
    sh(
      `umask ${mask}; mkdir -m 0755 images tree; echo x > tree/su; chmod 4755 tree/su
       tar -cf images/i.tar -C tree .; chmod 644 images/i.tar; ${BINARY} -net none i /no/such/program || test $? = 127`,
      trial.path,
    );
    const modes = (path: string) => {
      const { mode, uid, gid } = Deno.lstatSync(path);
      return [(mode! & 0o7777).toString(8), uid, gid];
    };
    assertEquals(modes(`${trial.path}/images/.rootfs`), ["700", 0, 0]);
    assertEquals(modes(`${trial.path}/containers`), ["700", 0, 0]);
    assertEquals(modes(STATE), ["700", 0, 0]);
    for (const { name } of entriesOf(`${trial.path}/containers`)) {
      assertEquals(modes(`${trial.path}/containers/${name}`), ["700", 0, 0]);
    }
    const [root] = entriesOf(`${trial.path}/images/.rootfs`);
    assertEquals(modes(`${trial.path}/images/.rootfs/${root!.name}/su`), ["4755", 0, 0]);
  });
}

Deno.test({ name: "E4: a state folder that others may read becomes root's alone", ignore }, () => {
  using trial = new TrialFolder();
  const mode = () => (Deno.lstatSync(STATE).mode! & 0o7777).toString(8);
  sh(`mkdir -p -m 0755 ${STATE}; chmod 0755 ${STATE}; ${BINARY} list`, trial.path);
  assertEquals(mode(), "700");
  // One that --root names is not gocontainer's to change.
  const other = `${trial.path}/state`;
  sh(`mkdir -m 0755 ${other}; ${BINARY} --root ${other} list`, trial.path);
  assertEquals((Deno.lstatSync(other).mode! & 0o7777).toString(8), "755");
});
