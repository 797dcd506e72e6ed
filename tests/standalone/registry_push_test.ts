/** Pushes to docker-registry, read and run by others; and to a registry that makes trouble. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { testWith } from "../engines/support/skip.ts";
import { ContainerError } from "../../lib/errors.ts";
import { digestOf } from "../../lib/image/digest.ts";
import { ImageStore } from "../../lib/image/store/store.ts";
import { OCI_MANIFEST } from "../../lib/image/media_type.ts";
import { pushImage } from "../../lib/image/push.ts";
import { hostPlatform } from "../../lib/image/platform.ts";
import { parseReference } from "../../lib/image/reference.ts";
import { requireTarget } from "../../lib/image/store/resolve.ts";
import { difference, manifest, run, TrialFolder } from "../integration/image_lab.ts";
import { hasProgram } from "../integration/layer_lab.ts";
import { DockerRegistry } from "../integration/registry/docker_registry.ts";
import {
  makeLayout,
  NEEDS,
  skopeoCopy,
  unpackFromRegistry,
  unpackLayout,
} from "../integration/registry/origin_image.ts";
import { layerOf, LIMITS, PERSISTENCE, PullTrial } from "../integration/registry/pulling.ts";
import { say, ScriptedServer } from "../integration/registry/scripted_server.ts";
import { headOf, TestRegistry } from "../integration/registry/test_registry.ts";
import { Workspace } from "../integration/support/workspace.ts";

const workspace = Workspace.ofThisFile();

testWith(NEEDS, "what is pushed is what others read, byte for byte", async () => {
  await using from = await DockerRegistry.start();
  await using to = await DockerRegistry.start();
  using trial = new TrialFolder();
  const layout = makeLayout(trial.path);
  const source = `${from.host}/image:1`;
  skopeoCopy(`oci:${layout}`, `docker://${source}`);
  const images = ["-i", `${trial.path}/images`];
  const pulled = await workspace.run(["pull", ...images, source]);
  const target = `${to.host}/other/name:2`;
  const pushed = await workspace.run(["push", ...images, source, target]);
  assertEquals([pushed.code, pushed.stdout], [0, pulled.stdout], pushed.stderr);
  const inspected = JSON.parse(
    run("skopeo", ["inspect", "--tls-verify=false", `docker://${target}`]),
  );
  assertEquals(`${inspected.Digest}\n`, pulled.stdout);
  const mine = await manifest(unpackFromRegistry(trial.path, target));
  assertEquals(difference(mine, await manifest(unpackLayout(trial.path, layout))), []);

  // Once more: nothing is sent that is there; under another name of the registry it is taken over.
  const again = await workspace.run(["push", "-progress", "json", ...images, source, target]);
  const events = (text: string) =>
    text.trim().split("\n").map((line) => JSON.parse(line)).filter(({ event }) =>
      event !== "parts"
    );
  assert(events(again.stderr).every(({ event }) => event === "there"), again.stderr);
  assertEquals((await workspace.run(["tag", ...images, source, target])).code, 0);
  const third = `${to.host}/third:1`;
  const mounted = await workspace.run(["push", "-progress", "json", ...images, source, third]);
  assertEquals(mounted.code, 0, mounted.stderr);
  assert(events(mounted.stderr).every(({ event }) => event === "mounted"), mounted.stderr);
  const nameless = await workspace.run(["push", ...images, pulled.stdout.trim()]);
  assertEquals(nameless.code, 0, nameless.stderr);
});

testWith(
  { ...NEEDS, podman: hasProgram("podman") },
  "podman pulls what is pushed, the very same",
  async () => {
    await using registry = await DockerRegistry.start();
    using trial = new TrialFolder();
    const name = `${registry.host}/image:1`;
    skopeoCopy(`oci:${makeLayout(trial.path)}`, `docker://${registry.host}/origin:1`);
    const images = ["-i", `${trial.path}/images`];
    await workspace.run(["pull", ...images, `${registry.host}/origin:1`]);
    const pushed = await workspace.run(["push", ...images, `${registry.host}/origin:1`, name]);
    assertEquals(pushed.code, 0, pushed.stderr);
    const storage = ["--root", `${trial.path}/storage`, "--runroot", `${trial.path}/run`]
      .concat("--storage-driver", "vfs");
    run("podman", [...storage, "pull", "-q", "--tls-verify=false", name]);
    const inspected = JSON.parse(run("podman", [...storage, "image", "inspect", name]));
    assertEquals(inspected[0].Config.Cmd, ["/bin/sh"]);
    assertEquals(`${inspected[0].Digest}\n`, pushed.stdout);
  },
);

/** A registry that takes uploads, and how it takes each part of one. */
class Taker implements AsyncDisposable {
  readonly #server: ScriptedServer;
  readonly blobs = new Map<string, Uint8Array>();
  readonly manifests = new Map<string, Uint8Array>();
  readonly log: string[] = [];
  readonly #uploads: number[][] = [];
  /** Decides what becomes of a PATCH. */
  onPatch: (count: number) => "take" | "cut" | "too large" | "busy" = () => "take";
  #patches = 0;
  /** The smallest part that it takes; the last one may be smaller. */
  leastPart = 0;
  /** How it refuses to take a blob over from another repository; by token, it gives none for that. */
  refusesMounts: number | "by token" | undefined;
  /** Whether it hangs up when it has got everything, and knows nothing of the upload any more. */
  losesAnswers = false;

