/** Row B11: characters of a path that the overlay's options would take for its own. */

import { assert, assertEquals } from "@std/assert";
import { exists } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

const NAMES = [
  "a,lowerdir=/etc",
  "a:b",
  "back\\slash\\,",
  "a b",
  "q\"u'ote",
  "metacopy=on,redirect_dir=on",
];

for (const name of NAMES) {
  Deno.test(`a folder called ${name} is a folder like any other`, async () => {
    await attack(workspace, async ({ folder, secret }) => {
      const place = `${folder}-${name}`;
      await Deno.mkdir(`${place}/images`, { recursive: true });
      await Deno.symlink(await workspace.alpine(), `${place}/images/alpine`);
      const script = "cat /etc/alpine-release; echo changed > /new; cat /file; hostname";
      const { code, stdout, stderr } = await workspace.run(
        [
          "-net=none",
          "-i",
          `${place}/images`,
          "-c",
          `${place}/c`,
          "alpine",
          "/bin/sh",
          "-c",
          script,
        ],
      );
      assertEquals(code, 0, stderr);
      assert(/^\d+\.\d+/.test(stdout) && !stdout.includes(secret), stdout);
      const id = stdout.trim().split("\n").at(-1);
      assertEquals(await Deno.readTextFile(`${place}/c/${id}/upper/new`), "changed\n");
    });
  });

  Deno.test(`an image below a folder called ${name} keeps its own layer`, async () => {
    await attack(workspace, async ({ folder }) => {
      const place = `${folder}-${name}`;
      await Deno.mkdir(`${place}/images/mine/etc`, { recursive: true });
      await Deno.writeTextFile(`${place}/images/mine/etc/own`, "own");
      const busybox = await workspace.alpine();
      for (const path of ["bin", "lib", "usr"]) {
        const { success } = await new Deno.Command("cp", {
          args: ["-a", `${busybox}/${path}`, `${place}/images/mine/`],
        }).output();
        assert(success);
      }
      const { stdout } = await workspace.run(
        ["-net=none", "-i", `${place}/images`, "mine", "/bin/sh", "-c", "cat /etc/own; ls /etc"],
      );
      assertEquals(stdout, "ownhostname\nhosts\nown\nresolv.conf\n");
    });
  });
}

Deno.test("ids and names cannot bring such characters in", async () => {
  await attack(workspace, async () => {
    for (const name of ["a,b", "a:b", "../a", "a/b", "a\\b", "a b", "a\nb"]) {
      const { code } = await workspace.run([`-name=${name}`, "-net=none", "alpine", "true"]);
      assertEquals(code, 125, name);
    }
    assert(!exists(workspace.path("a")));
  });
});
