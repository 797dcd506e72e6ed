/** Images that were saved, by gocontainer, docker, podman and skopeo, are loaded, and the other way round. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { gunzipSync } from "node:zlib";
import { getrlimit, setrlimit } from "../../ffi/process.ts";
import { ContainerError } from "../../lib/errors.ts";
import type { Descriptor } from "../../lib/image/descriptor.ts";
import { type Digest, digestOf } from "../../lib/image/digest.ts";
import { importRootfs } from "../../lib/image/import.ts";
import {
  OCI_CONFIG,
  OCI_EMPTY,
  OCI_INDEX,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
} from "../../lib/image/media_type.ts";
import { ArchiveFiles } from "../../lib/image/saved/archive_files.ts";
import type { SavedFiles } from "../../lib/image/saved/files.ts";
import { parseReference } from "../../lib/image/reference.ts";
import { loadImages } from "../../lib/image/saved/load.ts";
import { removeImage } from "../../lib/image/store/remove.ts";
import { readImage } from "../../lib/image/store/image.ts";
import { ImageStore } from "../../lib/image/store/store.ts";
import { END_MARK } from "../../lib/image/tar/writer.ts";
import { RLIMITS } from "../../lib/oci/rlimits.ts";
import { testWith } from "../engines/support/skip.ts";
import { concat, type Member, member } from "../unit/image/tar_builder.ts";
import { run, sh } from "./image_lab.ts";
import { GZIP, hasProgram, PLAIN, putImage, type TestLayer } from "./layer_lab.ts";
import { alpineArchive, BINARY, entriesOf } from "./support/project.ts";
import { PodmanStore } from "./support/podman_store.ts";
import { Terminal } from "./support/terminal.ts";
import { until } from "./support/wait.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();
const alpine = alpineArchive();
const ignore = alpine === undefined || Deno.uid() !== 0;
const ALPINE: TestLayer = alpine === undefined
  ? []
  : new Uint8Array(gunzipSync(Deno.readFileSync(alpine)));
const MORE: readonly Member[] = [
  { name: "etc/.wh.motd" },
  { name: "hello", content: "hi\n", mode: 0o644 },
  { name: "again", type: "1", linkname: "hello" },
];
const CONFIG = { config: { Cmd: ["/bin/cat", "/hello"], Env: ["A=b c"] } };

function test(name: string, body: () => Promise<void>): void {
  Deno.test({ name: `image saved: ${name}`, ignore, fn: body });
}

/** Runs a command that goes well; gives what it printed. */
async function says(args: readonly string[], stdin?: Uint8Array<ArrayBuffer>): Promise<string> {
  const { code, stdout, stderr } = await workspace.run(args, stdin && { stdin });
  assertEquals([code, stderr], [0, ""], args.join(" "));
  return stdout.replace(/\n$/, "");
}

let count = 0;

const MEBIBYTE = new Uint8Array(1 << 20);

/** A folder of images with one image, saved as it is asked for. */
async function saved(
  format: string,
  ending = ".tar",
  form = GZIP,
): Promise<{ images: string; file: string }> {
  const images = workspace.path(`images-${++count}`);
  Deno.mkdirSync(images);
  await putImage(images, "registry.test/box:1", [ALPINE, MORE], { form, config: CONFIG });
  const file = workspace.path(`saved-${count}${ending}`);
  await says(["save", "-i", images, "-o", file, "-format", format, "registry.test/box:1"]);
  return { images, file };
}

/** Loads into a new folder, and runs what was loaded. */
async function loadsAndRuns(
  words: readonly string[],
  name = "registry.test/box:1",
  stdin?: Uint8Array<ArrayBuffer>,
): Promise<string> {
  const images = workspace.path(`loaded-${++count}`);
  assertEquals(await says(["load", "-i", images, ...words], stdin), name);
  assertEquals(await says(["run", "-i", images, "-net", "none", name]), "hi");
  assertEquals(entriesOf(`${images}/.store/partial`), []);
  return images;
}

for (const format of ["docker", "oci", "layout"]) {
  test(`what is saved as ${format} is loaded, the very same image`, async () => {
    const { images, file } = await saved(format, format === "layout" ? "" : ".tar");
    const other = await loadsAndRuns([file]);
    const digest = (folder: string) => says(["images", "-i", folder, "--format", "{{.Digest}}"]);
    assertEquals(await digest(other), await digest(images));
  });
}

test("an archive is loaded from standard input, compressed in whatever way", async () => {
  const { file } = await saved("docker", ".tar", PLAIN);
  await loadsAndRuns([], undefined, Deno.readFileSync(file));
  for (const program of ["gzip", "xz", "zstd"]) {
    sh(`${program} -c ${file} > ${file}.${program}`);
    await loadsAndRuns(["-"], undefined, Deno.readFileSync(`${file}.${program}`));
    await loadsAndRuns([`${file}.${program}`]);
  }
});

