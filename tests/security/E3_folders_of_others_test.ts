/** E3: folders for images and containers that somebody else could put something into. */

import { assertEquals, assertMatch } from "@std/assert";
import { sh, TrialFolder } from "../integration/image_lab.ts";
import { BINARY, entriesOf } from "../integration/support/project.ts";

const ignore = Deno.uid() !== 0;

/** Where the folder for images or containers lies, made in the trial folder, and what is said of it. */
const FOLDERS: Readonly<Record<string, readonly [script: string, path: string, reason: RegExp]>> = {
  "a folder that all can write": [
    "mkdir f; chmod 777 f",
    "f",
    /others can write ".*\/f" \(mode 0777\)\nRun chmod go-w .*\/f, or/,
  ],
  "a folder that all can write, sticky": [
    "mkdir f; chmod 1777 f",
    "f",
    /others can write ".*\/f" \(mode 1777\)/,
  ],
  "a folder below one that all can write": [
    "mkdir -p o/f; chmod 777 o",
    "o/f",
    /others can write ".*\/o" \(mode 0777\)/,
  ],
  "a folder that a group can write": [
    "mkdir f; chgrp 12345 f; chmod 775 f",
    "f",
    /others can write ".*\/f" \(mode 0775\)/,
  ],
  "a folder of another user": [
    "mkdir f; chown 12345 f",
    "f",
    /".*\/f" belongs to user 12345, who could put something else in its place\nRun chown root/,
  ],
  "a folder in one of another user": [
    "mkdir -p o/f; chown 12345 o",
    "o/f",
    /".*\/o" belongs to user 12345/,
  ],
  "a link to a folder that is safe, laid by another user into a sticky folder": [
    "mkdir f o; chmod 1777 o; ln -s ../f o/l; chown -h 12345 o/l",
    "o/l",
    /".*\/o\/l" belongs to user 12345/,
  ],
  "a link to a folder of another user": [
    "mkdir f; chown 12345 f; ln -s f l",
    "l",
    /".*\/f" belongs to user 12345/,
  ],
  "a folder to be made in one that all can write": [
    "mkdir o; chmod 777 o",
    "o/f",
    /others can write ".*\/o" \(mode 0777\)/,
  ],
};

for (const [name, [script, path, reason]] of Object.entries(FOLDERS)) {
  for (const option of ["-i", "-c"]) {
    Deno.test({ name: `E3: ${option} refuses ${name}`, ignore }, async () => {
      using trial = new TrialFolder();
      sh(`${script}; mkdir images`, trial.path);
      const { code, stderr } = await run(trial.path, [option, path]);
      assertEquals(code, 125, stderr);
      assertMatch(stderr, /^gocontainer: use folder "/);
      assertMatch(stderr, reason);
      assertEquals(entriesOf(`${trial.path}/images`), []);
      for (const folder of [path, "f", "o/f"]) assertEquals(namesIn(`${trial.path}/${folder}`), []);
    });
  }
}

Deno.test(
  { name: "E3: the working folder of another user is not where root's things go", ignore },
  async () => {
    using trial = new TrialFolder();
    sh("mkdir theirs; chown 12345 theirs", trial.path);
    const { code, stderr } = await run(`${trial.path}/theirs`, []);
    assertEquals(code, 125);
    assertMatch(stderr, /use folder "(containers|images)": ".*\/theirs" belongs to user 12345/);
    assertEquals(entriesOf(`${trial.path}/theirs`), []);
  },
);

Deno.test(
  { name: "E3: nor is the state of root's containers in a folder of another user", ignore },
  () => {
    using trial = new TrialFolder();
    sh("mkdir -p theirs/a own/state; chown 12345 theirs; chmod 700 own/state", trial.path);
    const list = (root: string) =>
      new Deno.Command(BINARY, { args: ["--root", root, "list"], cwd: trial.path }).outputSync();
    for (const root of ["theirs/state", "theirs/a/state", `${trial.path}/theirs/new/state`]) {
      const { code, stderr } = list(root);
      const said = new TextDecoder().decode(stderr);
      assertEquals(code, 1, said);
      assertMatch(said, /use folder ".*": ".*\/theirs" belongs to user 12345, who could/);
    }
    assertEquals(sh("find theirs", trial.path), "theirs\ntheirs/a\n");
    for (const root of ["own/state", "own/new/state"]) assertEquals(list(root).code, 0);
  },
);

async function run(
  cwd: string,
  options: readonly string[],
): Promise<{ code: number; stderr: string }> {
  const { code, stderr } = await new Deno.Command(BINARY, {
    args: ["-net", "none", ...options, "alpine", "/bin/true"],
    cwd,
    stdin: "null",
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH") ?? "" },
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

/** The names in a folder; none where it is no folder of its own. */
function namesIn(path: string): string[] {
  try {
    return Deno.lstatSync(path).isDirectory ? entriesOf(path).map(({ name }) => name) : [];
  } catch {
    return [];
  }
}
