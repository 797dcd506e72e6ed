/** Row D9: keys of the caller's session that a container finds. */

import { assert, assertEquals } from "@std/assert";
import { Bundles, type FilledSpec } from "../integration/support/bundle.ts";
import { compile, HAS_COMPILER } from "../integration/support/program.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/**
 * keyctl(2). \`add NAME SECRET COMMAND…\` runs a command with a key in its session keyring; \`find NAME\`
 * looks for it from inside in every keyring of the process, by search and by number.
 */
const KEYS = `
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static long key(long op, long a, long b, long c, long d) { return syscall(SYS_keyctl, op, a, b, c, d); }

int main(int argc, char **argv) {
  char text[256];
  if (argc > 4 && !strcmp(argv[1], "add")) {
    if (key(1, 0, 0, 0, 0) < 0) return 2;
    long id = syscall(SYS_add_key, "user", argv[2], argv[3], strlen(argv[3]), -3L);
    if (id < 0) return 3;
    snprintf(text, sizeof text, "%ld", id);
    setenv("KEY", text, 1);
    execvp(argv[4], argv + 4);
    return 4;
  }
  long found = -1;
  for (long ring = -1; ring >= -8; ring--) {
    long id = key(10, ring, (long)"user", (long)argv[2], 0);
    if (id > 0) found = id;
  }
  long asked = syscall(SYS_request_key, "user", argv[2], 0L, 0L);
  if (asked > 0) found = asked;
  if (found < 0 && argc > 3) found = atol(argv[3]);
  long n = key(11, found, (long)text, sizeof text - 1, 0);
  if (n > 0) printf("%.*s\\n", (int)n, text);
  else printf("nothing\\n");
  return 0;
}
`;

Deno.test({
  name: "a key of the caller's session is not found, by name or number",
  ignore: !HAS_COMPILER,
  fn: async () => {
    await attack(workspace, async ({ secret }) => {
      const program = workspace.path("keys");
      await compile(program, KEYS);
      const name = `gocontainer-test-${crypto.randomUUID()}`;
      const add = [program, "add", name, secret];
      const outside = await new Deno.Command(program, {
        args: ["add", name, secret, "sh", "-c", `${program} find ${name} $KEY`],
      }).output();
      assertEquals(new TextDecoder().decode(outside.stdout), `${secret}\n`);
      for (const options of [[], ["-t"], ["-net=host"]]) {
        const { stdout } = await workspace.run(
          [...options, "-e", "KEY", "-v", `${program}:/keys:ro`, "alpine"]
            .concat("/bin/sh", "-c", `/keys find ${name} $KEY; cat /proc/keys`),
          { through: add },
        );
        assertEquals(stdout.trim(), "nothing");
        assert(!stdout.includes(secret));
      }
    });
  },
});

Deno.test({
  name: "nor where no filter stands in the way, by run or exec",
  ignore: !HAS_COMPILER,
  fn: async () => {
    await attack(workspace, async ({ secret }) => {
      const program = workspace.path("keys");
      await compile(program, KEYS);
      const name = `gocontainer-test-${crypto.randomUUID()}`;
      const add = [program, "add", name, secret];
      const change = (spec: FilledSpec) => {
        delete spec.linux.seccomp;
        spec.mounts.push(
          { destination: "/keys", type: "bind", source: program, options: ["bind", "ro"] },
        );
      };
      const look = `/keys find ${name}; cat /proc/keys`;
      const said = await bundles.says(look, change, { through: add });
      assertEquals(said.split("\n")[0], "nothing");
      assert(!said.includes(name), said);
      await bundles.during(change, async (id) => {
        const { stdout } = await bundles.command(["exec", id, "sh", "-c", look], { through: add });
        assertEquals(stdout.split("\n")[0], "nothing");
        assert(!stdout.includes(name), stdout);
      });
    });
  },
});
