/** C18: another image than the one that was named: by a short name, or by a tag that was moved (CVE-2024-24557). */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { gunzipSync } from "node:zlib";
import { putImage, type TestLayer } from "../integration/layer_lab.ts";
import { alpineArchive } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const archive = alpineArchive();
const ALPINE: TestLayer = archive === undefined
  ? []
  : new Uint8Array(gunzipSync(Deno.readFileSync(archive)));

/** Puts an image that prints a word; returns its digest. */
async function put(name: string, word: string): Promise<string> {
  const config = { config: { Cmd: ["echo", word] } };
  await putImage(workspace.path("images"), name, [ALPINE], { config });
  const { stdout } = await workspace.run(["inspect", "-format", "{{.Digest}}", name]);
  return stdout.trim();
}

async function says(image: string): Promise<string> {
  const { stdout } = await workspace.run(["run", "-rm", "-net=none", "-pull=never", image]);
  return stdout.trim();
}

Deno.test("a short name is one of docker.io, whatever other programs are told to search", () =>
  attack(workspace, async () => {
    let asked = 0;
    await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => {
      asked++;
      return new Response("{}", { status: 404 });
    });
    const registries = workspace.path("registries.conf");
    await Deno.writeTextFile(
      registries,
      `unqualified-search-registries = ["127.0.0.1:${server.addr.port}"]\n`,
    );
    const script = `mkdir -p /etc/containers && mount -t tmpfs tmpfs /etc/containers &&
      cp ${registries} /etc/containers/registries.conf && exec "$@"`;
    const through = ["unshare", "--mount", "sh", "-ec", script, "sh"];
    const { code, stderr } = await workspace.run(["pull", "no-such/name"], { through });
    assertEquals(code, 125);
    assertMatch(stderr, /docker\.io/);
    assertEquals(asked, 0);
  }));

Deno.test("an image that is named by its digest is that one, or none", () =>
  attack(workspace, async () => {
    const first = await put("pinned:1", "first");
    assertEquals(await says(`pinned@${first}`), "first");
    const second = await put("pinned:1", "second");
    assert(first !== second);
    assertEquals(await says("pinned:1"), "second");
    assertEquals(await says(`pinned:1@${second}`), "second");
    assertEquals(await says(`pinned:1@${first}`), "");
    const { code, stderr } = await workspace.run(
      ["run", "-rm", "-net=none", "-pull=never", `pinned@sha256:${"0".repeat(64)}`],
    );
    assertEquals(code, 125);
    assertMatch(stderr, /there is no such image/);
  }));
