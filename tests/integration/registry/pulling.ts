/** Pulls within the test's process, by which limits can be short, and what they leave. */

import { assert, assertEquals } from "@std/assert";
import { digestOf } from "../../../lib/image/digest.ts";
import { pullImage, type PullOptions } from "../../../lib/image/pull.ts";
import { parseReference } from "../../../lib/image/reference.ts";
import { StoreOnDemand } from "../../../lib/image/store/on_demand.ts";
import type { Limits } from "../../../lib/registry/http/patience.ts";
import type { Persistence } from "../../../lib/registry/retry.ts";
import { archive } from "../../unit/image/tar_builder.ts";
import { TrialFolder } from "../image_lab.ts";
import { entriesOf } from "../support/project.ts";
import { noise } from "./test_registry.ts";

/** Nobody waits long in a test, though the machine may be busy with others. */
export const LIMITS: Limits = { connect: 5000, silence: 3000, window: 6000, least: 1000 };
/** For those who are to be found too slow. */
export const SHORT: Limits = { connect: 5000, silence: 400, window: 1000, least: 1000 };
export const PERSISTENCE: Persistence = { tries: 4, first: 5, longest: 20, longestAsked: 3000 };

/** An images folder of a test's own. */
export class PullTrial implements Disposable {
  readonly #trial = new TrialFolder();
  /** What was warned of. */
  readonly warnings: string[] = [];

  get images(): string {
    return `${this.#trial.path}/images`;
  }

  get store(): string {
    return `${this.images}/.store`;
  }

  /** Pulls; gives the digest. */
  async pull(reference: string, options: PullOptions = {}): Promise<string> {
    using stores = new StoreOnDemand(this.images);
    const { digest } = await pullImage(stores, parseReference(reference), {
      limits: LIMITS,
      persistence: PERSISTENCE,
      warn: (message) => this.warnings.push(message),
      ...options,
    });
    return digest;
  }

  /** Whether the store was made, and to the end. */
  get isMade(): boolean {
    return entriesOf(this.store).some(({ name }) => name === "leases");
  }

  /** The names of the blobs, and of what is there of others; nothing where there is no store. */
  contents(): { blobs: string[]; partial: string[]; references: string[] } {
    if (!this.isMade) return { blobs: [], partial: [], references: [] };
    const index = JSON.parse(Deno.readTextFileSync(`${this.store}/index.json`));
    return {
      blobs: entriesOf(`${this.store}/blobs/sha256`).map(({ name }) => `sha256:${name}`).sort(),
      partial: entriesOf(`${this.store}/partial`).map(({ name }) => name).sort(),
      references: index.manifests.map((one: { annotations: Record<string, string> }) =>
        one.annotations["org.opencontainers.image.ref.name"]
      ),
    };
  }

  /** Every blob is what its name says, nothing is half in its place, and no reference leads nowhere. */
  assertSound(): void {
    if (!this.isMade) return;
    const { blobs } = this.contents();
    for (const digest of blobs) {
      const path = `${this.store}/blobs/${digest.replace(":", "/")}`;
      assertEquals(digestOf(Deno.readFileSync(path)), digest);
    }
    const { manifests } = JSON.parse(Deno.readTextFileSync(`${this.store}/index.json`));
    for (const { digest } of manifests) assert(blobs.includes(digest), digest);
    const expected = ["blobs", "index.json", "layers", "leases", "lock", "oci-layout", "partial"];
    const names = entriesOf(this.store).map(({ name }) => name);
    // Whoever is killed may leave a file under its temporary name; the next one writes over it.
    const left = (name: string) => name === "removed" || name.endsWith(".new");
    assertEquals(names.filter((name) => !left(name)).sort(), expected);
    assertEquals(entriesOf(`${this.store}/blobs`).map(({ name }) => name), ["sha256"]);
  }

  [Symbol.dispose](): void {
    this.#trial[Symbol.dispose]();
  }
}

/** A layer with one file of so many bytes that do not shrink. */
export function layerOf(name: string, size: number, seed = 1): Uint8Array<ArrayBuffer> {
  return new Uint8Array(archive([
    { name: "./", type: "5", mode: 0o755, mtime: 1 },
    { name, content: noise(size, seed), mtime: 1 },
  ]));
}
