/** Row C8: somebody else than the registry gets to see the user's credentials (CVE-2020-15157). */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { OCI_LAYER, OCI_MANIFEST } from "../../lib/image/media_type.ts";
import { layerOf, PullTrial } from "../integration/registry/pulling.ts";
import { type Reply, TestRegistry } from "../integration/registry/test_registry.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

const SECRET = "hunter2-is-the-password";
const BASIC = `Basic ${btoa(`me:${SECRET}`)}`;
const CHALLENGE = { "WWW-Authenticate": 'Basic realm="here"' };

interface Trial {
  /** The registry, which takes the credentials. */
  readonly registry: TestRegistry;
  /** Somebody else, on another address of this machine. */
  readonly other: TestRegistry;
  readonly images: string;
  pull(...options: string[]): ReturnType<Workspace["run"]>;
}

function test(name: string, fn: (trial: Trial) => Promise<void>): void {
  Deno.test(name, async () => {
    await attack(workspace, async () => {
      await using registry = new TestRegistry();
      await using other = new TestRegistry({ hostname: "127.0.0.2" });
      using trial = new PullTrial();
      const pull = (...options: string[]) =>
        workspace.run([
          ...["pull", "-progress", "none", "-i", trial.images, "-creds", `me:${SECRET}`],
          ...options,
          `${registry.host}/image:1`,
        ]);
      await fn({ registry, other, images: trial.images, pull });
      for (const { fields } of other.log) {
        assert(!fields.has("authorization"), fields.get("authorization"));
        assert(![...fields.values()].some((value) => value.includes(SECRET)));
      }
    });
  });
}

/** Whether a request proves who asks. */
function isKnown({ fields }: { fields: ReadonlyMap<string, string> }): boolean {
  return fields.get("authorization") === BASIC;
}

test("a redirect to another host takes no credentials along", async ({ registry, other, pull }) => {
  const { layers, config } = registry.addImage("1", [layerOf("a", 5000)]);
  for (const { digest, mediaType } of [...layers, config]) {
    other.addBlob(mediaType, registry.bytesOf(digest));
  }
  for (const status of [301, 302, 303, 307, 308]) {
    registry.hook = (asked) => {
      if (!isKnown(asked)) return { status: 401, fields: CHALLENGE };
      return asked.path.includes("/blobs/")
        ? { status, fields: { Location: `http://${other.host}${asked.path}` } }
        : undefined;
    };
    const images = Deno.makeTempDirSync({ dir: workspace.folder });
    const { code, stderr } = await pull("-i", images);
    assertEquals(code, 0, stderr);
  }
  assert(other.log.length >= 10);
  assert(registry.log.some(isKnown));
});

test("another port of the same host is another server", async ({ registry, pull }) => {
  await using neighbour = new TestRegistry();
  const { layers } = registry.addImage("1", [layerOf("a", 5000)]);
  neighbour.addBlob(OCI_LAYER, registry.bytesOf(layers[0]!.digest));
  registry.hook = (asked) => {
    if (!isKnown(asked)) return { status: 401, fields: CHALLENGE };
    return asked.path.endsWith(layers[0]!.digest)
      ? { status: 307, fields: { Location: `http://${neighbour.host}${asked.path}` } }
      : undefined;
  };
  assertEquals((await pull()).code, 0);
  assertEquals(neighbour.log.length, 1);
  assert(neighbour.log.every(({ fields }) => !fields.has("authorization")));
});

test("another host that asks who is there is not told", async ({ registry, other, pull }) => {
  registry.addImage("1", [layerOf("a", 5000)]);
  other.hook = () => ({
    status: 401,
    fields: { "WWW-Authenticate": `Basic realm="x", Bearer realm="http://${other.host}/token"` },
  });
  registry.hook = (asked) => {
    if (!isKnown(asked)) return { status: 401, fields: CHALLENGE };
    return asked.path.includes("/blobs/")
      ? { status: 307, fields: { Location: `http://${other.host}/blob` } }
      : undefined;
  };
  const { code, stderr } = await pull();
  assertEquals(code, 125);
  assert(!stderr.includes(SECRET));
  assert(other.log.length > 0 && other.log.every(({ path }) => path === "/blob"));
});

test("the addresses in a layer's descriptor are not asked with credentials, or without TLS", async ({ registry, other, pull }) => {
  const layer = registry.addBlob(OCI_LAYER, layerOf("a", 5000));
  const { config } = registry.addImage(undefined, [layerOf("a", 5000)]);
  const mediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar";
  registry.addManifest("1", OCI_MANIFEST, {
    schemaVersion: 2,
    config,
    layers: [{
      ...layer,
      mediaType,
      urls: [
        `http://${other.host}/layer`,
        `https://me:pass@${other.host}/layer`,
        `https://${other.host}/layer`,
        "file:///etc/shadow",
      ],
    }],
  });
  registry.hook = (asked) => {
    if (!isKnown(asked)) return { status: 401, fields: CHALLENGE };
    return asked.path.endsWith(layer.digest) ? { status: 404 } : undefined;
  };
  const { code, stderr } = await pull();
  assertEquals(code, 125);
  // The one with TLS was tried, where there is none.
  assertMatch(stderr, new RegExp(`connect to ${other.host} with TLS: it does not speak TLS`));
  assertEquals(other.log, []);
});

