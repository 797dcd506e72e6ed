/** C2: links that an archive plants, to write, link, or change attributes through them. */

import { assert, assertEquals } from "@std/assert";
import { type Attack, type Decoy, harmless, hostTreeStays, refused } from "./archive_attack.ts";

/** What is put somewhere by a link, and where it is then, as everything is within the image. */
const WITHIN: Readonly<Record<string, readonly [Attack, (decoy: Decoy) => string]>> = {
  "a file through an absolute link": [
    ({ path }) => [{ name: "l", type: "2", linkname: path }, { name: "l/new", content: "x" }],
    ({ path }) => `.${path}/new`,
  ],
  "a file through a relative link": [
    ({ relative }) => [{ name: "l", type: "2", linkname: relative }, { name: "l/secret" }],
    () => "./decoy/secret",
  ],
  "a file through a link that stays inside": [
    () => [{ name: "d/", type: "5" }, { name: "l", type: "2", linkname: "d" }, { name: "l/f" }],
    () => "./d/f",
  ],
  "a file through a chain of links": [
    ({ path }) => [
      { name: "a", type: "2", linkname: "b" },
      { name: "b", type: "2", linkname: "c/d" },
      { name: "c/d", type: "2", linkname: path },
      { name: "a/new" },
    ],
    ({ path }) => `.${path}/new`,
  ],
  "a file through a link in the midst of its name": [
    ({ path }) => [
      { name: "a/l", type: "2", linkname: path },
      { name: "a/l/sub/new" },
    ],
    ({ path }) => `.${path}/sub/new`,
  ],
  "a folder through a link": [
    ({ path }) => [
      { name: "l", type: "2", linkname: path },
      { name: "l/sub/", type: "5", mode: 0o777, uid: 1 },
    ],
    ({ path }) => `.${path}/sub`,
  ],
  "missing folders made through a link": [
    ({ path }) => [{ name: "l", type: "2", linkname: path }, { name: "l/a/b/c/d" }],
    ({ path }) => `.${path}/a/b/c/d`,
  ],
  "a device through a link": [
    ({ path }) => [
      { name: "l", type: "2", linkname: path },
      { name: "l/null", type: "3", major: 1, minor: 3 },
    ],
    ({ path }) => `.${path}/null`,
  ],
  "a link through a link": [
    ({ path }) => [
      { name: "l", type: "2", linkname: path },
      { name: "l/new", type: "2", linkname: "x" },
    ],
    ({ path }) => `.${path}/new`,
  ],
  "a hard link that is made through a link": [
    ({ path }) => [
      { name: "f", content: "x" },
      { name: "l", type: "2", linkname: path },
      { name: "l/new", type: "1", linkname: "f" },
    ],
    ({ path }) => `.${path}/new`,
  ],
  "a file through a folder that became a link": [
    ({ path }) => [
      { name: "d/", type: "5" },
      { name: "d/f", content: "x" },
      { name: "d", type: "2", linkname: path },
      { name: "d/new", content: "x" },
    ],
    ({ path }) => `.${path}/new`,
  ],
  "a file through a deep folder whose parent became a link": [
    ({ path }) => [
      { name: "p/sub/f", content: "x" },
      { name: "p", type: "2", linkname: path },
      { name: "p/sub/new", content: "x" },
    ],
    ({ path }) => `.${path}/sub/new`,
  ],
};

for (const [name, [attack, place]] of Object.entries(WITHIN)) {
  let where = "";
  const noted: Attack = (decoy) => {
    where = place(decoy);
    return attack(decoy);
  };
  harmless(`C2: keeps ${name} in the image`, noted, (tree) => assert(tree.has(where), where));
}

