/** E9: what a crash or a power loss leaves of the store's files neither blocks nor confuses anybody. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { AT_FDCWD, O_RDWR } from "../../ffi/constants.ts";
import { Fd, flock, LOCK_EX, openat } from "../../ffi/file.ts";
import { putImage } from "../integration/layer_lab.ts";
import { entriesOf, exists } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";

const workspace = Workspace.ofThisFile();
const ignore = Deno.uid() !== 0;

Deno.test({
  name: "E9: files of locks, half-written files and leftovers are in nobody's way",
  ignore,
  async fn() {
    const images = workspace.path("images");
    await putImage(images, "a:1", [[{ name: "f", content: "x" }]]);
    const store = `${images}/.store`;
    // As if written by processes that are gone, up to where the power went.
    Deno.writeTextFileSync(`${store}/index.json.new`, '{"schemaVersion":2,"mani');
    Deno.writeTextFileSync(`${store}/leases/dead`, `sha256:${"a".repeat(64)} a/b\nsha256:bbb`);
    Deno.writeTextFileSync(`${store}/partial/sha256-${"c".repeat(64)}`, "half");
    Deno.mkdirSync(`${store}/removed/half/of/a/layer`, { recursive: true });
    Deno.mkdirSync(`${store}/layers/.${"d".repeat(64)}.partial/diff`, { recursive: true });
    assertMatch((await workspace.run(["images", "check"])).stdout, /^Sound: 1 image, 3 blobs/);
    assertEquals((await workspace.run(["tag", "a:1", "b:1"])).code, 0);
    assert(!exists(`${store}/index.json.new`));
    assertEquals((await workspace.run(["prune"])).code, 0);
    for (const folder of ["leases", "partial", "removed", "layers"]) {
      assertEquals(entriesOf(`${store}/${folder}`), [], folder);
    }
    const { stdout } = await workspace.run(["images", "--format", "{{.Name}}"]);
    assertEquals(stdout.split("\n").filter((name) => /^[ab]:1$/.test(name)), ["a:1", "b:1"]);
  },
});

Deno.test({
  name: "E9: who looks does not wait for who changes, and who changes waits for the lock",
  ignore,
  async fn() {
    await putImage(workspace.path("images"), "a:1", [[{ name: "f", content: "x" }]]);
    const lock = new Fd(openat(AT_FDCWD, workspace.path("images/.store/lock"), O_RDWR));
    flock(lock.number, LOCK_EX);
    assertEquals((await workspace.run(["images"])).code, 0);
    const changing = workspace.start(["tag", "a:1", "c:1"]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const names = async () => (await workspace.run(["images", "--format", "{{.Name}}"])).stdout;
    assert(!(await names()).includes("c:1"));
    lock[Symbol.dispose]();
    assertEquals((await changing.end()).code, 0);
    assert((await names()).includes("c:1"));
  },
});