  constructor() {
    this.#server = new ScriptedServer((head, conn, body) => this.#answer(head, conn, body));
  }

  get host(): string {
    return `127.0.0.1:${this.#server.port}`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server[Symbol.asyncDispose]();
  }

  async #answer(
    head: string,
    conn: Deno.TcpConn,
    body: (length: number) => Promise<string>,
  ): Promise<void> {
    const [method = "", path = ""] = head.split(" ");
    const url = new URL(path, "http://x");
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? "0");
    this.log.push(`${method} ${url.pathname}`);
    const told = async (status: number, fields: Record<string, string> = {}) =>
      await say(conn, headOf(status, { "Content-Length": "0", ...fields }));
    const id = method === "POST" ? this.#uploads.length : Number(url.pathname.split("/").at(-1));
    const upload = this.#uploads[id] ??= [];
    const location = { Location: `/v2/image/blobs/uploads/${id}?_state=a%2Bb` };
    const range = () => ({ Range: `0-${upload.length - 1}` });
    const bytes = async (count: number) =>
      Array.from(await body(count), (character) => character.charCodeAt(0));
    if (url.pathname === "/v2/" && this.refusesMounts === "by token") {
      return await told(401, { "WWW-Authenticate": `Bearer realm="http://${this.host}/token"` });
    }
    if (url.pathname === "/v2/") return await told(200);
    if (url.pathname === "/token") {
      if (url.searchParams.getAll("scope").includes("repository:other:pull")) {
        return await told(403);
      }
      const answer = '{"token":"t"}';
      return await say(conn, headOf(200, { "Content-Length": String(answer.length) }) + answer);
    }
    if (typeof this.refusesMounts === "number" && url.searchParams.has("mount")) {
      return await told(this.refusesMounts, { "WWW-Authenticate": "Basic" });
    }
    if (method === "HEAD") {
      return await told(this.blobs.has(url.pathname.split("/").at(-1)!) ? 200 : 404);
    }
    if (url.pathname.includes("/manifests/")) {
      this.manifests.set(url.pathname.split("/").at(-1)!, Uint8Array.from(await bytes(length)));
      return await told(201);
    }
    if (method === "POST") {
      return await told(202, { ...location, "OCI-Chunk-Min-Length": String(this.leastPart) });
    }
    if (method === "GET" && this.losesAnswers) return await told(404);
    if (url.searchParams.get("_state") !== "a+b") return await told(404);
    switch (method) {
      case "PATCH": {
        const what = this.onPatch(this.#patches++);
        if (what === "too large") {
          await told(413, { Connection: "close" });
          return conn.close();
        }
        if (what === "busy") {
          await bytes(length);
          return await told(503);
        }
        if (what === "cut") {
          for (const byte of await bytes(Math.floor(length / 2))) upload.push(byte);
          return conn.close();
        }
        const from = Number(/^content-range: (\d+)-/im.exec(head)?.[1]);
        const content = await bytes(length);
        if (from !== upload.length) return await told(416, { ...location, ...range() });
        for (const byte of content) upload.push(byte);
        return await told(202, { ...location, ...range() });
      }
      case "GET":
        return await told(204, { ...location, ...range() });
      case "PUT": {
        for (const byte of await bytes(length)) upload.push(byte);
        const content = Uint8Array.from(upload);
        const digest = digestOf(content);
        if (digest !== url.searchParams.get("digest")) return await told(400);
        this.blobs.set(digest, content);
        if (this.losesAnswers) return conn.close();
        return await told(201);
      }
      default:
        return await told(202);
    }
  }
}

