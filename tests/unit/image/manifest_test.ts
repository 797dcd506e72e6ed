import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import { isImageIndex, parseImageManifest, parseManifest } from "../../../lib/image/manifest.ts";
import {
  DOCKER_CONFIG,
  DOCKER_INDEX,
  DOCKER_LAYER_GZIP,
  DOCKER_MANIFEST,
  OCI_CONFIG,
  OCI_EMPTY,
  OCI_INDEX,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
} from "../../../lib/image/media_type.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const config = { mediaType: OCI_CONFIG, digest: DIGEST, size: 7 };
const layer = { mediaType: OCI_LAYER_GZIP, digest: DIGEST, size: 8 };
const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer] };
const index = {
  schemaVersion: 2,
  mediaType: OCI_INDEX,
  manifests: [{
    mediaType: OCI_MANIFEST,
    digest: DIGEST,
    size: 9,
    platform: { os: "linux", architecture: "arm", variant: "v7" },
  }],
};

function bytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
}

function refusal(value: unknown, type?: string): ContainerError {
  return assertThrows(() => parseManifest(bytes(value), type, "m"), ContainerError);
}

Deno.test("manifests and indexes of OCI and docker are read", () => {
  const read = parseManifest(bytes(manifest), OCI_MANIFEST, "m");
  assert(!isImageIndex(read));
  assertEquals(read.layers, [layer as never]);
  const docker = {
    schemaVersion: 2,
    mediaType: DOCKER_MANIFEST,
    config: { ...config, mediaType: DOCKER_CONFIG },
    layers: [{ ...layer, mediaType: DOCKER_LAYER_GZIP }],
  };
  assert(!isImageIndex(parseManifest(bytes(docker), undefined, "m")));
  const list = parseManifest(bytes(index), OCI_INDEX, "m");
  assert(isImageIndex(list));
  assertEquals(list.manifests[0]!.platform?.variant, "v7");
  assert(
    isImageIndex(parseManifest(bytes({ ...index, mediaType: DOCKER_INDEX }), DOCKER_INDEX, "m")),
  );
  for (const [value, name] of [[manifest, "layers"], [index, "manifests"]] as const) {
    // Go writes a list that nothing was put into as null.
    const empty = parseManifest(bytes({ ...value, [name]: null }), value.mediaType, "m");
    assertEquals((empty as unknown as Record<string, unknown>)[name], []);
    assertMatch(refusal({ ...value, [name]: undefined }).message, /: required but missing$/);
  }
  // The type may be told by either, and members that are null count as not there.
  const silent = { ...manifest, mediaType: undefined, manifests: null, annotations: null };
  assert(!isImageIndex(parseManifest(bytes(silent), OCI_MANIFEST, "m")));
  assertEquals(
    parseManifest(bytes({ schemaVersion: 2, manifests: [] }), OCI_INDEX, "m"),
    { schemaVersion: 2, manifests: [] },
  );
});

Deno.test("unknown members and media types of content are kept", () => {
  const odd = {
    ...manifest,
    more: { a: 1 },
    layers: [{ mediaType: "application/vnd.x", digest: "blake3:0af", size: 0, x: 1 }],
  };
  const read = parseManifest(bytes(odd), OCI_MANIFEST, "m") as unknown as typeof odd;
  assertEquals([read.more, read.layers], [odd.more, odd.layers]);
});

Deno.test("one document is never two (CVE-2021-41190)", () => {
  const both = { ...manifest, ...index };
  for (const type of [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_INDEX]) {
    assertEquals(refusal({ ...both, mediaType: type }, type).code, "InvalidArchive");
    assertEquals(refusal({ ...both, mediaType: undefined }, type).code, "InvalidArchive");
  }
  assertEquals(
    refusal({ ...index, config }, OCI_INDEX).message,
    "m: config: an index has none: this is two documents in one",
  );
  assertEquals(
    refusal({ ...manifest, manifests: [] }, OCI_MANIFEST).message,
    "m: manifests: a manifest has none: this is two documents in one",
  );
  assertEquals(
    refusal(manifest, OCI_INDEX).message,
    `m: mediaType: expected "${OCI_INDEX}", as which it was given, got "${OCI_MANIFEST}"`,
  );
});

Deno.test("documents of other types are refused", () => {
  assertEquals(
    refusal({ ...manifest, mediaType: undefined }).message,
    "m: mediaType: required but missing",
  );
  assertEquals(
    refusal(manifest, "text/html").message,
    `m: mediaType: expected "text/html", as which it was given, got "${OCI_MANIFEST}"`,
  );
  assertEquals(refusal({ ...manifest, mediaType: 5 }).code, "InvalidArchive");
  for (const value of ["[]", "null", "1", '"x"', "{", "", "{}", '{"schemaVersion":2}']) {
    assertEquals(refusal(value, OCI_MANIFEST).code, "InvalidArchive", value);
  }
});

