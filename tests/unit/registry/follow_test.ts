import { assertEquals, assertRejects } from "@std/assert";
import { follow, mayVisit } from "../../../lib/registry/follow.ts";
import { ExchangeFault } from "../../../lib/registry/http/fault.ts";
import { Fields } from "../../../lib/registry/http/head.ts";
import type { Answer, Request } from "../../../lib/registry/http/message.ts";

/** Sends requests to places that lead elsewhere; gives what was sent, and where it ended. */
async function sent(
  places: Record<string, string>,
  first: string,
  options: { method?: Request["method"]; insecure?: boolean } = {},
) {
  const requests: Request[] = [];
  const send = (request: Request): Promise<Answer> => {
    requests.push(request);
    const location = places[request.url.href];
    return Promise.resolve({
      url: request.url,
      status: location === undefined ? 200 : 307,
      fields: new Fields(location === undefined ? [] : [["Location", location]]),
      content: (async function* () {})(),
      [Symbol.dispose]() {},
    });
  };
  const { method = "GET", insecure = false } = options;
  const fields = { Authorization: "secret", Range: "bytes=1-" };
  await follow(send, { method, url: new URL(first), fields }, insecure);
  return requests.map(({ url, fields }) => `${url.href} ${Object.keys(fields!).join()}`);
}

Deno.test("what proves who asks stays with the server that it is for", async () => {
  assertEquals(
    await sent(
      { "https://a/1": "/2", "https://a/2": "https://b/3", "https://b/3": "https://a/4" },
      "https://a/1",
    ),
    [
      "https://a/1 Authorization,Range",
      "https://a/2 Authorization,Range",
      "https://b/3 Range",
      // Once it was taken off, it is not put on again.
      "https://a/4 Range",
    ],
  );
  for (const other of ["https://a:444/x", "https://a.b/x", "https://a./x"]) {
    assertEquals((await sent({ "https://a/1": other }, "https://a/1"))[1], `${other} Range`);
  }
  assertEquals(
    (await sent({ "http://127.0.0.1/1": "https://127.0.0.1/x" }, "http://127.0.0.1/1"))[1],
    "https://127.0.0.1/x Range",
  );
});

Deno.test("what is not followed", async () => {
  const refused = (places: Record<string, string>, first: string, options = {}) =>
    assertRejects(() => sent(places, first, options), ExchangeFault);
  await refused({ "https://a/1": "http://a/2" }, "https://a/1");
  await refused({ "https://a/1": "http://127.0.0.1/2" }, "https://a/1", { insecure: true });
  await refused({ "https://a/1": "https://u:p@a/2" }, "https://a/1");
  await refused({ "https://a/1": "/1" }, "https://a/1");
  const allowed = await refused({ "http://127.0.0.1/1": "http://a/2" }, "http://127.0.0.1/1");
  assertEquals(allowed.hint, "Give -tls-verify=false if both may be spoken to without TLS");
  assertEquals((await refused({ "https://a/1": "http://a/2" }, "https://a/1")).hint, undefined);
  await refused({ "https://a/1": "https://b/2" }, "https://a/1", { method: "PUT" });
  assertEquals(
    (await sent({ "https://a/1": "https://a/2" }, "https://a/1", { method: "PUT" })).length,
    2,
  );
  assertEquals(
    (await sent({ "http://c/1": "http://a/2" }, "http://c/1", { insecure: true })).length,
    2,
  );
});

Deno.test("where a server may send its clients", () => {
  const may = (to: string, from: string, insecure = false) =>
    mayVisit(new URL(to), new URL(from), insecure);
  assertEquals(may("https://b/", "http://a/"), true);
  assertEquals(may("http://b/", "https://a/"), false);
  assertEquals(may("http://b/", "https://a/", true), false);
  assertEquals(may("http://localhost/", "http://127.0.0.1/"), true);
  assertEquals(may("http://b/", "http://a/"), false);
  assertEquals(may("http://b/", "http://a/", true), true);
  assertEquals(may("ftp://b/", "http://a/", true), false);
  assertEquals(may("file:///etc/shadow", "https://a/"), false);
});
