/** Extractions that are killed at any moment, and several at once: the store stays sound. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { AT_FDCWD, O_RDONLY } from "../../ffi/constants.ts";
import { Fd, LOCK_EX, openat, tryFlock } from "../../ffi/file.ts";
import type { Member } from "../unit/image/tar_builder.ts";
import { Random } from "../unit/oci/random.ts";
import { difference, manifest, sh, TrialFolder } from "./image_lab.ts";
import { extract, GZIP, manifestOfOverlay, putImage } from "./layer_lab.ts";
import { BINARY, entriesOf } from "./support/project.ts";

const ignore = Deno.uid() !== 0;

/** How often an extraction is killed. */
const KILLS = 100;

/** A layer of some hundred files that hides and replaces some of the one below. */
function layer(number: number): Member[] {
  const members: Member[] = [
    { name: "./", type: "5", mode: 0o755, mtime: 1 },
    { name: `d${number}/`, type: "5", mode: 0o750, uid: number },
  ];
  for (let i = 0; i < 300; i++) {
    members.push({
      name: `d${number}/f${i}`,
      content: `${number}-${i}`.repeat(1 + i % 200),
      uid: i,
    });
  }
  if (number > 0) {
    members.push({ name: `d${number - 1}/.wh.f1` });
    members.push({ name: `d${number}/hard`, type: "1", linkname: `d${number - 1}/f2` });
  }
  return members;
}

const LAYERS = [0, 1, 2, 3, 4, 5].map(layer);

function start(images: string): Deno.ChildProcess {
  const args = ["run", "-i", images, "-rm", "-net", "none", "killed", "/no/such/program"];
  return new Deno.Command(BINARY, { args, cwd: images, stdout: "null", stderr: "piped" }).spawn();
}

async function complaint(child: Deno.ChildProcess): Promise<string> {
  const { stderr } = await child.output();
  return new TextDecoder().decode(stderr);
}

Deno.test(
  { name: `image layers: ${KILLS} killed extractions leave a sound store`, ignore },
  async () => {
    using trial = new TrialFolder();
    const [images, reference] = [trial.folder("images"), trial.folder("reference")];
    const timed = trial.folder("timed");
    for (const folder of [images, reference, timed]) {
      await putImage(folder, "killed", LAYERS, {
        form: GZIP,
      });
    }
    const expected = await manifestOfOverlay(trial, await extract(reference, "killed"));
    const began = performance.now();
    await complaint(start(timed));
    // Long enough to come to the end at times, however busy the machine is.
    const longest = Math.max(400, Math.ceil(performance.now() - began));
    const store = `${images}/.store/layers`;
    const wanted = new Map<string, ReadonlyMap<string, string>>();
    for (const { name } of entriesOf(`${reference}/.store/layers`)) {
      const tree = await manifest(`${reference}/.store/layers/${name}/diff`);
      wanted.set(name, withoutLinks(tree));
    }
    const random = new Random(11);
    const seen = new Set<number>();
    for (let round = 0; round < KILLS; round++) {
      const child = start(images);
      const ended = complaint(child);
      await new Promise((resolve) => setTimeout(resolve, random.below(longest)));
      try {
        child.kill("SIGKILL");
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
      }
      await ended;
      const whole = entriesOf(store).filter(({ name }) => !name.startsWith("."));
      seen.add(whole.length);
      for (const { name } of whole) {
        const folder = `${store}/${name}/diff`;
        const lines = difference(wanted.get(name)!, withoutLinks(await manifest(folder)));
        assertEquals(lines, [], `after ${round + 1} kills`);
        // The next one has it to do again.
        if (whole.length === LAYERS.length) {
          Deno.removeSync(`${store}/${name}`, {
            recursive: true,
          });
        }
      }
    }
    assert(seen.size > 3, `${[...seen]}`);
    assertMatch(await complaint(start(images)), /no such file in the container/);
    const found = await manifestOfOverlay(trial, await extract(images, "killed"));
    assertEquals(difference(expected, found), []);
    assertEquals(entriesOf(store).filter(({ name }) => name.startsWith(".")), []);
  },
);

