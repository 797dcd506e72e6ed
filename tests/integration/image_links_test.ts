/** Hard links of a layer to files of the layers below: copies, so that no two layers have a file in common. */

import { assert, assertEquals } from "@std/assert";
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { checkStore } from "../../lib/image/store/check/mod.ts";
import { ImageStore } from "../../lib/image/store/store.ts";
import { firstDifference } from "../../lib/image/tree/compare.ts";
import type { Member } from "../unit/image/tar_builder.ts";
import { manifest, sh, TrialFolder } from "./image_lab.ts";
import { extract, putImage } from "./layer_lab.ts";

const ROOT: Member = { name: "./", type: "5", mode: 0o755, mtime: 1 };
const CAPABILITY = Uint8Array.fromHex("0100000200040000000000000000000000000000");
const hard = (name: string, linkname: string): Member => ({ name, type: "1", linkname });

const LOWER: readonly Member[] = [
  ROOT,
  { name: "a/", type: "5", mode: 0o700, mtime: 5 },
  {
    name: "a/f",
    content: "text",
    mode: 0o4751,
    uid: 7,
    gid: 8,
    mtime: 6,
    pax: { "SCHILY.xattr.user.x": "1", "SCHILY.xattr.security.capability": CAPABILITY },
  },
  { name: "a/g", content: "g", mtime: 6 },
  { name: "l", type: "2", linkname: "/etc/passwd", mode: 0o777, uid: 3, mtime: 9 },
  { name: "null", type: "3", major: 1, minor: 3, mode: 0o666, gid: 4, mtime: 9 },
  { name: "p", type: "6", mode: 0o620, mtime: 9 },
];

function test(name: string, body: (trial: TrialFolder, images: string) => Promise<void>): void {
  Deno.test({ name: `image links: ${name}`, ignore: Deno.uid() !== 0 }, async () => {
    using trial = new TrialFolder();
    await body(trial, trial.folder("images"));
  });
}

/** What a check with the content of the layers finds. */
async function faultsIn(images: string): Promise<readonly unknown[]> {
  using store = ImageStore.open(images);
  return (await checkStore(store, { repair: false, content: true })).faults;
}

/** A line of a manifest without which names are of one file. */
function alone(line: string | undefined): string {
  return (line ?? "nothing").replace(/ same=\S+/, "");
}

test("a copy has all that the file below has", async (_, images) => {
  const targets = { h: "a/f", g: "a/g", k: "l", n: "null", q: "p" };
  await putImage(images, "i", [
    LOWER,
    [ROOT, ...Object.entries(targets).map(([name, target]) => hard(name, target))],
  ]);
  const [top, below] = await Promise.all((await extract(images, "i")).map(manifest));
  for (const [name, target] of Object.entries(targets)) {
    assertEquals(top!.get(`./${name}`), below!.get(`./${target}`), name);
  }
  assertEquals(await faultsIn(images), []);
});

test(
  "the links of one layer to one file share one copy, as long as it is there",
  async (_, images) => {
    await putImage(images, "i", [LOWER, [
      ROOT,
      hard("a/f2", "a/f"),
      hard("h", "a/f2"),
      hard("i", "a/f"),
      hard("d/x", "a/g"),
      { name: "d", content: "no folder", mtime: 1 },
      hard("e", "a/g"),
      hard("k", "a/g"),
      { name: "k", content: "replaced", mtime: 1 },
      hard("m", "a/g"),
      hard("n/o", "a/g"),
      hard("n", "a/g"),
    ]]);
    const [top, below] = await Promise.all((await extract(images, "i")).map(manifest));
    const copy = below!.get("./a/f");
    for (const name of ["a/f2", "h", "i"]) {
      assertEquals(top!.get(`./${name}`), copy!.replace(/( digest=)/, " same=./a/f2$1"), name);
    }
    for (const name of ["e", "m", "n"]) {
      assertEquals(alone(top!.get(`./${name}`)), below!.get("./a/g"), name);
    }
    for (const line of below!.values()) assert(!line.includes("same="), line);
    assertEquals(await faultsIn(images), []);
  },
);

test("a file that takes the place of a copy is none", async (_, images) => {
  await putImage(images, "i", [LOWER, [
    ROOT,
    hard("h", "a/g"),
    { name: "h", content: "new", mtime: 1 },
    hard("k", "a/g"),
  ]]);
  const [folder] = await extract(images, "i");
  assertEquals(Deno.readTextFileSync(`${folder}/k`), "g");
});

test("links between more folders than are kept open", async (_, images) => {
  const count = 300;
  const all = Array.from({ length: count }, (_, i) => i);
  const far = (i: number) => (i * 7 + 150) % count;
  await putImage(images, "i", [[
    ROOT,
    ...all.map((i) => ({ name: `${i}/f`, content: `${i}`, mtime: 1 })),
    ...all.map((i) => hard(`${i}/h`, `${far(i)}/f`)),
  ]]);
  const [folder] = await extract(images, "i");
  for (const i of all) assertEquals(Deno.readTextFileSync(`${folder}/${i}/h`), `${far(i)}`);
});

test("holes stay holes", async (trial, images) => {
  const tree = trial.folder("tree");
  sh("truncate -s 20M f; printf data | dd of=f bs=1M seek=7 conv=notrunc status=none", tree);
  sh("tar -Scf ../tree.tar .", tree);
  const archive = Deno.readFileSync(`${trial.path}/tree.tar`);
  await putImage(images, "i", [archive, [ROOT, hard("h", "f")]]);
  const [top, below] = await extract(images, "i");
  assertEquals((await manifest(top!)).get("./h"), (await manifest(below!)).get("./f"));
  const { blocks } = Deno.statSync(`${top}/h`);
  assert(blocks! * 512 < 1_000_000, `${blocks} blocks`);
});

test("a store in which layers have files in common is sound", async (_, images) => {
  await putImage(images, "i", [LOWER, [ROOT, hard("h", "a/f"), hard("i", "a/f")], [
    ROOT,
    hard("k", "i"),
    hard("m", "a/f"),
  ]]);
  const [top, middle, lowest] = await extract(images, "i");
  // As they were extracted once.
  sh(`ln -f ${lowest}/a/f ${middle}/h; ln -f ${lowest}/a/f ${middle}/i`);
  sh(`ln -f ${lowest}/a/f ${top}/k; ln -f ${lowest}/a/f ${top}/m`);
  sh(`touch -d @1 ${middle} ${top}`);
  assertEquals(await faultsIn(images), []);
});

test("a check finds which names are of one file", (trial) => {
  const [a, b] = [trial.folder("a"), trial.folder("b")];
  for (const folder of [a, b]) sh("echo 1 > x; cp x y; touch -d @1 x y", folder);
  using one = new Fd(openat(AT_FDCWD, a, O_RDONLY | O_DIRECTORY));
  using other = new Fd(openat(AT_FDCWD, b, O_RDONLY | O_DIRECTORY));
  assertEquals(firstDifference(one.number, other.number), undefined);
  sh("ln -f x y", b);
  assertEquals(firstDifference(one.number, other.number)?.what, "is a name of another file");
  return Promise.resolve();
});
