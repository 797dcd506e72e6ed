/** C6: digests that are paths, in every document of the store that names content. */

import { assert, assertEquals } from "@std/assert";
import { digestOf } from "../../lib/image/digest.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from "../../lib/image/media_type.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

/** Digests that lead to a file of the host, if they were paths. */
function evilDigests(file: string): string[] {
  const up = "../".repeat(20);
  return [
    `sha256:${up}${file.slice(1)}`,
    `sha256:${file}`,
    `${up}${file.slice(1)}:x`,
    `sha256/../..${file}:${"a".repeat(64)}`,
    `sha256:${"a".repeat(64)}/${up}${file.slice(1)}`,
    `sha256:${"A".repeat(64)}`,
    `sha256:${"a".repeat(63)}`,
    "sha256:..",
    "..:..",
    ".:.",
    "",
  ];
}

/** Writes a store by hand; gives the descriptor of what is put into it. */
function makeStore(path: string) {
  Deno.mkdirSync(`${path}/blobs/sha256`, { recursive: true, mode: 0o700 });
  Deno.writeTextFileSync(`${path}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
  const put = (mediaType: string, value: unknown) => {
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    const digest = digestOf(bytes);
    Deno.writeFileSync(`${path}/blobs/${digest.replace(":", "/")}`, bytes);
    return { mediaType, digest: digest as string, size: bytes.length };
  };
  const list = (descriptor: object) =>
    Deno.writeTextFileSync(
      `${path}/index.json`,
      JSON.stringify({
        schemaVersion: 2,
        manifests: [{
          ...descriptor,
          annotations: { "org.opencontainers.image.ref.name": "docker.io/library/evil:1" },
        }],
      }),
    );
  return { put, list };
}

Deno.test({
  name: "C6: a digest never becomes a path before it is one of an algorithm and its digits",
  ignore: Deno.uid() !== 0,
  fn: () =>
    attack(workspace, async ({ file, secret }) => {
      let count = 0;
      for (const digest of evilDigests(file)) {
        const evil = (mediaType: string) => ({ mediaType, digest, size: secret.length });
        const documents = [
          () => evil(OCI_MANIFEST),
          () => evil(OCI_INDEX),
          ({ put }: ReturnType<typeof makeStore>) =>
            put(OCI_INDEX, { schemaVersion: 2, manifests: [evil(OCI_MANIFEST)] }),
          ({ put }: ReturnType<typeof makeStore>) =>
            put(OCI_MANIFEST, { schemaVersion: 2, config: evil(OCI_CONFIG), layers: [] }),
          ({ put }: ReturnType<typeof makeStore>) =>
            put(OCI_MANIFEST, {
              schemaVersion: 2,
              config: put(OCI_CONFIG, {
                os: "linux",
                architecture: "amd64",
                rootfs: { type: "layers", diff_ids: [`sha256:${"a".repeat(64)}`] },
              }),
              layers: [evil(OCI_LAYER)],
            }),
          ({ put }: ReturnType<typeof makeStore>) =>
            put(OCI_MANIFEST, {
              schemaVersion: 2,
              config: put(OCI_CONFIG, {
                os: "linux",
                architecture: "amd64",
                rootfs: { type: "layers", diff_ids: [digest] },
              }),
              layers: [put(OCI_LAYER, "x")],
            }),
        ];
        for (const document of documents) {
          const images = workspace.path(`images${++count}`);
          const store = makeStore(`${images}/.store`);
          store.list(document(store));
          const commands = count % 6 === 1
            ? [["images"], ["images", "check", "-layers", "-repair"], ["prune", "-all"]]
            : [["inspect", "evil:1"], ["rmi", "-f", "evil:1"]];
          for (const [command = "", ...args] of commands) {
            const { stdout } = await workspace.run([command, ...args, "-i", images]);
            assert(!stdout.includes(secret));
          }
          const run = await workspace.run(
            ["run", "-net=none", "-pull=never", "-i", images, "evil:1", "true"],
          );
          assertEquals(run.code, 125);
          assert(!run.stderr.includes(secret));
          await Deno.remove(images, { recursive: true });
        }
      }
      assertEquals(count, 11 * 6);
    }),
});
