/** C3: whiteouts, and layers in which everything takes the place of everything, let loose on the host. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { digestOf } from "../../lib/image/digest.ts";
import { ArchiveFault } from "../../lib/image/fault.ts";
import { applyLayer } from "../../lib/image/layer/apply.ts";
import { difference, manifest, sh, TrialFolder } from "../integration/image_lab.ts";
import { putImage } from "../integration/layer_lab.ts";
import { BINARY, entriesOf } from "../integration/support/project.ts";
import { archive, type Member } from "../unit/image/tar_builder.ts";
import { assertHostTreeStays } from "./host_tree.ts";

const ignore = Deno.uid() !== 0;

/** A folder outside the store that attacks are after. */
function makeDecoy(trial: TrialFolder): string {
  const path = trial.folder("decoy");
  sh(
    "echo secret > secret; chmod 600 secret; mkdir sub; echo x > sub/file; ln -s secret link",
    path,
  );
  return path;
}

/** Layers of attacks, the lowest first; made for the decoy's path, and the way there from a layer's folder. */
type Attack = (path: string, up: string) => readonly (readonly Member[])[];

const REFUSED: Readonly<Record<string, readonly [Attack, RegExp]>> = {
  "a whiteout of its own folder": [() => [[{ name: "d/.wh.." }]], /hides no file/],
  "a whiteout of the folder above": [() => [[{ name: ".wh..." }]], /hides no file/],
  "a whiteout of the folder above a folder": [
    () => [[{ name: "d/", type: "5" }, { name: "d/.wh..." }]],
    /hides no file/,
  ],
  "a whiteout of nothing": [() => [[{ name: "d/.wh." }]], /hides no file/],
  "a whiteout by way of ..": [(_, up) => [[{ name: `${up}/.wh.secret` }]], /has "\.\." in it/],
  "an opaque mark by way of ..": [
    (_, up) => [[{ name: `${up}/.wh..wh..opq` }]],
    /has "\.\." in it/,
  ],
  "a whiteout through links that go round in circles": [
    () => [[{ name: "l", type: "2", linkname: "m" }], [
      { name: "m", type: "2", linkname: "/x/../l" },
      { name: "l/.wh.secret" },
    ]],
    /"l\/.wh.secret" passes through symbolic links that go round in circles/,
  ],
  "something in what is gone": [
    () => [[{ name: ".wh.d/file", content: "x" }]],
    /lies in something that is gone/,
  ],
  "a hard link to what the same layer says is gone": [
    () => [[{ name: "f", content: "x" }], [{ name: ".wh.f" }, {
      name: "h",
      type: "1",
      linkname: "f",
    }]],
    /is a hard link to "f", which is not there/,
  ],
  "a hard link to what a layer between says is gone": [
    () => [[{ name: "d/f", content: "x" }], [{ name: ".wh.d" }], [
      { name: "h", type: "1", linkname: "d/f" },
    ]],
    /which is not there/,
  ],
  "a hard link through a link of a lower layer": [
    (path) => [[{ name: "l", type: "2", linkname: path }], [
      { name: "h", type: "1", linkname: "l/secret" },
    ]],
    /which is not there/,
  ],
  "a hard link to a folder of a lower layer": [
    () => [[{ name: "d/", type: "5" }], [{ name: "h", type: "1", linkname: "d" }]],
    /which is not there/,
  ],
  "another layer than the config says": [
    () => [[{ name: "f", content: "x" }]],
    /unpacks to sha256:/,
  ],
};

for (const [name, [attack, reason]] of Object.entries(REFUSED)) {
  Deno.test({ name: `C3: refuses ${name}`, ignore }, async () => {
    using trial = new TrialFolder();
    const decoy = makeDecoy(trial);
    const before = await manifest(decoy);
    const images = trial.folder("images");
    const layers = attack(decoy, "../../../../../decoy");
    const wrong = name.startsWith("another layer");
    await putImage(images, "evil", layers, wrong ? { diffIds: [`sha256:${"0".repeat(64)}`] } : {});
    const args = ["run", "-net", "none", "evil", "/bin/true"];
    const { code, stderr } = await new Deno.Command(BINARY, { args, cwd: trial.path }).output();
    const said = new TextDecoder().decode(stderr);
    assertMatch(said, /^gocontainer: extract layer sha256:[0-9a-f]{64}: it (?:is|unpacks) /);
    assertMatch(said, reason);
    assertEquals(code, 125);
    assertEquals(difference(before, await manifest(decoy)), []);
    assertEquals(entriesOf(trial.path).map(({ name }) => name), ["decoy", "images"]);
    assertEquals(entriesOf(`${images}/.store/layers`).length, layers.length - 1);
  });
}

