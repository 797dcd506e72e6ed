/** Pulls from a registry that does what real ones don't: nothing bad is stored, and nothing hangs. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ContainerError } from "../../lib/errors.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_MANIFEST } from "../../lib/image/media_type.ts";
import type { PullOptions } from "../../lib/image/pull.ts";
import { parsePlatform } from "../../lib/image/platform.ts";
import { layerOf, PERSISTENCE, PullTrial, SHORT } from "../integration/registry/pulling.ts";
import { say } from "../integration/registry/scripted_server.ts";
import {
  cutAfter,
  failure,
  headOf,
  type Hook,
  noise,
  TestRegistry,
  write,
} from "../integration/registry/test_registry.ts";

const LARGE = 3_000_000;

interface Trial {
  readonly registry: TestRegistry;
  readonly trial: PullTrial;
  readonly name: string;
}

function test(name: string, fn: (trial: Trial) => Promise<void>): void {
  Deno.test(name, async () => {
    await using registry = new TestRegistry();
    using trial = new PullTrial();
    await fn({ registry, trial, name: `${registry.host}/image:1` });
    trial.assertSound();
  });
}

async function assertRefused(
  { trial, name }: Trial,
  message: RegExp,
  code: string = "InvalidArchive",
  options: PullOptions = {},
): Promise<ContainerError> {
  const error = await assertRejects(() => trial.pull(name, options), ContainerError);
  assertMatch(error.message, message);
  assertEquals(error.code, code, error.message);
  assertEquals(trial.contents().references, []);
  return error;
}

/** Answers requests for blobs of a digest. */
function forBlob(digest: string, hook: Hook): Hook {
  return (asked) =>
    asked.method === "GET" && asked.path.endsWith(`/blobs/${digest}`) ? hook(asked) : undefined;
}

// Content.

test("an image as it should be", async ({ registry, trial, name }) => {
  const { manifest, layers, config } = registry.addImage("1", [
    layerOf("a", LARGE),
    layerOf("b", 10, 2),
  ]);
  assertEquals(await trial.pull(name), manifest.digest);
  assertEquals(trial.contents(), {
    blobs: [manifest, config, ...layers].map(({ digest }) => digest as string).sort(),
    partial: [],
    references: [name],
  });
  // The second time it is only asked whether the tag has moved.
  const before = registry.log.length;
  assertEquals(await trial.pull(name), manifest.digest);
  assertEquals(registry.asked.slice(before), ["GET /v2/", "HEAD manifests/1"]);
  assertEquals(trial.warnings, []);
});

test("another content of the same size is not stored", async (all) => {
  const { registry, trial } = all;
  const { layers: [layer] } = registry.addImage("1", [layerOf("a", LARGE)]);
  const wrong = registry.bytesOf(layer!.digest).slice();
  wrong[LARGE / 2]! ^= 1;
  registry.hook = forBlob(layer!.digest, () => ({ status: 200, body: wrong }));
  await assertRefused(all, /^verify "sha256:[0-9a-f]{64}": the content is another, sha256:/);
  assert(!trial.contents().blobs.includes(layer!.digest));
  assertEquals(trial.contents().partial, []);
});

test("more content than was told is not taken", async (all) => {
  const { registry, trial } = all;
  const { layers: [layer] } = registry.addImage("1", [layerOf("a", 10_000)]);
  let written = 0;
  registry.hook = forBlob(layer!.digest, () => async (conn) => {
    await say(conn, "HTTP/1.1 200 OK\r\n\r\n");
    for (const piece = noise(1 << 16);; written += piece.length) await write(conn, piece);
  });
  await assertRefused(all, /^receive sha256:[0-9a-f]{64}: there is more of it than \d+ bytes$/);
  assertEquals(trial.contents().partial, []);
  assert(written < 64 << 20);
});

test("less content than was told, again and again", async (all) => {
  const { registry, trial } = all;
  const { layers: [layer] } = registry.addImage("1", [layerOf("a", LARGE)]);
  const bytes = registry.bytesOf(layer!.digest);
  registry.hook = forBlob(layer!.digest, ({ fields }) => {
    if (!fields.has("range")) return { status: 200, body: bytes.subarray(0, 1000) };
    const fields2 = { "Content-Range": `bytes 1000-1000/${bytes.length}` };
    return { status: 206, fields: fields2, body: "" };
  });
  await assertRefused(all, /: the registry ended too early$/, "Failed");
  // What is right so far is kept for the next time.
  assertEquals(trial.contents().partial, [layer!.digest.replace(":", "-")]);
  registry.hook = () => undefined;
  await trial.pull(all.name);
});

