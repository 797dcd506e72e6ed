/** Layers: what an image of several looks like when they lie on each other, beside what umoci makes of it. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ContainerError } from "../../lib/errors.ts";
import type { Member } from "../unit/image/tar_builder.ts";
import { testWith } from "../engines/support/skip.ts";
import { difference, manifest, TrialFolder } from "./image_lab.ts";
import {
  extract,
  GZIP,
  hasProgram,
  manifestOfOverlay,
  putImage,
  unpackByUmoci,
  unpackedByPodman,
} from "./layer_lab.ts";

const ROOT: Member = { name: "./", type: "5", mode: 0o755, mtime: 1 };
const folder = (name: string, more: Partial<Member> = {}): Member => ({
  name,
  type: "5",
  mode: 0o755,
  mtime: 5,
  ...more,
});
const file = (name: string, content = name, more: Partial<Member> = {}): Member => ({
  name,
  content,
  mode: 0o644,
  mtime: 6,
  ...more,
});
const CAPABILITY = Uint8Array.fromHex("0100000200040000000000000000000000000000");
const link = (name: string, linkname: string): Member => ({
  name,
  type: "2",
  linkname,
  mode: 0o777,
});
const hard = (name: string, linkname: string): Member => ({ name, type: "1", linkname });

/** Images whose trees umoci sees as overlayfs shows them; the lowest layer first. */
const SAME: Readonly<Record<string, readonly (readonly Member[])[]>> = {
  "a file replaced by a file": [[ROOT, file("a", "old")], [
    ROOT,
    file("a", "new", { mode: 0o600, uid: 3 }),
  ]],
  "a file replaced by every other kind": [
    [ROOT, file("a"), file("b"), file("c"), file("d"), file("e"), file("f"), file("g")],
    [
      ROOT,
      folder("a/"),
      link("b", "a"),
      { name: "c", type: "3", major: 1, minor: 3, mtime: 4 },
      { name: "d", type: "4", major: 7, minor: 3, mtime: 4 },
      { name: "e", type: "6", mtime: 4 },
      hard("f", "e"),
      file("a/x"),
      hard("g", "a/x"),
    ],
  ],
  "a folder replaced by every other kind": [
    [ROOT, ..."abcdefg".split("").flatMap((n) => [folder(`${n}/`), file(`${n}/x`)])],
    [
      ROOT,
      file("a"),
      link("b", "a"),
      { name: "c", type: "3", major: 1, minor: 3, mtime: 4 },
      { name: "d", type: "4", major: 7, minor: 3, mtime: 4 },
      { name: "e", type: "6", mtime: 4 },
      hard("f", "e"),
      hard("g", "a"),
    ],
  ],
  "a link replaced by every other kind": [
    [ROOT, folder("t/"), file("t/x"), ..."abcdef".split("").map((n) => link(n, "t"))],
    [
      ROOT,
      file("a"),
      folder("b/"),
      file("b/y"),
      { name: "c", type: "3", major: 1, minor: 3, mtime: 4 },
      { name: "d", type: "6", mtime: 4 },
      hard("e", "a"),
      link("f", "elsewhere"),
    ],
  ],
  "a device replaced by every other kind": [
    [ROOT, ..."abcde".split("").map((n) => ({ name: n, type: "3", major: 1, minor: 3, mtime: 4 }))],
    [
      ROOT,
      file("a"),
      folder("b/"),
      link("c", "a"),
      { name: "d", type: "6", mtime: 4 },
      hard("e", "a"),
    ],
  ],
  "a folder over a folder gets new attributes and keeps its content": [
    [ROOT, folder("d/", { mode: 0o700, uid: 5 }), file("d/a")],
    [
      ROOT,
      folder("d/", { mode: 0o1777, gid: 6, mtime: 99 }),
      file("d/b"),
      folder("d/", { mtime: 98 }),
    ],
  ],
  "a file, then a folder, then a file again": [
    [ROOT, file("a", "1")],
    [ROOT, folder("a/"), file("a/x")],
    [ROOT, file("a", "3")],
    [ROOT, folder("a/"), file("a/y")],
  ],
  "a whiteout": [[ROOT, file("a"), file("b")], [ROOT, file(".wh.a", "")]],
  "a whiteout of a folder": [
    [ROOT, folder("d/"), file("d/a"), file("b")],
    [ROOT, file(".wh.d", "")],
  ],
  "a whiteout of a link, not of what it leads to": [
    [ROOT, folder("d/"), file("d/a"), link("l", "d")],
    [ROOT, file(".wh.l", "")],
  ],
  "a whiteout of what is not there": [[ROOT, file("a")], [ROOT, file(".wh.b", "")]],
  "a whiteout in a folder that only lower layers list": [
    [ROOT, folder("d/", { mode: 0o1777, uid: 7, gid: 8, mtime: 77 }), file("d/a"), file("d/b")],
    [ROOT, file("d/.wh.a", "")],
  ],
  "a file that comes back after a whiteout": [
    [ROOT, folder("d/"), file("d/a")],
    [ROOT, file(".wh.d", "")],
    [ROOT, folder("d/"), file("d/b")],
  ],
  "a folder made after its whiteout in one layer": [
    [ROOT, folder("d/"), file("d/a")],
    [ROOT, file(".wh.d", ""), folder("d/"), file("d/b")],
  ],
  "a file made after its whiteout in one layer": [
    [ROOT, folder("d/"), file("d/a")],
    [ROOT, file(".wh.d", ""), file("d")],
  ],
  "an opaque folder": [
    [ROOT, folder("d/"), file("d/a"), folder("d/e/"), file("d/e/f")],
    [ROOT, folder("d/"), file("d/.wh..wh..opq", ""), file("d/b")],
  ],
  "an opaque folder whose mark comes last": [
    [ROOT, folder("d/"), file("d/a"), folder("d/e/"), file("d/e/f")],
    [ROOT, folder("d/"), file("d/b"), file("d/c"), file("d/.wh..wh..opq", "")],
  ],
  "whiteouts in a folder that has nothing below it": [
    [ROOT, file("a")],
    [
      ROOT,
      folder("nd/"),
      file("nd/.wh.nothing", ""),
      file("nd/x"),
      folder("nd/e/"),
      file("nd/e/.wh.f", ""),
    ],
  ],
  "whiteouts in the lowest layer": [[ROOT, file(".wh.a", ""), folder("d/"), file("d/.wh.b", "")]],
  "whiteouts in an opaque folder": [
    [ROOT, folder("d/"), file("d/f"), folder("d/e/"), file("d/e/g")],
    [
      ROOT,
      folder("d/"),
      file("d/.wh..wh..opq", ""),
      file("d/.wh.f", ""),
      folder("d/e/"),
      file("d/e/.wh.g", ""),
      file("d/e/h"),
    ],
  ],
  "whiteouts in a folder made after its own": [
    [ROOT, folder("d/"), file("d/f"), file("d/g")],
    [ROOT, file(".wh.d", ""), folder("d/"), file("d/.wh.f", ""), file("d/x")],
  ],
  "a whiteout of what a layer between hides": [
    [ROOT, folder("d/"), file("d/f"), file("g")],
    [ROOT, folder("d/"), file("d/.wh..wh..opq", ""), file("d/x"), file(".wh.g", "")],
    [ROOT, file("d/.wh.f", ""), file(".wh.g", "")],
  ],
  "an opaque folder that only lower layers list": [
    [ROOT, folder("d/", { mode: 0o1777, uid: 7, mtime: 7 }), file("d/a")],
    [ROOT, file("d/.wh..wh..opq", "")],
  ],
  "an opaque root": [
    [ROOT, folder("d/"), file("d/a")],
    [ROOT, file(".wh..wh..opq", ""), file("b")],
    [ROOT, file("c")],
  ],
  "a file in a folder that only lower layers list": [
    [
      ROOT,
      folder("d/", { mode: 0o1777, uid: 7, gid: 8, mtime: 77 }),
      folder("d/e/", { mode: 0o710 }),
    ],
    [ROOT, file("d/e/x")],
    [ROOT, file("d/e/y")],
  ],
  "absolute names": [
    [ROOT, folder("/d/"), file("/d/a"), hard("/d/b", "/d/a"), file("/d/c")],
    [ROOT, file("/d/.wh.c", ""), file("//e")],
  ],
  "attributes that are replaced with the folder or file": [
    [
      ROOT,
      folder("d/", { pax: { "SCHILY.xattr.user.a": "1" } }),
      file("f", "f", {
        pax: { "SCHILY.xattr.user.a": "1", "SCHILY.xattr.security.capability": CAPABILITY },
      }),
    ],
    [
      ROOT,
      folder("d/", { pax: { "SCHILY.xattr.user.b": "2" } }),
      file("f", "f", {
        pax: { "SCHILY.xattr.user.b": "2" },
      }),
    ],
  ],
  "attributes of a folder that only lower layers list": [
    [ROOT, folder("d/", { pax: { "SCHILY.xattr.user.a": "1" } })],
    [ROOT, file("d/x")],
  ],
  "a file through a link of the same layer": [
    [ROOT, folder("b/"), link("a", "b"), file("a/x"), folder("a/d/"), file("a/d/y")],
  ],
  "a file through links that lead up and out": [
    [
      ROOT,
      folder("d/"),
      folder("e/"),
      link("d/up", "../../../e"),
      link("root", "/"),
      file("d/up/x"),
      file("root/y"),
      folder("e/", { mtime: 7 }),
      ROOT,
    ],
  ],
  "a file through a chain of links": [
    [ROOT, folder("c/"), folder("d/"), link("a", "b"), link("b", "c/../d"), file("a/x")],
  ],
  "a file through a link to a folder that only lower layers have": [
    [ROOT, folder("b/", { mode: 0o1777, uid: 7 }), file("b/old")],
    [ROOT, link("a", "b"), file("a/new")],
  ],
  "a folder in the place of a link, and a file in it": [
    [ROOT, folder("b/"), link("a", "b")],
    [ROOT, folder("a/"), file("a/x")],
  ],
  "a hard link by way of a link": [
    [ROOT, folder("b/"), file("b/f"), link("a", "b"), hard("h", "a/f"), hard("a/g", "h")],
  ],
  "whiteouts by way of a link": [
    [ROOT, folder("b/"), file("b/x"), folder("c/"), file("c/y"), link("a", "b")],
    [ROOT, link("k", "c"), file("k/z"), file("a/.wh.x", ""), file("k/.wh..wh..opq", "")],
  ],
  "empty layers": [[ROOT, file("a")], [], [ROOT, file("b")], []],
};