test("where few files may be open an archive is loaded, or the limit is told as what keeps it", async () => {
  const { file } = await saved("docker", ".tar", PLAIN);
  const through = (limit: number) => ["/bin/sh", "-c", `ulimit -n ${limit}; exec "$0" "$@"`];
  const load = (archive: string, limit: number) =>
    workspace.run(["load", "-i", workspace.path(`loaded-${++count}`), archive], {
      through: through(limit),
    });
  const { code, stderr } = await load(file, 64);
  assertEquals([code, stderr], [0, ""]);
  // The first 32 stay in memory.
  const large = Array.from({ length: 70 }, (_, n) => ({ name: `l${n}`, content: MEBIBYTE }));
  const archive = workspace.path("many.tar");
  await Deno.writeFile(archive, concat([...large.map(member), END_MARK]));
  const refused = await load(archive, 64);
  assertEquals(refused.code, 125);
  assertMatch(
    refused.stderr,
    /^gocontainer: load images: ".*" has more than 32 large files\n.*raise the limit \(ulimit -n\)\n$/,
  );
});

/** Loads into a new folder; gives what is said, and the names that are there then. */
async function loadsAs(file: string): Promise<[stdout: string, stderr: string, names: string]> {
  const images = workspace.path(`loaded-${++count}`);
  const { code, stdout, stderr } = await workspace.run(["load", "-i", images, file]);
  assertEquals(code, 0, stderr);
  const names = sh(
    `grep -o '"org.opencontainers.image.ref.name":"[^"]*"' ${images}/.store/index.json || true`,
  );
  return [stdout, stderr, names];
}

test("names of a layout that are no references are left out, not the images", async () => {
  const { file } = await saved("layout", "");
  sh(
    `sed -i 's/"io.containerd.image.name":"[^"]*",//; s/registry.test.box:1/v1+x/' index.json`,
    file,
  );
  const [stdout, stderr, names] = await loadsAs(file);
  assertMatch(stdout, /^sha256:[0-9a-f]{64}\n$/);
  assertMatch(stderr, /^gocontainer: warning: an image is loaded without the name "v1\+x", which/);
  assertEquals(names, "");
});

test("names of docker's list that are no references are left out, not the images", async () => {
  const { file } = await saved("docker");
  const folder = `${file}.files`;
  sh(`mkdir ${folder}; cd ${folder}; tar -xf ${file}; rm index.json oci-layout`);
  const list = Deno.readTextFileSync(`${folder}/manifest.json`);
  const named = async (tags: string[] | null) => {
    const [image] = JSON.parse(list);
    Deno.writeTextFileSync(
      `${folder}/manifest.json`,
      JSON.stringify([{ ...image, RepoTags: tags }]),
    );
    sh(`tar -cf ${file} -C ${folder} .`);
    return await loadsAs(file);
  };
  for (const tags of [null, [], ["<none>:<none>"]]) {
    const [stdout, stderr, names] = await named(tags);
    assertMatch(stdout, /^sha256:[0-9a-f]{64}\n$/);
    assertEquals([stderr, names], ["", ""]);
  }
  const [stdout, stderr] = await named(["UPPER", "good:1"]);
  assertEquals(stdout, "good:1\n");
  assertMatch(stderr, /warning: an image is loaded without the name "UPPER"/);
});

test("an image whose list of layers is null is loaded with the others", async () => {
  const { file } = await saved("layout", "");
  const index = JSON.parse(Deno.readTextFileSync(`${file}/index.json`));
  const put = (value: unknown) => {
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    const digest = digestOf(bytes);
    Deno.writeFileSync(`${file}/blobs/${digest.replace(":", "/")}`, bytes);
    return { digest, size: bytes.length };
  };
  const rootfs = { type: "layers", diff_ids: null };
  const config = {
    mediaType: OCI_CONFIG,
    ...put({ os: "linux", architecture: "amd64", rootfs }),
  };
  const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: null };
  index.manifests.unshift({ mediaType: OCI_MANIFEST, ...put(manifest) });
  Deno.writeTextFileSync(`${file}/index.json`, JSON.stringify(index));
  const [stdout, stderr] = await loadsAs(file);
  assertMatch(stdout, /^sha256:[0-9a-f]{64}\nregistry.test\/box:1\n$/);
  assertEquals(stderr, "");

  // One whose config is wrong is told of, and is there all the same.
  const wrong = {
    mediaType: OCI_CONFIG,
    ...put({ rootfs: { ...rootfs, diff_ids: [] }, config: { Cmd: 1 } }),
  };
  index.manifests[0] = {
    mediaType: OCI_MANIFEST,
    ...put({ schemaVersion: 2, mediaType: OCI_MANIFEST, config: wrong, layers: [] }),
  };
  Deno.writeTextFileSync(`${file}/index.json`, JSON.stringify(index));
  const [loaded, told] = await loadsAs(file);
  assertMatch(loaded, /^sha256:[0-9a-f]{64}\nregistry.test\/box:1\n$/);
  assertMatch(
    told,
    /: an image is loaded that cannot be run: config sha256:.*Cmd: expected an array/,
  );
});