/** Pushes an image with one large layer. */
async function pushTo(taker: Taker, trial: PullTrial, size: number): Promise<string[]> {
  await using origin = new TestRegistry();
  const { layers, config } = origin.addImage("1", [layerOf("a", size)]);
  await trial.pull(`${origin.host}/image:1`);
  using store = ImageStore.open(trial.images);
  const { descriptor } = await requireTarget(store, `${origin.host}/image:1`);
  const events: string[] = [];
  await pushImage(store, descriptor, parseReference(`${taker.host}/image:1`), {
    limits: { ...LIMITS, silence: 5000, window: 10_000 },
    persistence: PERSISTENCE,
    observe: (event) => events.push(event.kind),
  });
  assertEquals(
    [...taker.blobs.keys()].sort(),
    [...layers, config].map(({ digest }) => digest).sort(),
  );
  assertEquals(digestOf(taker.manifests.get("1")!), descriptor.digest);
  return events;
}

const SIZE = 2_500_000;

Deno.test("a large part is sent in one go, a small one together with its end", async () => {
  await using taker = new Taker();
  using trial = new PullTrial();
  await pushTo(taker, trial, SIZE);
  const count = (method: string) => taker.log.filter((line) => line.startsWith(method)).length;
  assertEquals([count("POST"), count("PATCH"), count("PUT")], [2, 1, 3]);
});

Deno.test("an upload that is cut goes on from where the registry has got to", async () => {
  await using taker = new Taker();
  using trial = new PullTrial();
  taker.onPatch = (count) => count < 2 ? "cut" : "take";
  await pushTo(taker, trial, SIZE);
  assert(taker.log.some((line) => line.startsWith("GET /v2/image/blobs/uploads/")));
  assertEquals(taker.log.filter((line) => line.startsWith("POST")).length, 2);
});

Deno.test("a registry that is busy for a moment", async () => {
  await using taker = new Taker();
  using trial = new PullTrial();
  taker.onPatch = (count) => count < 1 ? "busy" : "take";
  await pushTo(taker, trial, SIZE);
});

Deno.test("what is too large for one go is sent in parts", async () => {
  await using taker = new Taker();
  using trial = new PullTrial();
  taker.onPatch = (count) => count < 1 ? "too large" : "take";
  await pushTo(taker, trial, 6_000_000);
  const parts = () => taker.log.filter((line) => line.startsWith("PATCH")).length;
  assertEquals(parts(), 3);
  // Unless the registry wants parts no smaller than that.
  await using other = new Taker();
  using again = new PullTrial();
  other.leastPart = 10_000_000;
  other.onPatch = taker.onPatch;
  await assertRejects(() => pushTo(other, again, 6_000_000), ContainerError, "status 413");
});

Deno.test("an upload whose last answer is lost", async () => {
  await using taker = new Taker();
  using trial = new PullTrial();
  taker.losesAnswers = true;
  await pushTo(taker, trial, SIZE);
});

Deno.test("an upload that comes to nothing is taken back", async () => {
  await using taker = new Taker();
  using trial = new PullTrial();
  taker.onPatch = () => "busy";
  let message = "";
  await pushTo(taker, trial, SIZE).catch((error) => message = error.message);
  assertMatch(message, /^push ".*": the registry answered with status 503$/);
  assert(taker.log.some((line) => line.startsWith("DELETE /v2/image/blobs/uploads/")));
  assertEquals([...taker.manifests.keys()], []);
});

