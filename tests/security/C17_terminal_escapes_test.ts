/** C17: what an image says cannot control the terminal of who looks at it, or runs it. */

import { assert, assertEquals } from "@std/assert";
import { gunzipSync } from "node:zlib";
import { putImage, type TestLayer } from "../integration/layer_lab.ts";
import { alpineArchive } from "../integration/support/project.ts";
import { Terminal } from "../integration/support/terminal.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const archive = alpineArchive();
const ALPINE: TestLayer = archive === undefined
  ? []
  : new Uint8Array(gunzipSync(Deno.readFileSync(archive)));

/** Sets the title, clears the screen, both the long and the short way, turns the direction of text round. */
const EVIL = "\u001b]0;owned\u0007\u001b[2J\u009b2J\u009d0;x\u009c\u202e\u200f";

Deno.test({
  name: "C17: errors and warnings of an image's own words escape what would act on the terminal",
  ignore: archive === undefined || Deno.uid() !== 0,
  fn: () =>
    attack(workspace, async () => {
      const configs = [
        { Cmd: ["true"], User: EVIL },
        { Cmd: ["true"], User: `0:${EVIL}` },
        { Cmd: [EVIL] },
        { Cmd: ["true"], WorkingDir: `/proc/${EVIL}` },
        { Cmd: ["true"], Env: [EVIL] },
        { Cmd: ["true"], Volumes: { [`/etc/passwd/${EVIL}`]: {} } },
        { Cmd: ["none"], Env: [`PATH=/${EVIL}`] },
      ];
      using terminal = new Terminal({ rows: 50, columns: 500 });
      for (const [index, config] of configs.entries()) {
        const name = `evil/words:${index}`;
        await putImage(workspace.path("images"), name, [ALPINE], { config: { config } });
        const running = terminal.start(workspace, ["run", "-t=false", "-net=none", name]);
        const { code } = await running.end();
        if (!("Env" in config)) assert(code > 0, `${index}`);
        assert(terminal.shown !== "");
      }
      await putImage(workspace.path("images"), "evil/os:1", [ALPINE], {
        config: { os: EVIL, architecture: EVIL },
      });
      const running = terminal.start(workspace, [
        "run",
        "-pull=never",
        "-net=none",
        "evil/os:1",
        "x",
      ]);
      assertEquals((await running.end()).code, 125);
      const { shown } = terminal;
      for (const character of "\u001b\u0007\u009b\u009d\u202e\u200f") {
        assert(!shown.includes(character), JSON.stringify(shown));
      }
      assert(shown.includes("\\u009b"), shown);
    }),
});

Deno.test({
  name: "C17: nor is there a line that the image wrote, also where it goes to a file or a shell",
  ignore: archive === undefined || Deno.uid() !== 0,
  fn: () =>
    attack(workspace, async () => {
      const line = "\ngocontainer: warning: run $(touch owned)";
      const volume = `/v'; touch owned; '${EVIL}${line}`;
      const configs = [
        { Cmd: ["none"], Env: [`PATH=/${EVIL}${line}`] },
        { Cmd: [`/etc/${EVIL}${line}`], Env: [`${EVIL}${line}`] },
        { Cmd: ["none"], Volumes: { [volume]: {} }, WorkingDir: `/w${EVIL}${line}` },
      ];
      for (const [index, config] of configs.entries()) {
        const name = `evil/lines:${index}`;
        await putImage(workspace.path("images"), name, [ALPINE], { config: { config } });
        const { code, stderr } = await workspace.run(["run", "-explain", "-net=none", name]);
        assertEquals(code, 127, stderr);
        for (const character of "\u001b\u0007\u009b\u009d\u202e\u200f") {
          assert(!stderr.includes(character), JSON.stringify(stderr));
        }
        assertEquals(/^gocontainer: warning: run/m.test(stderr), false, stderr);
        const checks = stderr.split("\n").filter((told) => /check: .*touch/.test(told));
        for (const check of checks) {
          assert(check.includes(`check: grep ' /v'\\''; touch owned; '\\''`), check);
        }
        assertEquals(checks.length, index === 2 ? 1 : 0, stderr);
      }
    }),
});