test("a manifest that is another than its digest says", async (all) => {
  const { registry, trial } = all;
  const { manifest } = registry.addImage(undefined, [layerOf("a", 10)]);
  const bytes = registry.bytesOf(manifest.digest);
  registry.hook = ({ path }) =>
    path.includes("/manifests/")
      ? { status: 200, fields: { "Content-Type": OCI_MANIFEST }, body: concat(bytes, " ") }
      : undefined;
  const pinned = `${registry.host}/image@${manifest.digest}`;
  await assertRefused(
    { ...all, name: pinned },
    /: the registry gave another manifest than it said$/,
  );
  assertEquals(trial.contents().blobs, []);
});

test("a manifest that is another than the registry's own word says", async (all) => {
  const { registry } = all;
  const { manifest, layers: [layer] } = registry.addImage("1", [layerOf("a", 10)]);
  registry.hook = ({ path }) =>
    path.includes("/manifests/")
      ? {
        status: 200,
        fields: { "Content-Type": OCI_MANIFEST, "Docker-Content-Digest": layer!.digest },
        body: registry.bytesOf(manifest.digest),
      }
      : undefined;
  await assertRefused(all, /: the registry gave another manifest than it said$/);
});

test("a manifest of another size than its index says", async (all) => {
  const { registry } = all;
  const { manifest } = registry.addImage(undefined, [layerOf("a", 10)]);
  const platform = { os: "linux", architecture: "amd64" };
  for (const size of [manifest.size + 1, manifest.size - 1]) {
    registry.addIndex("1", [{ ...manifest, size, platform }]);
    await assertRefused(all, /: it has \d+ bytes, its index says \d+$/);
  }
});

test("a config that does not go with its manifest stops it before the layers", async (all) => {
  const { registry } = all;
  const config = { rootfs: { type: "layers", diff_ids: [] } };
  registry.addImage("1", [layerOf("a", 10)], { config });
  await assertRefused(all, /: it has 0 layers, but the manifest has 1$/);
  assertEquals(registry.log.filter(({ path }) => path.includes("/blobs/")).length, 1);
});

test("more layers than can lie over each other are refused before any part comes", async (all) => {
  const { registry } = all;
  registry.addImage("1", Array.from({ length: 501 }, () => layerOf("a", 10)));
  const message = /^extract layer sha256:[0-9a-f]{64}: the image has more than 500 layers$/;
  const error = await assertRefused(all, message, "Unsupported");
  assertEquals(error.hint, "overlayfs cannot lay more over each other");
  assertEquals(registry.log.filter(({ path }) => path.includes("/blobs/")), []);
});

test("a layer that unpacks to something else than its config says", async (all) => {
  const { registry, trial } = all;
  const diffIds = [`sha256:${"0".repeat(64)}`];
  registry.addImage("1", [layerOf("a", 10)], {
    config: { rootfs: { type: "layers", diff_ids: diffIds } },
  });
  await assertRefused(all, /^extract layer sha256:/);
  assertEquals([...Deno.readDirSync(`${trial.store}/layers`)], []);
});

test("content in an encoding that was not asked for", async (all) => {
  const { registry } = all;
  const { layers: [layer] } = registry.addImage("1", [layerOf("a", 10_000)]);
  registry.hook = forBlob(layer!.digest, () => ({
    status: 200,
    fields: { "Content-Encoding": "gzip" },
    body: registry.bytesOf(layer!.digest),
  }));
  await assertRefused(all, /encodes its answer, which was not asked for$/, "Failed");
});

