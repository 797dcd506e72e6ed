/** Pushes to registries that know one form of manifests only, OCI's or docker's. */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ContainerError } from "../../lib/errors.ts";
import { digestOf } from "../../lib/image/digest.ts";
import {
  DOCKER_CONFIG,
  DOCKER_INDEX,
  DOCKER_LAYER,
  DOCKER_LAYER_GZIP,
  DOCKER_MANIFEST,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER,
  OCI_LAYER_ZSTD,
  OCI_MANIFEST,
} from "../../lib/image/media_type.ts";
import { pushImage } from "../../lib/image/push.ts";
import { parseReference } from "../../lib/image/reference.ts";
import { requireTarget } from "../../lib/image/store/resolve.ts";
import { ImageStore } from "../../lib/image/store/store.ts";
import { layerOf, LIMITS, PERSISTENCE, PullTrial } from "../integration/registry/pulling.ts";
import { Taker } from "../integration/registry/taker.ts";
import { TestRegistry } from "../integration/registry/test_registry.ts";

/** Pulls an image from one registry and pushes it to another one. */
async function push(
  origin: TestRegistry,
  taker: Taker,
  options: { version?: string } = {},
): Promise<{ digest: string; warnings: string[] }> {
  using trial = new PullTrial();
  const name = `${origin.host}/image:1`;
  for (const architecture of ["amd64", "arm64"]) {
    await trial.pull(name, { platform: { os: "linux", architecture } });
  }
  using store = ImageStore.open(trial.images);
  const { descriptor } = await requireTarget(store, name);
  const warnings: string[] = [];
  const to = parseReference(`${taker.host}/image${options.version ?? ":1"}`);
  const { digest } = await pushImage(store, descriptor, to, {
    limits: LIMITS,
    persistence: PERSISTENCE,
    warn: (message) => warnings.push(message),
  });
  return { digest, warnings };
}

/** An index of images for two platforms. */
function addBoth(origin: TestRegistry, layerType?: string): void {
  const listed = ["amd64", "arm64"].map((architecture, seed) => {
    const config = { architecture };
    const { manifest } = origin.addImage(undefined, [layerOf("a", 1000, seed + 1)], {
      config,
      manifest: { annotations: { note: "it goes" } },
      ...layerType && { layerType },
    });
    return { ...manifest, platform: { os: "linux", architecture } };
  });
  origin.addIndex("1", listed);
}

/** The error of a registry that does not know what it got. */
function told(code: string, message: string): string {
  return JSON.stringify({ errors: [{ code, message }] });
}

const jsonOf = (taker: Taker, name: string) =>
  JSON.parse(new TextDecoder().decode(taker.manifests.get(name)!));

const REFUSALS: readonly { status: number; body?: string }[] = [
  { status: 415 },
  { status: 400, body: told("MANIFEST_INVALID", "manifest invalid") },
  { status: 404, body: told("TAG_INVALID", "manifest tag did not match URI") },
  { status: 405, body: told("UNSUPPORTED", "The operation is unsupported.") },
  { status: 400, body: told("UNKNOWN", "unknown manifest class for application/vnd.oci…") },
];

