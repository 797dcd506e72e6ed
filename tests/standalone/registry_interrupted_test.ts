/** Pulls that are killed, stopped, or not alone; and what one takes of the memory. */

import { gzipSync } from "node:zlib";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from "../../lib/image/media_type.ts";
import { Verifier } from "../../lib/image/digest.ts";
import { concat, header } from "../unit/image/tar_builder.ts";
import { difference, manifest } from "../integration/image_lab.ts";
import { extract } from "../integration/layer_lab.ts";
import { layerOf, PullTrial } from "../integration/registry/pulling.ts";
import { say } from "../integration/registry/scripted_server.ts";
import { headOf, noise, TestRegistry, write } from "../integration/registry/test_registry.ts";
import { until } from "../integration/support/wait.ts";
import { Workspace } from "../integration/support/workspace.ts";

const workspace = Workspace.ofThisFile();

/** Has blobs sent so many bytes at a time, with pauses of so many ms; counts what was sent. */
function slowly(registry: TestRegistry, bytes: number, pause: number): { sent: number } {
  const counted = { sent: 0 };
  registry.hook = ({ method, path, fields }) => {
    const digest = /\/blobs\/(sha256:[0-9a-f]+)$/.exec(path)?.[1];
    if (method !== "GET" || digest === undefined) return undefined;
    const blob = registry.bytesOf(digest);
    const from = Number(/([0-9]+)-/.exec(fields.get("range") ?? "0-")![1]);
    return async (conn) => {
      const range = `bytes ${from}-${blob.length - 1}/${blob.length}`;
      const length = String(blob.length - from);
      await say(
        conn,
        headOf(from > 0 ? 206 : 200, { "Content-Length": length, "Content-Range": range }),
      );
      for (let at = from; at < blob.length; at += bytes) {
        const piece = blob.subarray(at, at + bytes);
        await write(conn, piece);
        counted.sent += piece.length;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    };
  };
  return counted;
}

Deno.test("kill -9 at 100 random times: the store is sound, and the next pull completes", async () => {
  await using registry = new TestRegistry();
  const { manifest: expected } = registry.addImage("1", [
    layerOf("a", 800_000, 1),
    layerOf("b", 800_000, 2),
    layerOf("c", 800_000, 3),
  ]);
  slowly(registry, 60_000, 5);
  const name = `${registry.host}/image:1`;
  let trial = new PullTrial();
  const pull = () => workspace.start(["pull", "-i", trial.images, "-progress", "none", name]);
  const ends = { killed: 0, whole: 0, partial: 0 };
  try {
    // How long one takes here, now.
    const start = performance.now();
    assertEquals((await pull().end()).code, 0);
    const whole = performance.now() - start;
    for (let round = 0; ends.killed < 100 && round < 300; round++) {
      if (trial.isMade && trial.contents().references.length > 0) {
        trial[Symbol.dispose]();
        trial = new PullTrial();
      }
      const running = pull();
      await new Promise((resolve) => setTimeout(resolve, Math.random() * whole * 0.9));
      try {
        running.kill("SIGKILL");
      } catch (error) {
        // It has just ended by itself.
        if (!(error instanceof TypeError)) throw error;
      }
      const { code, signal } = await running.end();
      assert(signal === "SIGKILL" || code === 0, `${code} ${signal}`);
      ends[code === 0 ? "whole" : "killed"]++;
      if (!trial.isMade) continue;
      trial.assertSound();
      ends.partial += trial.contents().partial.length;
    }
    assert(ends.killed === 100 && ends.partial > 10, JSON.stringify(ends));
    const last = await pull().end();
    assertEquals([last.code, last.stdout], [0, `${expected.digest}\n`], last.stderr);
    trial.assertSound();
    assertEquals(trial.contents().partial, []);
    const check = await workspace.run(["images", "check", "-i", trial.images]);
    assertEquals(check.code, 0, check.stderr + check.stdout);

    // All that is there is what a pull that nobody disturbed makes.
    using other = new PullTrial();
    await other.pull(name);
    const folders = [await extract(trial.images, name), await extract(other.images, name)];
    for (const [i, folder] of folders[0]!.entries()) {
      assertEquals(difference(await manifest(folder), await manifest(folders[1]![i]!)), []);
    }
  } finally {
    trial[Symbol.dispose]();
  }
});

Deno.test("Ctrl-C leaves what came, and another process goes on from that byte", async () => {
  await using registry = new TestRegistry();
  const { layers: [layer] } = registry.addImage("1", [layerOf("a", 3_000_000)]);
  const counted = slowly(registry, 50_000, 20);
  using trial = new PullTrial();
  const name = `${registry.host}/image:1`;
  const first = workspace.start(["pull", "-i", trial.images, name]);
  await until("some of it has come", () => counted.sent > 500_000 || undefined);
  first.kill("SIGINT");
  const ended = await first.end();
  assertEquals([ended.signal, ended.stdout], ["SIGINT", ""]);
  trial.assertSound();
  const path = `${trial.store}/partial/${layer!.digest.replace(":", "-")}`;
  const { size } = Deno.statSync(path);
  assert(size >= 400_000, `${size}`);
  const second = await workspace.run(["pull", "-i", trial.images, name]);
  assertEquals(second.code, 0, second.stderr);
  const asked = registry.log.filter(({ path }) => path.endsWith(layer!.digest));
  assertEquals(asked.at(-1)!.fields.get("range"), `bytes=${size}-${layer!.size - 1}`);
});

Deno.test("two processes that pull the same image share the work", async () => {
  await using registry = new TestRegistry();
  const { layers } = registry.addImage("1", [1, 2, 3].map((n) => layerOf(`f${n}`, 2_000_000, n)));
  const counted = slowly(registry, 50_000, 5);
  using trial = new PullTrial();
  const args = ["pull", "-i", trial.images, `${registry.host}/image:1`];
  const [a, b] = await Promise.all([workspace.run(args), workspace.run(args)]);
  assertEquals([a!.code, b!.code], [0, 0], a!.stderr + b!.stderr);
  assertEquals(a!.stdout, b!.stdout);
  assertMatch(a!.stderr + b!.stderr, /: waits for another process\n/);
  const size = layers.reduce((sum, layer) => sum + layer.size, 0);
  assert(counted.sent < size * 1.1, `${counted.sent} of ${size}`);
  trial.assertSound();
});

/** How a layer is packed, piece by piece. */
interface Packing {
  readonly name: string;
  readonly mediaType: string;
  pack(piece: Uint8Array): Uint8Array;
}

const PACKINGS: readonly Packing[] = [
  { name: "plain", mediaType: OCI_LAYER, pack: (piece) => piece },
  // Each piece by itself, as it is: of noise nothing becomes smaller.
  { name: "gzip", mediaType: `${OCI_LAYER}+gzip`, pack: (piece) => gzipSync(piece, { level: 0 }) },
  { name: "zstd", mediaType: `${OCI_LAYER}+zstd`, pack: zstdFrame },
];

/** A frame of blocks that are not compressed, with a window of 128 KiB (RFC 8878, 3.1.1). */
function zstdFrame(content: Uint8Array): Uint8Array {
  const most = 128 * 1024;
  const head = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3);
  const parts: Uint8Array[] = [head];
  for (let at = 0; at < content.length; at += most) {
    const block = content.subarray(at, at + most);
    const isLast = at + most >= content.length;
    const field = (block.length << 3) | Number(isLast);
    parts.push(Uint8Array.of(field & 0xff, (field >> 8) & 0xff, field >> 16), block);
  }
  return concat(parts);
}