test("an image in skopeo's dir: is told to be brought into a layout", async () => {
  const folder = workspace.path("dir");
  Deno.mkdirSync(folder);
  Deno.writeTextFileSync(`${folder}/version`, "Directory Transport Version: 1.1\n");
  Deno.writeTextFileSync(`${folder}/manifest.json`, JSON.stringify({ schemaVersion: 2 }));
  const { code, stderr } = await workspace.run(["load", folder]);
  assertEquals(code, 125);
  assertMatch(stderr, /holds an image as skopeo's dir: .* have it\n.*skopeo copy dir:FOLDER oci:/);
});

test("a layer of no bytes at all changes nothing", async () => {
  const images = workspace.path(`images-${++count}`);
  Deno.mkdirSync(images);
  const name = "registry.test/box:1";
  const nothing = new Uint8Array(0);
  await putImage(images, name, [nothing, ALPINE, nothing, MORE], { config: CONFIG });
  const file = workspace.path(`saved-${count}.tar`);
  await says(["save", "-i", images, "-o", file, name]);
  await loadsAndRuns([file]);
  // By docker's own list.
  sh(`mkdir ${file}.files; cd ${file}.files; tar -xf ${file}; rm index.json oci-layout`);
  sh(`tar -cf ${file} -C ${file}.files .`);
  await loadsAndRuns([file]);
});

test("an archive given as docker's -i FILE is told how to be given", async () => {
  const { file } = await saved("docker");
  const { code, stderr } = await workspace.run(["load", "-i", file]);
  assertEquals(code, 1);
  assertMatch(stderr, /it is no folder\nWith -i the images folder is chosen; .* load \//);
});

test("an archive is written to standard output, always the same", async () => {
  const { images, file } = await saved("docker");
  const again = `${file}.again`;
  const { code, stderr } = await workspace.run(["save", "-i", images, "registry.test/box:1"], {
    through: ["sh", "-c", 'exec "$@" > "$0"', again],
  });
  assertEquals(code, 0, stderr);
  assertEquals(Deno.readFileSync(again), Deno.readFileSync(file));
});

test("an archive that cannot be written leaves nothing", async () => {
  const { images } = await saved("docker");
  for (const output of ["/dev/full", workspace.path("no/such/folder")]) {
    const { code, stderr } = await workspace.run(
      ["save", "-i", images, "-o", output, "registry.test/box:1"],
    );
    assertEquals(code, 125);
    assertMatch(stderr, /^gocontainer: write "/);
  }
  assertEquals(entriesOf("/dev").filter(({ name }) => name.endsWith(".partial")), []);
});

test("an archive of which the writing is ended leaves nothing", async () => {
  const { images } = await saved("docker");
  const folder = workspace.path("interrupted");
  Deno.mkdirSync(folder);
  const script = new URL("output_child.ts", import.meta.url).pathname;
  for (const output of [`${folder}/file`, "file"]) {
    const { code } = await workspace.run(
      ["save", "-i", images, "-o", output, "registry.test/box:1"],
      { cwd: folder, through: ["prlimit", "--fsize=1000"] },
    );
    assertEquals(code, 125);
    const killed = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-config", "--no-lock", "--no-check", "--quiet", script, output],
      cwd: folder,
    }).outputSync();
    assertEquals(killed.signal, "SIGKILL", new TextDecoder().decode(killed.stderr));
    assertEquals(entriesOf(folder), []);
  }
});

test("a folder that has something in it is not saved to", async () => {
  const { images } = await saved("docker");
  const folder = workspace.path("not-empty");
  Deno.mkdirSync(folder);
  Deno.writeTextFileSync(`${folder}/index.json`, "mine");
  const { code, stderr } = await workspace.run(
    ["save", "-i", images, "-o", folder, "-format", "layout", "registry.test/box:1"],
  );
  assertEquals([code, Deno.readTextFileSync(`${folder}/index.json`)], [125, "mine"], stderr);
});

test("what is saved to a full disk leaves nothing, and says what to do", async () => {
  const { images } = await saved("docker");
  const disk = workspace.path("full-disk");
  Deno.mkdirSync(disk);
  sh(`mount -t tmpfs -o size=64k tmpfs ${disk}`);
  try {
    for (const format of ["oci", "layout"]) {
      const { code, stderr } = await workspace.run(
        ["save", "-i", images, "-o", `${disk}/saved`, "-format", format, "registry.test/box:1"],
      );
      assertEquals(code, 125);
      assertMatch(stderr, /ENOSPC .*\nMake room, or give a place on another disk with -o\n$/);
      assertEquals(entriesOf(disk), []);
    }
  } finally {
    sh(`umount ${disk}`);
  }
});

test("several images share their layers in one archive", async () => {
  const { images } = await saved("docker");
  await putImage(images, "registry.test/base:2", [ALPINE], { form: GZIP, config: CONFIG });
  const file = workspace.path("both.tar");
  const names = ["registry.test/box:1", "registry.test/base:2"];
  await says(["tag", "-i", images, names[0]!, "registry.test/other:3"]);
  await says(["save", "-i", images, "-o", file, ...names, "registry.test/other:3"]);
  const blobs = run("tar", ["-tf", file]).split("\n").filter((name) => /sha256\/./.test(name));
  assertEquals(blobs.length, 2 + 2 + 2);
  const loaded = await says(["load", "-i", workspace.path("both"), file]);
  assertEquals(loaded.split("\n").sort(), [...names, "registry.test/other:3"].sort());
});

const skopeo = { skopeo: hasProgram("skopeo"), alpine: !ignore };
const HAS_PODMAN = { podman: hasProgram("podman"), runc: hasProgram("runc"), alpine: !ignore };

test("of an image for several platforms one is saved, and a line tells, or all", async () => {
  const images = workspace.path(`images-${++count}`);
  Deno.mkdirSync(images);
  const file: Member = { name: "f", content: "x" };
  for (const architecture of ["amd64", "arm64"]) {
    const options = { config: { architecture } };
    await putImage(images, `registry.test/${architecture}:1`, [[file]], options);
  }
  {
    using store = ImageStore.open(images);
    const [first, second] = store.references().map(({ descriptor }) => descriptor);
    const on = (architecture: string) => ({ platform: { os: "linux", architecture } });
    const manifests = [
      { ...first!, ...on("amd64") },
      { ...second!, ...on("arm64") },
      // As of most images, not all was pulled.
      { ...first!, digest: `sha256:${"1".repeat(64)}`, ...on("s390x") },
    ];
    const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
    const bytes = new TextEncoder().encode(JSON.stringify(index));
    const descriptor = await store.addBlob(OCI_INDEX, bytes);
    store.setReference(parseReference("registry.test/both:1"), descriptor);
  }
  const save = async (...words: string[]) => {
    const file = workspace.path(`saved-${++count}.tar`);
    const name = "registry.test/both:1";
    const { code, stderr } = await workspace.run([
      "save",
      "-i",
      images,
      "-o",
      file,
      ...words,
      name,
    ]);
    if (code !== 0) return { code, stderr, platforms: [] };
    const into = ["-i", workspace.path(`loaded-${count}`)];
    await says(["load", ...into, file]);
    const listed = await says(["images", ...into, "-format", "{{.Source}} {{.Platform}}"]);
    const platforms = listed.split("\n").filter((line) => line.startsWith("store "));
    return { code, stderr, platforms: platforms.map((line) => line.slice("store ".length)) };
  };
  const own = Deno.build.arch === "aarch64" ? "arm64" : "amd64";
  const other = own === "amd64" ? "arm64" : "amd64";
  const one = await save();
  assertEquals([one.code, one.platforms], [0, [`linux/${own}`]]);
  assertEquals(
    one.stderr,
    `gocontainer: warning: of image "registry.test/both:1" only linux/${own} is saved, without ` +
      `linux/${other}: give -all for all of them, or -platform for another one\n`,
  );
  assertEquals(await save("-platform", other), {
    code: 0,
    stderr: "",
    platforms: [`linux/${other}`],
  });
  for (const format of ["docker", "oci"]) {
    const all = await save("-all", "-format", format);
    assertEquals(all, { code: 0, stderr: "", platforms: ["linux/amd64", "linux/arm64"] });
  }
  const none = await save("-platform", "s390x");
  assertEquals(none.code, 125);
  assertMatch(none.stderr, /the one for linux\/s390x is not in the store\nPull it first: /);
  assertEquals((await save("-all", "-platform", "arm64")).code, 1);
});

/** An image with an attestation as BuildKit makes one: its manifest in the index is for no platform. */
async function putAttested(images: string, name: string): Promise<Digest> {
  await putImage(images, name, [ALPINE, MORE], { config: CONFIG });
  using store = ImageStore.open(images);
  const [{ descriptor }] = store.references();
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const layer = await store.addBlob("application/vnd.in-toto+json", json({ predicate: {} }));
  const rootfs = { type: "layers", diff_ids: [layer.digest] };
  const config = { architecture: "unknown", os: "unknown", rootfs };
  const attestation = await store.addBlob(
    OCI_MANIFEST,
    json({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: await store.addBlob(OCI_CONFIG, json(config)),
      layers: [layer],
    }),
  );
  const own = Deno.build.arch === "aarch64" ? "arm64" : "amd64";
  const index = await store.addBlob(
    OCI_INDEX,
    json({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [
        { ...descriptor, platform: { os: "linux", architecture: own } },
        { ...attestation, platform: { os: "unknown", architecture: "unknown" } },
        {
          ...descriptor,
          digest: `sha256:${"1".repeat(64)}`,
          platform: { os: "linux", architecture: "s390x" },
        },
      ],
    }),
  );
  store.setReference(parseReference(name), index);
  return index.digest;
}

testWith(
  skopeo,
  "image saved: with an attestation beside it, index and digest are kept",
  async () => {
    const images = workspace.path(`images-${++count}`);
    Deno.mkdirSync(images);
    const name = "registry.test/attested:1";
    const digest = await putAttested(images, name);
    const file = workspace.path(`saved-${++count}.tar`);
    await says(["save", "-i", images, "-o", file, name]);
    const other = await loadsAndRuns([file], name);
    assertEquals(await says(["images", "-i", other, "--format", "{{.Digest}}", name]), digest);
    const blobs = (folder: string) =>
      entriesOf(`${folder}/.store/blobs/sha256`).map(({ name }) => name).sort();
    assertEquals(blobs(other), blobs(images));
    for (const source of [`docker-archive:${file}`, `oci-archive:${file}`]) {
      assertEquals(JSON.parse(run("skopeo", ["inspect", source])).Env, ["A=b c"], source);
    }
    // Its names are found by its id, too, which is not the index's.
    const id = await says(["images", "-i", other, "-q"]);
    assertEquals(
      await says(["inspect", "-i", other, "-f", "{{.RepoTags}} {{.RepoDigests}}", id]),
      `["${name}"] ["registry.test/attested@${digest}"]`,
    );
    const oci = await workspace.run(["save", "-i", images, "-o", file, "-format", "oci", name]);
    const own = Deno.build.arch === "aarch64" ? "arm64" : "amd64";
    assertEquals([oci.code, oci.stderr], [
      0,
      `gocontainer: warning: of image "${name}" only linux/${own} is saved, without ` +
      "what attests to it: give -all\n",
    ]);
    await loadsAndRuns([file], name);
  },
);

testWith(skopeo, "image saved: skopeo reads what is saved", async () => {
  const docker = await saved("docker");
  const oci = await saved("oci");
  const layout = await saved("layout", "");
  for (
    const source of [
      `docker-archive:${docker.file}:registry.test/box:1`,
      `oci-archive:${oci.file}`,
      `oci-archive:${docker.file}`,
      `oci:${layout.file}`,
    ]
  ) {
    const { Env, Layers, Os } = JSON.parse(run("skopeo", ["inspect", source]));
    assertEquals([Env, Layers.length, Os], [["A=b c"], 2, "linux"], source);
  }
});

test("an artifact is saved where its manifest is kept, and loaded, the very same", async () => {
  const images = workspace.path(`images-${++count}`);
  const made: Descriptor[] = [];
  {
    using store = ImageStore.open(images);
    const json = (value: object) => new TextEncoder().encode(JSON.stringify(value));
    const config = await store.addBlob(OCI_EMPTY, json({}));
    const layers = [await store.addBlob("text/plain", new TextEncoder().encode("hello"))];
    const artifactType = "application/vnd.test.sbom";
    const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, artifactType, config, layers };
    const descriptor = await store.addBlob(OCI_MANIFEST, json(manifest));
    store.setReference(parseReference("registry.test/sbom:1"), descriptor);
    made.push(config, ...layers, descriptor);
  }
  const blobsOf = (folder: string) => entriesOf(`${folder}/blobs/sha256`).map(({ name }) => name);
  const expected = made.map(({ digest }) => digest.slice("sha256:".length)).sort();
  const save = (format: string) => {
    const file = workspace.path(`artifact-${count}-${format}`);
    return { file, words: ["save", "-i", images, "-format", format, "-o", file] };
  };
  for (const format of ["oci", "layout"]) {
    const { file, words } = save(format);
    await says([...words, "registry.test/sbom:1"]);
    const other = workspace.path(`loaded-${++count}`);
    assertEquals(await says(["load", "-i", other, file]), "registry.test/sbom:1");
    assertEquals(blobsOf(`${other}/.store`).sort(), expected);
    if (!hasProgram("skopeo")) continue;
    const source = format === "oci" ? `oci-archive:${file}` : `oci:${file}`;
    run("skopeo", ["copy", "-q", source, `oci:${other}/by-skopeo`]);
    assertEquals(blobsOf(`${other}/by-skopeo`).sort(), expected);
  }
  const { file, words } = save("docker");
  const refused = await workspace.run([...words, "registry.test/sbom:1"]);
  assertEquals([refused.code, refused.stderr], [
    125,
    'gocontainer: save "registry.test/sbom:1": docker\'s format is for images, and this is an artifact of ' +
    'type "application/vnd.test.sbom"\nGive -format oci, or -format layout\n',
  ]);
  await assertRejects(() => Deno.stat(file), Deno.errors.NotFound);
});