/** What stands at a path: every kind there is. */
const KINDS: Readonly<Record<string, (decoy: string) => readonly Member[]>> = {
  "file": () => [{ name: "x", content: "file" }],
  "folder": () => [{ name: "x/", type: "5", mode: 0o755 }, { name: "x/secret", content: "mine" }],
  "link": (decoy) => [{ name: "x", type: "2", linkname: decoy }],
  "relative link": () => [{ name: "x", type: "2", linkname: "../../../decoy" }],
  "link to a file": (decoy) => [{ name: "x", type: "2", linkname: `${decoy}/secret` }],
  "hard link": () => [{ name: "f", content: "f" }, { name: "x", type: "1", linkname: "f" }],
  "character device": () => [{ name: "x", type: "3", major: 1, minor: 3 }],
  "block device": () => [{ name: "x", type: "4", major: 254, minor: 0 }],
  "fifo": () => [{ name: "x", type: "6" }],
  "whiteout": () => [{ name: ".wh.x" }],
  "opaque mark": () => [{ name: "x/.wh..wh..opq" }],
  "nothing": () => [],
};

/** What is tried on it then. */
const THEN: Readonly<Record<string, (decoy: string) => readonly Member[]>> = {
  "written into": () => [{ name: "x/secret", content: "overwritten" }],
  "written over": () => [{ name: "x", content: "overwritten", mode: 0o777, uid: 5 }],
  "changed": () => [{ name: "x/", type: "5", mode: 0o777, uid: 5, mtime: 1 }],
  "hidden in": () => [{ name: "x/.wh.secret" }],
  "linked": () => [{ name: "h", type: "1", linkname: "x" }, { name: "h", content: "new" }],
  "linked into": () => [{ name: "g", content: "g" }, { name: "x/h", type: "1", linkname: "g" }],
  "linked from": () => [{ name: "h", type: "1", linkname: "x/secret", mode: 0o777 }],
  "linked over": (decoy) => [{ name: "x/l", type: "2", linkname: decoy }, { name: "x/l/secret" }],
};

/** Applies layers, each to a folder of its own below another. */
async function applyAll(work: string, layers: readonly (readonly Member[])[]): Promise<void> {
  const folder = Deno.makeTempDirSync({ dir: work });
  using opened = new DisposableStack();
  opened.defer(() => Deno.removeSync(folder, { recursive: true }));
  const below: number[] = [];
  for (const [index, members] of layers.entries()) {
    Deno.mkdirSync(`${folder}/${index}`);
    const flags = O_RDONLY | O_DIRECTORY;
    const into = opened.use(new Fd(openat(AT_FDCWD, `${folder}/${index}`, flags))).number;
    const bytes = archive(members);
    await applyLayer([bytes], { diffId: digestOf(bytes), into, below: below.toReversed() });
    below.push(into);
  }
}

Deno.test({
  name:
    "C3: whatever takes the place of whatever, in one layer or in several, the host stays as it was",
  ignore,
}, async () => {
  using trial = new TrialFolder();
  const decoy = makeDecoy(trial);
  const before = await manifest(decoy);
  const work = trial.folder("work");
  await assertHostTreeStays(trial, async () => {
    const { done, refused } = await applyMatrix(work, decoy, (name) => {
      assertEquals(Deno.readTextFileSync(`${decoy}/secret`), "secret\n", name);
    });
    assert(done > 1000 && refused > 1000, `${done} done, ${refused} refused`);
    assertEquals(difference(before, await manifest(decoy)), []);
    assertEquals(entriesOf(work), []);
  });
});

/** Does everything with everything in the place of everything, in one to three layers. */
async function applyMatrix(
  work: string,
  decoy: string,
  check: (name: string) => void,
): Promise<{ done: number; refused: number }> {
  const counts = { done: 0, refused: 0 };
  for (const [first, makeFirst] of Object.entries(KINDS)) {
    for (const [second, makeSecond] of Object.entries(KINDS)) {
      for (const [third, makeThird] of Object.entries(THEN)) {
        const [a, b, c] = [makeFirst(decoy), makeSecond(decoy), makeThird(decoy)];
        const ways = [[[...a, ...b, ...c]], [a, [...b, ...c]], [[...a, ...b], c], [a, b, c]];
        for (const layers of ways) {
          const name = `a ${first}, a ${second}, ${third}, ${layers.length} layers`;
          try {
            await applyAll(work, layers);
            counts.done++;
          } catch (error) {
            if (!(error instanceof ArchiveFault)) throw new Error(name, { cause: error });
            counts.refused++;
          }
          check(name);
        }
      }
    }
  }
  return counts;
}
