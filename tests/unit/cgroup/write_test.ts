import { assertEquals, assertThrows } from "@std/assert";
import { writeSettings } from "../../../lib/cgroup/write.ts";

Deno.test("each setting that was written is put back, whatever becomes of the others", () => {
  const folder = Deno.makeTempDirSync();
  const read = (file: string) => Deno.readTextFileSync(`${folder}/${file}`);
  try {
    const files = ["one", "two", "three"];
    for (const file of files) Deno.writeTextFileSync(`${folder}/${file}`, "old");
    const undo = new DisposableStack();
    const settings = files.map((file) => ({ field: file, file, value: "new" }));
    writeSettings(folder, settings, () => {}, undo);
    assertEquals(files.map(read), ["new", "new", "new"]);
    Deno.removeSync(`${folder}/two`);
    assertThrows(() => undo.dispose(), Error, "two");
    assertEquals(["one", "three"].map(read), ["old", "old"]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
