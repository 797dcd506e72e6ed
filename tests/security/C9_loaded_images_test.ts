/** C9: archives and folders of images that name what they have no business with. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { digestOf } from "../../lib/image/digest.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from "../../lib/image/media_type.ts";
import { difference, manifest, sh, TrialFolder } from "../integration/image_lab.ts";
import { BINARY, entriesOf } from "../integration/support/project.ts";
import { archive, type Member } from "../unit/image/tar_builder.ts";

const ignore = Deno.uid() !== 0;
const json = (value: unknown) => JSON.stringify(value);
const LAYER = archive([{ name: "f", content: "x" }]);
const CONFIG = json({
  os: "linux",
  architecture: "amd64",
  rootfs: { type: "layers", diff_ids: [digestOf(LAYER)] },
});

/** What `docker save` would have written, with its list changed. */
function docker(change: Record<string, unknown>, more: readonly Member[] = []): Member[] {
  const list = [{ Config: "c.json", RepoTags: ["evil:1"], Layers: ["l.tar"], ...change }];
  return [
    { name: "c.json", content: CONFIG },
    { name: "l.tar", content: LAYER },
    ...more,
    { name: "manifest.json", content: json(list) },
  ];
}

/** An image layout, with its documents changed. */
function layout(change: {
  index?: Record<string, unknown>;
  descriptor?: Record<string, unknown>;
  manifest?: Record<string, unknown>;
  blob?: string;
}): Member[] {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const describe = (mediaType: string, content: Uint8Array) => ({
    mediaType,
    digest: digestOf(content),
    size: content.length,
  });
  const blob = (content: Uint8Array | string) => {
    const all = typeof content === "string" ? bytes(content) : content;
    return { name: `blobs/sha256/${digestOf(all).slice(7)}`, content: change.blob ?? content };
  };
  const document = json({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: describe(OCI_CONFIG, bytes(CONFIG)),
    layers: [describe(OCI_LAYER, LAYER)],
    ...change.manifest,
  });
  const index = {
    schemaVersion: 2,
    manifests: [{ ...describe(OCI_MANIFEST, bytes(document)), ...change.descriptor }],
    ...change.index,
  };
  return [
    { name: "oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' },
    { name: "index.json", content: json(index) },
    { ...blob(document), content: document },
    blob(CONFIG),
    blob(LAYER),
  ];
}

const loops = (depth: number): Member[] => {
  let child = json({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] });
  const members: Member[] = [{ name: "oci-layout", content: "{}" }];
  const listed = (content: string) => ({
    schemaVersion: 2,
    manifests: [{
      mediaType: OCI_INDEX,
      digest: digestOf(new TextEncoder().encode(content)),
      size: content.length,
    }],
  });
  for (let i = 0; i < depth; i++) {
    members.push({
      name: `blobs/sha256/${listed(child).manifests[0]!.digest.slice(7)}`,
      content: child,
    });
    child = json({ ...listed(child), mediaType: OCI_INDEX });
  }
  members.push({
    name: `blobs/sha256/${listed(child).manifests[0]!.digest.slice(7)}`,
    content: child,
  });
  return [...members, { name: "index.json", content: json(listed(child)) }];
};

