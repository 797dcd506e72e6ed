/** Credential helpers that do not do what they should. */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ContainerError } from "../../lib/errors.ts";
import { CredentialHelper } from "../../lib/registry/credentials/helper.ts";
import { TrialFolder } from "./image_lab.ts";
import { TestRegistry } from "./registry/test_registry.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

const FOLDER = "/usr/local/bin";

/** Where it is given no time, a helper is waited for so long, in ms; and what no test waits for. */
const PATIENCE = 500;
const LONG = "sleep 20";

/** Runs a body with a helper that is this script. */
async function withHelper(script: string, body: (name: string) => Promise<void>): Promise<void> {
  const name = `gocontainer-${crypto.randomUUID()}`;
  const path = `${FOLDER}/docker-credential-${name}`;
  Deno.writeTextFileSync(path, `#!/bin/sh\n${script}\n`);
  Deno.chmodSync(path, 0o755);
  try {
    await body(name);
  } finally {
    Deno.removeSync(path);
  }
}

function test(name: string, script: string, body: (name: string) => Promise<void>): void {
  Deno.test({
    name: `credential helper: ${name}`,
    ignore: Deno.uid() !== 0,
    fn: () => withHelper(script, body),
  });
}

for (const [what, script] of [["hangs", `exec ${LONG}`], ["hangs with its children", LONG]]) {
  test(`one that ${what} is not waited for for ever`, script!, async (name) => {
    const begun = performance.now();
    await assertRejects(
      () => new CredentialHelper(name, PATIENCE).get("registry.test"),
      ContainerError,
      `run docker-credential-${name} get: it gave no answer for 1 s`,
    );
    assertEquals(performance.now() - begun < 10_000, true);
  });
}

test(
  "one that has ended and left its output open is told of as one that hangs",
  `${LONG} & echo '{"Username":"u","Secret":"p"}'`,
  async (name) => {
    await assertRejects(
      () => new CredentialHelper(name, PATIENCE).get("registry.test"),
      ContainerError,
      "it gave no answer",
    );
  },
);

test("one that talks without end is not listened to", "exec yes", async (name) => {
  await assertRejects(
    () => new CredentialHelper(name).get("registry.test"),
    ContainerError,
    `run docker-credential-${name} get: it said more than 65536 bytes`,
  );
});

test(
  "what one has to say to people is shown",
  "echo 'cannot open the display' >&2; exit 1",
  async (name) => {
    await using registry = new TestRegistry();
    registry.hook = () => ({ status: 401, fields: { "WWW-Authenticate": "Basic" } });
    using trial = new TrialFolder();
    const file = trial.file("auth.json", JSON.stringify({ credsStore: name }));
    const { code, stderr } = await workspace.run(
      ["pull", "-i", `${trial.path}/images`, `${registry.host}/image`],
      { env: { REGISTRY_AUTH_FILE: file } },
    );
    assertEquals(code, 125);
    assertMatch(stderr, /^cannot open the display$/m);
    assertMatch(stderr, /: run docker-credential-gocontainer-[0-9a-f-]+ get: it failed$/m);
  },
);