test("descriptors that are none", async (all) => {
  const { registry } = all;
  const { manifest } = registry.addImage("1", [layerOf("a", 10)]);
  const right = new TextDecoder().decode(registry.bytesOf(manifest.digest));
  const { layers: [layer] } = JSON.parse(right);
  const digest = JSON.stringify(layer.digest);
  const size = `"size":${layer.size}`;
  const changes: [string, string][] = [
    [digest, '"sha256:../../../../etc/passwd"'],
    [digest, '"sha256:' + "A".repeat(64) + '"'],
    [digest, '"../x:abc"'],
    [digest, '""'],
    [digest, "null"],
    [digest, "[]"],
    [size, '"size":-1'],
    [size, '"size":1.5'],
    [size, '"size":"10"'],
    [size, '"size":9007199254740993'],
    [size, '"size":1e400'],
    [size, '"size":null'],
    ['"layers":[', '"layers":{"a":['],
    ['"layers":[{', '"layers":[null,{'],
    ['"schemaVersion":2', '"schemaVersion":3'],
    ['"schemaVersion":2', '"schemaVersion":2,"schemaVersion":2'],
  ];
  for (const [from, to] of changes) {
    const at = right.lastIndexOf(from);
    let text = right.slice(0, at) + to + right.slice(at + from.length);
    if (to.startsWith('"layers":{')) text = text.replace(/]}$/, "]}}");
    registry.addManifest("1", OCI_MANIFEST, new TextEncoder().encode(text));
    await assertRefused(all, /^manifest of|^image "/);
  }
  const blake3 = right.replaceAll(layer.digest, "blake3:" + "a".repeat(64));
  registry.addManifest("1", OCI_MANIFEST, new TextEncoder().encode(blake3));
  await assertRefused(all, /"blake3" is not known$/, "Unsupported");
});

test("documents of absurd size and depth", async (all) => {
  const { registry } = all;
  const big = new Uint8Array(5 << 20).fill(0x20);
  const deep = new TextEncoder().encode("[".repeat(100_000));
  const many = `{"schemaVersion":2,"manifests":[${"{},".repeat(1_000_000)}{}]}`;
  registry.addManifest("1", OCI_MANIFEST, big);
  await assertRefused(all, /: the answer is longer than 4194304 bytes$/, "Failed");
  registry.addManifest("1", OCI_MANIFEST, deep);
  await assertRefused(all, /^image .*nested|deep/);
  registry.addManifest("1", OCI_INDEX, new TextEncoder().encode(many));
  await assertRefused(all, /^image /);
  // A config is not even asked for.
  const config = registry.addBlob(OCI_CONFIG, new Uint8Array(9 << 20));
  registry.addImage("1", [], { manifest: { config } });
  await assertRefused(all, /^config of image ".*": it has more than 8388608 bytes$/);
  assertEquals(registry.asked.filter((asked) => asked.includes("blobs/")), []);
  // An answer that says what is wrong, and never ends.
  let written = 0;
  registry.hook = ({ path }) =>
    path.endsWith("/manifests/1")
      ? async (conn) => {
        await say(conn, "HTTP/1.1 404 No\r\n\r\n");
        for (const piece = noise(1 << 16);; written += piece.length) await write(conn, piece);
      }
      : undefined;
  await assertRefused(all, /: the registry answered with status 404$/, "NotFound");
  assert(written < 64 << 20);
});