testWith(skopeo, "image saved: what skopeo copies is loaded", async () => {
  const { images } = await saved("docker");
  const source = `oci:${images}/.store:registry.test/box:1`;
  const target = (name: string) => workspace.path(`skopeo-${name}`);
  const copy = (to: string) => run("skopeo", ["copy", "-q", source, to]);
  copy(`docker-archive:${target("docker.tar")}:registry.test/box:1`);
  await loadsAndRuns([target("docker.tar")]);
  copy(`oci-archive:${target("oci.tar")}:registry.test/box:1`);
  await loadsAndRuns([target("oci.tar")]);
  copy(`oci:${target("layout")}:registry.test/box:1`);
  await loadsAndRuns([target("layout")]);
  run("skopeo", [
    "copy",
    "-q",
    "--dest-compress-format",
    "zstd",
    source,
    `oci:${target("zstd")}:z`,
  ]);
  await loadsAndRuns([target("zstd")], "z:latest");
});

testWith(
  HAS_PODMAN,
  "image saved: podman runs what is saved, and what it saves is loaded",
  async () => {
    const podman = new PodmanStore(workspace.path("podman"));
    const name = "registry.test/box:1";
    for (const format of ["docker", "oci"]) {
      const { file } = await saved(format);
      assertMatch(podman.do("load", "-q", "-i", file), /registry\.test\/box:1/);
      assertEquals(podman.run(name), "hi\n");
      for (const theirs of ["docker-archive", "oci-archive", "oci-dir"]) {
        const target = workspace.path(`by-podman-${format}-${theirs}`);
        podman.do("save", "-q", "--format", theirs, "-o", target, name);
        await loadsAndRuns([target], theirs === "oci-dir" ? undefined : name).catch((error) => {
          throw new Error(`${format} ${theirs}`, { cause: error });
        });
      }
      podman.do("rmi", "-f", name);
    }
  },
);

