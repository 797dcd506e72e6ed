/** Row A3: a descriptor that reaches the program beside standard input and output (CVE-2016-9962). */

import { assertEquals } from "@std/assert";
import { compile, HAS_COMPILER } from "../integration/support/program.ts";
import { Terminal } from "../integration/support/terminal.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

/** Tells every open descriptor, with what it is, by asking for each number. */
const LIST = `
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
  for (int fd = 0; fd < 65536; fd++)
    if (fcntl(fd, F_GETFD) != -1) printf("%d ", fd);
  printf("\\n");
  return 0;
}
`;

const OPEN = ["sh", "-c", 'exec 3</ 4</proc 5<>/dev/null 8</etc/shadow 9</; exec "$@"', "sh"];

for (const options of [[], ["-net=none"], ["-net=host"], ["-t"], ["-mem=64M"], ["-v=/proc:/p"]]) {
  Deno.test({
    name: `a program has the descriptors 0, 1 and 2 and no other: ${options.join(" ")}`,
    ignore: !HAS_COMPILER,
    fn: async () => {
      await attack(workspace, async () => {
        const program = workspace.path("list");
        await compile(program, LIST);
        const args = [...options, "-v", `${program}:/list:ro`, "alpine", "/list"];
        const { stdout } = await workspace.run(args, { through: OPEN });
        assertEquals(stdout.trim(), "0 1 2");
      });
    },
  });
}

Deno.test("nor has anything else in the container, with a terminal of its own", async () => {
  await attack(workspace, async () => {
    using terminal = new Terminal();
    const script = "for p in /proc/[0-9]*; do ls $p/fd | tr '\\n' ' '; done";
    const running = terminal.start(workspace, ["alpine", "/bin/sh", "-c", script], {
      through: OPEN,
    });
    await running.end();
    // Process 10 is busybox's own, which opens files as it goes.
    assertEquals(terminal.shown.match(/^0 1 2 (10 )?/)?.[0].replace("10 ", ""), "0 1 2 ");
  });
});
