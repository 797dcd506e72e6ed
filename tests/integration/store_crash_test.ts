/** Processes that work with a store are killed at random times: what is left is sound, and goes on. */

import { assert, assertEquals } from "@std/assert";
import type { Descriptor } from "../../lib/image/descriptor.ts";
import { ensureLayers } from "../../lib/image/layer/ensure.ts";
import { checkStore } from "../../lib/image/store/check/mod.ts";
import { resolveImage } from "../../lib/image/store/resolve.ts";
import { ImageStore } from "../../lib/image/store/store.ts";
import { Random } from "../unit/oci/random.ts";
import { TrialFolder } from "./image_lab.ts";
import { putImage } from "./layer_lab.ts";
import { bytesOf, descriptorOf, said, startChild } from "./store_lab.ts";
import { BINARY, entriesOf } from "./support/project.ts";

const ROUNDS = 100;
const SEED = Number(Deno.env.get("GOCONTAINER_SEED") ?? 20260101);
const ignore = Deno.uid() !== 0;

async function assertSound(store: ImageStore, when: string): Promise<void> {
  const { faults } = await checkStore(store, { repair: false });
  assertEquals(faults, [], `${when} (GOCONTAINER_SEED=${SEED})`);
}

/** Kills a process after some time, unless it has ended before; tells which. */
async function killAfter(child: Deno.ChildProcess, ms: number): Promise<boolean> {
  const timer = setTimeout(() => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has just ended by itself.
    }
  }, ms);
  const { signal } = await child.output();
  clearTimeout(timer);
  return signal === "SIGKILL";
}

Deno.test({
  name: `${ROUNDS} kills of processes that receive blobs and set references`,
  ignore,
  async fn() {
    using trial = new TrialFolder();
    const images = trial.folder("images");
    using store = ImageStore.open(images);
    const random = new Random(SEED);
    const SIZE = 300_000;
    const seeds = Array.from({ length: 40 }, (_, n) => n);
    const start = performance.now();
    await said(startChild("receive", images, 1000, 0, 1000));
    const least = performance.now() - start;
    let killed = 0;
    let names = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const task = random.once(3)
        ? startChild("refer", images, 1000, 1000, ...seeds.map((n) => `r${n}:${round}`))
        : startChild("receive", images, SIZE, 1, ...seeds.slice(round % 40));
      if (await killAfter(task, least * 0.5 + random.below(60 + least))) killed++;
      await assertSound(store, `after round ${round}`);
      const now = store.references().length;
      assert(now >= names, "no reference is lost");
      names = now;
    }
    assert(killed > ROUNDS / 2, `${killed} were killed in time`);
    await said(startChild("receive", images, SIZE, 0, ...seeds));
    for (const seed of seeds) {
      assertEquals(store.readBlob(descriptorOf(seed, SIZE), SIZE), bytesOf(seed, SIZE));
    }
    assertEquals(entriesOf(`${store.path}/partial`), []);
  },
});

Deno.test({
  name: `${ROUNDS} kills of prune`,
  ignore,
  async fn() {
    using trial = new TrialFolder();
    const images = trial.folder("images");
    const random = new Random(SEED + 1);
    await fill(images, "kept", 3, random);
    const kept = await allOf(images, 3);
    const prune = () =>
      new Deno.Command(BINARY, { args: ["prune", "-i", images], stdout: "null", stderr: "piped" })
        .spawn();
    await fill(images, "first", 6, random);
    const start = performance.now();
    assertEquals((await prune().output()).code, 0);
    const usual = performance.now() - start;
    let killed = 0;
    for (let round = 0; round < ROUNDS; round++) {
      // Every few rounds there is something new to remove; in between what was left of it.
      if (round % 4 === 0) await fill(images, `round${round}`, 6, random);
      if (await killAfter(prune(), usual * (0.3 + random.below(900) / 1000))) killed++;
      using store = ImageStore.open(images);
      await assertSound(store, `after round ${round}`);
      assertEquals(await allOf(images, 3), kept);
    }
    assert(killed > ROUNDS / 3, `${killed} were killed in time`);
    assertEquals((await prune().output()).code, 0);
    using store = ImageStore.open(images);
    assertEquals(store.references().length, 3);
    for (const folder of ["removed", "partial", "leases"]) {
      assertEquals(entriesOf(`${store.path}/${folder}`), [], folder);
    }
    assertEquals(entriesOf(`${store.path}/layers`).length, 3 * 2);
    assertEquals(entriesOf(`${store.path}/blobs/sha256`).length, 3 * 4);
  },
});

/** Puts images into the store and extracts them; all but those called `kept` lose their names. */
async function fill(images: string, name: string, count: number, random: Random): Promise<void> {
  for (let n = 0; n < count; n++) {
    const layer = () =>
      Array.from({ length: 20 }, (_, file) => ({
        name: `d${file % 3}/f${file}`,
        content: String(random.below(2 ** 30)),
      }));
    await putImage(images, `${name}:${n}`, [layer(), layer()]);
    using store = ImageStore.open(images);
    await ensureLayers(store, await resolveImage(store, `${name}:${n}`));
  }
  if (name === "kept") return;
  using store = ImageStore.open(images);
  store.changeReferences((entries) =>
    entries.map((entry) =>
      entry.name?.includes("/kept:") ? entry : { descriptor: entry.descriptor }
    )
  );
}

/** The manifests of the images that have names, each with its layers extracted and all blobs there. */
async function allOf(images: string, count: number): Promise<Descriptor["digest"][]> {
  using store = ImageStore.open(images);
  const digests: Descriptor["digest"][] = [];
  for (let n = 0; n < count; n++) {
    const { descriptor, manifest } = await resolveImage(store, `kept:${n}`);
    for (const layer of manifest.layers) assert(store.hasBlob(layer));
    digests.push(descriptor.digest);
  }
  return digests;
}
