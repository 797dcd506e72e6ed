import { assertEquals, assertThrows } from "@std/assert";
import { AT_FDCWD, O_DIRECTORY, O_PATH } from "../../../ffi/constants.ts";
import { DT_DIR, listFolder } from "../../../ffi/directory.ts";
import { SysError } from "../../../ffi/errno.ts";
import { Fd, openat, tryOpenInRoot } from "../../../ffi/file.ts";

Deno.test("what is not there is undefined also while renames race with the look-up", async () => {
  const folder = Deno.makeTempDirSync();
  const script = 'cd "$0"; mkdir a; touch run; echo; while [ -e run ]; do mv a b; mv b a; done';
  const renaming = new Deno.Command("sh", { args: ["-c", script, folder], stdout: "piped" })
    .spawn();
  try {
    // The line says that it has begun.
    const reader = renaming.stdout.getReader();
    await reader.read();
    await reader.cancel();
    using root = new Fd(openat(AT_FDCWD, folder, O_PATH | O_DIRECTORY));
    const end = performance.now() + 300;
    while (performance.now() < end) {
      assertEquals(tryOpenInRoot(root.number, "../../../missing/x"), undefined);
    }
  } finally {
    Deno.removeSync(`${folder}/run`);
    await renaming.status;
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("a folder's entries are listed with their kinds, however many there are", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const names = Array.from({ length: 3000 }, (_, i) => `a file with a long name, number ${i}`);
    for (const name of names) Deno.writeTextFileSync(`${folder}/${name}`, "");
    Deno.mkdirSync(`${folder}/.folder`);
    const listed = listFolder(folder);
    assertEquals(listed.map(({ name }) => name).sort(), [...names, ".folder"].sort());
    const folders = listed.filter(({ type }) => type === DT_DIR).map(({ name }) => name);
    assertEquals(folders, [".folder"]);
    assertThrows(() => listFolder(`${folder}/none`), SysError, "ENOENT");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