test("an archive is imported as docker's users type it, or it is told what to do instead", async () => {
  const images = ["-i", workspace.path(`images-${++count}`)];
  const folder = workspace.path(`tree-${count}`);
  sh(`mkdir ${folder}; echo x > ${folder}/f; tar -C ${folder} -cf ${folder}.tar .`);
  const words = ["-c", 'CMD ["/f"]', "--message", "mine", "--platform", "linux/arm/v6"];
  await says(["import", ...images, ...words, `${folder}.tar`, "a:1"]);
  const format = "{{.Os}}/{{.Architecture}}/{{.Variant}} {{index .Config.Cmd 0}}";
  assertEquals(await says(["inspect", ...images, "-f", format, "a:1"]), "linux/arm/v6 /f");
  assertEquals(await says(["history", ...images, "-format", "{{.Comment}}", "a:1"]), "mine");
  // Others do not guess the variant of arm.
  const id = await says(["import", ...images, "--platform", "linux/arm/v7", `${folder}.tar`]);
  const config = `${images[1]}/.store/blobs/${id.replace(":", "/")}`;
  assertEquals(JSON.parse(Deno.readTextFileSync(config)).variant, "v7");
  const refused = async (path: string) => (await workspace.run(["import", ...images, path])).stderr;
  assertMatch(await refused(folder), /it is a folder, not an archive\ntar -C .* makes one, /);
  assertMatch(await refused("https://h/x.tar"), /not got from the network\nGet it by another/);
});