test("a redirect to what is no web server, or that names a user, is not followed", async ({ registry, other, pull }) => {
  registry.addImage("1", [layerOf("a", 5000)]);
  const places = [
    "file:///etc/shadow",
    "ftp://127.0.0.2/x",
    "data:text/plain,x",
    `http://me:you@${other.host}/x`,
    "http://192.0.2.77/x",
    "http://[",
  ];
  for (const place of places) {
    registry.hook = ({ path }) =>
      path.includes("/blobs/") ? { status: 307, fields: { Location: place } } : undefined;
    const { code, stderr } = await pull();
    assertEquals(code, 125);
    assertMatch(stderr, /it leads to .*, which is refused/, place);
  }
  assertEquals(other.log, []);
  registry.hook = ({ path }) =>
    path.includes("/blobs/") ? { status: 307, fields: { Location: path } } : undefined;
  const round = await pull();
  assertEquals(round.code, 125);
  assertMatch(round.stderr, /it leads round in circles/);
});

test("tokens are not asked for without TLS elsewhere, nor of what is no server", async ({ registry, pull }) => {
  registry.addImage("1", [layerOf("a", 5000)]);
  const realms = [
    "http://192.0.2.77/token",
    "file:///etc/shadow",
    "//evil/token",
    "javascript:alert(1)",
    "http://user:pass@127.0.0.1/token",
    "",
  ];
  for (const realm of realms) {
    registry.hook = () => ({
      status: 401,
      fields: { "WWW-Authenticate": `Bearer realm="${realm}",service="s"` },
    });
    const { code, stderr } = await pull();
    assertEquals(code, 125);
    assertMatch(
      stderr,
      /log in to ".*": (it wants the password sent to|".*" gives no tokens)/,
      realm,
    );
    assert(!stderr.includes(SECRET));
  }
});

test("the token for a registry goes to no other host, and credentials only to whom it names", async ({ registry, other, pull }) => {
  const { layers } = registry.addImage("1", [layerOf("a", 5000)]);
  await using tokens = new TestRegistry();
  tokens.hook = () => ({ status: 200, body: '{"token":"a-token"}' });
  other.addBlob(OCI_LAYER, registry.bytesOf(layers[0]!.digest));
  registry.hook = ({ path, fields }) => {
    if (fields.get("authorization") !== "Bearer a-token") {
      const challenge = `Bearer realm="http://${tokens.host}/token",service="s"`;
      return { status: 401, fields: { "WWW-Authenticate": challenge } } as Reply;
    }
    return path.endsWith(layers[0]!.digest)
      ? { status: 307, fields: { Location: `http://${other.host}${path}` } }
      : undefined;
  };
  const { code, stderr } = await pull();
  assertEquals(code, 0, stderr);
  assert(tokens.log.length > 0 && tokens.log.every(isKnown));
  assert(registry.log.every((asked) => !isKnown(asked)));
  assertEquals(other.log.length, 1);

  // A server of tokens that sends its callers elsewhere.
  tokens.hook = () => ({ status: 307, fields: { Location: `http://${other.host}/token` } });
  other.hook = () => ({ status: 200, body: '{"token":"a-token"}' });
  await pull();

  // What it gives goes into a header.
  for (const token of ["a\\r\\nEvil: yes", "a b", "", "\\u00e9"]) {
    tokens.hook = () => ({ status: 200, body: `{"token":"${token}"}` });
    const told = await pull("-i", Deno.makeTempDirSync({ dir: workspace.folder }));
    assertEquals(told.code, 125);
    assertMatch(told.stderr, /token of .*: there is none in the answer/);
  }
});

test("a registry that believes nobody is not asked for ever", async ({ registry, pull }) => {
  registry.addImage("1", [layerOf("a", 5000)]);
  registry.hook = () => ({ status: 401, fields: CHALLENGE });
  const { code, stderr } = await pull();
  assertEquals(code, 125);
  assertMatch(stderr, /it does not take these credentials/);
  assert(registry.log.length < 10, `${registry.log.length}`);
  await using tokens = new TestRegistry();
  tokens.hook = () => ({ status: 200, body: '{"token":"a-token"}' });
  let count = 0;
  registry.hook = () => {
    const scope = `repository:image:${count++}`;
    const challenge = `Bearer realm="http://${tokens.host}/token",scope="${scope}"`;
    return { status: 401, fields: { "WWW-Authenticate": challenge } };
  };
  assertEquals((await pull()).code, 125);
  assert(registry.log.length < 25 && tokens.log.length < 15);
});