const REFUSED: Readonly<Record<string, readonly [Attack, RegExp]>> = {
  "a link through itself": [
    () => [{ name: "l", type: "2", linkname: "l" }, { name: "l/x" }],
    /is hostile: "l\/x" passes through symbolic links that go round in circles/,
  ],
  "a hard link to a file through a link": [
    ({ path }) => [
      { name: "l", type: "2", linkname: path },
      { name: "h", type: "1", linkname: "l/secret" },
    ],
    /is broken: "h" is a hard link to "l\/secret", which is not there/,
  ],
  "a hard link to an absolute name": [
    ({ path }) => [{ name: "h", type: "1", linkname: `${path}/secret` }],
    /is hostile: "h" is a hard link that begins with "\/"/,
  ],
  "a hard link to a name above the root": [
    ({ relative }) => [{ name: "h", type: "1", linkname: `${relative}/secret` }],
    /is hostile: "h" is a hard link that has "\.\." in it/,
  ],
  "a hard link to a name of the extended header": [
    ({ path }) => [{ name: "h", type: "1", linkname: "x", pax: { linkpath: `${path}/secret` } }],
    /is hostile: "h" is a hard link that begins with "\/"/,
  ],
  "a hard link to a long name of GNU tar": [
    ({ relative }) => [
      { name: "././@LongLink", type: "K", content: `${relative}/secret\0`, format: "gnu" },
      { name: "h", type: "1", linkname: "x", format: "gnu" },
    ],
    /is hostile: "h" is a hard link that has "\.\." in it/,
  ],
  "a hard link to the root": [
    () => [{ name: "h", type: "1", linkname: "." }],
    /is hostile: "h" is a hard link to the root/,
  ],
  "a hard link to a folder": [
    () => [{ name: "d/", type: "5" }, { name: "h", type: "1", linkname: "d" }],
    /is hostile: "h" is a hard link to a folder/,
  ],
  "a hard link to a file in the folder that it takes the place of": [
    () => [{ name: "d/f", content: "x" }, { name: "d", type: "1", linkname: "d/f" }],
    /is broken: "d" is a hard link to what it takes the place of/,
  ],
  "a hard link to nothing": [
    () => [{ name: "h", type: "1", linkname: "d/f" }],
    /is broken: "h" is a hard link to "d\/f", which is not there/,
  ],
  "a file through a file": [
    () => [{ name: "f", content: "x" }, { name: "f/g" }],
    /is hostile: "f\/g" passes through a file/,
  ],
};

for (const [name, [attack, reason]] of Object.entries(REFUSED)) {
  refused(`C2: refuses ${name}`, attack, reason);
}

harmless(
  "C2: a file takes the place of a link, not of what the link leads to",
  ({ path }) => [
    { name: "l", type: "2", linkname: `${path}/secret` },
    { name: "l", content: "mine", mode: 0o777, uid: 5, pax: { "SCHILY.xattr.user.mine": "no" } },
  ],
  (tree, root) => {
    assert(tree.get("./l")!.startsWith("100777 5:0"), tree.get("./l"));
    assertEquals(Deno.readTextFileSync(`${root}/l`), "mine");
  },
);

harmless(
  "C2: a folder takes the place of a link to a folder",
  ({ path }) => [
    { name: "l", type: "2", linkname: `${path}/sub` },
    { name: "l/", type: "5", mode: 0o777, uid: 5, mtime: 9 },
    { name: "l/f" },
  ],
  (tree) => assertEquals([...tree.keys()], [".", "./l", "./l/f"]),
);

harmless(
  "C2: a hard link to a symbolic link is that link, and is not written through",
  ({ path }) => [
    { name: "l", type: "2", linkname: `${path}/secret` },
    { name: "h", type: "1", linkname: "l" },
    { name: "h", content: "mine" },
    { name: "k", type: "1", linkname: "l", mode: 0o777, uid: 9 },
  ],
  (tree, root) => {
    assertEquals(Deno.readTextFileSync(`${root}/h`), "mine");
    assert(tree.get("./k")!.includes("same=./k"), tree.get("./k"));
    assert(tree.get("./l")!.includes("same=./k"), tree.get("./l"));
  },
);

harmless(
  "C2: owner and time of a link are its own",
  ({ path }) => [
    { name: "l", type: "2", linkname: `${path}/secret`, mode: 0o777, uid: 77, gid: 78, mtime: 1 },
  ],
  (tree) => assert(tree.get("./l")!.startsWith("120777 77:78 1000000000 "), tree.get("./l")),
);

harmless(
  "C2: attributes of a folder that became a link are forgotten",
  ({ path }) => [
    { name: "d/", type: "5", mode: 0o777, uid: 5, mtime: 1 },
    { name: "d", type: "2", linkname: path },
    { name: "p/sub/", type: "5", mode: 0o777, uid: 5, mtime: 1 },
    { name: "p", type: "2", linkname: path },
  ],
  (tree) => assertEquals([...tree.keys()], [".", "./d", "./p"]),
);

harmless(
  "C2: a file takes the place of a device, and is not written to it",
  () => [
    { name: "null", type: "3", major: 1, minor: 3 },
    { name: "null", content: "text" },
    { name: "disk", type: "4", major: 254, minor: 0 },
    { name: "disk", content: "text" },
    { name: "fifo", type: "6" },
    { name: "fifo", content: "text" },
  ],
  (_tree, root) => {
    for (const name of ["null", "disk", "fifo"]) {
      assertEquals(Deno.readTextFileSync(`${root}/${name}`), "text");
    }
  },
);

harmless(
  "C2: a hard link to itself stays what it is",
  () => [{ name: "d/f", content: "text" }, { name: "d/f", type: "1", linkname: "./d//f" }],
  (_tree, root) => assertEquals(Deno.readTextFileSync(`${root}/d/f`), "text"),
);

hostTreeStays("C2: whatever the links, nothing on the host has changed");
