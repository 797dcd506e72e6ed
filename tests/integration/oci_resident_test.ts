/** A container that runs by itself costs no process of gocontainer's. */

import { assertEquals } from "@std/assert";
import { Bundles } from "./support/bundle.ts";
import { pids } from "./support/host.ts";
import { BINARY } from "./support/project.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** The processes that are the binary's, whatever they call themselves. */
function residents(): number[] {
  return pids().filter((pid) => {
    try {
      return Deno.readLinkSync(`/proc/${pid}/exe`) === BINARY;
    } catch {
      // It has ended, or is one of the kernel's.
      return false;
    }
  });
}

const DETACHED = ["sh", "-c", 'exec "$@" >/dev/null 2>&1 </dev/null', "sh"];

Deno.test("after run -d and exec -d nothing of the binary runs", async () => {
  const before = residents();
  await bundles.during(() => {}, async (id) => {
    assertEquals(residents().filter((pid) => !before.includes(pid)), []);
    const { code } = await bundles.command(["exec", "-d", id, "sleep", "1000"], {
      through: DETACHED,
    });
    assertEquals(code, 0);
    assertEquals(residents().filter((pid) => !before.includes(pid)), []);
  });
});

Deno.test("nor after create, nor after start", async () => {
  const before = residents();
  const bundle = await bundles.make("exec sleep 1000");
  const id = bundles.id();
  const made = await bundles.command(["create", "-b", bundle, id], { through: DETACHED });
  assertEquals(made.code, 0);
  try {
    // What waits for the start is the launcher.
    assertEquals(residents().filter((pid) => !before.includes(pid)), []);
    assertEquals((await bundles.command(["start", id])).code, 0);
    assertEquals(residents().filter((pid) => !before.includes(pid)), []);
  } finally {
    await bundles.command(["delete", "--force", id]);
  }
});