test("an index of indexes without end, and one that is no index", async (all) => {
  const { registry, trial } = all;
  const { manifest } = registry.addImage(undefined, [layerOf("a", 10)]);
  let last = registry.addIndex("x", [{
    ...manifest,
    platform: { os: "linux", architecture: "amd64" },
  }]);
  for (let depth = 0; depth < 6; depth++) last = registry.addIndex("1", [last]);
  await assertRefused(all, /: too many indexes within each other$/);
  registry.addIndex("1", [{ ...manifest, mediaType: OCI_INDEX }]);
  await assertRefused(all, /: the registry gives it as ".*", its index as ".*"$/);
  registry.addIndex("1", [{ ...manifest, platform: { os: "plan9", architecture: "mips" } }]);
  const error = await assertRefused(all, /: there is none for linux\//, "NotFound");
  assertEquals(error.hint, "There are: plan9/mips");
  registry.addIndex("1", []);
  await assertRefused(all, /: there is none for linux\//, "NotFound");
  registry.addImage("1", [layerOf("a", 10)], { config: { architecture: "s390x" } });
  const platform = parsePlatform("linux/riscv64");
  const other = await assertRejects(() => trial.pull(all.name, { platform }), ContainerError);
  assertMatch(other.message, /: it is for linux\/s390x, not linux\/riscv64$/);
});

// Connections.

test("connections that are cut anywhere: it goes on where it stopped", async ({ registry, trial, name }) => {
  const { layers } = registry.addImage("1", [
    layerOf("a", LARGE, 3),
    layerOf("b", LARGE, 4),
    layerOf("c", LARGE, 5),
  ]);
  let sent = 0;
  const ranges: string[] = [];
  registry.hook = ({ method, path, fields, before }) => {
    const layer = layers.find(({ digest }) => path.endsWith(digest));
    if (layer === undefined || method !== "GET") return undefined;
    const bytes = registry.bytesOf(layer.digest);
    const from = Number(/([0-9]+)-/.exec(fields.get("range") ?? "0-")![1]);
    if (fields.has("range")) ranges.push(`${before}: ${fields.get("range")}`);
    const rest = bytes.subarray(from);
    const count = before < 3 ? Math.floor(rest.length * [0, 0.3, 0.6][before]!) : rest.length;
    sent += count;
    return cutAfter(count, rest, {
      status: from > 0 ? 206 : 200,
      fields: from > 0
        ? { "Content-Range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` }
        : {},
    });
  };
  await trial.pull(name);
  const size = layers.reduce((sum, layer) => sum + layer.size, 0);
  assert(ranges.length >= 6, ranges.join(", "));
  // What was under way when a connection was cut may have to come once more.
  assert(sent < size * 1.5, `${sent} of ${size}`);
});

test("a registry that cannot begin in the middle: from the start, but not for ever", async (all) => {
  const { registry, trial, name } = all;
  const { layers: [layer] } = registry.addImage("1", [layerOf("a", LARGE)]);
  const bytes = registry.bytesOf(layer!.digest);
  registry.hook = forBlob(
    layer!.digest,
    ({ before }) => before < 2 ? cutAfter(1_000_000, bytes) : { status: 200, body: bytes },
  );
  await trial.pull(name);

  using other = new PullTrial();
  registry.hook = forBlob(layer!.digest, () => cutAfter(2_000_000, bytes));
  const count = registry.log.length;
  await assertRefused(
    { ...all, trial: other },
    /: the registry ends early and cannot go on|: the connection ended early$/,
    "Failed",
  );
  assert(registry.log.length - count < 12);
});

test("parts that are others than those asked for", async (all) => {
  const { registry } = all;
  const { layers: [layer] } = registry.addImage("1", [layerOf("a", LARGE)]);
  const bytes = registry.bytesOf(layer!.digest);
  const size = bytes.length;
  for (
    const range of [
      `bytes 0-${size - 1}/${size}`,
      `bytes 999999-${size - 1}/${size}`,
      `bytes 1000000-${size - 1}/${size + 1}`,
      "bytes */5",
      "nonsense",
      "",
    ]
  ) {
    using trial = new PullTrial();
    registry.hook = forBlob(layer!.digest, ({ fields, before }) => {
      if (before === 0) return cutAfter(1_000_000, bytes);
      if (!fields.has("range")) return undefined;
      return { status: 206, fields: { "Content-Range": range }, body: bytes.subarray(1_000_000) };
    });
    // Whatever it is, only the right content is stored.
    await trial.pull(all.name);
    trial.assertSound();
  }
});

test("a registry that knows no such part", async ({ registry, trial, name }) => {
  const { layers: [layer] } = registry.addImage("1", [layerOf("a", LARGE)]);
  const bytes = registry.bytesOf(layer!.digest);
  registry.hook = forBlob(layer!.digest, ({ fields, before }) => {
    if (before === 0) return cutAfter(1_000_000, bytes);
    return fields.has("range") ? { status: 416 } : undefined;
  });
  await trial.pull(name);
});

test("a part that was asked for by nobody", async (all) => {
  const { registry } = all;
  const { layers: [layer] } = registry.addImage("1", [layerOf("a", LARGE)]);
  registry.hook = forBlob(layer!.digest, () => ({
    status: 206,
    fields: { "Content-Range": `bytes 5-9/${layer!.size}` },
    body: "hello",
  }));
  await assertRefused(all, /another part than it was asked for$/, "Failed");
});

test("a drip is not waited for, and what came of it is kept", async (all) => {
  const { registry, trial, name } = all;
  const { layers: [layer] } = registry.addImage("1", [layerOf("a", LARGE)]);
  const bytes = registry.bytesOf(layer!.digest);
  registry.hook = forBlob(layer!.digest, ({ fields }) => async (conn) => {
    const from = Number(/([0-9]+)-/.exec(fields.get("range") ?? "0-")![1]);
    const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    const length = String(bytes.length - from);
    await say(
      conn,
      headOf(from > 0 ? 206 : 200, { "Content-Length": length, "Content-Range": range }),
    );
    for (let at = from;; at++) {
      await write(conn, bytes.subarray(at, at + 1));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
  await assertRefused(all, /: the server is too slow$/, "Failed", { limits: SHORT });
  registry.hook = () => undefined;
  await trial.pull(name);
});

test("a registry that falls silent", async (all) => {
  const { registry } = all;
  registry.addImage("1", [layerOf("a", 10)]);
  registry.hook = ({ path }) => path.includes("/manifests/") ? () => {} : undefined;
  await assertRefused(all, /: the server did nothing for \d s$/, "Failed", { limits: SHORT });
});

test("a failure of one layer ends the others", async (all) => {
  const { registry } = all;
  const { layers } = registry.addImage("1", [1, 2, 3, 4].map((n) => layerOf(`f${n}`, LARGE, n)));
  registry.hook = ({ path }) => {
    if (path.endsWith(layers[2]!.digest)) return { status: 200, body: noise(layers[2]!.size) };
    // The others come so slowly that nobody would want to wait.
    if (!path.includes("/blobs/") || !layers.some(({ digest }) => path.endsWith(digest))) return;
    return async (conn) => {
      await say(conn, headOf(200, { "Content-Length": String(LARGE) }));
      for (;;) {
        await write(conn, noise(2000));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
  };
  const start = performance.now();
  await assertRefused(all, /the content is another/);
  assert(performance.now() - start < 5000);
});

// Answers.

test("a registry that is busy: it is left alone for as long as it asks", async ({ registry, trial, name }) => {
  registry.addImage("1", [layerOf("a", 10)]);
  const times: number[] = [];
  registry.hook = ({ path, before }) => {
    if (!path.includes("/blobs/") || before > 0) return undefined;
    times.push(performance.now());
    return { status: 429, fields: { "Retry-After": "1" } };
  };
  const start = performance.now();
  await trial.pull(name);
  assert(performance.now() - start >= 1900, "two blobs, one after the other, a second each");
});

test("a registry that asks for more rest than anybody has", async (all) => {
  const { registry } = all;
  registry.addImage("1", [layerOf("a", 10)]);
  for (const value of ["86400", new Date(Date.now() + 86_400_000).toUTCString()]) {
    registry.hook = () => ({ status: 429, fields: { "Retry-After": value } });
    await assertRefused(
      all,
      /^wait for the registry: it was asked too often and wants \d+ s/,
      "Failed",
    );
  }
});

test("a registry that is broken for good", async (all) => {
  const { registry } = all;
  registry.addImage("1", [layerOf("a", 10)]);
  registry.hook = ({ path }) =>
    path.includes("/manifests/") ? { status: 503, body: "<html>" } : undefined;
  await assertRefused(all, /: the registry answered with status 503$/, "Failed");
  assertEquals(registry.asked.filter((one) => one === "GET manifests/1").length, 4);
});

test("what registries say is wrong, in sentences", async (all) => {
  const { registry } = all;
  const cases: [number, string, RegExp, string][] = [
    [404, "NAME_UNKNOWN", /: there is no such repository$/, "NotFound"],
    [404, "MANIFEST_UNKNOWN", /: there is no such tag or digest in the repository$/, "NotFound"],
    [403, "DENIED", /: the registry does not allow it and says "no"$/, "NotAllowed"],
    [429, "TOOMANYREQUESTS", /: the registry was asked too often and says "no"$/, "Failed"],
    [
      400,
      "NAME_INVALID",
      /: the registry does not take the name and says "no"$/,
      "InvalidArgument",
    ],
    [418, "TEAPOT", /: the registry answered with status 418: "no"$/, "Failed"],
    [418, "__proto__", /: the registry answered with status 418: "no"$/, "Failed"],
  ];
  for (const [status, code, message, kind] of cases) {
    registry.hook = ({ path }) => path.includes("/manifests/") ? failure(status, code) : undefined;
    await assertRefused(all, message, kind);
  }
});

test("what a registry says does nothing to a terminal", async (all) => {
  const { registry } = all;
  const evil = 'x\x1b]0;title\x07\r\n\x9b2J\u202egnp.exe" end';
  registry.hook = ({ path }) =>
    path.includes("/manifests/") ? failure(403, "DENIED", evil) : undefined;
  const error = await assertRefused(all, /does not allow it and says/, "NotAllowed");
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x1f\x7f-\x9f\u202e]/.test(error.message), error.message);
});

test("warnings are passed on once, and no more than a few", async ({ registry, trial, name }) => {
  const { manifest } = registry.addImage("1", [layerOf("a", 10)]);
  let count = 0;
  registry.hook = (asked) => {
    const path = asked.path;
    const fields = {
      "Warning": count++ < 3 ? '299 - "this is \\"old\\" \\u001b"' : `299 - "number ${count}"`,
      "Content-Type": OCI_MANIFEST,
    };
    if (path.includes("/manifests/")) {
      return { status: 200, fields, body: registry.bytesOf(manifest.digest) };
    }
    return path === "/v2/" ? { status: 200, fields } : undefined;
  };
  await trial.pull(name);
  const [first, ...others] = trial.warnings;
  assertEquals(first, `the registry ${registry.host} says: this is "old" u001b`);
  assert(others.every((text) => !text.includes("old")));
  await trial.pull(`${name}0`, { persistence: { ...PERSISTENCE, tries: 1 } });
  assert(trial.warnings.length <= 32, trial.warnings.join("\n"));
  registry.hook = () => ({ status: 200, fields: { Warning: `299 - "${"x".repeat(5000)}"` } });
  const before = trial.warnings.length;
  await assertRejects(() => trial.pull(name));
  assertEquals(trial.warnings.length, before);
});

test("content that was embedded in its descriptor is taken if it is right", async ({ registry, trial, name }) => {
  const layer = layerOf("a", 1000);
  const { layers: [listed], config, manifest } = registry.addImage("1", [layer]);
  registry.addManifest("1", OCI_MANIFEST, {
    schemaVersion: 2,
    config: { ...config, data: new TextEncoder().encode("{}").toBase64() },
    layers: [{ ...listed, data: layer.toBase64() }],
  });
  const digest = await trial.pull(name);
  assert(digest !== manifest.digest);
  assert(!registry.asked.includes(`GET blobs/${listed!.digest}`));
  assert(registry.asked.includes(`GET blobs/${config.digest}`));
});

test("an empty layer, the same layer twice, and no layers at all", async ({ registry, trial }) => {
  const empty = new Uint8Array(1024);
  registry.addImage("empty", [empty, layerOf("a", 10), empty]);
  registry.addImage("none", []);
  await trial.pull(`${registry.host}/image:empty`);
  await trial.pull(`${registry.host}/image:none`);
});

test("an artifact is stored, and not extracted", async ({ registry, trial, name }) => {
  const config = registry.addBlob("application/vnd.oci.empty.v1+json", {});
  const layer = registry.addBlob("text/plain", new TextEncoder().encode("hello"));
  registry.addManifest("1", OCI_MANIFEST, {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    artifactType: "application/x-test",
    config,
    layers: [layer],
  });
  await trial.pull(name);
  assert(trial.contents().blobs.includes(layer.digest));
});

test("what an older pull has left and a crash has damaged is not gone on with for ever", async ({ registry, trial, name }) => {
  const { layers: [layer] } = registry.addImage("1", [layerOf("a", LARGE)]);
  const bytes = registry.bytesOf(layer!.digest);
  registry.hook = forBlob(layer!.digest, () => cutAfter(1_000_000, bytes));
  await assertRejects(() => trial.pull(name));
  const [partial] = trial.contents().partial;
  const path = `${trial.store}/partial/${partial}`;
  const there = Deno.readFileSync(path);
  Deno.writeFileSync(path, there.fill(0, 1000, 5000));
  registry.hook = () => undefined;
  await trial.pull(name);
  assertEquals(trial.contents().partial, []);
});

function concat(bytes: Uint8Array, text: string): Uint8Array {
  return new Uint8Array([...bytes, ...new TextEncoder().encode(text)]);
}
