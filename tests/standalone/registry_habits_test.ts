/** What registries do that docker-registry does not: those of GitHub, Google, Amazon, and proxies before others. */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ContainerError } from "../../lib/errors.ts";
import { OCI_MANIFEST } from "../../lib/image/media_type.ts";
import { listTags } from "../../lib/registry/lists.ts";
import { RegistrySession } from "../../lib/registry/session.ts";
import { layerOf, LIMITS, PERSISTENCE, PullTrial } from "../integration/registry/pulling.ts";
import {
  type Asked,
  cutAfter,
  failure,
  type Hook,
  TestRegistry,
} from "../integration/registry/test_registry.ts";

/** A registry that wants tokens, of a server of its own. */
function withTokens(
  registry: TestRegistry,
  options: { scopeOf: (asked: Asked) => string | undefined; tokens: Hook },
): Hook {
  return (asked) => {
    if (asked.path.startsWith("/token")) return options.tokens(asked);
    if (asked.fields.has("authorization")) return undefined;
    const scope = options.scopeOf(asked);
    const challenge = `Bearer realm="http://${registry.host}/token",service="tests"` +
      (scope === undefined ? "" : `,scope="${scope}"`);
    return { status: 401, fields: { "WWW-Authenticate": challenge }, body: "" };
  };
}

/** The scopes of a request for a token. */
function scopesOf({ path }: Asked): string[] {
  return new URL(path, "http://x").searchParams.getAll("scope");
}

const TOKEN = { status: 200, body: '{"token":"t"}' };

Deno.test("a token is for what is asked for alone, whatever the first challenge names (ghcr.io)", async () => {
  await using registry = new TestRegistry();
  using trial = new PullTrial();
  const { manifest } = registry.addImage("1", [layerOf("a", 1000)]);
  registry.hook = withTokens(registry, {
    scopeOf: ({ path }) => path === "/v2/" ? "repository:user/image:pull" : "repository:image:pull",
    tokens: (asked) =>
      scopesOf(asked).join() === "repository:image:pull" ? TOKEN : failure(403, "DENIED"),
  });
  assertEquals(await trial.pull(`${registry.host}/image:1`), manifest.digest);
  assertEquals(registry.log.filter(({ path }) => path.startsWith("/token")).length, 1);
});

Deno.test("what a registry wants besides is asked for where it says so of the request itself", async () => {
  await using registry = new TestRegistry();
  using trial = new PullTrial();
  registry.addImage("1", [layerOf("a", 1000)]);
  const asked: string[] = [];
  const hook = withTokens(registry, {
    scopeOf: () => "*",
    tokens: (one) => {
      asked.push(scopesOf(one).join());
      return { status: 200, body: `{"token":"for-${scopesOf(one).length}"}` };
    },
  });
  registry.hook = (one) =>
    hook(one.fields.get("authorization") === "Bearer for-1" ? { ...one, fields: new Map() } : one);
  await trial.pull(`${registry.host}/image:1`);
  assertEquals(asked, ["repository:image:pull", "repository:image:pull,*"]);
});

Deno.test("who has said who he is, and may not, is told of rights, not of a login", async () => {
  await using registry = new TestRegistry();
  using trial = new PullTrial();
  const name = `${registry.host}/image:1`;
  const me = { username: "me", password: "secret" };
  const fail = async (options: { credentials?: typeof me } = {}) => {
    const error = await assertRejects(() => trial.pull(name, options), ContainerError);
    assertEquals(error.code, "NotAllowed");
    return [error.message, error.hint];
  };
  const login = `gocontainer login ${registry.host}`;
  const nobody = `There may be no such repository, or it takes a login: ${login}`;
  const somebody =
    `There may be no such repository, or "me" has no right to it: ${login} takes another user`;
  // ghcr.io gives no token for what there is not, docker.io one that is good for nothing.
  registry.hook = withTokens(registry, {
    scopeOf: () => undefined,
    tokens: () => failure(403, "DENIED", "denied"),
  });
  const message = `use the registry "${registry.host}": it gives no token for ` +
    `"repository:image:pull": "denied"`;
  assertEquals(await fail(), [message, nobody]);
  assertEquals(await fail({ credentials: me }), [message, somebody]);
  registry.hook = withTokens(registry, { scopeOf: () => undefined, tokens: () => TOKEN });
  const hook = registry.hook;
  registry.hook = (asked) =>
    hook(asked.path.startsWith("/token") ? asked : { ...asked, fields: new Map() });
  assertEquals(await fail(), [`pull "${name}": the registry wants to know who asks`, nobody]);
  assertEquals(await fail({ credentials: me }), [
    `pull "${name}": the registry does not allow it`,
    somebody,
  ]);
});

Deno.test("a server of tokens that is busy is asked again, as registries are", async () => {
  await using registry = new TestRegistry();
  using trial = new PullTrial();
  registry.addImage("1", [layerOf("a", 1000)]);
  const busy = [failure(503, "UNAVAILABLE"), failure(429, "TOOMANYREQUESTS")];
  registry.hook = withTokens(registry, {
    scopeOf: () => undefined,
    tokens: () => busy.shift() ?? TOKEN,
  });
  await trial.pull(`${registry.host}/image:1`);
  registry.hook = withTokens(registry, {
    scopeOf: () => undefined,
    tokens: () => failure(503, "UNAVAILABLE", "later"),
  });
  const error = await assertRejects(
    () => trial.pull(`${registry.host}/image:2`),
    ContainerError,
  );
  assertMatch(
    error.message,
    /^get a token of ".*": the registry answered with status 503: "later"$/,
  );
});