Deno.test("the first schema is refused in a sentence of its own", () => {
  const v1 = { schemaVersion: 1, name: "x", fsLayers: [] };
  for (
    const [value, type] of [
      [v1, undefined],
      [v1, "application/vnd.docker.distribution.manifest.v1+prettyjws"],
      [v1, "application/vnd.docker.distribution.manifest.v1+json"],
      ["not JSON", "application/vnd.docker.distribution.manifest.v1+json"],
    ] as const
  ) {
    const error = refusal(value, type);
    assertEquals(error.message, "m: it is of the first schema, which docker gave up in 2016");
    assertEquals(error.code, "Unsupported");
  }
});

Deno.test("wrong members are named", () => {
  const cases: readonly (readonly [change: unknown, member: string])[] = [
    [{ schemaVersion: 3 }, "schemaVersion"],
    [{ config: undefined }, "config"],
    [{ layers: undefined }, "layers"],
    [{ layers: {} }, "layers"],
    [{ config: { ...config, digest: undefined } }, "config.digest"],
    [{ config: { ...config, digest: "sha256:../../etc" } }, "config.digest"],
    [{ config: { ...config, digest: `sha256:${"A".repeat(64)}` } }, "config.digest"],
    [{ config: { ...config, digest: `sha256:${"a".repeat(63)}` } }, "config.digest"],
    [{ config: { ...config, size: -1 } }, "config.size"],
    [{ config: { ...config, size: 1.5 } }, "config.size"],
    [{ config: { ...config, size: "1" } }, "config.size"],
    [{ config: { ...config, mediaType: "text" } }, "config.mediaType"],
    [{ config: { ...config, mediaType: "a/b; c" } }, "config.mediaType"],
    [{ layers: [layer, { ...layer, size: null }] }, "layers[1].size"],
    [{ layers: [{ ...layer, annotations: { a: 1 } }] }, "layers[0].annotations.a"],
    [{ layers: [{ ...layer, urls: "http://x" }] }, "layers[0].urls"],
    [{ layers: [{ ...layer, data: "?" }] }, "layers[0].data"],
    [{ subject: [] }, "subject"],
    [{ annotations: { a: {} } }, "annotations.a"],
  ];
  for (const [change, member] of cases) {
    const { message } = refusal({ ...manifest, ...change as object }, OCI_MANIFEST);
    assert(message.startsWith(`m: ${member}: `), message);
  }
  const exact = JSON.stringify(manifest).replace('"size":7', '"size":18446744073709551615');
  assert(refusal(exact, OCI_MANIFEST).message.startsWith("m: config.size: "));
  const twice = JSON.stringify(manifest).replace('"size":7', '"size":7,"size":8');
  assert(refusal(twice, OCI_MANIFEST).message.includes("twice"));
});

Deno.test("documents are bounded", () => {
  const padded = JSON.stringify({ ...manifest, x: "x".repeat(4 * 1024 * 1024) });
  assertEquals(refusal(padded, OCI_MANIFEST).message, "m: larger than 4194304 bytes");
  const deep = `{"x":${"[".repeat(100)}${"]".repeat(100)}}`;
  assert(refusal(deep, OCI_MANIFEST).message.includes("nested deeper"));
});

Deno.test("an artifact is no image, and an index not one of one platform", () => {
  const artifact = {
    ...manifest,
    artifactType: "application/vnd.example.sbom",
    config: { ...config, mediaType: OCI_EMPTY },
  };
  const error = assertThrows(
    () => parseImageManifest(bytes(artifact), OCI_MANIFEST, "m"),
    ContainerError,
  );
  assertEquals(
    error.message,
    'm: this is no image but an artifact of type "application/vnd.example.sbom"',
  );
  assertEquals(error.code, "Unsupported");
  assertThrows(() => parseImageManifest(bytes(index), OCI_INDEX, "m"), ContainerError);
});

Deno.test("a platform that says nothing is none", () => {
  for (const platform of [{}, { os: "" }, { os: "linux" }, { os: "linux", architecture: "" }]) {
    const list = { ...index, manifests: [{ ...index.manifests[0], platform }] };
    const read = parseManifest(bytes(list), OCI_INDEX, "m");
    assert(isImageIndex(read));
    assertEquals(read.manifests[0]!.platform, undefined);
  }
});
