/** The commands on images: what they print, what they remove, and what they leave alone. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { gunzipSync } from "node:zlib";
import { ensureLayers } from "../../lib/image/layer/ensure.ts";
import { resolveImage } from "../../lib/image/store/resolve.ts";
import { OCI_EMPTY, OCI_INDEX, OCI_MANIFEST } from "../../lib/image/media_type.ts";
import { parseReference } from "../../lib/image/reference.ts";
import { ImageStore } from "../../lib/image/store/store.ts";
import { formatSize } from "../../lib/size.ts";
import { setAttribute, sh } from "./image_lab.ts";
import { putImage, type TestLayer } from "./layer_lab.ts";
import type { Outcome } from "./support/process.ts";
import { alpineArchive, entriesOf, exists } from "./support/project.ts";
import { Terminal } from "./support/terminal.ts";
import { until } from "./support/wait.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();
const archive = alpineArchive();
const ignore = archive === undefined || Deno.uid() !== 0;

const ALPINE: TestLayer = archive === undefined
  ? []
  : new Uint8Array(gunzipSync(Deno.readFileSync(archive)));

let count = 0;

/** An images folder of a test's own. */
function folder(): string {
  return `images${++count}`;
}

/** Runs a command on images in a folder. */
function run(images: string, command: string, ...args: string[]): Promise<Outcome> {
  return workspace.run([...command.split(" "), "-i", images, ...args]);
}

/** As {@link run}, for what goes well: what it printed. */
async function says(images: string, command: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(images, command, ...args);
  assertEquals([code, stderr], [0, ""], `${command}: ${stdout}`);
  return stdout;
}

async function json<T>(images: string, command: string, ...args: string[]): Promise<T> {
  return JSON.parse(await says(images, command, "--format", "json", ...args)) as T;
}

interface Row {
  readonly Name: string | null;
  readonly Digest: string;
  readonly Id: string;
  readonly Source: string;
  readonly Fault: string | null;
  readonly [name: string]: unknown;
}

async function names(images: string): Promise<(string | null)[]> {
  const rows = await json<Row[]>(images, "images");
  return rows.filter(({ Source }) => Source === "store").map(({ Name }) => Name);
}

function blobs(images: string): string[] {
  return entriesOf(workspace.path(`${images}/.store/blobs/sha256`)).map(({ name }) => name);
}

function layers(images: string): string[] {
  return entriesOf(workspace.path(`${images}/.store/layers`)).map(({ name }) => name);
}

/** Puts a small image into a store: one layer with a file of this content. */
function put(images: string, name: string, ...contents: string[]): Promise<void> {
  const all = contents.map((content): TestLayer => [{ name: "file", content }]);
  return putImage(workspace.path(images), name, all, {
    config: {
      created: "2020-01-02T03:04:05Z",
      config: { Cmd: ["/x"], Env: ["A=b"], Labels: { "a.b": `label of ${name}` } },
      history: contents.map((content) => ({ created_by: `make ${content}` })),
    },
  });
}

function test(name: string, body: () => Promise<void>): void {
  Deno.test({ name, ignore, fn: body });
}

test("without a store there is the image in the binary, and nothing to remove", async () => {
  const images = folder();
  const rows = await json<Row[]>(images, "images");
  assertEquals(rows.map(({ Source }) => Source), ["embedded"]);
  assertEquals(await says(images, "prune"), "Freed 0 B\n");
  assertMatch(await says(images, "df"), /^TYPE +COUNT +IN USE +SIZE +RECLAIMABLE\narchives/);
  assertEquals(await says(images, "images check"), "There is no store yet\n");
  for (const command of ["rmi", "history", "inspect"]) {
    const { code, stderr } = await run(images, command, "none:1");
    assertEquals(code, 125);
    assertMatch(stderr, /^gocontainer: use image "none:1": there is no such image in the store\n/);
  }
  // It is listed, but it is none of the store's.
  const { stderr } = await run(images, "history", rows[0].Name!);
  assertMatch(stderr, /with the source "store"; .* import makes one of an archive\n$/);
  assertEquals(exists(workspace.path(images)), false);
});