for (const [name, layers] of Object.entries(SAME)) {
  testWith({ umoci: hasProgram("umoci") }, `image layers: ${name}`, async () => {
    using trial = new TrialFolder();
    const images = trial.folder("images");
    await putImage(images, "i", layers, { form: GZIP });
    const ours = await manifestOfOverlay(trial, await extract(images, "i"));
    assertEquals(difference(await manifest(unpackByUmoci(trial, images, "i")), ours), []);
  });
}

/** Images whose trees umoci sees likewise, but for hard links into lower layers: here they are copies. */
const COPIED: typeof SAME = {
  "a hard link to a file of a lower layer": [
    [ROOT, folder("d/"), file("d/a", "text", { uid: 9, mode: 0o4755 })],
    [ROOT, hard("b", "d/a"), hard("c", "b")],
    [ROOT, hard("e", "c")],
  ],
  "a hard link to a link of a lower layer": [
    [ROOT, link("l", "/etc/passwd")],
    [ROOT, hard("h", "l")],
  ],
  "a hard link to a file that is replaced later": [
    [ROOT, file("a", "old")],
    [ROOT, hard("b", "a"), file("a", "new")],
    [ROOT, file("b", "newer")],
  ],
};

for (const [name, layers] of Object.entries(COPIED)) {
  testWith({ umoci: hasProgram("umoci") }, `image layers: ${name}`, async () => {
    using trial = new TrialFolder();
    const images = trial.folder("images");
    await putImage(images, "i", layers, { form: GZIP });
    const ours = await manifestOfOverlay(trial, await extract(images, "i"));
    const theirs = await manifest(unpackByUmoci(trial, images, "i"));
    assertEquals(difference(withoutLinks(theirs), withoutLinks(ours)), []);
  });
}

