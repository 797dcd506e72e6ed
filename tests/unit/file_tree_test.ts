import { assertEquals, assertThrows } from "@std/assert";
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from "../../ffi/constants.ts";
import { Fd, mkdirat, openat } from "../../ffi/file.ts";
import { SysError } from "../../lib/errors.ts";
import { removeContents, removeTree } from "../../lib/file_tree.ts";

function test(name: string, body: (folder: string, fd: number) => void): void {
  Deno.test(`file tree: ${name}`, () => {
    const folder = Deno.makeTempDirSync();
    try {
      using fd = new Fd(openat(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY));
      body(folder, fd.number);
    } finally {
      new Deno.Command("rm", { args: ["-rf", folder] }).outputSync();
    }
  });
}

function sh(script: string, cwd: string): void {
  const { success, stderr } = new Deno.Command("bash", { args: ["-euc", script], cwd })
    .outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

test("everything goes, links stay unfollowed, what is beside stays", (folder, fd) => {
  sh(
    `mkdir -p tree/a/b/c tree/empty keep; echo x > tree/a/b/f; echo x > keep/f; mkfifo tree/p
     ln -s ../keep tree/link; ln -s ../../keep tree/a/link; ln keep/f tree/hard
     touch $'tree/not-utf8-\\xff' 'tree/with space'; mkdir $'tree/dir-\\xff'`,
    folder,
  );
  removeTree(fd, "tree");
  assertEquals(names(folder), ["keep"]);
  assertEquals(names(`${folder}/keep`), ["f"]);
});

test("contents go, the folder itself stays", (folder, fd) => {
  sh("mkdir -p tree/a/b; touch tree/f tree/a/g", folder);
  removeContents(fd, "tree");
  assertEquals(names(folder), ["tree"]);
  assertEquals(names(`${folder}/tree`), []);
});

test("a file, a link to a folder, and nothing at all", (folder, fd) => {
  sh("touch f; mkdir keep; touch keep/f; ln -s keep link", folder);
  removeTree(fd, "f");
  removeTree(fd, "link");
  removeTree(fd, "nothing");
  assertEquals(names(folder), ["keep"]);
  assertEquals(names(`${folder}/keep`), ["f"]);
  assertThrows(() => removeContents(fd, "nothing"), SysError, "ENOENT");
});

test("folders that hold more names than one read gives", (folder, fd) => {
  sh("mkdir tree; cd tree; seq 1 5000 | xargs touch; seq 6000 6500 | xargs mkdir", folder);
  removeTree(fd, "tree");
  assertEquals(names(folder), []);
});

test("a tree deeper than any path is long, and than descriptors there are", (folder, fd) => {
  let below = openat(fd, ".", O_RDONLY | O_DIRECTORY);
  for (let depth = 0; depth < 5000; depth++) {
    using parent = new Fd(below);
    mkdirat(parent.number, "folder", 0o700);
    below = openat(parent.number, "folder", O_RDONLY | O_DIRECTORY);
  }
  using _last = new Fd(below);
  removeTree(fd, "folder");
  assertEquals(names(folder), []);
});