/** An image with one layer of so many MiB, which is nowhere as a whole. */
function largeImage(registry: TestRegistry, mebibytes: number, packing: Packing): void {
  const piece = noise(1 << 20);
  const head = header({ name: "large", size: mebibytes * piece.length, mtime: 1 });
  const end = new Uint8Array(1024);
  const [content, blob] = [new Verifier(), new Verifier()];
  const packed = new Map([head, piece, end].map((part) => [part, packing.pack(part)]));
  const parts = function* () {
    yield head;
    for (let i = 0; i < mebibytes; i++) yield piece;
    yield end;
  };
  let size = 0;
  for (const part of parts()) {
    content.update(part);
    blob.update(packed.get(part)!);
    size += packed.get(part)!.length;
  }
  const digest = blob.digest();
  const config = registry.addBlob(OCI_CONFIG, {
    os: "linux",
    architecture: Deno.build.arch === "aarch64" ? "arm64" : "amd64",
    rootfs: { type: "layers", diff_ids: [content.digest()] },
  });
  const layers = [{ mediaType: packing.mediaType, digest, size }];
  registry.addManifest("1", OCI_MANIFEST, { schemaVersion: 2, config, layers });
  registry.hook = ({ path }) =>
    path.endsWith(digest)
      ? async (conn) => {
        await say(conn, headOf(200, { "Content-Length": String(size) }));
        for (const part of parts()) await write(conn, packed.get(part)!);
      }
      : undefined;
}

/** In MiB; more where somebody wants to know. */
const LARGE = Number(Deno.env.get("GOCONTAINER_TEST_LARGE") ?? "400");

/** The most that it may be, in kB: far below 200 MB, as it depends on when memory is collected. */
const MOST = 130_000;

for (const packing of PACKINGS) {
  const { name } = packing;
  Deno.test(`the memory of a pull does not grow with the image: ${LARGE} MiB, ${name}`, async () => {
    await using registry = new TestRegistry();
    largeImage(registry, LARGE, packing);
    using trial = new PullTrial();
    const running = workspace.start(["pull", "-i", trial.images, `${registry.host}/image:1`]);
    let most = 0;
    const timer = setInterval(() => {
      try {
        const status = Deno.readTextFileSync(`/proc/${running.pid}/status`);
        most = Math.max(most, Number(/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? 0));
      } catch {
        // It is over.
      }
    }, 20);
    const { code, stderr } = await running.end(600_000).finally(() => clearInterval(timer));
    assertEquals(code, 0, stderr);
    console.log(`${LARGE} MiB, ${name}: at most ${most} kB resident`);
    assert(most > 20_000 && most < MOST, `${most} kB`);
  });
}