function withoutLinks(tree: Map<string, string>): Map<string, string> {
  return new Map([...tree].map(([path, line]) => [path, line.replace(/ same=\S+/, "")]));
}

/**
 * What cannot be part of a larger image, or podman does otherwise: it refuses a path that a layer has
 * twice, gives a file the attributes of its later names, lets a folder keep those that it had, and
 * gives folders that something is put into or taken from new times.
 */
const NOT_BY_PODMAN =
  /root|lead up|whiteouts by way|absolute|empty layers|attributes|folder over a folder|hard link|every other kind|only lower layers (?:list|have)/;

testWith(
  { podman: hasProgram("podman") },
  "image layers: all of it in one image, as podman unpacks it",
  async () => {
    using trial = new TrialFolder();
    const images = trial.folder("images");
    const layers: Member[][] = [[ROOT], [ROOT], [ROOT], [ROOT]];
    Object.entries(SAME).forEach(([name, own], number) => {
      if (NOT_BY_PODMAN.test(name)) return;
      const within = (path: Member["name"]) => `case-${number}/${path}`;
      own.forEach((members, i) => {
        layers[i]!.push(folder(within("")));
        for (const member of members.filter((one) => one !== ROOT)) {
          const target = member.type === "1" ? within(member.linkname ?? "") : member.linkname;
          layers[i]!.push({ ...member, name: within(member.name), linkname: target ?? "" });
        }
      });
    });
    await putImage(images, "i", layers, { form: GZIP });
    const ours = await manifestOfOverlay(trial, await extract(images, "i"));
    await unpackedByPodman(trial, images, "i", async (folder) => {
      const theirs = await manifest(folder);
      for (const tree of [ours, theirs]) tree.delete(".");
      assertEquals(difference(theirs, ours), []);
      assert(ours.size > 20, `${ours.size} files`);
    });
  },
);

