/** Row D11: ids and names that are paths. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { exists, STATE } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

Deno.test("no name leads out of the folders", async () => {
  await attack(workspace, async ({ folder }) => {
    const names = [
      "..",
      ".",
      "../../x",
      "/etc",
      folder,
      `..${folder}`,
      "a/../../b",
      "~",
      "*",
      "$(id)",
    ];
    for (const name of names) {
      const named = await workspace.run([`-name=${name}`, "-net=none", "alpine", "true"]);
      assertEquals(named.code, 125);
      assertMatch(named.stderr, /as container name: not allowed/);
      const image = await workspace.run(["-net=none", name, "true"]);
      assertEquals(image.code, 125);
      const joined = await workspace.run([`-net=container:${name}`, "alpine", "true"]);
      assertEquals(joined.code, 125);
      assertMatch(joined.stderr, /no such container is running/);
    }
  });
});

Deno.test("what lies in the state folder and is no container's is left alone", async () => {
  await attack(workspace, async ({ folder }) => {
    const strange = ["link-to-decoy", "with,comma", "with space"].map((name) => `${STATE}/${name}`);
    await Deno.symlink(folder, strange[0]);
    await Deno.mkdir(strange[1]);
    await Deno.mkdir(strange[2]);
    try {
      assertEquals((await workspace.run(["gc"])).stdout, "");
      assertEquals((await workspace.run(["-net=none", "alpine", "true"])).code, 0);
      for (const path of strange) assert(exists(path), path);
    } finally {
      for (const path of strange) await Deno.remove(path);
    }
  });
});
