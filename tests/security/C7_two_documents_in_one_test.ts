/** Row C7: bytes that are a manifest to one reader and an index to another (CVE-2021-41190). */

import { assertEquals, assertMatch } from "@std/assert";
import {
  DOCKER_INDEX,
  DOCKER_MANIFEST,
  OCI_INDEX,
  OCI_MANIFEST,
} from "../../lib/image/media_type.ts";
import { layerOf, PullTrial } from "../integration/registry/pulling.ts";
import { TestRegistry } from "../integration/registry/test_registry.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

Deno.test("a document is what its type, the registry and its content say alike, or nothing", async () => {
  await attack(workspace, async () => {
    await using registry = new TestRegistry();
    using trial = new PullTrial();
    const { manifest, config, layers } = registry.addImage(undefined, [layerOf("a", 100)]);
    const platform = { os: "linux", architecture: "amd64" };
    const asManifest = { schemaVersion: 2, config, layers };
    const asIndex = { schemaVersion: 2, manifests: [{ ...manifest, platform }] };
    const both = { ...asManifest, ...asIndex };
    const cases: readonly (readonly [type: string, document: object])[] = [
      // Both at once.
      [OCI_MANIFEST, both],
      [OCI_INDEX, both],
      [DOCKER_MANIFEST, both],
      [DOCKER_INDEX, both],
      [OCI_INDEX, { ...asIndex, config: {} }],
      [OCI_INDEX, { ...asIndex, layers: [] }],
      [OCI_MANIFEST, { ...asManifest, manifests: [] }],
      // Another than the registry says.
      [OCI_MANIFEST, asIndex],
      [OCI_INDEX, asManifest],
      [OCI_MANIFEST, { ...asManifest, mediaType: OCI_INDEX }],
      [OCI_MANIFEST, { ...asManifest, mediaType: DOCKER_MANIFEST }],
      [OCI_INDEX, { ...asIndex, mediaType: OCI_MANIFEST }],
      ["application/json", { ...asManifest, mediaType: OCI_MANIFEST }],
      ["text/html", asManifest],
      ["", asManifest],
    ];
    for (const [type, document] of cases) {
      const { digest } = registry.addManifest("1", type, document);
      for (const name of [`${registry.host}/image:1`, `${registry.host}/image@${digest}`]) {
        const told = await workspace.run(["pull", "-i", trial.images, name]);
        assertEquals([told.code, told.stdout], [125, ""], `${type} ${JSON.stringify(document)}`);
        const isPage = type === "text/html";
        assertMatch(told.stderr, isPage ? /a page/ : /mediaType|manifests|config|layers/);
      }
    }
    assertEquals(trial.contents(), { blobs: [], partial: [], references: [] });
    // What an index lists as one thing is not taken as another.
    for (const mediaType of [OCI_INDEX, DOCKER_INDEX, DOCKER_MANIFEST]) {
      registry.addIndex("1", [{ ...manifest, mediaType, platform }]);
      const told = await workspace.run(["pull", "-i", trial.images, `${registry.host}/image:1`]);
      assertEquals(told.code, 125, mediaType);
    }
    assertEquals(trial.contents().references, []);
    trial.assertSound();
  });
});