/** Images where overlayfs or docker does otherwise than umoci: with what is there in the end. */
const OTHERWISE: Readonly<
  Record<
    string,
    readonly [layers: readonly (readonly Member[])[], Readonly<Record<string, RegExp>>]
  >
> = {
  // umoci gives the folder the time of the unpacking.
  "a folder in an opaque folder whose mark comes last": [
    [
      [ROOT, folder("d/"), folder("d/e/", { mode: 0o700 }), file("d/e/f")],
      [ROOT, folder("d/"), folder("d/e/"), file("d/e/g"), file("d/.wh..wh..opq", "")],
    ],
    { ".": /^40755/, "./d": /^40755/, "./d/e": /^40755 0:0 5000000000$/, "./d/e/g": /size=5/ },
  ],
  "a hard link to a file whose name is gone later": [
    [[ROOT, file("a", "text")], [ROOT, hard("b", "a"), file(".wh.a", "")]],
    { ".": /^40755/, "./b": /size=4 digest/ },
  ],
  // umoci takes the mark for one of what the layer itself has, too.
  "whiteouts in an opaque folder whose mark comes last": [
    [
      [ROOT, folder("d/"), file("d/f"), folder("d/e/"), file("d/e/g"), file("d/h")],
      [
        ROOT,
        file("d/.wh.f", ""),
        file("d/.wh.h", ""),
        folder("d/e/"),
        file("d/e/.wh.g", ""),
        file("d/h"),
        file("d/.wh..wh..opq", ""),
      ],
    ],
    { ".": /^40755/, "./d": /^40755/, "./d/e": /^40755 0:0 5000000000$/, "./d/h": /size=3/ },
  ],
  "a whiteout in a folder that becomes opaque as the layer hides what it lies on": [
    [
      [ROOT, folder("d/"), folder("d/e/"), file("d/e/g")],
      [ROOT, folder("d/"), folder("d/e/"), file("d/e/.wh.g", ""), file(".wh.d", "")],
    ],
    { ".": /^40755/, "./d": /^40755/, "./d/e": /^40755 0:0 5000000000$/ },
  ],
  // docker leaves it out as well.
  "the bookkeeping of aufs": [
    [
      [ROOT, file("a"), folder(".wh..wh.plnk/"), file(".wh..wh.plnk/1"), file(".wh..wh.aufs", "")],
      [ROOT, file("b")],
    ],
    { ".": /^40755/, "./a": /size=1/, "./b": /size=1/ },
  ],
  "folders that no layer lists are root's": [
    [[ROOT, file("d/e/x")], [ROOT, file("d/f/y")]],
    {
      ".": /^40755/,
      "./d": /^40755 0:0/,
      "./d/e": /^40755 0:0/,
      "./d/e/x": /size=5/,
      "./d/f": /^40755 0:0/,
      "./d/f/y": /size=5/,
    },
  ],
  "a folder that no layer lists, made after its whiteout, keeps nothing of the one below": [
    [[ROOT, folder("d/", { mode: 0o700, uid: 5 }), file("d/a")], [
      ROOT,
      file(".wh.d", ""),
      file("d/b"),
    ]],
    { ".": /^40755/, "./d": /^40755 0:0/, "./d/b": /size=3/ },
  ],
  "a whiteout of a folder that the same layer has": [
    [[ROOT, folder("d/"), file("d/a")], [ROOT, folder("d/"), file("d/b"), file(".wh.d", "")]],
    { ".": /^40755/, "./d": /^40755/, "./d/b": /size=3/ },
  ],
  "a whiteout of a file that the same layer has": [
    [[ROOT, file("a", "old")], [ROOT, file("a", "newer"), file(".wh.a", "")]],
    { ".": /^40755/, "./a": /size=5/ },
  ],
  "a whiteout within something that is gone, or was never there": [
    [[ROOT, folder("d/"), file("d/a")], [
      ROOT,
      file(".wh.d", ""),
      file("d/.wh.a", ""),
      file("no/.wh.b", ""),
    ]],
    { ".": /^40755/ },
  ],
  "a file that was a folder, and is a folder again, in one layer": [
    [[ROOT, folder("d/"), file("d/a")], [ROOT, file("d"), folder("d/"), file("d/b")]],
    { ".": /^40755/, "./d": /^40755/, "./d/b": /size=3/ },
  ],
  // umoci gives the folders the time of the unpacking; docker's and podman's overlays have a folder for the link.
  "a file through a link that only lower layers list": [
    [
      [ROOT, folder("usr/"), folder("usr/lib/"), link("lib", "usr/lib"), link("lib64", "lib")],
      [ROOT, file("lib/x"), file("lib64/d/y")],
      [ROOT, folder("lib64/d/", { mode: 0o700 }), hard("lib/h", "lib64/d/y")],
    ],
    {
      ".": /^40755/,
      "./lib": /^120777/,
      "./lib64": /^120777/,
      "./usr": /^40755/,
      "./usr/lib": /^40755 0:0 5000000000$/,
      "./usr/lib/d": /^40700/,
      "./usr/lib/d/y": /size=9/,
      "./usr/lib/h": /size=9/,
      "./usr/lib/x": /size=5/,
    },
  ],
  "a file through a link that leads nowhere": [
    [[ROOT, link("a", "d"), file("a/x")]],
    { ".": /^40755/, "./a": /^120777/, "./d": /^40755 0:0/, "./d/x": /size=3/ },
  ],
  "the root is as the layer has it that listed it last": [
    [[folder("./", { mode: 0o711, uid: 3, mtime: 9 })], [file("a")], [file("b")]],
    { ".": /^40711 3:0 9000000000$/, "./a": /size=1/, "./b": /size=1/ },
  ],
};

for (const [name, [layers, expected]] of Object.entries(OTHERWISE)) {
  Deno.test({ name: `image layers: ${name}`, ignore: Deno.uid() !== 0 }, async () => {
    using trial = new TrialFolder();
    const images = trial.folder("images");
    await putImage(images, "i", layers);
    const found = await manifestOfOverlay(trial, await extract(images, "i"));
    assertEquals([...found.keys()], Object.keys(expected));
    for (const [path, pattern] of Object.entries(expected)) assertMatch(found.get(path)!, pattern);
  });
}

Deno.test({
  name: "image layers: too many are refused before the first is extracted",
  ignore: Deno.uid() !== 0,
}, async () => {
  using trial = new TrialFolder();
  const images = trial.folder("images");
  await putImage(images, "i", Array.from({ length: 501 }, () => [ROOT]));
  await assertRejects(() => extract(images, "i"), ContainerError, "has more than 500 layers");
  assertEquals([...Deno.readDirSync(`${images}/.store/layers`)], []);
});