/** Pushes an image of the store under another name; gives what was warned of. */
async function push(trial: PullTrial, name: string, to: string): Promise<string[]> {
  using store = ImageStore.open(trial.images);
  const { descriptor } = await requireTarget(store, name);
  const warnings: string[] = [];
  await pushImage(store, descriptor, parseReference(to), {
    limits: LIMITS,
    persistence: PERSISTENCE,
    warn: (message) => warnings.push(message),
  });
  return warnings;
}

Deno.test("a damaged image beside it stops no push", async () => {
  await using taker = new Taker();
  await using origin = new TestRegistry();
  using trial = new PullTrial();
  const name = `${origin.host}/image:1`;
  origin.addImage("1", [layerOf("a", 1000)]);
  await trial.pull(name);
  {
    using store = ImageStore.open(trial.images);
    const bytes = new TextEncoder().encode("{}");
    const descriptor = await store.addBlob(OCI_MANIFEST, bytes);
    store.setReference(parseReference(`${taker.host}/damaged:1`), descriptor);
  }
  assertEquals(await push(trial, name, `${taker.host}/image:1`), []);
  assertEquals([...taker.manifests.keys()], ["1"]);
});

Deno.test("what the registry does not take over from another repository is sent", async () => {
  for (const refusal of [400, 401, 403, 404, 405, "by token"] as const) {
    await using taker = new Taker();
    await using origin = new TestRegistry();
    using trial = new PullTrial();
    taker.refusesMounts = refusal;
    const name = `${origin.host}/image:1`;
    origin.addImage("1", [layerOf("a", 1000)]);
    await trial.pull(name);
    {
      using store = ImageStore.open(trial.images);
      const { descriptor } = await requireTarget(store, name);
      store.setReference(parseReference(`${taker.host}/other:1`), descriptor);
    }
    await push(trial, name, `${taker.host}/image:1`);
    assertEquals([taker.blobs.size, [...taker.manifests.keys()]], [2, ["1"]]);
  }
});

Deno.test("what is pushed has the digest that its name says, or is not pushed", async () => {
  await using taker = new Taker();
  await using origin = new TestRegistry();
  using trial = new PullTrial();
  const name = `${origin.host}/image:1`;
  const { manifest: { digest } } = origin.addImage("1", [layerOf("a", 1000)]);
  await trial.pull(name);
  for (const version of ["", ":t1"]) {
    const wrong = `${taker.host}/image${version}@sha256:${"1".repeat(64)}`;
    const error = await assertRejects(() => push(trial, name, wrong), ContainerError);
    assertEquals(error.message, `push "${wrong}": what would be sent has the digest ${digest}`);
  }
  assertEquals(taker.log, []);
  for (const version of ["", ":t1"]) {
    await push(trial, name, `${taker.host}/image${version}@${digest}`);
  }
  assertEquals([...taker.manifests.keys()], [digest, "t1"]);
});

Deno.test("what of an index does not go along is told", async () => {
  await using taker = new Taker();
  await using origin = new TestRegistry();
  using trial = new PullTrial();
  const name = `${origin.host}/image:1`;
  const { manifest } = origin.addImage(undefined, [layerOf("a", 1000)]);
  const { architecture } = hostPlatform();
  const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
  origin.addIndex("1", [
    { ...manifest, platform: { os: "linux", architecture } },
    { ...manifest, digest: digest("1"), platform: { os: "linux", architecture: "s390x" } },
    ...["2", "3"].map((digit) => ({
      ...manifest,
      digest: digest(digit),
      platform: { os: "unknown", architecture: "unknown" },
      annotations: {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": manifest.digest,
      },
    })),
  ]);
  await trial.pull(name);
  const to = `${taker.host}/image:1`;
  assertEquals(await push(trial, name, to), [
    `of image "${to}" only linux/${architecture} is sent, without linux/s390x, attestations: ` +
    "not all that its index lists is in the store",
  ]);
  assertEquals(digestOf(taker.manifests.get("1")!), manifest.digest);
});
