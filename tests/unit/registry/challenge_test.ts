import { assertEquals } from "@std/assert";
import { parseChallenges } from "../../../lib/registry/challenge.ts";

function read(...fields: string[]) {
  return parseChallenges(fields).map(({ scheme, parameters }) => [scheme, { ...parameters }]);
}

Deno.test("challenges as registries send them", () => {
  assertEquals(
    read(
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull"',
    ),
    [["bearer", {
      realm: "https://auth.docker.io/token",
      service: "registry.docker.io",
      scope: "repository:library/nginx:pull",
    }]],
  );
  assertEquals(read('Basic realm="Registry Realm"'), [["basic", { realm: "Registry Realm" }]]);
  assertEquals(read("basic REALM=x"), [["basic", { realm: "x" }]]);
  assertEquals(
    read('Bearer realm="https://a/t", scope="repository:a:pull repository:b:push,pull"'),
    [["bearer", { realm: "https://a/t", scope: "repository:a:pull repository:b:push,pull" }]],
  );
});

Deno.test("several challenges, in one field or several", () => {
  const both = [["bearer", { realm: "r", service: "s" }], ["basic", { realm: "b" }]];
  assertEquals(read('Bearer realm="r",service="s", Basic realm="b"'), both);
  assertEquals(read('Bearer realm="r" , service=s,, ,Basic realm=b'), both);
  assertEquals(read('Bearer realm="r",service="s"', 'Basic realm="b"'), both);
  assertEquals(read('Negotiate, Bearer realm="r"'), [["negotiate", {}], ["bearer", {
    realm: "r",
  }]]);
  assertEquals(read('Negotiate YWJj==, Basic realm="b"'), [
    ["negotiate", {}],
    ["basic", { realm: "b" }],
  ]);
  assertEquals(read('NTLM YWJj, Basic realm="b"'), [["ntlm", {}], ["basic", { realm: "b" }]]);
});

Deno.test("quoted values keep commas, equals signs and escaped quotes", () => {
  assertEquals(read(String.raw`Bearer realm="a, b=\"c\" \\ d", service="e"`), [
    ["bearer", { realm: String.raw`a, b="c" \ d`, service: "e" }],
  ]);
});

Deno.test("what cannot be read does no harm", () => {
  assertEquals(read(), []);
  assertEquals(read(""), []);
  assertEquals(read(",,, ,"), []);
  assertEquals(read("="), []);
  assertEquals(read("Bearer"), [["bearer", {}]]);
  assertEquals(read("Bearer realm="), [["bearer", {}]]);
  assertEquals(read('Bearer realm="never closed'), [["bearer", {}]]);
  assertEquals(read("Bearer realm=a, =b"), [["bearer", { realm: "a" }]]);
  assertEquals(read('Bearer realm="a", realm="b"'), [["bearer", { realm: "a" }]]);
  assertEquals(read('Bearer __proto__="a", realm="b"').length, 1);
  assertEquals(read("x".repeat(20_000)), []);
  assertEquals(read(`Bearer ${'a="b",'.repeat(2000)}`)[0]![0], "bearer");
  for (let seed = 1, round = 0; round < 2000; round++) {
    let text = "Bearer ";
    for (let i = 0; i < 12; i++) {
      seed = (seed * 48271) % 2147483647;
      text += ["a", "=", '"', ",", " ", "\\", "Basic", "realm", "==", "\t", "é", ";"][seed % 12];
    }
    parseChallenges([text]);
  }
});
