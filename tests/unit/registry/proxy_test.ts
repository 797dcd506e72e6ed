import { assertEquals, assertThrows } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import { proxyFor } from "../../../lib/registry/http/proxy.ts";

function proxy(url: string, variables: Record<string, string>): string | undefined {
  const found = proxyFor(new URL(url), (name) => variables[name]);
  return found && `${found.hostname}:${found.port}`;
}

Deno.test("the proxy of the environment, by scheme", () => {
  const variables = { HTTPS_PROXY: "http://secure:1", HTTP_PROXY: "plain:2" };
  assertEquals(proxy("https://quay.io/", variables), "secure:1");
  assertEquals(proxy("http://quay.io/", variables), "plain:2");
  assertEquals(proxy("https://quay.io/", { https_proxy: "http://small/" }), "small:80");
  assertEquals(proxy("https://quay.io/", { HTTP_PROXY: "plain:2" }), undefined);
  assertEquals(proxy("https://quay.io/", { HTTPS_PROXY: "" }), undefined);
});

Deno.test("who is reached without one", () => {
  const variables = (NO_PROXY: string) => ({ HTTPS_PROXY: "http://p:1", NO_PROXY });
  const cases: [string, string, boolean][] = [
    ["quay.io", "quay.io", true],
    ["quay.io", "QUAY.IO", true],
    ["quay.io", "a.b, quay.io ,c", true],
    ["a.quay.io", "quay.io", true],
    ["a.quay.io", ".quay.io", true],
    ["a.quay.io", "*.quay.io", true],
    ["notquay.io", "quay.io", false],
    ["quay.io", "quay.io:443", true],
    ["quay.io", "quay.io:444", false],
    ["quay.io:444", "quay.io:444", true],
    ["quay.io", "*", true],
    ["quay.io", "", false],
    ["quay.io", ",,", false],
    ["localhost:5000", "", true],
    ["127.3.2.1", "", true],
    ["[::1]:5000", "", true],
    ["[2001:db8::1]", "[2001:db8::1]", true],
    ["[2001:db8::1]", "2001:DB8:0::1", true],
    ["[2001:db8::1]", "2001:db8::2", false],
    ["[2001:db8::1]", "2001:db8::/32", true],
    ["[2001:db9::1]", "a,2001:db8::/32", false],
    ["[2001:db8::1]", "10.0.0.0/8,::/0", true],
    ["128.0.0.1", "", false],
    ["10.1.2.3", "10.1.2.3", true],
    ["10.1.2.3", "10.1.2.3:443", true],
    ["10.1.2.3", "10.1.2.3:80", false],
    ["10.1.2.3", "10.0.0.0/8", true],
    ["10.1.2.3", "localhost, 10.1.0.0/16", true],
    ["10.2.2.3", "10.1.0.0/16", false],
    ["10.1.2.3", "0.0.0.0/0", true],
    ["10.1.2.3", "10.0.0.0/33", false],
    ["10.1.2.3", "10.0.0.0/", false],
    ["10.1.2.3", "::/0", false],
    ["10.example", "10.0.0.0/8", false],
  ];
  for (const [host, exceptions, isDirect] of cases) {
    const expected = isDirect ? undefined : "p:1";
    assertEquals(
      proxy(`https://${host}/`, variables(exceptions)),
      expected,
      `${host} ${exceptions}`,
    );
  }
});

Deno.test("the password of a proxy, and proxies of other kinds", () => {
  const found = proxyFor(
    new URL("https://x.y/"),
    (name) => name === "HTTPS_PROXY" ? "http://us%65r:p%40ss@host:3" : undefined,
  );
  assertEquals(found?.authorization, `Basic ${btoa("user:p@ss")}`);
  // Whoever does not write the percent sign of a password as %25 means it all the same.
  const percent = proxyFor(
    new URL("https://x.y/"),
    (name) => name === "HTTPS_PROXY" ? "http://user:100%@host:3" : undefined,
  );
  assertEquals(percent?.authorization, `Basic ${btoa("user:100%")}`);
  for (const text of ["socks5://p:1", "https://p:1", "http://", "http://[", "ftp://x"]) {
    const error = assertThrows(
      () => proxy("https://x.y/", { HTTPS_PROXY: text }),
      ContainerError,
      "use the proxy of HTTPS_PROXY: ",
    );
    assertEquals(error.code, "Unsupported");
  }
});