test("the archive of a root file system becomes an image", async () => {
  const images = workspace.path("imported");
  const changes = [
    'CMD ["/bin/sh", "-c", "cat /etc/alpine-release; echo $A; pwd; id -u"]',
    'ENV A="b  c" D=e',
    "WORKDIR /tmp",
    "USER nobody",
    "LABEL x=y",
    "EXPOSE 80 53/udp",
  ].flatMap((change) => ["-change", change]);
  const id = await says(["import", "-i", images, ...changes, alpine!, "mine:1"]);
  const [release, a, folder, user] = (await says(["run", "-i", images, "-net", "none", "mine:1"]))
    .split("\n");
  assertMatch(release!, /^\d+\.\d+/);
  assertEquals([a, folder, user], ["b c", "/tmp", "65534"]);
  const list = JSON.parse(await says(["images", "-i", images, "--format", "json"]));
  assertEquals(list.find(({ Name }: { Name: string }) => Name === "mine:1").Id, id);
  for (const program of ["xz", "zstd", "cat"]) {
    const file = workspace.path(`alpine.${program}`);
    sh(`gzip -dc ${alpine} | ${program} > ${file}`);
    const args = ["import", "-i", images, "-change", "CMD ls /etc/hosts", "-"];
    const other = await says([...args, `mine:${program}`], Deno.readFileSync(file));
    assert(other !== id);
    assertEquals(
      await says(["run", "-i", images, "-net", "none", `mine:${program}`]),
      "/etc/hosts",
    );
  }
});

test("what fills up a tape behind an archive's end is no part of the layer", async () => {
  const folder = workspace.path(`padded-${++count}`);
  sh(
    `mkdir ${folder}; cat ${alpine} > ${folder}/a.tar.gz; head -c 1024 /dev/zero >> ${folder}/a.tar.gz`,
  );
  const images = `${folder}/images`;
  await says(["import", "-i", images, `${folder}/a.tar.gz`, "registry.test/padded:1"]);
  const blobs = entriesOf(`${images}/.store/blobs/sha256`).map(({ name }) => name);
  const [digest] = sh(`sha256sum ${alpine}`).split(" ");
  assert(blobs.includes(digest!), "the layer is not the archive");
  if (!hasProgram("skopeo")) return;
  await says(["save", "-i", images, "-o", `${folder}/saved`, "registry.test/padded:1"]);
  // Made another of, it is read to its end.
  run("skopeo", [
    ...["copy", "-q", "--dest-compress-format", "zstd"],
    ...[`docker-archive:${folder}/saved`, `oci:${folder}/layout`],
  ]);
});

