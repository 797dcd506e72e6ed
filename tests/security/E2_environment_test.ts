/** Row E2: variables by which the caller's environment has root's gocontainer run or write something. */

import { assert, assertEquals } from "@std/assert";
import { entriesOf } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

/** Variables that the runtime underneath, or Node's, would go by. `folder` is where they point to. */
function variables(folder: string): { [name: string]: string } {
  const [script, common] = [`${folder}/evil.mjs`, `${folder}/evil.cjs`];
  return {
    DENO_INTERNAL_CHILD_ENTRYPOINT: script,
    DENO_INTERNAL_NODE_ENTRYPOINT: script,
    NODE_CHANNEL_FD: "0",
    NODE_OPTIONS: `--require ${common} --import ${script}`,
    NODE_V8_COVERAGE: `${folder}/coverage`,
    NODE_EXTRA_CA_CERTS: `${folder}/certs`,
    NODE_PATH: folder,
    DENO_DIR: `${folder}/deno`,
    DENO_CONFIG: `${folder}/deno.json`,
    DENO_COVERAGE_DIR: `${folder}/coverage`,
    DENO_AUDIT_PERMISSIONS: `${folder}/audit`,
    DENO_CERT: `${folder}/certs`,
    DENO_V8_FLAGS: `--prof,--logfile=${folder}/v8.log`,
    V8_FLAGS: `--prof --logfile=${folder}/v8.log`,
    DENO_REPL_HISTORY: `${folder}/history`,
    DENO_INSPECT: "127.0.0.1:0",
    DENO_SERVE_ADDRESS: "tcp:127.0.0.1:0",
    DENO_AUTO_SERVE: "1",
    DENO_PERMISSION_BROKER_PATH: `${folder}/broker`,
    HTTP_PROXY: "http://127.0.0.1:9",
    HTTPS_PROXY: "http://127.0.0.1:9",
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9",
    HOME: folder,
    XDG_CACHE_HOME: `${folder}/cache`,
    XDG_CONFIG_HOME: `${folder}/config`,
    TMPDIR: folder,
    ENV: `${folder}/profile`,
    BASH_ENV: `${folder}/profile`,
  };
}

for (const args of [["-net=none", "alpine", "echo", "hi"], ["alpine", "echo", "hi"]]) {
  Deno.test(`nothing is run, read into a program or written because of a variable: ${args[0]}`, async () => {
    await attack(workspace, async () => {
      const folder = await Deno.makeTempDir({ dir: workspace.folder });
      const evil = `import fs from "node:fs"; fs.writeFileSync("${folder}/ran", "");`;
      await Deno.writeTextFile(`${folder}/evil.mjs`, evil);
      await Deno.writeTextFile(
        `${folder}/evil.cjs`,
        `require("fs").writeFileSync("${folder}/ran", "")`,
      );
      await Deno.writeTextFile(`${folder}/profile`, `touch ${folder}/ran`);
      await Deno.writeTextFile(`${folder}/deno.json`, `{"imports": {"@std/": "${folder}/"}}`);
      const names = entriesOf(folder).map(({ name }) => name);
      const all = variables(folder);
      const told = await workspace.run(args, { env: all });
      assertEquals([told.code, told.stdout], [0, "hi\n"]);
      assertEquals(told.stderr, "");
      assertEquals(entriesOf(folder).map(({ name }) => name), names);
      // Each by itself too: one may be of use only where another is missing.
      for (const [name, value] of Object.entries(all)) {
        const alone = await workspace.run(args, { env: { [name]: value } });
        assertEquals([name, alone.code, alone.stdout, alone.stderr], [name, 0, "hi\n", ""]);
        assertEquals(entriesOf(folder).map(({ name }) => name), names, name);
      }
    });
  });
}

Deno.test("none of them reaches the container", async () => {
  await attack(workspace, async ({ folder }) => {
    const { stdout } = await workspace.run(["-net=none", "alpine", "env"], {
      env: variables(folder),
    });
    for (const line of stdout.trim().split("\n")) assert(!line.includes(folder), line);
  });
});
