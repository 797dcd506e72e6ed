/** Row D4: a program that types into the caller's terminal, so that the caller's shell runs it (CVE-2017-5226). */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { AT_FDCWD, O_NOCTTY, O_NONBLOCK, O_RDWR } from "../../ffi/constants.ts";
import { SysError } from "../../ffi/errno.ts";
import { Fd, openat, read } from "../../ffi/file.ts";
import { alloc } from "../../ffi/struct.ts";
import { Bundles } from "../integration/support/bundle.ts";
import { compile, HAS_COMPILER } from "../integration/support/program.ts";
import { Terminal } from "../integration/support/terminal.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** Tries on every standard descriptor: as it is, as controlling terminal, and with bits above the 32nd. */
const TYPE = `
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int type(int fd, const char *text) {
  int done = 0;
  for (; *text; text++) {
    if (ioctl(fd, TIOCSTI, text) == 0) done = 1;
    if (syscall(SYS_ioctl, fd, TIOCSTI | (1UL << 32), text) == 0) done = 1;
  }
  char paste[] = { 3, 0 };
  ioctl(fd, TIOCLINUX, paste);
  return done;
}

int main(void) {
  int done = 0;
  for (int fd = 0; fd < 3; fd++) done |= type(fd, "typed\\n");
  setsid();
  for (int fd = 0; fd < 3; fd++) {
    ioctl(fd, TIOCSCTTY, 1);
    done |= type(fd, "typed\\n");
  }
  int tty = open("/dev/tty", O_RDWR);
  if (tty >= 0) done |= type(tty, "typed\\n");
  fprintf(stderr, done ? "typed it\\n" : "refused\\n");
  return 0;
}
`;

/** What the shell of the terminal's user would read next; empty when there is nothing. */
function typedInto(terminal: Terminal): string {
  using slave = new Fd(openat(AT_FDCWD, terminal.path, O_RDWR | O_NOCTTY | O_NONBLOCK));
  try {
    return new TextDecoder().decode(read(slave.number, alloc(1024)));
  } catch (error) {
    if (error instanceof SysError && error.code === "EAGAIN") return "";
    throw error;
  }
}

async function program(): Promise<string> {
  const path = workspace.path("type");
  await compile(path, TYPE);
  return path;
}

Deno.test({
  name: "the attack works where nothing stands against it",
  ignore: !HAS_COMPILER,
  fn: async () => {
    const path = await program();
    using terminal = new Terminal();
    await terminal.start(workspace, [], { binary: path }).end();
    assert(terminal.shown.includes("typed it"), terminal.shown);
    // Each character is typed twice, once by each form of the call.
    assertMatch(typedInto(terminal), /t+y+p+e+d+/);
  },
});

const WAYS: readonly (readonly [name: string, options: readonly string[], redirect: string])[] = [
  ["with a terminal of its own", [], ""],
  ["with the caller's terminal as standard input, output and error", ["-t=false"], ""],
  ["with the caller's terminal as standard input", [], "> /dev/null"],
  ["with the caller's terminal as standard error", [], "< /dev/null > /dev/null"],
  // Its first process is forked, not launched.
  ["with the caller's terminal in a user namespace", ["-t=false", "-userns=auto"], ""],
];

for (const [name, options, redirect] of WAYS) {
  Deno.test({
    name: `nothing is typed into the caller's terminal ${name}`,
    ignore: !HAS_COMPILER,
    fn: async () => {
      await attack(workspace, async () => {
        const path = await program();
        using terminal = new Terminal();
        const args = [...options, "-net=none", "-v", `${path}:/type:ro`, "alpine", "/type"];
        const { code } = await terminal.start(workspace, args, { redirect }).end();
        assertEquals(code, 0, terminal.shown);
        assertEquals(typedInto(terminal), "");
      });
    },
  });
}

Deno.test({
  name: "nor by a bundle's program that has it as standard input and output, nor by exec",
  ignore: !HAS_COMPILER,
  fn: async () => {
    await attack(workspace, async () => {
      const path = await program();
      const bundle = await bundles.make("", (spec) => {
        spec.process.args = ["/type"];
        const options = ["bind", "ro"];
        spec.mounts.push({ destination: "/type", type: "bind", source: path, options });
      });
      using terminal = new Terminal();
      const args = [...bundles.global, "run", "-b", bundle, bundles.id()];
      const { code } = await terminal.start(workspace, args).end();
      assertEquals([code, typedInto(terminal)], [0, ""], terminal.shown);
      await bundles.during((spec) => {
        const options = ["bind", "ro"];
        spec.mounts.push({ destination: "/type", type: "bind", source: path, options });
      }, async (id) => {
        for (const more of [[], ["-t"]]) {
          using terminal = new Terminal();
          const args = [...bundles.global, "exec", ...more, id, "/type"];
          const { code } = await terminal.start(workspace, args).end();
          assertEquals([code, typedInto(terminal)], [0, ""], terminal.shown);
        }
      });
    });
  },
});