Deno.test("a pause of some seconds is told of, once for all who wait", async () => {
  await using registry = new TestRegistry();
  using trial = new PullTrial();
  registry.addImage("1", [layerOf("a", 1000), layerOf("b", 1000, 2)]);
  registry.hook = ({ path, before }) =>
    path.includes("/blobs/") && before === 0
      ? { status: 429, fields: { "Retry-After": "3" } }
      : undefined;
  await trial.pull(`${registry.host}/image:1`);
  const told = `the registry ${registry.host} is busy, or out of reach: the next try is in 3 s`;
  // The config comes first, alone, and then both layers at a time.
  assertEquals(trial.warnings, [told, told]);
});

Deno.test("a store of blobs that refuses is told by its own name: the registry has nothing against us", async () => {
  await using registry = new TestRegistry();
  await using store = new TestRegistry();
  using trial = new PullTrial();
  registry.addImage("1", [layerOf("a", 1000)]);
  registry.hook = ({ path }) =>
    path.includes("/blobs/")
      ? { status: 307, fields: { Location: `http://${store.host}/signed` } }
      : undefined;
  store.hook = () => ({ status: 403, fields: { "Content-Type": "text/html" }, body: "<p>blocked" });
  const error = await assertRejects(() => trial.pull(`${registry.host}/image:1`), ContainerError);
  assertEquals(
    error.message,
    `pull "${registry.host}/image:1": ${store.host}, to which the registry leads, answered with status 403`,
  );
  assertMatch(error.hint!, /^A firewall or proxy may /);
});

Deno.test("a part of a blob that is told without the unit, as Nexus did, is gone on with", async () => {
  await using registry = new TestRegistry();
  using trial = new PullTrial();
  const { layers: [layer] } = registry.addImage("1", [layerOf("a", 300_000)]);
  const bytes = registry.bytesOf(layer!.digest);
  const ranges: (string | undefined)[] = [];
  registry.hook = ({ path, fields, before }) => {
    if (!path.endsWith(layer!.digest)) return undefined;
    ranges.push(fields.get("range"));
    if (before === 0) return cutAfter(100_000, bytes);
    const last = bytes.length - 1;
    return {
      status: 206,
      fields: { "Content-Range": `100000-${last}/${bytes.length}` },
      body: bytes.subarray(100_000),
    };
  };
  await trial.pull(`${registry.host}/image:1`);
  assertEquals(ranges, [undefined, `bytes=100000-${bytes.length - 1}`]);
});

Deno.test("pages are followed by the link that leads on, in whatever form and among others", async () => {
  await using registry = new TestRegistry();
  const path = "/v2/image/tags/list";
  const pages: Record<string, { tags: string[] | null; link?: string }> = {
    "n=1000": {
      tags: ["a", "b"],
      link:
        `<${path}?first>; rel="first", <../tags/list?at=2>; title="a, b; rel=x"; rel="last next"`,
    },
    // Tags that are not for everybody are left out.
    "at=2": { tags: null, link: `<http://${registry.host}${path}?at=3>;rel=next` },
    "at=3": { tags: ["c"], link: `<${path}?at=2>; rel="prev"` },
    "endless": { tags: [], link: `<${path}?endless>; rel="next"` },
  };
  registry.hook = ({ path: asked }) => {
    const page = pages[asked.split("?")[1] ?? ""];
    if (page === undefined) return undefined;
    const fields = page.link === undefined ? undefined : { Link: page.link };
    return { status: 200, fields, body: JSON.stringify({ name: "image", tags: page.tags }) };
  };
  const tags = async () => {
    using session = new RegistrySession(registry.host, {
      limits: LIMITS,
      persistence: PERSISTENCE,
    });
    return await Array.fromAsync(listTags(session, { action: "list", repository: "image" }));
  };
  assertEquals(await tags(), ["a", "b", "c"]);
  pages["n=1000"] = { tags: ["a"], link: `<${path}?endless>; rel="next"` };
  assertEquals(await tags(), ["a"]);
});

Deno.test("a page for people is told as such (login pages of networks, wrong ports)", async () => {
  await using registry = new TestRegistry();
  using trial = new PullTrial();
  registry.hook = () => ({
    status: 200,
    fields: { "Content-Type": "text/html; charset=utf-8" },
    body: "<html>",
  });
  const error = await assertRejects(
    () => trial.pull(`${registry.host}/image:1`),
    ContainerError,
  );
  assertEquals(
    error.message,
    `pull "${registry.host}/image:1": what answers is a page for people, not a registry`,
  );
});

Deno.test("a media type in capital letters, with parameters; an encoding that is none", async () => {
  await using registry = new TestRegistry();
  using trial = new PullTrial();
  const { manifest } = registry.addImage("1", [layerOf("a", 1000)]);
  registry.hook = ({ path, method }) => {
    const name = path.split("/").at(-1)!;
    if (method !== "GET" || path === "/v2/") return undefined;
    const fields: Record<string, string> = path.includes("/manifests/")
      ? { "Content-Type": `${OCI_MANIFEST.toUpperCase()}; charset=utf-8` }
      : { "Content-Encoding": "aws-chunked" };
    return { status: 200, fields, body: registry.bytesOf(name) };
  };
  assertEquals(await trial.pull(`${registry.host}/image:1`), manifest.digest);
});
