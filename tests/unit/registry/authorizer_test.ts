/** Whom a registry may name as who gives out its tokens. */

import { assertEquals, assertThrows } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import { Authorizer } from "../../../lib/registry/authorizer.ts";
import { Fields } from "../../../lib/registry/http/head.ts";
import type { Answer, Request } from "../../../lib/registry/http/message.ts";

function answer(url: string, status: number, fields: [string, string][], body = ""): Answer {
  return {
    url: new URL(url),
    status,
    fields: new Fields(fields),
    content: (async function* () {
      yield new TextEncoder().encode(body);
    })(),
    [Symbol.dispose]() {},
  };
}

/** Where a registry's token is asked for. */
async function askedAt(registry: string, realm: string, isInsecureAllowed = false) {
  const asked: Request[] = [];
  const authorizer = new Authorizer({
    registry: new URL(registry).host,
    credentials: () => Promise.resolve({ username: "me", password: "secret" }),
    send: (request) => {
      asked.push(request);
      return Promise.resolve(answer(request.url.href, 200, [], '{"token":"t"}'));
    },
    isInsecureAllowed,
  });
  authorizer.learn(
    answer(`${registry}/v2/`, 401, [["WWW-Authenticate", `Bearer realm="${realm}"`]]),
  );
  assertEquals(await authorizer.authorization({ scopes: [] }), "Bearer t");
  const { origin, pathname } = asked[0]!.url;
  return origin + pathname;
}

Deno.test("a registry that names itself without TLS, behind a proxy that has it, is asked with TLS", async () => {
  const registry = "https://registry.example";
  assertEquals(await askedAt(registry, `${registry}/token`), `${registry}/token`);
  for (const realm of ["http://registry.example/token", "http://registry.example:80/token"]) {
    assertEquals(await askedAt(registry, realm), `${registry}/token`);
  }
  const port = "https://registry.example:5000";
  assertEquals(await askedAt(port, "http://registry.example:5000/token"), `${port}/token`);
});

Deno.test("no password goes to another server without TLS", () => {
  for (
    const realm of [
      "http://other.example/token",
      "http://registry.example:5000/token",
      "http://registry.example.other/token",
    ]
  ) {
    assertThrows(
      () => {
        const authorizer = new Authorizer({
          registry: "registry.example",
          credentials: () => Promise.resolve(undefined),
          send: () => Promise.reject(new Error("nothing is to be sent")),
          isInsecureAllowed: false,
        });
        const challenge: [string, string] = ["WWW-Authenticate", `Bearer realm="${realm}"`];
        authorizer.learn(answer("https://registry.example/v2/", 401, [challenge]));
      },
      ContainerError,
      "it wants the password sent to ",
    );
  }
});