test("images lists what can be run, of every kind", async () => {
  const images = folder();
  await put(images, "registry.test:5000/team/app:2", "one", "two");
  await Deno.mkdir(workspace.path(`${images}/rootfs`), { mode: 0o755 });
  await Deno.writeTextFile(workspace.path(`${images}/packed.tar.gz`), "12345");
  // Links that lead nowhere are no images.
  const links = { lost: "nowhere", loop: "loop", through: "packed.tar.gz/x" };
  for (const [name, target] of Object.entries(links)) {
    Deno.symlinkSync(target, workspace.path(`${images}/${name}`));
  }
  const rows = await json<Row[]>(images, "images");
  assertEquals(rows.map(({ Name, Source }) => [Name, Source]), [
    [rows[0]!.Name, "embedded"],
    ["packed", "archive"],
    ["registry.test:5000/team/app:2", "store"],
    ["rootfs", "folder"],
  ]);
  const stored = rows[2]!;
  assertEquals(stored.Reference, "registry.test:5000/team/app:2");
  assertMatch(stored.Digest, /^sha256:[0-9a-f]{64}$/);
  assertMatch(stored.Id, /^sha256:[0-9a-f]{64}$/);
  assertEquals(stored.Created, "2020-01-02T03:04:05.000Z");
  assertMatch(String(stored.LastUsed), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assertEquals([stored.Layers, stored.Fault], [2, null]);
  assert(typeof stored.Size === "number" && stored.Size > 4000);
  assertEquals(rows[1]!.Size, 5);
  const table = await says(images, "images");
  assertMatch(table, /^IMAGE +ID +PLATFORM +CREATED +SIZE +SOURCE\n/);
  assertMatch(
    table,
    new RegExp(
      `^registry.test:5000/team/app:2 +${stored.Id.slice(7, 19)} +linux/\\w+ +\\d+ years ago`,
      "m",
    ),
  );
  assertEquals(await says(images, "images", "-q"), `${stored.Id}\n`);
  assertEquals(
    await says(images, "images", "--format", "{{.Source}} {{.Layers}}"),
    "embedded \narchive \nstore 2\nfolder \n",
  );
  const dockers = ["{{.Repository}}:{{.Tag}}", "table {{.ID}}\\t{{.CreatedSince}}"];
  assertMatch(
    await says(images, "images", "--format", dockers[0]!),
    /^alpine:<none>\n.*^registry\.test:5000\/team\/app:2\n/ms,
  );
  assertMatch(
    await says(images, "images", "--format", dockers[1]!),
    new RegExp(`^ID +CREATED SINCE\n.*^${stored.Id.slice(7, 19)} +\\d+ years ago\n`, "ms"),
  );
});

test("inspect, history and df tell of an image", async () => {
  const images = folder();
  await put(images, "app", "one", "two");
  const [row] = (await json<Row[]>(images, "images")).filter(({ Source }) => Source === "store");
  const [image, same] = await json<Record<string, unknown>[]>(images, "inspect", "app", row!.Id);
  assertEquals(image, same);
  assertEquals(image!.RepoTags, ["app:latest"]);
  assertEquals(image!.RepoDigests, [`app@${row!.Digest}`]);
  assertEquals([image!.Id, image!.Os], [row!.Id, "linux"]);
  const config = image!.Config as Record<string, unknown>;
  assertEquals([config.Cmd, config.Env, config.Volumes], [["/x"], ["A=b"], {}]);
  const format =
    '{{index .Config.Labels "a.b"}} {{len .Layers}} {{(index .Layers 0).Size | json}}' +
    "{{range .RepoTags}} {{.}}{{end}}";
  const [{ Size }] = image!.Layers as [{ Size: number }];
  assertEquals(
    await says(images, "inspect", "--format", format, "app"),
    `label of app 2 ${Size} app:latest\n`,
  );
  assertMatch(
    await says(images, "inspect", "--format", "table", "app", "alpine"),
    new RegExp(
      "^IMAGE +ID +PLATFORM +CREATED +SIZE +LAYERS +USER +COMMAND\n" +
        `app:latest +${
          row!.Id.slice(7, 19)
        } +linux/[a-z0-9]+ +\\d+ years ago +\\S+ k?B +2 +- +/x\n` +
        "alpine( +-){3} +\\S+ MB( +-){3}\n$",
    ),
  );
  assertEquals((await run(images, "inspect", "app", "--format", "{{.Nmae}}")).code, 1);
  const history = await json<Record<string, unknown>[]>(images, "history", "app");
  assertEquals(history.map(({ CreatedBy }) => CreatedBy), ["make two", "make one"]);
  assert(history.every(({ Size }) => typeof Size === "number" && Size > 1000));
  assertMatch(await says(images, "history", "app"), /^LAYER +CREATED +CREATED BY +SIZE +COMMENT\n/);
  const usage = await json<Record<string, unknown>[]>(images, "df");
  assertEquals(usage.map(({ Type, Count }) => [Type, Count]), [
    ["images", 1],
    ["layers", 0],
    ["leftovers", 0],
    ["archives", 0],
  ]);
  assertEquals(usage[0]!.Size, usage[0]!.Reclaimable);
  const [each] = await json<Record<string, unknown>[]>(images, "df", "-v");
  assertEquals([each!.Name, each!.Size, each!.Shared], ["app:latest", usage[0]!.Size, 0]);
});

test("tag gives names and takes them from others", async () => {
  const images = folder();
  await put(images, "a:1", "one");
  await put(images, "b:1", "two");
  assertEquals(await says(images, "tag", "a:1", "reg.test/x/y:z"), "");
  assertEquals(await says(images, "tag", "a:1", "a"), "");
  assertEquals(await names(images), ["a:1", "a:latest", "b:1", "reg.test/x/y:z"]);
  // The image that loses its only name stays without one.
  await says(images, "tag", "a:1", "b:1");
  assertEquals(await names(images), ["a:1", "a:latest", "b:1", "reg.test/x/y:z", null]);
  for (
    const [args, error] of [
      [["none", "x:1"], /use image "none": there is no such image/],
      [["a:1", "Upper:1"], /read the image reference "Upper:1"/],
      [["a:1", `x@sha256:${"a".repeat(64)}`], /a name that is given cannot have a digest/],
      [["a:1"], /run "tag": an argument is missing/],
      [["a:1", "b", "c"], /run "tag": too many arguments/],
    ] as const
  ) {
    const outcome = await run(images, "tag", ...args);
    assert(outcome.code !== 0);
    assertMatch(outcome.stderr, error);
  }
});

test("rmi takes names away, and with the last one what no other image needs", async () => {
  const images = folder();
  await put(images, "a:1", "shared", "a");
  await put(images, "b:1", "shared", "b");
  await says(images, "tag", "a:1", "a:2");
  const all = blobs(images);
  assertEquals(all.length, 3 + 2 + 2);
  assertEquals(await says(images, "rmi", "a:1"), "Untagged: a:1\n");
  assertEquals(blobs(images), all);
  const [row] = (await json<Row[]>(images, "images")).filter(({ Name }) => Name === "a:2");
  assertEquals(await says(images, "rmi", "a:2"), `Untagged: a:2\nDeleted: ${row!.Digest}\n`);
  assertEquals(blobs(images).length, 4);
  assertMatch(await says(images, "images check"), /^Sound: 1 image, 4 blobs/);
  assertEquals(await says(images, "rmi", "b:1").then(() => blobs(images)), []);
});

test("rmi by id wants force where there are several names", async () => {
  const images = folder();
  await put(images, "a:1", "a");
  await says(images, "tag", "a:1", "b:1");
  const [{ Id }] = (await json<Row[]>(images, "images")).filter(({ Name }) => Name === "a:1");
  const short = Id.slice(7, 19);
  const refused = await run(images, "rmi", short);
  assertEquals(refused.code, 125);
  assertEquals(
    refused.stderr,
    `gocontainer: remove image "${short}": it has 2 names\n` +
      "Give one of them, or -f for all: a:1, b:1\n",
  );
  assertMatch(await says(images, "rmi", "-f", short), /^Untagged: a:1\n.*Untagged: b:1\n/s);
  assertEquals([await names(images), blobs(images)], [[], []]);
});

test("rmi by a repository's digest leaves the names of other repositories, as docker's does", async () => {
  const images = folder();
  await put(images, "a:1", "a");
  for (const name of ["a:2", "b:1", "b:2"]) await says(images, "tag", "a:1", name);
  const [row] = await json<Row[]>(images, "images");
  const refused = await run(images, "rmi", `a@${row!.Digest}`);
  assertMatch(refused.stderr, /: it has 2 names\nGive one of them, or -f for all: a:1, a:2\n$/);
  assertEquals(
    await says(images, "rmi", "-f", `a@${row!.Digest}`),
    "Untagged: a:1\nUntagged: a:2\n",
  );
  assertEquals(await names(images), ["b:1", "b:2"]);
  await says(images, "rmi", "b:1");
  assertEquals(
    await says(images, "rmi", `b@${row!.Digest}`),
    `Untagged: b:2\nDeleted: ${row!.Digest}\n`,
  );
});

test("rmi goes through all of its arguments, and tells of each that is wrong", async () => {
  const images = folder();
  await put(images, "a:1", "a");
  await put(images, "b:1", "b");
  const { code, stdout, stderr } = await run(images, "rmi", "none:1", "a:1", "none:2", "b:1");
  assertEquals(code, 125);
  assertMatch(stdout, /^Untagged: a:1\nDeleted: .*\nUntagged: b:1\nDeleted: .*\n$/);
  const missing = (name: string) =>
    `gocontainer: use image "${name}": there is no such image in the store\nRun .*\n`;
  assertMatch(stderr, new RegExp(`^${missing("none:1")}${missing("none:2")}$`));
  assertEquals(await names(images), []);
});

test("inspect tells of those that are there, and which are not", async () => {
  const images = folder();
  await put(images, "a:1", "a");
  const { code, stdout, stderr } = await run(images, "inspect", "none:1", "a:1", "none:2");
  assertEquals(code, 125);
  const found = JSON.parse(stdout) as { RepoTags: string[] }[];
  assertEquals(found.map(({ RepoTags }) => RepoTags), [["a:1"]]);
  assertEquals(stderr.match(/use image "none:[12]": there is no such image/g)?.length, 2);
  const none = await run(images, "inspect", "none:1");
  assertEquals([none.code, none.stdout], [125, ""]);
});

test("an image that a container runs from stays whole", async () => {
  const images = folder();
  await putImage(workspace.path(images), "live:1", [ALPINE, [{ name: "x", content: "x" }]]);
  const args = ["run", "-net=none", "-i", images, "-name", "user", "live:1", "sleep", "1000"];
  const running = workspace.start(args);
  await running.becomes("sleep");
  const all = [blobs(images), layers(images)];
  const refused = await run(images, "rmi", "live:1");
  assertEquals(
    [refused.code, refused.stderr],
    [
      125,
      'gocontainer: remove image "live:1": container "user" uses it\n' +
      "Wait for its end, or remove the name alone with -f\n",
    ],
  );
  assertEquals(await says(images, "prune", "-a"), "Freed 0 B\n");
  assertEquals(await says(images, "prune", "-keep-storage", "0"), "Freed 0 B\n");
  assertEquals((await json<{ InUse: number }[]>(images, "df"))[0]!.InUse, 1);
  // Another name for it may go.
  await says(images, "tag", "live:1", "other:1");
  assertEquals(await says(images, "rmi", "other:1"), "Untagged: other:1\n");
  assertEquals(await says(images, "rmi", "-f", "live:1"), "Untagged: live:1\n");
  assertEquals(await says(images, "prune", "-a"), "Freed 0 B\n");
  assertEquals([blobs(images), layers(images)], all);
  running.kill("SIGKILL");
  await running.gone();
  await until(
    "the container's image is let go",
    async () => !(await says(images, "prune", "-a")).startsWith("Freed 0 B"),
  );
  assertEquals([blobs(images), layers(images)], [[], []]);
  assertEquals(entriesOf(workspace.path(`${images}/.store/leases`)), []);
});

test("prune removes what has no name, and with -all what nobody uses", async () => {
  const images = folder();
  await put(images, "a:1", "a");
  await put(images, "b:1", "b");
  await says(images, "tag", "a:1", "b:1");
  const lost = workspace.path(`${images}/.store/blobs/sha256/${"0".repeat(64)}`);
  await Deno.writeTextFile(lost, "nobody's");
  const partial = workspace.path(`${images}/.store/partial/sha256-${"1".repeat(64)}`);
  await Deno.writeTextFile(partial, "x".repeat(5000));
  const before = blobs(images);
  assertMatch(await says(images, "prune", "--dry-run"), /^Would delete: sha256:.*\nWould free /);
  assertEquals([blobs(images), exists(partial)], [before, true]);
  const [told] = await json<Record<string, unknown[]>[]>(images, "prune", "--dry-run");
  assertEquals(
    [told!.Images!.length, told!.Blobs!.length, told!.Layers, told!.Left!.length],
    [1, 4, [], 1],
  );
  assertMatch(await says(images, "prune"), /^Deleted: sha256:.*\nFreed /);
  assertEquals([blobs(images).length, exists(lost), exists(partial)], [3, false, false]);
  assertEquals(await names(images), ["a:1", "b:1"]);
  assertEquals(await says(images, "prune"), "Freed 0 B\n");
  assertMatch(
    await says(images, "prune", "-a"),
    /^Untagged: a:1\nUntagged: b:1\nDeleted: sha256:[0-9a-f]+\nFreed /,
  );
  assertEquals([blobs(images), await names(images)], [[], []]);
});

test("what cannot be removed is told by prune, with what to do, and goes with the next one", async () => {
  const images = folder();
  await put(images, "a:1", "a");
  const left = workspace.path(`${images}/.store/removed/layer`);
  await Deno.mkdir(left);
  await Deno.writeTextFile(`${left}/file`, "x");
  sh(`chattr +i "${left}/file"`);
  const { code, stderr } = await run(images, "prune");
  sh(`chattr -i "${left}/file"`);
  assertEquals(code, 125);
  assertMatch(
    stderr,
    /^gocontainer: remove "\/.*\/removed\/layer": unlinkat "file": EPERM \(.*\)\nSomething there may be immutable: /,
  );
  await says(images, "prune");
  assertEquals(exists(left), false);
});

test("prune goes by age and by size, those used longest ago first", async () => {
  const images = folder();
  for (const [name, days] of [["old", 40], ["mid", 20], ["new", 1]] as const) {
    await put(images, `${name}:1`, "shared", name.repeat(5000));
    const [{ Digest }] = (await json<Row[]>(images, "images"))
      .filter(({ Name }) => Name === `${name}:1`);
    const time = Date.now() / 1000 - days * 86400;
    const blob = Digest.replace("sha256:", "sha256/");
    await Deno.utime(workspace.path(`${images}/.store/blobs/${blob}`), time, time);
  }
  assertEquals(await says(images, "prune", "--until", "50d"), "Freed 0 B\n");
  assertMatch(await says(images, "prune", "--until", "30d"), /^Untagged: old:1\nDeleted: /);
  assertEquals(await names(images), ["mid:1", "new:1"]);
  const size = (await json<{ Size: number }[]>(images, "df"))[0]!.Size;
  assertEquals(await says(images, "prune", "--keep-storage", `${size}`), "Freed 0 B\n");
  assertMatch(await says(images, "prune", "--keep-storage", `${size - 1}`), /^Untagged: mid:1\n/);
  assertEquals(await names(images), ["new:1"]);
  assertMatch(await says(images, "images check"), /^Sound: 1 image/);
  assertMatch(await says(images, "prune", "--keep-storage", "0"), /^Untagged: new:1\n/);
  for (const args of [["--until", "soon"], ["--keep-storage", "much"], ["x"]]) {
    assertEquals((await run(images, "prune", ...args)).code, 1);
  }
});

test("what runs is what was used last", async () => {
  const images = folder();
  await putImage(workspace.path(images), "x:1", [ALPINE]);
  const used = async () =>
    Date.parse(String(
      (await json<Row[]>(images, "images"))
        .find(({ Name }) => Name === "x:1")!.LastUsed,
    ));
  const before = await used();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals((await workspace.run(["run", "-net=none", "-i", images, "x:1"])).code, 0);
  assert(await used() > before);
});

test("check tells what is damaged, and repairs what can be", async () => {
  const images = folder();
  const store = workspace.path(`${images}/.store`);
  for (const name of ["whole", "cut", "changed", "gone"]) {
    await put(images, `${name}:1`, `content of ${name}`);
  }
  const inspect = async (name: string) =>
    (await json<{ Digest: string; Layers: { Digest: string }[] }[]>(images, "inspect", name))[0]!;
  const path = (digest: string) => `${store}/blobs/${digest.replace(":", "/")}`;
  const cut = (await inspect("cut:1")).Layers[0]!.Digest;
  await Deno.truncate(path(cut), 100);
  const changed = (await inspect("changed:1")).Digest;
  const bytes = await Deno.readFile(path(changed));
  bytes[20]! ^= 1;
  await Deno.writeFile(path(changed), bytes);
  await Deno.remove(path((await inspect("gone:1")).Layers[0]!.Digest));
  await Deno.writeTextFile(`${store}/blobs/sha256/strange`, "");
  await Deno.mkdir(`${store}/layers/${"a".repeat(64)}`);
  await Deno.writeTextFile(`${store}/oci-layout`, "{}");

  const first = await run(images, "images check");
  assertEquals(first.code, 2);
  const told = async (...args: string[]) => {
    const { code, stdout } = await run(images, "images check", "--format", "json", ...args);
    return {
      code,
      rows: JSON.parse(stdout) as { Where: string; Fault: string; Repair: unknown }[],
    };
  };
  const { rows } = await told();
  const faults = rows.map(({ Where, Fault }) => `${Where} ${Fault}`);
  for (
    const expected of [
      /^oci-layout does not say/,
      new RegExp(`^blob ${cut} is damaged`),
      new RegExp(`^blob ${changed} is damaged`),
      /^file ".*strange" is no blob/,
      /^layer a{64} has lost its root folder/,
      new RegExp(`^image "cut:1" has lost ${cut}`),
      /^image "changed:1" is damaged: read sha256:/,
      /^image "gone:1" has lost sha256:/,
    ]
  ) assert(faults.some((fault) => expected.test(fault)), `${expected} in ${faults.join("\n")}`);
  assertEquals(faults.length, 8);
  assert(!faults.some((fault) => fault.includes("whole")));
  // A damaged image is shown as such; what is left of the store works.
  const listed = await json<Row[]>(images, "images");
  assertEquals(listed.filter(({ Fault }) => Fault !== null).map(({ Name }) => Name), ["changed:1"]);
  // Nothing is removed while it cannot be known what it belongs to.
  assertEquals((await run(images, "prune")).code, 125);

  const repaired = await told("--repair");
  assertEquals(repaired.code, 2);
  assertEquals(
    repaired.rows.filter(({ Repair }) => Repair === null).map(({ Where }) => Where),
    ['file "blobs/sha256/strange"'],
  );
  await Deno.remove(`${store}/blobs/sha256/strange`);
  assertMatch(await says(images, "images check"), /^Sound: 1 image, /);
  assertEquals(await names(images), ["whole:1"]);
  await says(images, "prune");
  assertEquals(blobs(images).length, 3);
});

const DAMAGES: Record<string, string> = {
  "another content": "printf hacked > etc/issue.new; touch -r etc/issue etc/issue.new; " +
    "cat etc/issue.new > etc/issue; touch -r etc/issue.new etc/issue; rm etc/issue.new",
  "another size": "echo >> etc/issue",
  "another time": "touch etc/issue",
  "another mode": "chmod 4755 bin/busybox",
  "another owner": "chown -h 7 bin/sh",
  "another target": "ln -snf /bin/false bin/sh; touch -h -d @0 bin/sh",
  "a file too many": "echo > etc/new",
  "a file too few": "rm etc/issue",
  "a name too many": "ln etc/issue etc/issue2",
  "an attribute": "",
};

test("check -layers finds what was done to extracted layers", async () => {
  const images = folder();
  const path = workspace.path(images);
  await putImage(path, "x:1", [
    [
      { name: "etc/", type: "5", mode: 0o755 },
      { name: "etc/issue", content: "below" },
      { name: "etc/motd" },
      { name: "bin/busybox", content: "binary", mode: 0o755 },
      { name: "bin/sh", type: "2", linkname: "busybox" },
    ],
    [
      { name: "etc/issue", content: "content" },
      { name: "etc/.wh.motd" },
      { name: "bin/busybox", content: "another", mode: 0o755 },
      { name: "bin/sh", type: "2", linkname: "busybox" },
    ],
  ]);
  const extract = async () => {
    using store = ImageStore.open(path);
    const [top] = await ensureLayers(store, await resolveImage(store, "x:1"));
    assertEquals(Deno.readTextFileSync(`${top}/etc/issue`), "content");
  };
  await extract();
  assertMatch(
    await says(images, "images check", "-layers"),
    /^Sound: 1 image, 4 blobs, 2 extracted/,
  );
  const whole = layers(images);
  for (const [what, script] of Object.entries(DAMAGES)) {
    for (const name of whole) {
      const root = `${path}/.store/layers/${name}/diff`;
      if (script === "") setAttribute(`${root}/etc`, "user.x", new Uint8Array([1]));
      else sh(script, root);
    }
    const found = await run(images, "images check", "-layers");
    assertEquals(found.code, 2, what);
    assertMatch(found.stdout, /^layer \w{64} +is not as it was extracted: ".*" \w/m, what);
    assertEquals((await run(images, "images check", "-layers", "-repair")).code, 0, what);
    await extract();
    assertEquals(layers(images), whole);
  }
  assertMatch(await says(images, "images check", "-layers"), /^Sound: /);
});

test("check -layers needs no more memory for very many files", async () => {
  const images = folder();
  const path = workspace.path(images);
  const files = Array.from({ length: 3000 }, (_, n) => ({ name: `file-${n}`, content: "x" }));
  await putImage(path, "many:1", [files]);
  {
    using store = ImageStore.open(path);
    await ensureLayers(store, await resolveImage(store, "many:1"));
  }
  const running = workspace.start(["images", "check", "-layers", "-i", images]);
  let most = 0;
  const ended = running.end();
  let isOver = false;
  ended.finally(() => isOver = true);
  while (!isOver) {
    most = Math.max(most, ownMemory(running.pid));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const { stdout } = await ended;
  assertEquals(stdout, "Sound: 1 image, 3 blobs, 1 extracted layer\n");
  // With buffers for each file of its own it was over 160 MB.
  assert(most > 5 * 1024 && most < 60 * 1024, `${most} KiB`);
});

/** Resident memory that is a process's own, in KiB; 0 when it has ended. */
function ownMemory(pid: number): number {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    return Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

test("check -layers on a full disk says so, and takes nothing for damaged", async () => {
  const images = folder();
  const path = workspace.path(images);
  await Deno.mkdir(path);
  sh(`mount -t tmpfs -o size=4m,mode=0755 tmpfs ${path}`);
  try {
    await putImage(path, "x:1", [[{ name: "f", content: "x".repeat(1_000_000) }]]);
    {
      using store = ImageStore.open(path);
      await ensureLayers(store, await resolveImage(store, "x:1"));
    }
    const whole = layers(images);
    await Deno.writeFile(`${path}/.fill`, new Uint8Array(1_500_000));
    const { code, stdout, stderr } = await run(images, "images check", "-layers", "-repair");
    assertEquals([code, stdout], [125, ""]);
    assertMatch(
      stderr,
      /^gocontainer: extract a layer to compare it: it unpacks to more than the /,
    );
    assertEquals(layers(images), whole);
    await Deno.remove(`${path}/.fill`);
    assertMatch(await says(images, "images check", "-layers"), /^Sound: /);
  } finally {
    sh(`umount ${path}`);
  }
});

test("check -layers leaves to a container what it runs on", async () => {
  const images = folder();
  await putImage(workspace.path(images), "x:1", [ALPINE]);
  const running = workspace.start(["run", "-net=none", "-i", images, "x:1", "sleep", "1000"]);
  await running.becomes("sleep");
  const [name] = layers(images);
  await Deno.writeTextFile(workspace.path(`${images}/.store/layers/${name}/diff/new`), "");
  const { code, stdout } = await run(images, "images check", "-layers", "-repair");
  assertEquals(code, 2);
  assertMatch(stdout, /"new" is in one of them only, and is in use +-$/m);
  assertEquals(layers(images), [name]);
  running.kill("SIGKILL");
  await running.gone();
  await until(
    "it can be repaired",
    async () => (await run(images, "images check", "-layers", "-repair")).code === 0,
  );
});

test("a damaged image can be removed by its name", async () => {
  const images = folder();
  await put(images, "a:1", "a");
  await put(images, "b:1", "b");
  const [{ Digest }] = (await json<Row[]>(images, "images")).filter(({ Name }) => Name === "a:1");
  await Deno.truncate(workspace.path(`${images}/.store/blobs/${Digest.replace(":", "/")}`), 3);
  assertMatch(await says(images, "rmi", "a:1"), /^Untagged: a:1\n/);
  assertMatch(await says(images, "prune"), /^Freed /);
  assertEquals([await names(images), blobs(images).length], [["b:1"], 3]);
});

test("of a damaged image with two names one can be taken", async () => {
  const images = folder();
  await put(images, "a:1", "a");
  await says(images, "tag", "a:1", "b:1");
  const [{ Digest }] = (await json<Row[]>(images, "images")).filter(({ Name }) => Name === "a:1");
  await Deno.truncate(workspace.path(`${images}/.store/blobs/${Digest.replace(":", "/")}`), 3);
  assertEquals(await says(images, "rmi", "b:1"), "Untagged: b:1\n");
  assertEquals([await names(images), blobs(images).length], [["a:1"], 3]);
});

test("an artifact is listed as what it is", async () => {
  const images = folder();
  {
    using store = ImageStore.open(workspace.path(images));
    const config = await store.addBlob(OCI_EMPTY, new TextEncoder().encode("{}"));
    const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [] };
    const bytes = new TextEncoder().encode(
      JSON.stringify({ ...manifest, artifactType: "application/vnd.test.sbom" }),
    );
    store.setReference(parseReference("sbom:1"), await store.addBlob(OCI_MANIFEST, bytes));
  }
  assertMatch(
    await says(images, "images"),
    /^sbom:1 .* store, artifact of type application\/vnd\.test\.sbom$/m,
  );
  const [row] = (await json<Row[]>(images, "images")).filter(({ Name }) => Name === "sbom:1");
  assertEquals([row!.ArtifactType, row!.Fault], ["application/vnd.test.sbom", null]);
});

test("a lost index.json is made again of what is there, without the names", async () => {
  const images = folder();
  await put(images, "a:1", "a");
  await put(images, "b:1", "b");
  const index = workspace.path(`${images}/.store/index.json`);
  for (const content of ["", "{", "[]", '{"schemaVersion":2,"manifests":[{}]}']) {
    await Deno.writeTextFile(index, content);
    const { code, stderr } = await run(images, "images");
    assertEquals(code, 125);
    assertMatch(stderr, /index\.json: .*\nRun gocontainer images check --repair\n$/);
    assertEquals((await run(images, "images check")).code, 2);
    assertEquals((await run(images, "images check", "--repair")).code, 0);
    assertEquals(await names(images), [null, null]);
    assertEquals(await Deno.readTextFile(`${index}.damaged`), content);
    assertMatch(await says(images, "images check"), /^Sound: 2 images, 6 blobs/);
  }
});

test("a store that has lost one of its two files is one still, and says so", async () => {
  const images = folder();
  await put(images, "a:1", "a");
  const store = workspace.path(`${images}/.store`);
  await Deno.remove(`${store}/oci-layout`);
  assertEquals(await names(images), ["a:1"]);
  assertMatch((await run(images, "images check")).stdout, /^oci-layout +does not say/m);
  assertEquals((await run(images, "images check", "--repair")).code, 0);
  assertMatch(await says(images, "images check"), /^Sound: 1 image/);

  await Deno.remove(`${store}/index.json`);
  // Without the names none of it would seem to be needed.
  for (const command of ["images", "prune"]) {
    const { code, stderr } = await run(images, command);
    assertEquals(code, 125);
    assertMatch(
      stderr,
      /index\.json: it is not there\nRun gocontainer images check --repair\n$/,
    );
  }
  const { code, stdout } = await run(images, "images check");
  assertEquals(code, 2);
  assertMatch(stdout, /^index\.json +cannot be read: .*: it is not there +-$/m);
  assertEquals((await run(images, "images check", "--repair")).code, 0);
  assertEquals(await names(images), [null]);
});

test("the store is its owner's alone, and so is used only then", async () => {
  const images = folder();
  await put(images, "a:1", "a");
  const store = workspace.path(`${images}/.store`);
  assertEquals((await Deno.stat(store)).mode! & 0o7777, 0o700);
  await Deno.chmod(store, 0o777);
  const { code, stderr } = await run(images, "images");
  assertEquals(code, 125);
  assertMatch(stderr, /use the store of images ".*": others can write there\n/);
  await Deno.chmod(store, 0o700);
});

test("an image for several platforms is listed for each, and the right one taken", async () => {
  const images = folder();
  const host = Deno.build.arch === "aarch64" ? "arm64" : "amd64";
  for (const architecture of ["s390x", host]) {
    await putImage(workspace.path(images), `${architecture}:1`, [ALPINE, [
      { name: "who", content: architecture },
    ]], { config: { architecture, config: { Cmd: ["cat", "/who"] } } });
  }
  const list = async () =>
    (await json<Row[]>(images, "images")).filter(({ Source }) => Source === "store");
  {
    using store = ImageStore.open(workspace.path(images));
    const manifests = store.references().map(
      ({ name, descriptor: { mediaType, digest, size } }) => {
        const architecture = name!.match(/\/([^/]+):1$/)![1]!;
        return { mediaType, digest, size, platform: { os: "linux", architecture } };
      },
    );
    // One that was never pulled, and what is no image.
    manifests.push({
      ...manifests[0]!,
      digest: `sha256:${"0".repeat(64)}`,
      platform: {
        os: "linux",
        architecture: "riscv64",
      },
    });
    const text = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
    const index = await store.addBlob(OCI_INDEX, new TextEncoder().encode(text));
    store.setReference(parseReference("many:1"), index);
  }
  for (const architecture of ["s390x", host]) await says(images, "rmi", `${architecture}:1`);
  assertEquals((await list()).map(({ Name, Platform }) => [Name, Platform]), [
    ["many:1", "linux/s390x"],
    ["many:1", `linux/${host}`],
  ]);
  const run = (...args: string[]) =>
    workspace.run(["run", "-net=none", "-rm", "-pull=never", "-i", images, ...args]);
  assertEquals((await run("many:1")).stdout, host);
  assertEquals((await run("-platform", "linux/s390x", "many:1")).stdout, "s390x");
  assertEquals((await run("-platform", "linux/riscv64", "many:1")).code, 125);
  for (const [options, expected] of [[[], host], [["-platform", "s390x"], "s390x"]] as const) {
    const format = "{{.Architecture}} {{len .RepoTags}}";
    assertEquals(
      await says(images, "inspect", ...options, "many:1", "--format", format),
      `${expected} 1\n`,
    );
  }
  // Both stay as long as the index has its name.
  assertEquals(await says(images, "prune"), "Freed 0 B\n");
  assertMatch(await says(images, "images check", "-layers"), /^Sound: 1 image, /);
  assertMatch(await says(images, "rmi", "many:1"), /^Untagged: many:1\nDeleted: sha256:/);
  assertEquals([blobs(images), layers(images)], [[], []]);
});

test("a store that can only be read is one to run from", async () => {
  const images = folder();
  await putImage(workspace.path(images), "x:1", [ALPINE], {
    config: { config: { Cmd: ["echo", "hi"] } },
  });
  await workspace.run(["run", "-net=none", "-rm", "-i", images, "x:1"]);
  const path = workspace.path(images);
  sh(`mount --bind "${path}" "${path}"; mount -o remount,ro,bind "${path}"`);
  try {
    const { code, stdout } = await workspace.run(["run", "-net=none", "-rm", "-i", images, "x:1"]);
    assertEquals([code, stdout], [0, "hi\n"]);
    assertEquals(await names(images), ["x:1"]);
    await says(images, "df");
    assertMatch(await says(images, "images check"), /^Sound: 1 image/);
    for (
      const [command = "", ...args] of [["rmi", "x:1"], ["tag", "x:1", "y:1"], ["prune", "-all"]]
    ) {
      const refused = await run(images, command, ...args);
      assertEquals(refused.code, 125);
      assertMatch(refused.stderr, /EROFS.*\nGive an images folder on a disk that can be written/);
    }
  } finally {
    sh(`umount "${path}"`);
  }
});

test("runs, prunes and changes of names at once: each does its work or says why not", async () => {
  const images = folder();
  const path = workspace.path(images);
  const put = (name: string) =>
    putImage(path, name, [ALPINE, [{ name: "who", content: name }]], {
      config: { config: { Cmd: ["cat", "/who"] } },
    });
  const start = (name: string) =>
    workspace.run(["run", "-net=none", "-rm", "-pull=never", "-i", images, name]);
  let ran = 0;
  for (let round = 0; round < 6; round++) {
    await Promise.all([put("a:1"), put("b:1")]);
    const runs = ["a:1", "b:1", "a:1"].map(async (name) => {
      const { code, stdout, stderr } = await start(name);
      if (code === 0) {
        ran++;
        assertEquals(stdout, name);
      } else {assertMatch(
          stderr,
          /^gocontainer: use image "[ab]:1": there is no such image in ".*"\n/,
        );}
    });
    const others = [["prune", "-all"], ["tag", "a:1", "c:1"], ["rmi", "b:1"], ["prune", "-all"]]
      .map(async ([command = "", ...args]) => {
        const { code, stderr } = await run(images, command, ...args);
        if (code === 0) return;
        assertMatch(
          stderr,
          /^gocontainer: (use image ".*": there is no such image in the store|remove image "b:1": (another process|container ".*") uses it)\n/,
        );
      });
    await Promise.all([...runs, ...others]);
    assertMatch(await says(images, "images check", "-layers"), /^Sound: /);
  }
  assert(ran > 0);
  await put("a:1");
  assertEquals((await start("a:1")).stdout, "a:1");
  await says(images, "prune", "-all");
  assertEquals([blobs(images), layers(images), entriesOf(`${path}/.store/leases`)], [[], [], []]);
});

test("images are filtered as docker's users do it", async () => {
  const images = folder();
  const path = workspace.path(images);
  for (const [name, created] of [["a:1", "2020"], ["a:2", "2021"], ["b/c:1", "2022"]] as const) {
    await putImage(path, name, [[{ name: "f", content: name }]], {
      config: {
        created: `${created}-01-01T00:00:00Z`,
        config: { Cmd: ["/x"], Labels: { of: name, all: "" } },
      },
    });
  }
  await put(images, "lost:1", "lost");
  await says(images, "tag", "a:1", "lost:1");
  const cases: readonly (readonly [filters: string[], names: string[]])[] = [
    [["dangling=true"], ["<none>"]],
    [["dangling=false", "reference=*"], ["a:1", "a:2", "lost:1"]],
    [["reference=*/*"], ["b/c:1"]],
    [["reference=a"], ["a:1", "a:2"]],
    [["reference=?:[2-9]", "reference=b/c:1"], ["a:2", "b/c:1"]],
    [["reference=[a", "reference=a.1", "reference=:1"], []],
    [["label=all", "label=of=a:1"], ["a:1", "lost:1"]],
    [["label=of=a"], []],
    [["before=a:2"], ["a:1", "lost:1", "<none>"]],
    [["since=a:1", "before=b/c:1"], ["a:2", "<none>"]],
  ];
  for (const [filters, expected] of cases) {
    const options = filters.flatMap((filter) => ["-f", filter]);
    const format = ["--format", "{{if .Name}}{{.Name}}{{else}}<none>{{end}}"];
    const listed = (await says(images, "images", ...options, ...format)).split("\n").slice(0, -1);
    const plain = (await json<Row[]>(images, "images")).filter(({ Source }) => Source !== "store");
    const stored = listed.filter((name) => plain.every((row) => row.Name !== name));
    assertEquals(stored, expected, filters.join(" "));
  }
  const dangling = await says(images, "images", "-q", "--filter=dangling=true");
  assertMatch(dangling, /^sha256:[0-9a-f]{64}\n$/);
  for (const filter of ["nope=1", "dangling", "dangling=x", "reference=[z-a]"]) {
    const { code, stdout, stderr } = await run(images, "images", "-filter", filter);
    assertEquals([code, stdout], [1, ""]);
    assert(stderr.startsWith(`gocontainer: read "-filter ${filter}": it is no filter\n`), stderr);
  }
  assertEquals((await run(images, "images", "-f", "since=none:1")).code, 125);
});

test("options of docker's and podman's commands are taken, or told with what does it here", async () => {
  const images = folder();
  await put(images, "a:1", "one", "two");
  const [{ Id }] = await json<Row[]>(images, "images", "a:1");
  const short = Id.slice("sha256:".length, "sha256:".length + 12);
  assertEquals(await says(images, "images", "-aq"), `${Id}\n`);
  assertEquals(await says(images, "history", "-q", "a:1"), `${short}\n<missing>\n`);
  assertEquals(await says(images, "history", "--quiet", "--no-trunc", "a:1"), `${Id}\n<missing>\n`);
  assertMatch(await says(images, "history", "-H=false", "a:1"), /^\w{12} +- +make two +2048$/m);
  assertEquals(
    await says(images, "inspect", "--type=image", "-s", "-f", "{{.Id}}", "a:1"),
    `${Id}\n`,
  );
  for (const format of ["docker-archive", "oci-archive", "oci-dir"]) {
    const file = workspace.path(`${images}-${format}`);
    await says(images, "save", "-q", "-m", "--format", format, "--output", file, "a:1");
    assertEquals(await says(images, "load", "-q", file), "a:1\n");
    assertEquals(Deno.statSync(file).isDirectory, format === "oci-dir");
  }
  await says(images, "df", "--verbose");
  const told: readonly (readonly [command: string, option: string, hint: RegExp])[] = [
    ["images", "--sort", /listed by name/],
    ["images", "-n", /template/],
    ["rmi", "-a", /prune -all/],
    ["prune", "--filter", /-until AGE/],
    ["load", "--platform", /All that the archive has/],
    ["save", "--compress", /\| gzip/],
    ["commit", "--format", /save/],
    ["commit", "-s", /export .* import/],
    ["import", "--arch", /-platform OS\/ARCH/],
    ["inspect", "--type=container", /gocontainer state NAME/],
  ];
  for (const [command, option, hint] of told) {
    const { code, stderr } = await run(images, command, option, "x");
    assertEquals(code, 1, `${command} ${option}`);
    assertMatch(stderr.split("\n")[1]!, hint);
  }
  assertMatch(await says(images, "prune", "-af"), /^Untagged: a:1\n/);
});

test("names and labels cannot control a terminal", async () => {
  const images = folder();
  await putImage(workspace.path(images), "evil:1", [[{ name: "f" }]], {
    config: {
      author: "\u009b31m\u202e",
      config: { Cmd: ["/x"], Labels: { evil: "\u001b]0;owned\u0007\n" } },
      history: [{ created_by: "\u001b[2Jrm -rf\u009b" }],
      variant: "\u001b[1m",
    },
  });
  const commands = [
    ["images"],
    ["images", "--format", "{{.Platform}}"],
    ["history", "evil:1"],
    ["history", "evil:1", "--format", "{{.CreatedBy}}"],
    ["history", "evil:1", "--format", "json"],
    ["inspect", "evil:1"],
    ["inspect", "evil:1", "--format", "{{.Author}}{{.Config.Labels}}"],
  ];
  using terminal = new Terminal({ rows: 50, columns: 500 });
  for (const [command = "", ...args] of commands) {
    const running = terminal.start(workspace, [command, "-i", images, ...args]);
    assertEquals((await running.end()).code, 0);
  }
  const shown = terminal.shown;
  for (const character of "\u001b\u009b\u202e\u0007") assert(!shown.includes(character), shown);
  assertMatch(shown, /\\u001b\[2Jrm -rf\\u009b/);
  // In a pipe the data is what it is; a table is for people all the same.
  const piped = await says(images, "history", "evil:1", "--format", "{{.CreatedBy}}");
  assert(piped.startsWith("\u001b[2J"), piped);
  assert(!(await says(images, "history", "evil:1")).includes("\u001b"));
});

test("every command tells its usage, and what it does not understand", async () => {
  for (
    const command of ["images", "images check", "inspect", "history", "tag", "rmi", "prune", "df"]
  ) {
    for (const option of ["-h", "--help"]) {
      const { code, stdout, stderr } = await workspace.run([...command.split(" "), option]);
      assertEquals([code, stderr], [0, ""]);
      assertMatch(stdout, new RegExp(`^Usage: gocontainer ${command}\\b.*\\n`));
      assertMatch(stdout, /^ {2}-i FOLDER +\S/m);
    }
    const wrong = await workspace.run([...command.split(" "), "-no-such"]);
    assertEquals([wrong.code, wrong.stdout], [1, ""]);
    assertMatch(wrong.stderr, new RegExp(`^Usage: gocontainer ${command}\\b`, "m"));
  }
});

test("what lies in the store and is none of its own stops nothing, and is told of", async () => {
  const images = folder();
  await put(images, "a:1", "a");
  const store = workspace.path(`${images}/.store`);
  const digest = "0".repeat(64);
  sh(
    `touch blobs/file layers/abcdef layers/${digest} layers/.x.partial; mkdir leases/d partial/d
     mkdir blobs/sha256/${digest} removed/d; ln -s / partial/l; ln -s / layers/l; ln -s / leases/l
     ln -s / blobs/l; ln -s / removed/l; mkfifo partial/p layers/p leases/p removed/p; ln -s / layers/.y.partial`,
    store,
  );
  const strays = () =>
    sh("find blobs layers leases partial -maxdepth 1 -mindepth 1 -printf '%p\n' | sort", store)
      .split("\n").filter((path) => !/^$|^blobs\/sha256$|^layers\/[0-9a-f]{64}$/.test(path));
  const before = strays();
  assertEquals(before.length, 13);
  await says(images, "df");
  await says(images, "df", "-v");
  await says(images, "images");
  assertEquals(await says(images, "prune"), "Freed 0 B\n");
  for (const options of [["-layers"], ["-layers", "-repair"]]) {
    const { code, stdout, stderr } = await run(images, "images check", ...options);
    assertEquals([code, stderr], [2, ""], stdout);
    for (const path of [...before, `layers/${digest}`]) {
      assertMatch(stdout, new RegExp(`file "${path}" +is (?:none of the store's|no blob)`));
    }
    assertMatch(stdout, new RegExp(`blob sha256:${digest} +is not a regular file`));
  }
  assertEquals(exists(`${store}/blobs/sha256/${digest}`), false);
  assertMatch(await says(images, "prune", "-a"), /^Untagged: a:1\n/);
  assertEquals([strays(), entriesOf(`${store}/removed`)], [before, []]);
});

test("a file in the place of an extracted layer gives way to it", async () => {
  const images = folder();
  await put(images, "a:1", "a");
  using store = ImageStore.open(workspace.path(images));
  const image = await resolveImage(store, "a:1");
  const [top = ""] = await ensureLayers(store, image);
  const layer = top.replace(/\/diff$/, "");
  sh(`rm -r ${layer}; touch ${layer}`);
  await ensureLayers(store, image);
  assertEquals(exists(top), true);
});

test("formats know docker's names for what images and their history have", async () => {
  const images = folder();
  await put(images, "a:1", "a");
  const format = "{{.VirtualSize}} {{.Containers}} {{.SharedSize}} {{.UniqueSize}}";
  assertMatch(
    await says(images, "images", "--format", format),
    /^\d[.\d]* k?B N\/A N\/A N\/A$/m,
  );
  // As a number it is one.
  const [, bytes] =
    (await says(images, "images", "--format", '{{printf "%d" .Size}} {{json .Size}}'))
      .match(/^(\d+) \1$/m)!;
  const units = await says(images, "images", "--format", "{{if gt .Size 1}}{{.Size}}{{end}}");
  assert(units.split("\n").includes(formatSize(Number(bytes))), units);
  const steps = (await says(images, "history", "--format", "{{.ID}}", "a:1")).trim().split("\n");
  assertEquals(new Set(steps.slice(1)), new Set(steps.length > 1 ? ["<missing>"] : []));
  assert((await says(images, "images")).includes(steps[0]!), `${steps}`);
});

Deno.test({ name: "images: what is typed for docker's commands", ignore }, async () => {
  const images = folder();
  Deno.mkdirSync(workspace.path(images));
  await putImage(workspace.path(images), "registry.test/box:1", [[{ name: "f", content: "x" }]]);
  const file = workspace.path(`${images}.tar`);
  await says(images, "save", "-o", file, "docker://registry.test/box:1");
  const into = `${images}-loaded`;
  assertEquals(await says(into, "load -q", "--input", file), "registry.test/box:1\n");
  const tags = await says(into, "inspect", "-f", "{{index .RepoTags 0}}", "registry.test/box:1");
  assertEquals(tags, "registry.test/box:1\n");
  const other = await run(into, "inspect", "-platform", "s390x", "registry.test/box:1");
  assertMatch(other.stderr, /the one for linux\/s390x is not in the store/);
  const list = (...words: string[]) => says(into, "images -a", ...words);
  for (const name of ["registry.test/box", "registry.test/box:1"]) {
    assertMatch(await list("-q", name), /^sha256:[0-9a-f]{64}\n$/);
    assertMatch(await list("--digests", name), /^IMAGE +DIGEST .*\nregistry.test\/box:1 +sha256:/);
    assertMatch(await list("--no-trunc", name), / sha256:[0-9a-f]{64} /);
    assertMatch(await list("--format", "{{.ID}}", name), /^[0-9a-f]{12}\n$/);
    assertMatch(await list("--no-trunc", "--format", "{{.ID}}", name), /^sha256:[0-9a-f]{64}\n$/);
  }
  for (const name of ["registry.test/box:2", "box", "registry.test/bo"]) {
    assertEquals(await list("-q", name), "");
  }
  Deno.mkdirSync(workspace.path(`${into}/Box`));
  assertMatch(await list("Box"), /\nBox .*folder\n$/);
  assertEquals((await run(into, "images", "Bo")).code, 125);
  assertMatch(await says(into, "prune", "-a", "-f"), /registry\.test\/box:1/);
});
