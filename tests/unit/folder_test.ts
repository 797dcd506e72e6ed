import { assert, assertEquals, assertThrows } from "@std/assert";
import { ContainerError } from "../../lib/errors.ts";
import { findSafeFolder, safeFolder } from "../../lib/folder.ts";

const root = Deno.uid() === 0;

/** A folder to try things in, as its own path says; others cannot write it. */
function test(
  name: string,
  body: (folder: string) => void,
  options: { root?: boolean } = {},
): void {
  Deno.test({ name: `folder: ${name}`, ignore: options.root === true && !root }, () => {
    const folder = Deno.realPathSync(Deno.makeTempDirSync());
    const cwd = Deno.cwd();
    const caller = Deno.env.get("SUDO_UID");
    try {
      Deno.env.delete("SUDO_UID");
      Deno.chdir(folder);
      body(folder);
    } finally {
      Deno.chdir(cwd);
      if (caller !== undefined) Deno.env.set("SUDO_UID", caller);
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

function refusal(path: string): ContainerError {
  return assertThrows(() => safeFolder(path), ContainerError);
}

test("is given as an absolute path without links, dots and doubled slashes", (folder) => {
  Deno.mkdirSync("a/b", { recursive: true });
  Deno.symlinkSync("a", "relative");
  Deno.symlinkSync(`${folder}/a/b/..`, "absolute");
  Deno.symlinkSync("relative/b", "chain");
  for (
    const path of [
      "a/b",
      "./a//b/",
      "a/b/../b/.",
      "relative/b",
      "absolute/b",
      "chain",
      `${folder}/chain`,
    ]
  ) {
    assertEquals(safeFolder(path), `${folder}/a/b`, path);
  }
  assertEquals(safeFolder("absolute/.."), folder);
  assertEquals(safeFolder("chain/../.."), folder);
});

test("that is missing is told, or made with its parents", (folder) => {
  assertEquals(findSafeFolder("a/b"), undefined);
  assertEquals(refusal("a/b").message, 'use folder "a/b": there is none');
  assertEquals(refusal("a/b").code, "NotFound");
  assertEquals(safeFolder("a/b", { create: 0o700 }), `${folder}/a/b`);
  assertEquals(Deno.statSync("a").mode! & 0o777, 0o700);
  assertEquals(safeFolder("a/b"), `${folder}/a/b`);
});

test("that is something else is refused", (folder) => {
  Deno.writeTextFileSync("file", "");
  Deno.symlinkSync("loop", "loop");
  assertEquals(refusal("file").message, `use folder "file": "${folder}/file" is not a folder`);
  assertEquals(refusal("file/x").message, `use folder "file/x": "${folder}/file" is not a folder`);
  assertEquals(
    refusal("loop").message,
    'use folder "loop": its symbolic links go round in circles',
  );
  assertEquals(refusal("").message, 'use folder "": this is no path');
  assertEquals(refusal("a\0b").message, 'use folder "a\\u0000b": this is no path');
});

test("that others can write is refused, with what to do", (folder) => {
  Deno.mkdirSync("images");
  Deno.chmodSync("images", 0o757);
  const error = refusal("images");
  assertEquals(
    error.message,
    `use folder "images": others can write "${folder}/images" (mode 0757)`,
  );
  assertEquals(error.hint, `Run chmod go-w ${folder}/images, or give another folder`);
  assertEquals(error.code, "NotAllowed");
  // Others could put an image there themselves, sticky or not.
  Deno.chmodSync("images", 0o1777);
  assert(refusal("images").message.includes("mode 1777"));
  assertEquals(refusal("images").hint, "Make a folder in it, or give another folder");
  Deno.chmodSync("images", 0o755);
  assertEquals(safeFolder("images"), `${folder}/images`);
});

test("below one that others can write is refused, unless that is sticky", (folder) => {
  Deno.mkdirSync("open/images", { recursive: true });
  Deno.chmodSync("open", 0o777);
  Deno.symlinkSync("open/images", "link");
  for (const path of ["open/images", "link"]) {
    assert(refusal(path).message.endsWith(`others can write "${folder}/open" (mode 0777)`));
  }
  Deno.chmodSync("open", 0o1777);
  assertEquals(safeFolder("open/images"), `${folder}/open/images`);
});

test("that belongs to somebody else is refused, unless who called sudo", (folder) => {
  Deno.mkdirSync("theirs/images", { recursive: true });
  Deno.chownSync("theirs", 12345, 12345);
  assertEquals(
    refusal("theirs/images").message,
    `use folder "theirs/images": "${folder}/theirs" belongs to user 12345, ` +
      "who could put something else in its place",
  );
  assertEquals(refusal("theirs").hint, `Run chown root ${folder}/theirs, or give another folder`);
  Deno.env.set("SUDO_UID", "12345");
  assertEquals(safeFolder("theirs/images"), `${folder}/theirs/images`);
  Deno.env.set("SUDO_UID", "54321");
  refusal("theirs/images");
  Deno.env.set("SUDO_UID", "12345 ");
  refusal("theirs/images");
}, { root: true });

test("behind a link that somebody else laid into a sticky folder is refused", (folder) => {
  Deno.mkdirSync("tmp");
  Deno.mkdirSync("mine");
  Deno.chmodSync("tmp", 0o1777);
  const { success } = new Deno.Command("ln", {
    args: ["-s", `${folder}/mine`, `${folder}/tmp/link`],
  }).outputSync();
  assert(success);
  assertEquals(safeFolder("tmp/link"), `${folder}/mine`);
  new Deno.Command("chown", { args: ["-h", "12345", `${folder}/tmp/link`] }).outputSync();
  assert(refusal("tmp/link").message.includes(`"${folder}/tmp/link" belongs to user 12345`));
  Deno.removeSync("tmp/link");
  Deno.mkdirSync("tmp/images");
  Deno.chownSync("tmp/images", 12345, 0);
  assert(refusal("tmp/images").message.includes("belongs to user 12345"));
}, { root: true });

test("that a group can write is refused, unless nobody else is in the group", (folder) => {
  Deno.mkdirSync("images");
  const groupWritable = (gid: number) => {
    Deno.chownSync("images", 0, gid);
    Deno.chmodSync("images", 0o775);
  };
  // Root's own group has no other members; the group of another user has that one.
  const others = Deno.readTextFileSync("/etc/passwd").split("\n").map((line) => line.split(":"))
    .find(([, , uid, gid]) => Number(uid) > 0 && Number(gid) > 0)!;
  groupWritable(0);
  assertEquals(safeFolder("images"), `${folder}/images`);
  groupWritable(Number(others[3]));
  assert(refusal("images").message.includes("(mode 0775)"));
  Deno.env.set("SUDO_UID", others[2]!);
  const alone = Deno.readTextFileSync("/etc/passwd").split("\n")
    .filter((line) => line.split(":")[3] === others[3]).length === 1;
  if (alone) assertEquals(safeFolder("images"), `${folder}/images`);
  Deno.env.delete("SUDO_UID");
  groupWritable(987654);
  assert(refusal("images").message.includes("(mode 0775)"), "a group that nobody knows");
}, { root: true });
