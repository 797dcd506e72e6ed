/** How content comes into the store: resumed, shared, verified, on a full disk; and how it is kept. */

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { ContainerError } from "../../lib/errors.ts";
import type { Descriptor } from "../../lib/image/descriptor.ts";
import { digestOf } from "../../lib/image/digest.ts";
import { OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from "../../lib/image/media_type.ts";
import { parseReference } from "../../lib/image/reference.ts";
import { checkStore } from "../../lib/image/store/check/mod.ts";
import { BlobWriter } from "../../lib/image/store/blob_writer.ts";
import { ImageStore } from "../../lib/image/store/store.ts";
import { sweep } from "../../lib/image/store/sweep.ts";
import { hasProgram, putImage } from "./layer_lab.ts";
import { run, sh, TrialFolder } from "./image_lab.ts";
import { allSaid, begun, bytesOf, descriptorOf, said, startChild } from "./store_lab.ts";
import { testWith } from "../engines/support/skip.ts";
import { entriesOf } from "./support/project.ts";
import { until } from "./support/wait.ts";

const SIZE = 100_000;

/** A store of a test's own. */
interface Lab {
  readonly trial: TrialFolder;
  readonly images: string;
  readonly store: ImageStore;
  partials(): string[];
  blobs(): string[];
}

function test(
  name: string,
  body: (lab: Lab) => void | Promise<void>,
  needs: Record<string, boolean> = {},
): void {
  testWith({ root: Deno.uid() === 0, ...needs }, name, async () => {
    using trial = new TrialFolder();
    const images = trial.folder("images");
    using store = ImageStore.open(images);
    const names = (folder: string) => entriesOf(`${store.path}/${folder}`).map(({ name }) => name);
    await body({
      trial,
      images,
      store,
      partials: () => names("partial"),
      blobs: () => names("blobs/sha256"),
    });
    assertEquals((await checkStore(store, { repair: false })).faults, []);
  });
}

/** Receives all of a blob. */
async function receive(store: ImageStore, seed: number, size = SIZE): Promise<Descriptor> {
  const descriptor = descriptorOf(seed, size);
  using receiver = await store.receiveBlob(descriptor);
  assert(receiver !== undefined);
  receiver.write(bytesOf(seed, size).subarray(receiver.offset));
  receiver.commit();
  return descriptor;
}

test("a blob is there when it is whole and right, and not before", async ({ store, partials, blobs }) => {
  const descriptor = descriptorOf(1, SIZE);
  const content = bytesOf(1, SIZE);
  {
    using receiver = await store.receiveBlob(descriptor);
    assert(receiver !== undefined);
    assertEquals(receiver.offset, 0);
    receiver.write(content.subarray(0, 40_000));
    assertEquals([store.hasBlob(descriptor), blobs().length, partials().length], [false, 0, 1]);
    receiver.write(content.subarray(40_000));
    assertEquals([store.hasBlob(descriptor), receiver.offset], [false, SIZE]);
    receiver.commit();
  }
  assertEquals([store.hasBlob(descriptor), partials()], [true, []]);
  assertEquals(store.readBlob(descriptor, SIZE), content);
  assertEquals(await store.receiveBlob(descriptor), undefined);
  // Of another size it is another blob, which is not there.
  assertEquals(store.hasBlob({ ...descriptor, size: SIZE - 1 }), false);
});

test("what was received is gone on with, also by another process", async ({ store, images }) => {
  const descriptor = descriptorOf(2, SIZE);
  const content = bytesOf(2, SIZE);
  {
    using receiver = await store.receiveBlob(descriptor);
    receiver!.write(content.subarray(0, 30_000));
  }
  {
    using receiver = await store.receiveBlob(descriptor);
    assertEquals(receiver!.offset, 30_000);
    receiver!.write(content.subarray(30_000, 50_000));
  }
  assertEquals(await said(startChild("receive", images, SIZE, 0, 2)), "50000");
  assert(store.hasBlob(descriptor));
});

test("what is too short stays, and is told", async ({ store, partials }) => {
  const descriptor = descriptorOf(3, SIZE);
  {
    using receiver = await store.receiveBlob(descriptor);
    receiver!.write(bytesOf(3, SIZE).subarray(0, SIZE - 1));
    const error = assertThrows(() => receiver!.commit(), ContainerError);
    assertEquals(
      error.message,
      `receive ${descriptor.digest}: it ended after 99999 of 100000 bytes`,
    );
  }
  assertEquals(partials().length, 1);
  using receiver = await store.receiveBlob(descriptor);
  assertEquals(receiver!.offset, SIZE - 1);
});

test("what is too long or another content is removed", async ({ store, partials }) => {
  const descriptor = descriptorOf(4, SIZE);
  {
    using receiver = await store.receiveBlob(descriptor);
    receiver!.write(bytesOf(4, SIZE));
    const error = assertThrows(() => receiver!.write(new Uint8Array(1)), ContainerError);
    assertEquals(
      error.message,
      `receive ${descriptor.digest}: there is more of it than 100000 bytes`,
    );
  }
  assertEquals(partials(), []);
  {
    using receiver = await store.receiveBlob(descriptor);
    assertEquals(receiver!.offset, 0);
    receiver!.write(bytesOf(5, SIZE));
    const error = assertThrows(() => receiver!.commit(), ContainerError);
    assertEquals(error.code, "InvalidArchive");
  }
  assertEquals([store.hasBlob(descriptor), partials()], [false, []]);
});

test("what lies there under a blob's name is looked at first", async ({ store }) => {
  const content = bytesOf(6, SIZE);
  const descriptor = descriptorOf(6, SIZE);
  const path = `${store.path}/partial/${descriptor.digest.replace(":", "-")}`;
  // Whole and right: it only wants its place.
  Deno.writeFileSync(path, content);
  assertEquals(await store.receiveBlob(descriptor), undefined);
  assert(store.hasBlob(descriptor));
  Deno.removeSync(`${store.path}/blobs/${descriptor.digest.replace(":", "/")}`);
  // Too long, or of the right size and wrong: it begins anew.
  for (const wrong of [new Uint8Array(SIZE + 1), bytesOf(7, SIZE)]) {
    Deno.writeFileSync(path, wrong);
    using receiver = await store.receiveBlob(descriptor);
    assertEquals([receiver!.offset, Deno.statSync(path).size], [0, 0]);
  }
  // The beginning of something else: found out at the end.
  Deno.writeFileSync(path, bytesOf(7, SIZE).subarray(0, 1000));
  {
    using receiver = await store.receiveBlob(descriptor);
    assertEquals(receiver!.offset, 1000);
    receiver!.write(content.subarray(1000));
    assertThrows(() => receiver!.commit(), ContainerError);
  }
  await receive(store, 6);
});

test("a receiver can begin anew", async ({ store }) => {
  const descriptor = descriptorOf(8, SIZE);
  using receiver = await store.receiveBlob(descriptor);
  receiver!.write(bytesOf(9, SIZE).subarray(0, 5000));
  receiver!.restart();
  assertEquals(receiver!.offset, 0);
  receiver!.write(bytesOf(8, SIZE));
  receiver!.commit();
  assertEquals(store.readBlob(descriptor, SIZE), bytesOf(8, SIZE));
});

test("empty blobs are blobs", async ({ store }) => {
  const descriptor = { mediaType: OCI_LAYER, digest: digestOf(new Uint8Array()), size: 0 };
  using receiver = await store.receiveBlob(descriptor);
  receiver!.commit();
  assertEquals(store.readBlob(descriptor, 0).length, 0);
});

test("a digest that cannot be verified, or is none, is refused", async ({ store }) => {
  const digest = "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
  const error = await assertRejects(
    () => store.receiveBlob({ mediaType: OCI_LAYER, digest, size: 1 }),
    ContainerError,
  );
  assertEquals(error.code, "Unsupported");
});

test("two who want one blob share the work", async ({ store, images }) => {
  const descriptor = descriptorOf(10, SIZE);
  const receiver = await store.receiveBlob(descriptor);
  let told = 0;
  const other = store.receiveBlob(descriptor, { waiting: () => told++ });
  await until("the other one waits", () => told === 1);
  receiver!.write(bytesOf(10, SIZE));
  receiver!.commit();
  receiver![Symbol.dispose]();
  assertEquals([await other, told], [undefined, 1]);

  const children = Array.from({ length: 8 }, () => startChild("receive", images, SIZE, 1, 11, 12));
  const written = (await allSaid(children)).map(Number);
  assertEquals(written.reduce((sum, bytes) => sum + bytes, 0), 2 * SIZE, `${written}`);
});

test("when the one that receives dies, one that waits goes on where it was", async ({ store, images }) => {
  const descriptor = descriptorOf(13, SIZE);
  const path = `${store.path}/partial/${descriptor.digest.replace(":", "-")}`;
  const size = () => {
    try {
      return Deno.statSync(path).size;
    } catch {
      return 0;
    }
  };
  const first = startChild("receive", images, SIZE, 50, 13);
  await until("something is received", () => size() >= 30_000);
  const second = startChild("receive", images, SIZE, 0, 13);
  await new Promise((resolve) => setTimeout(resolve, 100));
  first.kill("SIGKILL");
  await first.output();
  const written = Number(await said(second));
  assert(written > 0 && written <= SIZE - 30_000, `${written}`);
  assert(store.hasBlob(descriptor));
});

test("blobs are added whose digest becomes known at the end", async ({ store, partials, blobs }) => {
  const content = bytesOf(14, SIZE);
  const pieces = function* () {
    for (let at = 0; at < SIZE; at += 30_000) yield content.subarray(at, at + 30_000);
  };
  const first = await store.addBlob(OCI_LAYER, pieces());
  assertEquals(first, { mediaType: OCI_LAYER, digest: digestOf(content), size: SIZE });
  assertEquals(await store.addBlob(OCI_LAYER, content), first);
  assertEquals(await store.addBlob(OCI_LAYER, pieces()), first);
  const broken = async function* () {
    yield content.subarray(0, 10);
    await Promise.resolve();
    throw new Error("cut");
  };
  await assertRejects(() => store.addBlob(OCI_LAYER, broken()), Error, "cut");
  assertEquals([blobs().length, partials()], [1, []]);
  // It has no name before it is whole: that of a killed process is gone.
  using writer = new BlobWriter(store);
  writer.write(bytesOf(14, 1000));
  assertEquals(partials(), []);
  const { digest } = writer.commit(OCI_LAYER);
  assertEquals(digest, digestOf(bytesOf(14, 1000)));
  assertEquals([blobs().length, partials()], [2, []]);
});

test("a full disk is told before and while it fills up, and keeps nothing", async ({ trial }) => {
  const disk = trial.folder("disk");
  run("mount", ["-t", "tmpfs", "-o", "size=4m,mode=755", "tmpfs", disk]);
  try {
    using store = ImageStore.open(`${disk}/images`);
    const small = await receive(store, 15);
    const large = descriptorOf(16, 5_000_000);
    const before = await assertRejects(() => store.receiveBlob(large), ContainerError);
    assertMatch(before.message, /^receive sha256:\w+: it takes 5\.00 MB, and 4\.\d+ MB are free$/);
    assert(before.hint?.startsWith("Make room"));

    const fitting = descriptorOf(17, 3_000_000);
    using receiver = await store.receiveBlob(fitting);
    receiver!.write(bytesOf(17, 3_000_000).subarray(0, 1_000_000));
    sh(`head -c 2500000 /dev/zero > ${disk}/other`);
    const content = bytesOf(17, 3_000_000).subarray(1_000_000);
    const during = assertThrows(() => receiver!.write(content), ContainerError);
    assert(during.message.includes("ENOSPC"), during.message);
    assert(during.hint?.startsWith("Make room"));
    receiver![Symbol.dispose]();
    assertEquals(entriesOf(`${store.path}/partial`), []);
    await assertRejects(() => store.addBlob(OCI_LAYER, bytesOf(18, 3_000_000)));

    sh(`head -c 5000000 /dev/zero > ${disk}/other || true`);
    // References cannot be written any more, and are what they were.
    const refer = () => store.setReference(parseReference("x:1"), small);
    const full = assertThrows(refer, ContainerError);
    assertMatch(full.message, /^write ".*\/index\.json": .*ENOSPC/);
    assertEquals(store.references(), []);
    Deno.removeSync(`${disk}/other`);
    refer();
    assertEquals(store.references().map(({ name }) => name), ["docker.io/library/x:1"]);
    assertEquals((await checkStore(store, { repair: false })).faults, []);

    // What is to be removed makes the room that its removal takes.
    sh(`head -c 5000000 /dev/zero > ${disk}/other || true`);
    assertThrows(() => store.setReference(parseReference("y:1"), small), ContainerError);
    assertEquals(sweep(store, { drop: () => true, all: true }).blobs.length, 1);
    assertEquals([store.references(), store.hasBlob(small)], [[], false]);
  } finally {
    run("umount", ["-l", disk]);
  }
});

test("what a process works with is not removed", async ({ store, images, blobs }) => {
  const descriptor = await receive(store, 19);
  const hold = startChild("hold", images, 19, SIZE);
  await begun(hold);
  const reader = hold.stdout.getReader();
  assertEquals(new TextDecoder().decode((await reader.read()).value), "true\n");
  assertEquals(sweep(store, { all: true }).blobs, []);
  assertEquals(blobs().length, 1);
  hold.kill("SIGKILL");
  await hold.status;
  await reader.cancel();
  await hold.stderr.cancel();
  assertEquals(sweep(store, { all: true }).blobs.map(({ digest }) => digest), [descriptor.digest]);
  assertEquals(entriesOf(`${store.path}/leases`).length, 1);
  // What is held by oneself is one's own affair: the lease is still there, the blob is not.
  assertEquals(store.hasBlob(descriptor), false);
});

test("blobs of a manifest that is held are held, and its extracted layers", async ({ store, images }) => {
  await putImage(images, "x:1", [[{ name: "f", content: "x" }], [{ name: "g", content: "y" }]]);
  const [entry] = store.references();
  using other = ImageStore.open(images);
  other.hold(entry!.descriptor);
  store.removeReference(parseReference("x:1"));
  assertEquals(sweep(store, { all: true }), {
    references: [],
    blobs: [],
    layers: [],
    left: [],
    bytes: 0,
  });
  other[Symbol.dispose]();
  assertEquals(sweep(store, { all: true }).blobs.length, 4);
});

test("many processes set references at once, and none is lost", async ({ store, images }) => {
  await receive(store, 20);
  const children = Array.from(
    { length: 8 },
    (_, child) =>
      startChild(
        "refer",
        images,
        20,
        SIZE,
        ...Array.from({ length: 10 }, (_, n) => `c${child}:${n}`),
      ),
  );
  await allSaid(children);
  const names = new Set(store.references().map(({ name }) => name));
  assertEquals(names.size, 80);
});

test("a name that leads elsewhere leaves its image without one", async ({ store }) => {
  const [one, two] = [await receive(store, 21), await receive(store, 22)];
  const [a, b] = [parseReference("a"), parseReference("b")];
  store.setReference(a, one);
  store.setReference(b, one);
  store.setReference(a, two);
  const entries = () => store.references().map(({ name, descriptor }) => [name, descriptor.digest]);
  const [A, B] = ["docker.io/library/a:latest", "docker.io/library/b:latest"];
  assertEquals(entries(), [[B, one.digest], [A, two.digest]]);
  store.setReference(b, two);
  assertEquals(entries(), [[A, two.digest], [undefined, one.digest], [B, two.digest]]);
  store.setReference(parseReference("c"), one);
  assertEquals(entries().map(([name]) => name), [A, B, "docker.io/library/c:latest"]);
  assertEquals(store.removeReference(parseReference("c"))?.digest, one.digest);
  assertEquals(store.removeReference(parseReference("c")), undefined);
});

test("what else the list of references says stays when one changes", async ({ store }) => {
  const put = (seed: number) => store.addBlob(OCI_LAYER, bytesOf(seed, 10));
  const [one, two] = [await put(1), await put(2)];
  const path = `${store.path}/index.json`;
  const more = { urls: ["http://example.test/"], data: "e30=", other: { a: [1] } };
  const descriptors = [
    {
      ...one,
      ...more,
      annotations: { a: "b", "org.opencontainers.image.ref.name": "one.test/a:1" },
    },
    { ...two, ...more },
  ];
  const top = { annotations: { c: "d" }, artifactType: "application/x", other: "e" };
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, ...top, manifests: descriptors };
  // No number of JavaScript's.
  const text = JSON.stringify(index).replace('"e"', "12345678901234567890");
  await Deno.writeTextFile(path, text);
  const members = () => {
    const found = Deno.readTextFileSync(path);
    assert(found.includes('"other":12345678901234567890'), found);
    const { manifests, ...others } = JSON.parse(found);
    assertEquals(others, JSON.parse(JSON.stringify({ ...JSON.parse(text), manifests: undefined })));
    return manifests;
  };
  store.setReference(parseReference("new.test/b:1"), await put(3));
  assertEquals(members().slice(0, 2), descriptors);
  // Set anew, to the same image.
  store.setReference(parseReference("one.test/a:1"), one);
  assertEquals(members()[0], descriptors[1]);
  assertEquals(members()[2].other, more.other);
  // What comes from outside brings nothing along that could be of any size.
  store.setReference(parseReference("new.test/c:1"), { ...await put(4), ...more });
  assertEquals(Object.keys(members()[3]).sort(), ["annotations", "digest", "mediaType", "size"]);
  store.removeReference(parseReference("new.test/b:1"));
  assertEquals(members().length, 3);
});

test("skopeo reads the store, and writes into it", async ({ store, images, trial }) => {
  await putImage(images, "registry.test/a/b:1", [[{ name: "f", content: "x" }]]);
  const said = run("skopeo", ["inspect", `oci:${store.path}:registry.test/a/b:1`]);
  assertEquals(JSON.parse(said).Os, "linux");
  const fresh = trial.folder("fresh");
  const from = `oci:${store.path}:registry.test/a/b:1`;
  run("skopeo", ["copy", "-q", from, `oci:${fresh}/.store:docker.io/library/c:2`]);
  using other = ImageStore.open(fresh);
  assertEquals(other.references().map(({ name }) => name), ["docker.io/library/c:2"]);
  assertEquals(Deno.statSync(other.path).mode! & 0o7777, 0o700);
  assertEquals((await checkStore(other, { repair: false })).faults, []);
  assertEquals(store.references()[0]!.descriptor.mediaType, OCI_MANIFEST);
}, { skopeo: hasProgram("skopeo") });