Deno.test("a registry that knows no OCI manifests gets docker's", async () => {
  for (const refusal of REFUSALS) {
    await using origin = new TestRegistry();
    await using taker = new Taker();
    addBoth(origin);
    taker.refusal = (type) => type.includes(".oci.") ? refusal : undefined;
    const { digest, warnings } = await push(origin, taker);
    assertEquals(warnings, [
      `the registry ${taker.host} does not take manifests of OCI's form: it was sent in docker's, ` +
      "by which its digest is another one",
    ]);
    assertEquals(digest, digestOf(taker.manifests.get("1")!));
    assertEquals(taker.types.get("1"), DOCKER_INDEX);
    const index = jsonOf(taker, "1");
    assertEquals([index.schemaVersion, index.mediaType], [2, DOCKER_INDEX]);
    const architectures: string[] = [];
    for (const { mediaType, digest, size, platform } of index.manifests) {
      assertEquals([mediaType, taker.types.get(digest)], [DOCKER_MANIFEST, DOCKER_MANIFEST]);
      const bytes = taker.manifests.get(digest)!;
      assertEquals([digestOf(bytes), bytes.length], [digest, size]);
      architectures.push(platform.architecture);
      const { config, layers, ...rest } = jsonOf(taker, digest);
      assertEquals(rest, { schemaVersion: 2, mediaType: DOCKER_MANIFEST });
      assertEquals([config.mediaType, layers[0].mediaType], [DOCKER_CONFIG, DOCKER_LAYER]);
      for (const part of [config, ...layers]) {
        assertEquals(taker.blobs.get(part.digest)!.length, part.size);
      }
    }
    assertEquals(architectures, ["amd64", "arm64"]);
  }
});

Deno.test("a registry that knows no manifests of docker gets OCI's", async () => {
  await using origin = new TestRegistry();
  await using taker = new Taker();
  const layer = origin.addBlob(DOCKER_LAYER_GZIP, await gzip(layerOf("a", 1000)));
  const manifests = ["amd64", "arm64"].map((architecture) => {
    const config = origin.addBlob(DOCKER_CONFIG, {
      os: "linux",
      architecture,
      rootfs: { type: "layers", diff_ids: [digestOf(layerOf("a", 1000))] },
    });
    const parts = { schemaVersion: 2, mediaType: DOCKER_MANIFEST, config, layers: [layer] };
    const manifest = origin.addManifest(undefined, DOCKER_MANIFEST, parts);
    return { ...manifest, platform: { os: "linux", architecture } };
  });
  origin.addManifest("1", DOCKER_INDEX, { schemaVersion: 2, mediaType: DOCKER_INDEX, manifests });
  taker.refusal = (type) => type.includes(".docker.") ? { status: 415 } : undefined;
  const { warnings } = await push(origin, taker);
  assertMatch(warnings.join(), /docker's form: it was sent in OCI's/);
  assertEquals(taker.types.get("1"), OCI_INDEX);
  const [{ digest }] = jsonOf(taker, "1").manifests;
  assertEquals(taker.types.get(digest), OCI_MANIFEST);
  assertEquals(jsonOf(taker, digest).config.mediaType, OCI_CONFIG);
  assertEquals(jsonOf(taker, digest).layers[0].mediaType, `${OCI_LAYER}+gzip`);
});

Deno.test("a registry that takes neither form: what it said first is told", async () => {
  await using origin = new TestRegistry();
  await using taker = new Taker();
  addBoth(origin);
  taker.refusal = (type) => ({
    status: 400,
    body: told("MANIFEST_INVALID", type.includes(".oci.") ? "of OCI" : "of docker"),
  });
  const error = await assertRejects(() => push(origin, taker), ContainerError);
  assertMatch(error.message, /the registry does not take its manifest and says "of OCI"$/);
});

Deno.test("what promises a digest, or has no other form, stays what it is", async () => {
  await using origin = new TestRegistry();
  await using taker = new Taker();
  taker.refusal = (type) => type.includes(".oci.") ? { status: 415 } : undefined;
  addBoth(origin);
  const digest = digestOf(origin.bytesOf("1"));
  const promised = await assertRejects(
    () => push(origin, taker, { version: `@${digest}` }),
    ContainerError,
  );
  assertEquals(promised.hint, "Push it by a tag alone: it is tried in docker's form then");
  addBoth(origin, OCI_LAYER_ZSTD);
  const zstd = await assertRejects(() => push(origin, taker), ContainerError, "status 415");
  assertEquals(
    zstd.hint,
    "It was not tried in docker's form, which has no layers that are compressed by zstd",
  );
  assertEquals([...taker.manifests.keys()], []);
});

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
