/** Pushes to docker-registry, read and run by others; and to a registry that makes trouble. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { testWith } from "../engines/support/skip.ts";
import { ContainerError } from "../../lib/errors.ts";
import { digestOf } from "../../lib/image/digest.ts";
import { ImageStore } from "../../lib/image/store/store.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_MANIFEST } from "../../lib/image/media_type.ts";
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
import { Taker } from "../integration/registry/taker.ts";
import { TestRegistry } from "../integration/registry/test_registry.ts";
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
  for (const word of ["-q", "--quiet"]) {
    for (
      const words of [["push", word, ...images, source, target], ["pull", word, ...images, source]]
    ) {
      const { code, stdout, stderr } = await workspace.run(words);
      assertEquals([code, stdout, stderr], [0, pulled.stdout, ""]);
    }
  }
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
  assertEquals(parts(), 5);
  // Unless the registry wants parts no smaller than that.
  await using other = new Taker();
  using again = new PullTrial();
  other.leastPart = 10_000_000;
  other.onPatch = taker.onPatch;
  await assertRejects(() => pushTo(other, again, 6_000_000), ContainerError, "status 413");
});

Deno.test("what takes 1 MiB at most in one go, or less, gets parts of that size", async () => {
  for (const most of [1024 * 1024, 100_000]) {
    for (const tellsNothing of [undefined, 405]) {
      await using taker = new Taker();
      using trial = new PullTrial();
      taker.mostBytes = most;
      taker.tellsNothing = tellsNothing;
      await pushTo(taker, trial, SIZE);
    }
  }
  // A part that goes together with its end otherwise.
  await using taker = new Taker();
  using trial = new PullTrial();
  taker.mostBytes = 100_000;
  await pushTo(taker, trial, 500_000);
});

Deno.test("what takes small parts only gets all at once, and after a break small parts (ghcr.io)", async () => {
  await using taker = new Taker();
  using trial = new PullTrial();
  taker.mostPart = 500_000;
  await pushTo(taker, trial, SIZE);
  assertEquals(taker.parts, ["all"]);
  await using other = new Taker();
  other.mostPart = 500_000;
  other.onPatch = (count) => count === 0 ? "cut" : "take";
  await pushTo(other, trial, SIZE);
  const [large, ...small] = other.parts as number[];
  assert(large! > 500_000 && small.length > 1, `${other.parts}`);
  assert(small.every((length) => length <= 500_000), `${small}`);
});

Deno.test("what tells after each part how far the first one went is believed to have them all (Amazon's)", async () => {
  await using taker = new Taker();
  using trial = new PullTrial();
  taker.stuck = true;
  taker.mostBytes = 1_000_000;
  await pushTo(taker, trial, SIZE);
  assert(taker.parts.length > 2 && !taker.parts.includes("all"), `${taker.parts}`);
});

Deno.test("what takes next to nothing in one go is told, with what may limit it", async () => {
  await using taker = new Taker();
  using trial = new PullTrial();
  taker.mostBytes = 10_000;
  const error = await assertRejects(() => pushTo(taker, trial, SIZE), ContainerError, "status 413");
  assertMatch(error.hint ?? "", /client_max_body_size/);
});

Deno.test("an upload of which the registry does not tell how far it has got is begun anew", async () => {
  for (const status of [404, 405]) {
    await using taker = new Taker();
    using trial = new PullTrial();
    taker.tellsNothing = status;
    taker.onPatch = (count) => count < 2 ? count === 0 ? "busy" : "cut" : "take";
    await pushTo(taker, trial, SIZE);
    const count = (method: string) => taker.log.filter((line) => line.startsWith(method)).length;
    assertEquals([count("POST"), count("PATCH"), count("DELETE")], [4, 3, 2]);
  }
});

Deno.test("an upload is begun anew a few times only, and what was wrong is told", async () => {
  await using taker = new Taker();
  using trial = new PullTrial();
  taker.tellsNothing = 404;
  taker.onPatch = () => "busy";
  await assertRejects(() => pushTo(taker, trial, SIZE), ContainerError, "status 503");
  assertEquals(taker.log.filter((line) => line.startsWith("PATCH")).length, 6);
});

Deno.test("a registry that takes all and forgets it is not believed for ever", async () => {
  await using taker = new Taker();
  using trial = new PullTrial();
  taker.forgets = true;
  await assertRejects(() => pushTo(taker, trial, SIZE), ContainerError, "status 503");
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

Deno.test("a registry for reading alone is told as that", async () => {
  await using registry = new TestRegistry();
  using trial = new PullTrial();
  const name = `${registry.host}/image:1`;
  registry.addImage("1", [layerOf("a", 1000)]);
  await trial.pull(name);
  registry.hook = ({ method, path }) =>
    path === "/v2/" ? undefined : { status: method === "HEAD" ? 404 : 405, body: "" };
  const to = `${registry.host}/other:1`;
  const error = await assertRejects(() => push(trial, name, to), ContainerError);
  assertEquals(error.message, `push "${to}": the registry does not do that`);
  assertEquals(error.hint, "It may be there for reading alone, as mirrors are");
});

Deno.test("a registry that calls itself by another name is told as that", async () => {
  await using registry = new TestRegistry();
  using trial = new PullTrial();
  const name = `${registry.host}/image:1`;
  registry.addImage("1", [layerOf("a", 1000)]);
  await trial.pull(name);
  const Location = "http://inside.example:5000/v2/other/blobs/uploads/1";
  registry.hook = ({ method, path }) =>
    path === "/v2/"
      ? undefined
      : { status: method === "POST" ? 202 : 404, fields: { Location }, body: "" };
  const to = `${registry.host}/other:1`;
  const error = await assertRejects(() => push(trial, name, to), ContainerError);
  assertEquals(
    error.message,
    `push "${to}": follow ${registry.host}: it leads to inside.example:5000, which is refused`,
  );
  assertMatch(error.hint!, /^It has to call itself by the name that it is asked by, /);
});

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
  for (const refusal of [400, 401, 403, 404, 405, "by token", "by no token server"] as const) {
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

testWith(
  { "docker-registry": hasProgram("docker-registry") },
  "what refers to an image is listed by it, in a registry that keeps no such lists",
  async () => {
    await using registry = await DockerRegistry.start();
    await using origin = new TestRegistry();
    using trial = new PullTrial();
    const to = `${registry.host}/image`;
    const get = async (tag: string) => {
      const response = await fetch(`http://${to.replace("/", "/v2/")}/manifests/${tag}`, {
        headers: { Accept: OCI_INDEX },
      });
      assertEquals(response.headers.get("content-type"), OCI_INDEX);
      return await response.json();
    };
    const image = origin.addImage("1", [layerOf("a", 1000)]).manifest;
    const list = `sha256-${image.digest.slice("sha256:".length)}`;
    const refer = (name: string, manifest: object) =>
      origin.addImage(name, [layerOf(name, 10)], {
        manifest: { subject: image, ...manifest },
      }).manifest;
    const annotations = { "org.example.key": "value" };
    const signature = refer("signature", { artifactType: "application/x.signature", annotations });
    const other = refer("other", {});
    // The second time it is there already.
    for (const name of ["1", "signature", "signature", "other"]) {
      await trial.pull(`${origin.host}/image:${name}`);
      assertEquals(await push(trial, `${origin.host}/image:${name}`, `${to}:${name}`), []);
    }
    assertEquals(await get(list), {
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [
        { ...signature, artifactType: "application/x.signature", annotations },
        { ...other, artifactType: OCI_CONFIG },
      ],
    });
    // Whoever has an image under such a name keeps it, and what was sent is there.
    const third = refer("third", {});
    await trial.pull(`${origin.host}/image:third`);
    await push(trial, `${origin.host}/image:1`, `${to}:${list}`);
    assertMatch(
      (await push(trial, `${origin.host}/image:third`, `${to}:third`)).join(),
      new RegExp(
        `^what refers to ${image.digest} is not listed there: the list ${list} is an image`,
      ),
    );
    assertEquals(
      await push(trial, `${origin.host}/image:third`, `${to}:again@${third.digest}`).then(
        (warnings) => warnings.length,
      ),
      1,
    );
  },
);

Deno.test("a registry that takes note of the subject itself gets no list", async () => {
  await using taker = new Taker();
  taker.notesSubjects = true;
  await using origin = new TestRegistry();
  using trial = new PullTrial();
  const subject = origin.addImage("1", [layerOf("a", 1000)]).manifest;
  origin.addImage("2", [layerOf("b", 10)], { manifest: { subject } });
  await trial.pull(`${origin.host}/image:2`);
  await push(trial, `${origin.host}/image:2`, `${taker.host}/image:2`);
  assertEquals([...taker.manifests.keys()], ["2"]);
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
