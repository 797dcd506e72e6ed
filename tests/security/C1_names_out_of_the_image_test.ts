/** C1: names that lead out of the folder that an archive is extracted into (zip-slip). */

import { assertEquals } from "@std/assert";
import { archive, paxRecord } from "../unit/image/tar_builder.ts";
import { type Attack, harmless, hostTreeStays, refused } from "./archive_attack.ts";

const DOTS = /is hostile: ".*" has "\.\." in it/;
const ABSOLUTE = /is hostile: ".*" begins with "\/"/;

const ATTACKS: Readonly<Record<string, readonly [Attack, RegExp]>> = {
  "a file above the root": [({ relative }) => [{ name: `${relative}/new` }], DOTS],
  "a file above the root, behind a folder": [
    ({ relative }) => [{ name: "a/", type: "5" }, { name: `a/../${relative}/new` }],
    DOTS,
  ],
  "a file above the root, behind a dot": [({ relative }) => [{ name: `./${relative}/new` }], DOTS],
  "an overwritten file above the root": [({ relative }) => [{ name: `${relative}/secret` }], DOTS],
  "an absolute file": [({ path }) => [{ name: `${path}/new` }], ABSOLUTE],
  "an absolute file with two slashes": [({ path }) => [{ name: `/${path}/new` }], ABSOLUTE],
  "an absolute name in the prefix field": [
    ({ path }) => [{ name: "new", prefix: path }],
    ABSOLUTE,
  ],
  "dots in the prefix field": [({ relative }) => [{ name: "new", prefix: relative }], DOTS],
  "dots split between prefix and name": [
    () => [{ name: "./decoy/new", prefix: "../../.." }],
    DOTS,
  ],
  "a folder above the root, to change its mode": [
    ({ relative }) => [{ name: `${relative}/sub/`, type: "5", mode: 0o777 }],
    DOTS,
  ],
  "the folder above the root itself": [() => [{ name: "..", type: "5", mode: 0o777 }], DOTS],
  "the parent of a folder of the archive": [
    () => [{ name: "a/", type: "5" }, { name: "a/..", type: "5", mode: 0o777 }],
    DOTS,
  ],
  "a symbolic link above the root": [
    ({ relative }) => [{ name: `${relative}/l`, type: "2", linkname: "x" }],
    DOTS,
  ],
  "a device above the root": [
    ({ relative }) => [{ name: `${relative}/null`, type: "3", major: 1, minor: 3 }],
    DOTS,
  ],
  "a fifo at an absolute name": [({ path }) => [{ name: `${path}/new`, type: "6" }], ABSOLUTE],
  "a name of the extended header": [
    ({ relative }) => [{ name: "innocent", pax: { path: `${relative}/new` } }],
    DOTS,
  ],
  "an absolute name of the extended header": [
    ({ path }) => [{ name: "innocent", pax: { path: `${path}/new` } }],
    ABSOLUTE,
  ],
  "a name of a global extended header": [
    ({ relative }) => [
      { name: "g", type: "g", content: paxRecord("path", `${relative}/new`) },
      { name: "innocent" },
    ],
    DOTS,
  ],
  "a long name of GNU tar": [
    ({ relative }) => [
      { name: "././@LongLink", type: "L", content: `${relative}/new\0`, format: "gnu" },
      { name: "innocent", format: "gnu" },
    ],
    DOTS,
  ],
  "a name of a sparse file": [
    ({ relative }) => [{
      name: "innocent",
      pax: {
        "GNU.sparse.map": "0,1",
        "GNU.sparse.size": "1",
        "GNU.sparse.name": `${relative}/new`,
      },
      content: "x",
    }],
    DOTS,
  ],
  "a name that a NUL cuts short elsewhere": [
    () => [{ name: "innocent", pax: { path: "a\0/../../../decoy/new" } }],
    /is broken: an extended header is malformed/,
  ],
  "an empty name": [() => [{ name: "" }], /it has a member without a name/],
  "a root that is a symbolic link": [
    ({ path }) => [{ name: ".", type: "2", linkname: path }],
    /is hostile: its root is a symbolic link/,
  ],
  "a root that is a file": [() => [{ name: "./", type: "6" }], /is hostile: its root is a fifo/],
  "terminal escapes in a hostile name": [
    () => [{ name: "../\x1b]0;owned\x07\u202e\u009b31m" }],
    /is hostile: "\.\.\/\\u001b\]0;owned\\u0007\\u202e\\u009b31m"/,
  ],
};

for (const [name, [attack, reason]] of Object.entries(ATTACKS)) {
  refused(`C1: refuses ${name}`, attack, reason);
}

harmless(
  "C1: dots that are part of a name are names",
  () => [{ name: "..a" }, { name: "b../...", content: "x" }, { name: ".../..c/", type: "5" }],
  (tree) =>
    assertEquals([...tree.keys()], [".", "./...", "./.../..c", "./..a", "./b..", "./b../..."]),
);

harmless(
  "C1: empty parts and dots in a name mean nothing",
  () => [{ name: ".//a/./b//c", content: "x" }, { name: "././", type: "5", mode: 0o711 }],
  (tree) => assertEquals([...tree.keys()], [".", "./a", "./a/b", "./a/b/c"]),
);

hostTreeStays("C1: whatever the names, nothing on the host has changed");

Deno.test("C1: an archive made for the tests is one that GNU tar reads", () => {
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(path, archive([{ name: "a/", type: "5" }, { name: "a/b", content: "x" }]));
    const { stdout } = new Deno.Command("tar", { args: ["-tf", path] }).outputSync();
    assertEquals(new TextDecoder().decode(stdout), "a/\na/b\n");
  } finally {
    Deno.removeSync(path);
  }
});
