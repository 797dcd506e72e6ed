/** C10: volumes that an image asks for where there is something of the host. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { gunzipSync } from "node:zlib";
import { putImage, type TestLayer } from "../integration/layer_lab.ts";
import { alpineArchive, entriesOf } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack, type Decoy } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const archive = alpineArchive();
const ALPINE: TestLayer = archive === undefined
  ? []
  : new Uint8Array(gunzipSync(Deno.readFileSync(archive)));

let count = 0;

/** Runs an image with volumes; gives what it said, and what lies in the folders of its volumes. */
async function run(volumes: readonly string[], layer: TestLayer, script: string) {
  const name = `evil/volumes:${++count}`;
  await putImage(workspace.path("images"), name, [ALPINE, layer], {
    config: {
      config: {
        Cmd: ["sh", "-c", script],
        Volumes: Object.fromEntries(volumes.map((path) => [path, {}])),
      },
    },
  });
  const before = new Set(workspace.ids());
  const outcome = await workspace.run(["run", "-net=none", name]);
  const [id] = workspace.ids().filter((one) => !before.has(one));
  const folder = workspace.path(`containers/${id}/volumes`);
  return { ...outcome, folder, id };
}

function test(name: string, body: (decoy: Decoy) => Promise<void>): void {
  Deno.test({
    name,
    ignore: archive === undefined || Deno.uid() !== 0,
    fn: () => attack(workspace, body),
  });
}

test("C10: a volume that leads out of the root by .. stays in it", async ({ folder, secret }) => {
  const up = `/../../../../../../..${folder}`;
  const seen = await run([up], [], `cat ${folder}/file; echo mine > ${folder}/file; ls ${folder}`);
  assert(!seen.stdout.includes(secret));
  assertEquals([seen.code, seen.stdout], [0, "file\n"]);
  assertEquals(Deno.readTextFileSync(`${seen.folder}/0/file`), "mine\n");
});

test("C10: a volume on a link that leads out begins with nothing of the host", async (decoy) => {
  const { folder, secret } = decoy;
  const links: TestLayer = [
    { name: "absolute", type: "2", linkname: folder },
    { name: "relative", type: "2", linkname: `../../../../../../..${folder}` },
    { name: "proc", type: "2", linkname: "/proc/self/root" + folder },
    { name: "chain", type: "2", linkname: "absolute" },
  ];
  for (const path of ["/absolute", "/relative", "/chain", "/absolute/sub"]) {
    const seen = await run([path], links, `cat ${path}/file; touch ${path}/new; ls ${path}`);
    assert(!seen.stdout.includes(secret), path);
    if (seen.code === 0) {
      assertEquals(entriesOf(`${seen.folder}/0`).map(({ name }) => name), ["new"]);
    }
  }
  // What /proc has is not the image's to point to.
  const proc = await run(["/proc/x", "/sys/x"], links, "true");
  assertEquals(proc.code, 125);
});

test("C10: links in what is copied are copied, not followed", async ({ folder, file, secret }) => {
  const seen = await run(["/data"], [
    { name: "data/file", type: "2", linkname: file },
    { name: "data/folder", type: "2", linkname: folder },
    { name: "data/real", content: "x" },
    { name: "data/real2", type: "1", linkname: "data/real" },
  ], "readlink /data/file; readlink /data/folder; cat /data/real2");
  assertEquals([seen.code, seen.stdout], [0, `${file}\n${folder}\nx`]);
  assertEquals(Deno.readLinkSync(`${seen.folder}/0/file`), file);
  for (const { name, isFile } of entriesOf(`${seen.folder}/0`)) {
    if (isFile) assert(!Deno.readTextFileSync(`${seen.folder}/0/${name}`).includes(secret));
  }
});

test("C10: a volume that is a file, or the root, is refused or left out", async () => {
  const file = await run(["/etc/hostname-of-mine"], [{ name: "etc/hostname-of-mine" }], "true");
  assertEquals(file.code, 125);
  assertMatch(
    file.stderr,
    /volume "\/etc\/hostname-of-mine": the image has something there that is no folder$/m,
  );
  const root = await run(["/", "/..", "//"], [], "echo fine");
  assertEquals([root.code, root.stdout], [0, "fine\n"]);
  assertEquals(entriesOf(root.folder), []);
});