/** Without what tells of other names, which layers above give to files, and the times of whiteouts. */
function withoutLinks(tree: ReadonlyMap<string, string>): Map<string, string> {
  const plain = (line: string) => line.replace(/ same=\S+/, "").replace(/^(20000 0:0) .*/, "$1");
  return new Map([...tree].map(([path, line]) => [path, plain(line)]));
}

Deno.test(
  { name: "image layers: six processes extract the same image together", ignore },
  async () => {
    using trial = new TrialFolder();
    const [images, reference] = [trial.folder("images"), trial.folder("reference")];
    for (const folder of [images, reference]) {
      await putImage(folder, "killed", LAYERS, {
        form: GZIP,
      });
    }
    const said = await Promise.all(Array.from({ length: 6 }, () => complaint(start(images))));
    for (const one of said) assertMatch(one, /no such file in the container/);
    assertEquals(
      difference(
        await manifestOfOverlay(trial, await extract(reference, "killed")),
        await manifestOfOverlay(trial, await extract(images, "killed")),
      ),
      [],
    );
    assertEquals(entriesOf(`${images}/.store/layers`).length, LAYERS.length);
  },
);

Deno.test({
  name: "image layers: what another boot of the machine did not see through is done again",
  ignore,
}, async () => {
  using trial = new TrialFolder();
  const images = trial.folder("images");
  await putImage(images, "killed", LAYERS, { form: GZIP });
  const folders = await extract(images, "killed");
  const expected = await manifestOfOverlay(trial, folders);
  const [top = "", second = ""] = folders.map((path) => path.replace(/\/diff$/, ""));
  // As after a loss of power: the mark is of another boot, and a part is missing.
  Deno.writeTextFileSync(`${top}/fresh`, "00000000-0000-0000-0000-000000000000");
  Deno.removeSync(`${top}/diff/d5`, { recursive: true });
  // One that is old enough is on the disk.
  Deno.utimeSync(`${second}/fresh`, 1, 1);
  const found = await manifestOfOverlay(trial, await extract(images, "killed"));
  assertEquals(difference(expected, found), []);
  assertEquals(entriesOf(second).map(({ name }) => name), ["diff"]);
  assertEquals(entriesOf(top).map(({ name }) => name), ["diff", "fresh"]);
  assertEquals(entriesOf(`${images}/.store/removed`), []);
});

Deno.test({
  name: "image: what a killed extraction left goes with prune, and is told by df",
  ignore,
}, async () => {
  using trial = new TrialFolder();
  const images = trial.folder("images");
  sh("mkdir -p .rootfs/{.i-1.partial,.j-2.partial,k-3}; chmod 700 .rootfs", images);
  for (const name of [".i-1.partial", ".j-2.partial", "k-3"]) {
    Deno.writeFileSync(`${images}/.rootfs/${name}/f`, new Uint8Array(100_000));
  }
  const said = async (...args: string[]) => {
    const { stdout, stderr } = await new Deno.Command(BINARY, { args, cwd: trial.path }).output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  };
  using partials = new Fd(openat(AT_FDCWD, `${images}/.rootfs/.j-2.partial`, O_RDONLY));
  assert(tryFlock(partials.number, LOCK_EX));
  const [archives] = JSON.parse(await said("df", "-format", "json"));
  assertEquals([archives.Type, archives.Count], ["archives", 3]);
  const left = archives.Reclaimable;
  assert(left >= 100_000 && left < archives.Size / 2, `${left}`);

  const [told] = JSON.parse(await said("prune", "-dry-run", "-format", "json"));
  assertEquals(told.Left, [{ Path: ".rootfs/.i-1.partial", Bytes: left }]);
  assertEquals(told.Bytes, left);
  assertEquals(entriesOf(`${images}/.rootfs`).length, 3);
  assertMatch(await said("prune"), /^Freed 1\d\d/);
  const names = entriesOf(`${images}/.rootfs`).map(({ name }) => name).sort();
  assertEquals(names, [".j-2.partial", "k-3"], "another one is at the one, and the other is whole");
});
