/** E5: names that will be used for a while, taken beforehand by a link to somewhere else. */

import { assertEquals, assertMatch } from "@std/assert";
import { AT_FDCWD } from "../../ffi/constants.ts";
import { statx } from "../../ffi/file.ts";
import { EXTRACTED, versionOf } from "../../lib/image/source.ts";
import { difference, manifest, sh, TrialFolder } from "../integration/image_lab.ts";
import { BINARY } from "../integration/support/project.ts";
import { Runtime } from "../integration/support/runtime.ts";
import { Workspace } from "../integration/support/workspace.ts";

const workspace = Workspace.ofThisFile();
const runtime = new Runtime(workspace);
Deno.test.afterAll(() => runtime.clear());

const TRAPS: Readonly<Record<string, (version: string) => string>> = {
  "the folder of extractions is a link": () => `ln -s ../decoy images/${EXTRACTED}`,
  "the folder of extractions is a file": () => `echo x > images/${EXTRACTED}`,
  "the temporary folder is a link": (version) =>
    `mkdir -m 0700 images/${EXTRACTED}; ln -s ../../decoy images/${EXTRACTED}/.i-${version}.partial`,
  "the temporary folder is a file": (version) =>
    `mkdir -m 0700 images/${EXTRACTED}; echo x > images/${EXTRACTED}/.i-${version}.partial`,
  "a left temporary folder is a link": () =>
    `mkdir -m 0700 images/${EXTRACTED}; ln -s ../../decoy images/${EXTRACTED}/.other-1.partial`,
  "a left temporary folder holds links": () =>
    `mkdir -m 0700 images/${EXTRACTED}; mkdir images/${EXTRACTED}/.other-1.partial
     ln -s ../../../decoy images/${EXTRACTED}/.other-1.partial/link`,
  "the temporary folder holds links": (version) =>
    `mkdir -m 0700 images/${EXTRACTED}; mkdir images/${EXTRACTED}/.i-${version}.partial
     ln -s ../../../decoy images/${EXTRACTED}/.i-${version}.partial/d
     ln -s ../../../decoy/secret images/${EXTRACTED}/.i-${version}.partial/f`,
};

for (const [name, trap] of Object.entries(TRAPS)) {
  Deno.test(
    { name: `E5: nothing is written elsewhere when ${name}`, ignore: Deno.uid() !== 0 },
    async () => {
      using trial = new TrialFolder();
      sh(
        `mkdir images decoy tree tree/d; echo secret > decoy/secret; echo x > tree/d/secret
       echo x > tree/f; chmod 700 decoy; tar -cf images/i.tar -C tree .`,
        trial.path,
      );
      const archive = `${trial.path}/images/i.tar`;
      sh(trap(versionOf(statx(AT_FDCWD, archive, 0))), trial.path);
      const before = await manifest(`${trial.path}/decoy`);
      const { code, stderr } = await new Deno.Command(BINARY, {
        args: ["-net", "none", "-rm", "i", "/no/such/program"],
        cwd: trial.path,
        stdin: "null",
      }).output();
      assertEquals(difference(before, await manifest(`${trial.path}/decoy`)), []);
      const said = new TextDecoder().decode(stderr);
      if (code === 127) return;
      assertEquals(code, 125, said);
      assertMatch(said, /^gocontainer: (make folder|extract image) "[^\n]*(ELOOP|ENOTDIR)[^\n]*\n/);
    },
  );
}

Deno.test({
  name: "E5: a pid file goes through nothing that the owner of its folder has laid there",
  ignore: Deno.uid() !== 0,
  fn: async () => {
    using trial = new TrialFolder();
    const bundle = await runtime.bundle(["true"]);
    sh("mkdir theirs; echo secret > decoy; ln -s ../decoy theirs/pid.new", trial.path);
    sh("mkfifo theirs/other.new; ln -s ../decoy theirs/other; chown -Rh 12345 theirs", trial.path);
    for (const [index, name] of ["pid", "other"].entries()) {
      const file = `${trial.path}/theirs/${name}`;
      const id = `pid-file-${index}`;
      await runtime.createFrom(bundle, id, "--pid-file", file);
      assertEquals(Deno.readTextFileSync(`${trial.path}/decoy`), "secret\n");
      const { isSymlink, uid } = Deno.lstatSync(file);
      assertEquals([isSymlink, uid], [false, 0]);
      assertEquals(Deno.readTextFileSync(file), `${(await runtime.state(id)).pid}`);
      await runtime.delete(id);
    }
    assertEquals(sh("ls theirs", trial.path), "other\nother.new\npid\npid.new\n");
  },
});
