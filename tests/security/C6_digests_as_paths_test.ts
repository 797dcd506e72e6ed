/** Row C6: a digest becomes a path; content is stored under a name that it does not have. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { OCI_INDEX, OCI_MANIFEST } from "../../lib/image/media_type.ts";
import { layerOf, PullTrial } from "../integration/registry/pulling.ts";
import { TestRegistry } from "../integration/registry/test_registry.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

const DIGESTS = [
  "sha256:../../../../../../../../etc/passwd",
  `sha256:${"../".repeat(20)}evil`,
  "../../evil:aa",
  "sha256:/etc/passwd",
  `sha256:${"0".repeat(63)}/`,
  `sha256:${"0".repeat(64)}\u0000`,
  `SHA256:${"0".repeat(64)}`,
  "sha256:",
  ".:.",
];

Deno.test("digests that are paths, wherever a registry puts them", async () => {
  await attack(workspace, async () => {
    await using registry = new TestRegistry();
    using trial = new PullTrial();
    const { manifest, config, layers } = registry.addImage(undefined, [layerOf("a", 100)]);
    const platform = { os: "linux", architecture: "amd64" };
    for (const digest of DIGESTS) {
      registry.addManifest("layer", OCI_MANIFEST, {
        schemaVersion: 2,
        config,
        layers: [{ ...layers[0]!, digest }],
      });
      registry.addManifest("config", OCI_MANIFEST, {
        schemaVersion: 2,
        config: { ...config, digest },
        layers,
      });
      registry.addManifest("index", OCI_INDEX, {
        schemaVersion: 2,
        manifests: [{ ...manifest, digest, platform }],
      });
      for (const tag of ["layer", "config", "index"]) {
        const name = `${registry.host}/image:${tag}`;
        const { code, stderr, stdout } = await workspace.run(["pull", "-i", trial.images, name]);
        assertEquals([code, stdout], [125, ""], digest);
        assertMatch(stderr, /expected a digest/);
      }
      // Nobody was asked for it either.
      assert(registry.log.every(({ path }) => !path.includes("..") && !path.includes("evil")));
    }
    trial.assertSound();
    assertEquals(trial.contents().blobs, []);
  });
});

Deno.test("a digest that the user gives, or that a registry gives in a header, is no path either", async () => {
  await attack(workspace, async () => {
    await using registry = new TestRegistry();
    using trial = new PullTrial();
    const { manifest } = registry.addImage("1", [layerOf("a", 100)]);
    for (const digest of DIGESTS) {
      if (digest.includes("\0")) continue;
      const name = `${registry.host}/image@${digest}`;
      const { code } = await workspace.run(["pull", "-i", trial.images, name]);
      assertEquals(code, 125, digest);
    }
    assertEquals(registry.log, []);
    for (const digest of DIGESTS) {
      registry.hook = ({ path }) =>
        path.includes("/manifests/")
          ? {
            status: 200,
            fields: {
              "Content-Type": OCI_MANIFEST,
              "Docker-Content-Digest": digest.replace("\0", ""),
            },
            body: registry.bytesOf(manifest.digest),
          }
          : undefined;
      const name = `${registry.host}/image:1`;
      const { code } = await workspace.run(["pull", "-i", trial.images, name]);
      assertEquals(code, 125, digest);
    }
    assertEquals(trial.contents().references, []);
  });
});

Deno.test("content that is not what its digest says never gets its name", async () => {
  await attack(workspace, async () => {
    await using registry = new TestRegistry();
    const { layers, config, manifest } = registry.addImage("1", [layerOf("a", 5000)]);
    for (const { digest, size } of [layers[0]!, config, manifest]) {
      using trial = new PullTrial();
      registry.hook = ({ method, path }) =>
        method === "GET" && path.endsWith(digest)
          ? {
            status: 200,
            fields: { "Content-Type": OCI_MANIFEST },
            body: new Uint8Array(size).fill(0x20),
          }
          : undefined;
      const name = digest === manifest.digest
        ? `${registry.host}/image@${digest}`
        : `${registry.host}/image:1`;
      const { code, stderr } = await workspace.run(["pull", "-i", trial.images, name]);
      assertEquals(code, 125);
      assertMatch(stderr, /the content is another|another manifest than it said/);
      assert(!trial.contents().blobs.includes(digest));
      assertEquals(trial.contents().references, []);
      trial.assertSound();
    }
  });
});
