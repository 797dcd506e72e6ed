/** A tree becomes an archive, and the archive the same tree again: by GNU tar, and by what extracts layers. */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { ContainerError } from "../../lib/errors.ts";
import { treeArchive } from "../../lib/image/tree/reader.ts";
import { concat } from "../unit/image/tar_builder.ts";
import { difference, manifest, run, setAttribute, sh, TrialFolder } from "./image_lab.ts";
import { extract, manifestOfOverlay, putImage } from "./layer_lab.ts";

function archiveOf(path: string, layer = false): Uint8Array<ArrayBuffer> {
  using folder = new Fd(openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY));
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for (const piece of treeArchive(folder.number, { layer })) pieces.push(piece.slice());
  return concat(pieces);
}

function makeTree(trial: TrialFolder): string {
  const tree = trial.folder("tree", 0o711);
  sh(
    `mkdir -m 1777 tmp; mkdir -p a/b/c; echo text > a/f; chmod 6755 a/f; chown 70000:3000000 a/f
     ln a/f a/b/hard; ln a/f zz; ln -s /etc/passwd link; ln -s $'\\xff\\xfe' bad; ln link hardlink
     mkfifo fifo; mknod null c 1 3; mknod disk b 7 300; touch -d '1960-01-02 03:04:05.123456789' old
     printf x > $'na\\xc3\\xbcme \\xff'; touch "$(printf 'n%.0s' {1..250})"; touch -h -d @5 link
     truncate -s 20M sparse; printf data | dd of=sparse bs=1M seek=7 conv=notrunc status=none
     truncate -s 5M hole; head -c 70000 /dev/urandom > big; chown -h 5:6 link fifo
     touch -d @99.5 a/b/c tmp a .`,
    tree,
  );
  setAttribute(`${tree}/a/f`, "user.one", new TextEncoder().encode("1"));
  setAttribute(`${tree}/a/b`, "user.folder", new Uint8Array([0, 255]));
  setAttribute(
    `${tree}/big`,
    "security.capability",
    Uint8Array.fromHex("0100000200040000000000000000000000000000"),
  );
  setAttribute(`${tree}/big`, "trusted.hidden", new Uint8Array([1]));
  return tree;
}

/** Without attributes that are not taken along. */
function withoutTrusted(tree: Map<string, string>): Map<string, string> {
  return new Map([...tree].map(([path, line]) => [path, line.replace(/ trusted\.\S+/, "")]));
}

Deno.test(
  { name: "image tree: GNU tar extracts what is archived", ignore: Deno.uid() !== 0 },
  async () => {
    using trial = new TrialFolder();
    const tree = makeTree(trial);
    const file = trial.file("tree.tar", archiveOf(tree));
    const copy = trial.folder("copy");
    run("tar", ["-xpf", file, "-C", copy, "--numeric-owner", "--xattrs", "--xattrs-include=*"]);
    assertEquals(difference(withoutTrusted(await manifest(tree)), await manifest(copy)), []);
    assertEquals(archiveOf(tree), archiveOf(tree), "the same tree gives another archive");
  },
);

Deno.test({
  name: "image tree: a layer has what was archived, holes too",
  ignore: Deno.uid() !== 0,
}, async () => {
  using trial = new TrialFolder();
  const tree = makeTree(trial);
  const images = trial.folder("images");
  const archive = archiveOf(tree);
  assert(archive.length < 1_000_000, `${archive.length} bytes`);
  await putImage(images, "i", [archive]);
  const [layer = ""] = await extract(images, "i");
  assertEquals(difference(withoutTrusted(await manifest(tree)), await manifest(layer)), []);
  const { blocks } = Deno.statSync(`${layer}/sparse`);
  assert(blocks! * 512 < 1_000_000, `${blocks} blocks`);
});

Deno.test({
  name: "image tree: an overlay's upper layer becomes a layer with whiteouts",
  ignore: Deno.uid() !== 0,
}, async () => {
  using trial = new TrialFolder();
  const lower = trial.folder("lower");
  sh(
    "mkdir d e keep; echo 1 > d/a; echo 2 > e/b; echo 3 > e/c; echo 4 > keep/f; echo 5 > gone",
    lower,
  );
  for (const name of ["upper", "work", "merged"]) trial.folder(name);
  run(
    "mount",
    ["-t", "overlay", "overlay", "-o", "lowerdir=lower,upperdir=upper,workdir=work", "merged"],
    trial.path,
  );
  try {
    sh(
      `rm -r d gone; rm e/b; mkdir d; echo new > d/n; echo more >> keep/f; ln e/c e/hard; rm -r keep
       mkdir keep; mkdir -p n/m; echo x > n/m/x; mkfifo n/p`,
      `${trial.path}/merged`,
    );
    const merged = await manifest(`${trial.path}/merged`);
    const images = trial.folder("images");
    await putImage(images, "i", [
      archiveOf(lower, true),
      archiveOf(`${trial.path}/upper`, true),
    ]);
    const found = await manifestOfOverlay(trial, await extract(images, "i"));
    assertEquals(difference(merged, found), []);
  } finally {
    run("umount", [`${trial.path}/merged`]);
  }
});

Deno.test({
  name: "image tree: what would be a whiteout without being one becomes no layer",
  ignore: Deno.uid() !== 0,
}, () => {
  for (const name of [".wh.home", "d/.wh..wh..opq", "d/.wh.", "d/.wh.x/y", ".wh..wh.plnk"]) {
    using trial = new TrialFolder();
    const tree = trial.folder("tree");
    sh(`mkdir -p "$(dirname ${name})"; echo 1 > ${name}`, tree);
    assertThrows(
      () => archiveOf(tree, true),
      ContainerError,
      `read "${name.replace("/y", "")}": in a layer a name that begins with ".wh."`,
    );
    const file = trial.file("tree.tar", archiveOf(tree));
    assert(run("tar", ["-tf", file]).split("\n").includes(name), "an archive may have it");
  }
});

Deno.test({
  name: "image tree: folders as deep as a path can tell, and no deeper",
  ignore: Deno.uid() !== 0,
  fn() {
    using trial = new TrialFolder();
    const tree = trial.folder("tree");
    const deep = "d/".repeat(2000);
    Deno.mkdirSync(`${tree}/${deep}`, { recursive: true });
    Deno.writeTextFileSync(`${tree}/${deep}f`, "there");
    const list = run("tar", ["-tf", trial.file("tree.tar", archiveOf(tree))]).split("\n");
    assertEquals(list.slice(-2), [`${deep}f`, ""]);
    assertEquals(list.length, 2 + 2000 + 1);

    // One within the other: a name that no call takes in one piece.
    Deno.renameSync(`${tree}/d`, `${trial.path}/d`);
    Deno.mkdirSync(`${tree}/${deep}`, { recursive: true });
    Deno.renameSync(`${trial.path}/d`, `${tree}/${deep}d`);
    const error = assertThrows(() => archiveOf(tree), ContainerError);
    assertMatch(error.message, /^read "d\/d\/.*": its name is too long to be unpacked anywhere$/);
    assertEquals(error.code, "Unsupported");
  },
});