const REFUSED: Readonly<Record<string, readonly [readonly Member[], RegExp]>> = {
  "a config above the archive": [
    docker({ Config: "../../decoy/secret" }),
    /has no "\.\.\/\.\.\/decoy/,
  ],
  "a layer by an absolute path": [docker({ Layers: ["/etc/passwd"] }), /has no "\/etc\/passwd"/],
  "a layer that is a link out": [
    docker({ Layers: ["k.tar"] }, [{ name: "k.tar", type: "2", linkname: "../../decoy/secret" }]),
    /"k.tar" is a link to "\.\.\/\.\.\/decoy\/secret", out of the archive/,
  ],
  "a layer that is an absolute link": [
    docker({ Layers: ["k.tar"] }, [{ name: "k.tar", type: "2", linkname: "/etc/passwd" }]),
    /has no "k.tar"/,
  ],
  "a layer that is a hard link out": [
    docker({}, [{ name: "k.tar", type: "1", linkname: "../decoy/secret" }]),
    /is hostile: "k.tar" is a hard link that has "\.\." in it/,
  ],
  "links in a circle": [
    docker({ Layers: ["a"] }, [
      { name: "a", type: "2", linkname: "b" },
      { name: "b", type: "2", linkname: "a" },
    ]),
    /has no "a"/,
  ],
  "a member above the archive": [
    docker({}, [{ name: "../../decoy/new", content: "x" }]),
    /is hostile: "\.\.\/\.\.\/decoy\/new" has "\.\." in it/,
  ],
  "a member by an absolute path": [
    docker({}, [{ name: "/tmp/new", content: "x" }]),
    /is hostile: "\/tmp\/new" begins with "\/"/,
  ],
  "a name with a way up": [docker({ RepoTags: ["../../x:1"] }), /"\.\.\/\.\.\/x:1"/],
  "a name with terminal escapes": [docker({ RepoTags: ["a\x1b]0;x\x07:1"] }), /\\u001b/],
  "a list that is none": [docker({ Layers: "l.tar" }), /its manifest.json is no list of images/],
  "another layer than the config says": [
    docker({}, [{ name: "l.tar", content: archive([{ name: "g" }]) }]),
    /and the config says sha256:/,
  ],
  "a blob that is another": [layout({ blob: "{}" }), /is not sha256:|has 2 bytes, not/],
  "a manifest of another size": [layout({ descriptor: { size: 5 } }), /bytes, not 5/],
  "a layer of another size": [
    layout({ manifest: { layers: [{ mediaType: OCI_LAYER, digest: digestOf(LAYER), size: 7 }] } }),
    /bytes, not 7/,
  ],
  "a digest that is a path": [
    layout({ descriptor: { digest: "sha256:../../../decoy/secret" } }),
    /digest/,
  ],
  "a manifest that is an index too": [
    layout({ manifest: { manifests: [] } }),
    /two documents in one/,
  ],
  "an index that is a manifest too": [layout({ index: { layers: [] } }), /two documents in one/],
  "indexes within each other": [loops(6), /its indexes lie within each other/],
};

for (const [name, [members, reason]] of Object.entries(REFUSED)) {
  for (const form of ["archive", "folder"]) {
    // What GNU tar itself does not extract cannot become a folder.
    const isPath = /^a member|hard link out|link out/.test(name);
    if (form === "folder" && isPath) continue;
    Deno.test({ name: `C9: refuses ${name}, in an ${form}`, ignore }, async () => {
      using trial = new TrialFolder();
      const decoy = trial.folder("decoy");
      sh("echo secret > secret; chmod 600 secret", decoy);
      const before = await manifest(decoy);
      let source = trial.file("evil.tar", archive(members));
      if (form === "folder") {
        source = trial.folder("evil");
        sh(`tar -xf ../evil.tar`, source);
      }
      const args = ["load", "-i", trial.folder("images"), source];
      const { code, stderr, stdout } = await new Deno.Command(BINARY, { args }).output();
      const said = new TextDecoder().decode(stderr);
      assertMatch(said, /^gocontainer: [^\n]+[^.]\n/);
      // A folder may have links of its own, which are followed inside it.
      assertMatch(said, form === "folder" && name.includes("link") ? /has no/ : reason);
      assertEquals(/[\p{Cc}\p{Cf}]/u.test(said.replaceAll("\n", "")), false, said);
      assertEquals([code, stdout.length], [125, 0], said);
      const store = `${trial.path}/images/.store`;
      assertEquals(JSON.parse(Deno.readTextFileSync(`${store}/index.json`)).manifests, []);
      assertEquals(entriesOf(`${store}/partial`), []);
      assertEquals(difference(before, await manifest(decoy)), []);
    });
  }
}

Deno.test({ name: "C9: a folder's links and fifos lead nowhere", ignore }, async () => {
  using trial = new TrialFolder();
  const members = layout({});
  trial.file("good.tar", archive(members));
  const folder = trial.folder("layout");
  sh("tar -xf ../good.tar; mv blobs ../outside; ln -s ../outside blobs", folder);
  const load = async () => {
    const args = ["load", "-i", `${trial.path}/images`, folder];
    const { code, stderr } = await new Deno.Command(BINARY, { args }).output();
    return { code, said: new TextDecoder().decode(stderr) };
  };
  const { code, said } = await load();
  assertEquals(code, 125);
  assertMatch(said, /it has no "blobs\/sha256|"layout" is broken: it has no|has no "blobs/);
  sh(
    "rm blobs; mv ../outside blobs; cd blobs/sha256; for f in *; do rm $f; mkfifo $f; done",
    folder,
  );
  const fifos = await load();
  assert(fifos.code === 125 && /has no "blobs/.test(fifos.said), fifos.said);
});
