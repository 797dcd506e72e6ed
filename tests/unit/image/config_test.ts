import { assertEquals, assertThrows } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import { chainIds, parseConfig } from "../../../lib/image/config.ts";
import type { Descriptor } from "../../../lib/image/descriptor.ts";
import { type Digest, digestOf } from "../../../lib/image/digest.ts";
import { historyOf } from "../../../lib/image/history.ts";
import type { ImageManifest } from "../../../lib/image/manifest.ts";
import { hostPlatform } from "../../../lib/image/platform.ts";

const A: Digest = `sha256:${"a".repeat(64)}`;
const B: Digest = `sha256:${"b".repeat(64)}`;
const C: Digest = `sha256:${"c".repeat(64)}`;

function layers(...digests: Digest[]): ImageManifest {
  const all = digests.map((digest): Descriptor => ({ mediaType: "a/b", digest, size: 1 }));
  return { schemaVersion: 2, config: all[0]!, layers: all };
}

function parse(value: unknown, manifest: ImageManifest = layers(A)) {
  return parseConfig(new TextEncoder().encode(JSON.stringify(value)), manifest, "c");
}

const minimal = {
  architecture: "amd64",
  os: "linux",
  rootfs: { type: "layers", diff_ids: [A] },
};

Deno.test("a config whose list of layers is null has none, one without a list is refused", () => {
  const rootfs = (diff_ids: unknown) => ({ ...minimal, rootfs: { type: "layers", diff_ids } });
  assertEquals(parse(rootfs(null), layers()).rootfs.diff_ids, []);
  const { message } = assertThrows(() => parse(rootfs(undefined), layers()), ContainerError);
  assertEquals(message, "c: rootfs.diff_ids: required but missing");
});

Deno.test("a config that does not say what it is for is for this machine", () => {
  const { os, architecture } = hostPlatform();
  for (const nothing of [undefined, null, ""]) {
    const config = parse({ ...minimal, os: nothing, architecture: nothing });
    assertEquals([config.os, config.architecture], [os, architecture]);
  }
  const config = parse({ ...minimal, os: "windows", architecture: undefined });
  assertEquals([config.os, config.architecture], ["windows", architecture]);
});

Deno.test("a config is read; null says as much as nothing", () => {
  const config = parse({
    ...minimal,
    created: "2020-01-01T00:00:00Z",
    history: null,
    config: {
      User: "1:2",
      Env: ["A=b"],
      Entrypoint: null,
      Cmd: ["/bin/sh"],
      Volumes: { "/data": {}, "/x": null },
      ExposedPorts: { "80/tcp": {} },
      Labels: { a: "b", gone: null },
      Healthcheck: { Test: ["CMD"] },
      OnBuild: [],
    },
    "docker_version": "20",
  });
  assertEquals(config.history, undefined);
  assertEquals(config.config?.Entrypoint, undefined);
  assertEquals(config.config?.Labels, { a: "b" });
  assertEquals(Object.keys(config.config?.Volumes ?? {}), ["/data"]);
});

Deno.test("a config whose members are wrong is refused, naming them", () => {
  const cases: readonly (readonly [change: object, message: string])[] = [
    [{ rootfs: undefined }, "c: rootfs: required but missing"],
    [
      { rootfs: { type: "windows", diff_ids: [A] } },
      'c: rootfs.type: expected "layers", got "windows"',
    ],
    [
      { rootfs: { type: "layers", diff_ids: ["sha256:x"] } },
      'c: rootfs.diff_ids[0]: expected a digest, got "sha256:x"',
    ],
    [
      { rootfs: { type: "layers", diff_ids: [A, B] } },
      "c: it has 2 layers, but the manifest has 1",
    ],
    [{ rootfs: { type: "layers", diff_ids: [] } }, "c: it has 0 layers, but the manifest has 1"],
    [{ os: 1 }, "c: os: expected a string, got 1"],
    [{ config: { Env: "A=b" } }, 'c: config.Env: expected an array, got "A=b"'],
    [{ config: { Cmd: [1] } }, "c: config.Cmd[0]: expected a string, got 1"],
  ];
  for (const [change, message] of cases) {
    const error = assertThrows(() => parse({ ...minimal, ...change }), ContainerError);
    assertEquals([error.message, error.code], [message, "InvalidArchive"]);
  }
});

Deno.test("layers are named by all below them", () => {
  const encode = (text: string) => digestOf(new TextEncoder().encode(text));
  const second = encode(`${A} ${B}`);
  assertEquals(chainIds([]), []);
  assertEquals(chainIds([A, B, C]), [A, second, encode(`${second} ${C}`)]);
  // Computed by hand with sha256sum.
  assertEquals(second, "sha256:ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c");
});

Deno.test("history and layers are put together, whatever either lacks", () => {
  const manifest = layers(A, B, C);
  const digests = (history: object[] | undefined) =>
    historyOf({ ...minimal, rootfs: { type: "layers", diff_ids: [] }, history }, manifest)
      .map(({ created_by, layer }) => [created_by, layer?.digest]);
  assertEquals(
    digests([
      { created_by: "1" },
      { created_by: "2", empty_layer: true },
      { created_by: "3" },
      { created_by: "4" },
    ]),
    [["1", A], ["2", undefined], ["3", B], ["4", C]],
  );
  assertEquals(digests(undefined), [[undefined, A], [undefined, B], [undefined, C]]);
  assertEquals(digests([{ created_by: "1" }]), [["1", A], [undefined, B], [undefined, C]]);
  assertEquals(digests(Array(4).fill({})).at(-1), [undefined, undefined]);
});
