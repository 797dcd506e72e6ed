/**
 * Row A1: an image has its program run by `/proc/self/exe` (CVE-2019-5736), so that the runtime's own file
 * becomes a process of the container, which then writes over that file.
 */

import { assertEquals, assertMatch } from "@std/assert";
import { Bundles } from "../integration/support/bundle.ts";
import { compile, HAS_COMPILER } from "../integration/support/program.ts";
import { BINARY } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

async function digest(file: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", await Deno.readFile(file));
  return new Uint8Array(hash).toHex();
}

Deno.test("a script of the interpreter /proc/self/exe does not run the runtime", async () => {
  const bundle = await bundles.make("");
  const evil = `${bundle}/rootfs/evil`;
  Deno.writeTextFileSync(evil, "#!/proc/self/exe\n");
  Deno.chmodSync(evil, 0o755);
  const file = `${bundle}/config.json`;
  const spec = JSON.parse(Deno.readTextFileSync(file));
  spec.process.args = ["/evil", "--version"];
  Deno.writeTextFileSync(file, JSON.stringify(spec));
  const { code, stdout } = await bundles.command(["run", "-b", bundle, bundles.id()]);
  assertEquals([code, stdout], [127, ""]);

  await bundles.during((spec) => {
    spec.mounts.push({ destination: "/evil", type: "bind", source: evil, options: ["bind"] });
  }, async (id) => {
    const outcome = await bundles.command(["exec", id, "/evil", "--version"]);
    assertEquals([outcome.code, outcome.stdout], [127, ""]);
  });
});

/**
 * What takes the runtime's place: as the loader of a program (PT_INTERP is `/proc/self/exe`) it would be
 * mapped by the kernel; and this one opens what /proc says the runtime is, to write over it afterwards.
 */
const WATCHER = `#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <errno.h>
int main(void) {
  int opened = 0, refused = 0, own;
  char path[64], link[4096];
  ssize_t length = readlink("/proc/self/exe", link, sizeof link);
  for (long round = 0; round < 4000; round++) {
    for (int pid = 2; pid < 40; pid++) {
      snprintf(path, sizeof path, "/proc/%d/exe", pid);
      char there[4096];
      ssize_t n = readlink(path, there, sizeof there);
      if (n < 0) { if (errno == EACCES || errno == EPERM) refused++; continue; }
      own = n == length && !__builtin_memcmp(there, link, n);
      if (own || n < 4) continue;
      if (open(path, O_PATH) >= 0) { write(1, there, n); write(1, "\\n", 1); opened++; }
    }
    usleep(200);
  }
  (void) refused;
  return 0;
}`;

Deno.test({
  name: "a joining process does not show the runtime's file to the container",
  ignore: !HAS_COMPILER,
  fn: async () => {
    const watcher = workspace.path("watcher");
    await compile(watcher, WATCHER);
    const before = await digest(BINARY);
    const log = workspace.path("seen");
    Deno.writeTextFileSync(log, "");
    await bundles.during((spec) => {
      spec.process.args = ["/bin/sh", "-c", "exec /watcher > /seen"];
      spec.mounts.push(
        { destination: "/watcher", type: "bind", source: watcher, options: ["bind", "ro"] },
        { destination: "/seen", type: "bind", source: log, options: ["bind"] },
      );
    }, async (id) => {
      for (let i = 0; i < 10; i++) {
        const { code, stderr } = await bundles.command(["exec", id, "/bin/true"]);
        assertEquals(code, 0, stderr);
      }
    });
    const seen = Deno.readTextFileSync(log).split("\n").filter((line) => line !== "");
    // The launcher in its memfd, and what is run, are all there is to be seen.
    for (const path of seen) assertMatch(path, /^\/(memfd:gocontainer \(deleted\)|bin\/\w+)$/);
    assertEquals(await digest(BINARY), before);
  },
});
