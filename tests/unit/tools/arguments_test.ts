/** What tasks say of arguments that make no sense: one line, before anything is done. */

import { assertEquals, assertMatch } from "@std/assert";

const TASKS: readonly (readonly [words: string, said: RegExp])[] = [
  ["tools/build.ts --taget x", /^error: read the arguments "--taget x": only --target TRIPLE is /],
  ["tools/check.ts --fix", /^error: read the arguments "--fix": there are none$/],
  [
    "tests/vm/main.ts small",
    /^error: start the machine "small": there are plain, engines, docker$/,
  ],
];

for (const [words, said] of TASKS) {
  Deno.test(`"${words}" is refused in one line`, async () => {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-lock", "--no-config", ...words.split(" ")],
      cwd: new URL("../../..", import.meta.url),
      env: { NO_COLOR: "1" },
    }).output();
    const lines = new TextDecoder().decode(stderr).trimEnd().split("\n");
    assertEquals([code, lines.length], [1, 1], lines.join("\n"));
    assertMatch(lines[0], said);
  });
}