test("an archive without images is told with what puts some into it", async () => {
  const layout = workspace.path(`empty-${++count}`);
  Deno.mkdirSync(layout);
  Deno.writeTextFileSync(`${layout}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
  Deno.writeTextFileSync(`${layout}/index.json`, '{"schemaVersion":2,"manifests":[]}');
  const { code, stderr } = await workspace.run(["load", layout]);
  assertEquals(code, 125);
  assertMatch(stderr, /has no image in it\nSave .*gocontainer save/);
});

const REFUSED: Readonly<Record<string, readonly [words: string[], reason: RegExp]>> = {
  "a root file system to load": [["load", alpine ?? ""], /holds no image\n.*gocontainer import/s],
  "no such file": [["load", "/no/such/file"], /^gocontainer: read "\/no\/such\/file": .*ENOENT/],
  "an empty standard input": [["load"], /load images: standard input is empty/],
  "a change that is none": [["import", "-change", "RUN x", "-"], /begins with none of CMD/],
  "a folder to import": [["import", "/etc"], /read "\/etc": it is a folder.*\ntar -C "\/etc"/],
  "a name that is none": [["import", "-", "UPPER"], /"UPPER"/],
  "no such image": [["save", "no/such:1"], /no\/such:1/],
  "a format that is none": [["save", "-format", "zip", "x"], /the formats are docker, oci, layout/],
  "no such container": [["commit", "nobody"], /find container "nobody"/],
};

for (const [name, [words, reason]] of Object.entries(REFUSED)) {
  test(`refuses ${name}`, async () => {
    const { code, stdout, stderr } = await workspace.run(words);
    assertMatch(stderr, reason);
    assertEquals([code === 125 || code === 1, stdout], [true, ""]);
  });
}

test("what begins with very few bytes, as a pipe may give them, is told for what it is", async () => {
  const images = workspace.path(`images-${++count}`);
  using store = ImageStore.open(images);
  const bytes = Deno.readFileSync(alpine!);
  const pieces = [bytes.slice(0, 1), bytes.slice(1)];
  const made = await importRootfs(store, pieces, { config: {}, comment: "" });
  const { manifest } = readImage(store, made, "the image");
  assertEquals(manifest.layers.map(({ mediaType }) => mediaType), [OCI_LAYER_GZIP]);

  const content = new Uint8Array(2 * 1024 * 1024).fill(7);
  content.set(bytes.subarray(0, 64));
  const saved = concat([member({ name: "layer.tar", content }), new Uint8Array(1024)]);
  const crumbs = function* () {
    for (let at = 0; at < saved.length; at += 5) yield new Uint8Array(saved.slice(at, at + 5));
  };
  using files = await ArchiveFiles.read(store, crumbs());
  assertEquals(files.beginning("layer.tar"), bytes.subarray(0, 16));
});

/** Files of saved images; counts how often one is read or put into a store. */
class CountedFiles implements SavedFiles {
  readonly #files = new Map<string, Uint8Array<ArrayBuffer>>();
  uses = 0;

  add(path: string, content: unknown): { digest: Digest; size: number } {
    const bytes = content instanceof Uint8Array
      ? new Uint8Array(content)
      : new TextEncoder().encode(JSON.stringify(content));
    const digest = digestOf(bytes);
    this.#files.set(path || `blobs/sha256/${digest.slice("sha256:".length)}`, bytes);
    return { digest, size: bytes.length };
  }

  has(path: string): boolean {
    return this.#files.has(path);
  }

  read(path: string): Uint8Array<ArrayBuffer> {
    this.uses++;
    return this.#files.get(path)!;
  }

  beginning(path: string): Uint8Array {
    return this.#files.get(path)!.subarray(0, 16);
  }

  put(path: string, store: ImageStore, mediaType: string): Promise<Descriptor> {
    this.uses++;
    return store.addBlob(mediaType, this.#files.get(path)!);
  }

  [Symbol.dispose](): void {}
}

/** What docker saves: one small image with many names. */
function namedOften(often: number): CountedFiles {
  const docker = new CountedFiles();
  const layer = docker.add("layer", new Uint8Array(1024));
  const rootfs = { type: "layers", diff_ids: [layer.digest] };
  docker.add("config", { architecture: "amd64", os: "linux", rootfs });
  const RepoTags = Array.from({ length: often }, (_, n) => `often:${n}`);
  docker.add("manifest.json", [{ Config: "config", RepoTags, Layers: ["layer"] }]);
  return docker;
}

test("an archive of more files than memory and this process's limit hold at first", async () => {
  using store = ImageStore.open(workspace.path(`images-${++count}`));
  const { soft, hard } = getrlimit(0, RLIMITS.RLIMIT_NOFILE);
  setrlimit(0, RLIMITS.RLIMIT_NOFILE, 400n, hard);
  try {
    const large = Array.from({ length: 33 }, (_, n) => ({ name: `l${n}`, content: MEBIBYTE }));
    const more = Array.from({ length: 800 }, (_, n) => ({ name: `s${n}`, content: `${n}` }));
    const pieces = [...large, ...more].map((one) => new Uint8Array(member(one)));
    using files = await ArchiveFiles.read(store, [...pieces, END_MARK]);
    assertEquals(new TextDecoder().decode(files.read("s799", 10)), "799");
  } finally {
    setrlimit(0, RLIMITS.RLIMIT_NOFILE, soft, hard);
  }
});

test("an image of very many names is loaded, listed and removed in no time", async () => {
  using store = ImageStore.open(workspace.path(`images-${++count}`));
  using docker = namedOften(20_000);
  const begin = performance.now();
  assertEquals((await loadImages(store, docker)).length, 20_000);
  const names = store.references().map(({ name }) => name);
  assertEquals([names.length, names[0], names.at(-1)], [
    20_000,
    "docker.io/library/often:0",
    "docker.io/library/often:19999",
  ]);
  const { id } = readImage(store, store.references()[0]!.descriptor, "it");
  const swept = await removeImage(store, id, { force: true });
  assertEquals([swept.references.length, swept.blobs.length], [20_000, 3]);
  // One after another, each with all of them read and written, they took minutes.
  assert(performance.now() - begin < 30_000);
});

test("more names than the list of references can hold are refused, and nothing is lost", async () => {
  using store = ImageStore.open(workspace.path(`images-${++count}`));
  using few = namedOften(2);
  await loadImages(store, few);
  using docker = namedOften(200_000);
  const error = await assertRejects(() => loadImages(store, docker), ContainerError);
  assertMatch(error.message, /^write index.json with 200000 names of images: it would have more/);
  assertEquals(store.references().length, 2);
});

test("what is listed any number of times is loaded once", async () => {
  using store = ImageStore.open(workspace.path(`images-${++count}`));
  const often = <T>(what: T): T[] => Array.from({ length: 1000 }, () => what);
  const rootfs = { type: "layers", diff_ids: [] };
  const config = { architecture: "amd64", os: "linux", rootfs };

  using layout = new CountedFiles();
  const manifest = {
    mediaType: OCI_MANIFEST,
    ...layout.add("", {
      schemaVersion: 2,
      config: { mediaType: OCI_CONFIG, ...layout.add("", config) },
      layers: [],
    }),
  };
  let top = manifest;
  for (let depth = 0; depth < 3; depth++) {
    const index = layout.add("", { schemaVersion: 2, manifests: often(top) });
    top = { mediaType: OCI_INDEX, ...index };
  }
  layout.add("oci-layout", { imageLayoutVersion: "1.0.0" });
  layout.add("index.json", { schemaVersion: 2, manifests: often(top) });
  assertEquals((await loadImages(store, layout)).at(-1), { descriptor: top });
  assert(layout.uses < 20, `${layout.uses} uses`);

  using docker = new CountedFiles();
  const layer = docker.add("layer", ALPINE as Uint8Array);
  docker.add("config", { ...config, rootfs: { ...rootfs, diff_ids: often(layer.digest) } });
  docker.add("manifest.json", [{ Config: "config", Layers: often("layer") }]);
  assertEquals((await loadImages(store, docker)).length, 1);
  assertEquals(docker.uses, 3);
});

test("whoever waits at a terminal sees how far import and load are", async () => {
  const images = workspace.path(`images-${++count}`);
  const rootfs = Deno.readFileSync(alpine!);
  const imported = await seenWhileRead(["import", "-i", images, "-", "far:1"], rootfs);
  assertMatch(imported, /^gocontainer: import a root file system: \d.* MB$/);
  const { stdout } = await new Deno.Command(BINARY, { args: ["save", "-i", images, "far:1"] })
    .output();
  const loaded = await seenWhileRead(["load", "-i", images, "-"], stdout);
  assertMatch(loaded, /^gocontainer: load images: \d.* MB$/);
});

/** The line that a command shows of what it reads slowly. It is gone in the end. */
async function seenWhileRead(
  args: readonly string[],
  archive: Uint8Array<ArrayBuffer>,
): Promise<string> {
  const pipe = workspace.path(`pipe-${++count}`);
  await sh(`mkfifo ${pipe}`);
  using terminal = new Terminal();
  const running = terminal.start(workspace, args, { redirect: `<${pipe}` });
  using writer = await Deno.open(pipe, { write: true });
  let at = archive.length - 20_000;
  writeAll(writer, archive.subarray(0, at));
  const line = await until("a line tells of it", () => {
    writeAll(writer, archive.subarray(at, ++at));
    return terminal.shown.split(ERASE)[1];
  });
  writeAll(writer, archive.subarray(at));
  writer.close();
  assertEquals((await running.end()).code, 0);
  const left = terminal.shown.split("\n").map((text) => text.split(ERASE).at(-1));
  assert(left.every((text) => !text!.includes("gocontainer: ")), JSON.stringify(terminal.shown));
  return line;
}

/** What takes a line back that was drawn. */
const ERASE = "\r\x1b[K";

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
}
