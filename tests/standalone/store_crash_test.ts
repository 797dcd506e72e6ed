/** Processes that work with a store are killed at random times: what is left is sound, and goes on. */

import { assert, assertEquals } from "@std/assert";
import { ensureLayers, findLayers } from "../../lib/image/layer/ensure.ts";
import { checkStore } from "../../lib/image/store/check/mod.ts";
import { resolveImage } from "../../lib/image/store/resolve.ts";
import { ImageStore } from "../../lib/image/store/store.ts";
import { Random } from "../unit/oci/random.ts";
import { TrialFolder } from "../integration/image_lab.ts";
import { putImage } from "../integration/layer_lab.ts";
import { begun, bytesOf, descriptorOf, said, startChild } from "../integration/store_lab.ts";
import { testWith } from "../engines/support/skip.ts";
import { BINARY, entriesOf, isInstalled } from "../integration/support/project.ts";

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
    const blobs = () => entriesOf(`${store.path}/blobs/sha256`).length;
    const numbers = (first: number, count: number) =>
      Array.from({ length: count }, (_, n) => first + n);
    await said(startChild("receive", images, 1000, 0, 1000));
    const before = blobs();
    let killed = 0;
    let names = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const task = random.once(3)
        ? startChild("refer", images, 1000, 1000, ...numbers(0, 40).map((n) => `r${n}:${round}`))
        // A blob takes at least 30 ms, so four of them are more than there is time for.
        : startChild("receive", images, SIZE, 1, ...numbers(blobs() - before, 4));
      await begun(task);
      if (await killAfter(task, random.below(60))) killed++;
      await assertSound(store, `after round ${round}`);
      const now = store.references().length;
      assert(now >= names, "no reference is lost");
      names = now;
    }
    assert(killed > ROUNDS / 2, `${killed} were killed in time`);
    const seeds = numbers(0, blobs() - before + 1);
    await said(startChild("receive", images, SIZE, 0, ...seeds));
    for (const seed of seeds) {
      assertEquals(store.readBlob(descriptorOf(seed, SIZE), SIZE), bytesOf(seed, SIZE));
    }
    assertEquals(entriesOf(`${store.path}/partial`), []);
  },
});

/** What `prune` is to leave, and what there is for it to remove. */
class PruneTrial implements Disposable {
  readonly #trial = new TrialFolder();
  readonly images = this.#trial.folder("images");
  readonly random = new Random(SEED + 1);
  #kept: string[] = [];

  async begin(): Promise<void> {
    await fill(this.images, "kept", 3, this.random);
    this.#kept = await keptIn(this.images);
  }

  /** Puts something there that is to be removed. */
  async fill(name: string): Promise<void> {
    await fill(this.images, name, 3, this.random);
  }

  /** Makes sure that what was to stay is there, and that the rest is no worse than unneeded. */
  async assertSound(when: string): Promise<void> {
    using store = ImageStore.open(this.images);
    await assertSound(store, when);
    assertEquals(await keptIn(this.images), this.#kept, when);
  }

  /** Makes sure that another `prune` leaves nothing but that. */
  async assertPrunable(): Promise<void> {
    const { code, stderr } = await this.prune().output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    await this.assertSound("at the end");
    using store = ImageStore.open(this.images);
    assertEquals(store.references().length, 3);
    for (const folder of ["removed", "partial", "leases"]) {
      assertEquals(entriesOf(`${store.path}/${folder}`), [], folder);
    }
    assertEquals(entriesOf(`${store.path}/layers`).length, 3 * 2);
    assertEquals(entriesOf(`${store.path}/blobs/sha256`).length, 3 * 4);
  }

  prune(through: readonly string[] = []): Deno.ChildProcess {
    const [program = "", ...args] = [...through, BINARY, "prune", "-i", this.images];
    return new Deno.Command(program, { args, stdout: "piped", stderr: "piped" }).spawn();
  }

  [Symbol.dispose](): void {
    this.#trial[Symbol.dispose]();
  }
}

Deno.test({
  name: `${ROUNDS} kills of prune`,
  ignore,
  async fn() {
    using trial = new PruneTrial();
    await trial.begin();
    const took: number[] = [];
    let killed = 0;
    for (let round = 0; round < ROUNDS; round++) {
      // In between there is what the one before has left.
      if (round % 2 === 0) await trial.fill(`round${round}`);
      const usual = took.length === 0 ? 1000 : took.reduce((a, b) => a + b) / took.length;
      const start = performance.now();
      const after = usual * (0.2 + trial.random.below(900) / 1000);
      if (await killAfter(trial.prune(), after)) killed++;
      else took.push(performance.now() - start);
      await trial.assertSound(`after round ${round}`);
    }
    assert(killed > ROUNDS / 3, `${killed} were killed in time`);
    await trial.assertPrunable();
  },
});

for (const call of ["renameat2", "unlinkat", "fsync", "write", "flock"]) {
  testWith(
    { root: !ignore, strace: isInstalled("strace") },
    `prune is killed at each ${call}(2) of it`,
    async () => {
      using trial = new PruneTrial();
      await trial.begin();
      let at = 1;
      for (; at < 1000; at += at < 20 ? 1 : 25) {
        await trial.fill(`${call}${at}`);
        const inject = `-einject=${call}:signal=SIGKILL:when=${at}`;
        const strace = ["strace", "-f", "-qqq", "-o", "/dev/null", `-etrace=${call}`, inject];
        const { signal } = await trial.prune(strace).output();
        await trial.assertSound(`killed at ${call} ${at}`);
        if (signal !== "SIGKILL") break;
      }
      assert(at > 1 && at < 1000, `${call} was called ${at - 1} times`);
      await trial.assertPrunable();
    },
  );
}

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

/** The manifests of the images that are to stay, which have all their blobs. */
async function keptIn(images: string): Promise<string[]> {
  using store = ImageStore.open(images);
  const digests: string[] = [];
  for (let n = 0; n < 3; n++) {
    const image = await resolveImage(store, `kept:${n}`);
    for (const layer of image.manifest.layers) assert(store.hasBlob(layer));
    assert(findLayers(store, image) !== undefined);
    digests.push(image.descriptor.digest);
  }
  return digests;
}
