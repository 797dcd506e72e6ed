import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { HttpClient } from "../../../lib/registry/http/client.ts";
import { ExchangeFault, type FaultKind } from "../../../lib/registry/http/fault.ts";
import { framingOf, parseHead } from "../../../lib/registry/http/head.ts";
import { contentFrom, contentOfAtMost } from "../../../lib/registry/http/message.ts";
import { DEFAULT_LIMITS, type Limits } from "../../../lib/registry/http/patience.ts";
import {
  answer,
  say,
  type Script,
  ScriptedServer,
} from "../../integration/registry/scripted_server.ts";

function client(limits: Partial<Limits> = {}): HttpClient {
  return new HttpClient(() => ({ authorities: [], verify: true }), {
    ...DEFAULT_LIMITS,
    ...limits,
  });
}

async function textOf(url: URL, http: HttpClient, limit = 1 << 20): Promise<string> {
  using got = await http.send({ method: "GET", url });
  return new TextDecoder().decode(await contentOfAtMost(limit, got));
}

/** What a client makes of a server that says one thing. */
async function heard(text: string, after: "close" | "stay" = "close"): Promise<string> {
  await using server = new ScriptedServer(async (_request, conn) => {
    await say(conn, text);
    if (after === "close") conn.close();
  });
  using http = client();
  return await textOf(server.url, http);
}

async function assertFault(kind: FaultKind, script: Script, limits: Partial<Limits> = {}) {
  await using server = new ScriptedServer(script);
  using http = client(limits);
  const fault = await assertRejects(() => textOf(server.url, http), ExchangeFault);
  assertEquals(fault.kind, kind, fault.message);
  return fault.message;
}

Deno.test("content of each framing", async () => {
  assertEquals(await heard(answer(200, [], "hello"), "stay"), "hello");
  assertEquals(await heard("HTTP/1.1 200 OK\r\n\r\nup to the end"), "up to the end");
  assertEquals(await heard("HTTP/1.0 200\r\nContent-Length: 2\r\n\r\nok"), "ok");
  assertEquals(
    await heard(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
        "5;ext=1\r\nhello\r\n00006 \r\n world\r\n0\r\nTrailer: x\r\n\r\n",
      "stay",
    ),
    "hello world",
  );
  assertEquals(
    await heard(`HTTP/1.1 100 Continue\r\n\r\n${answer(200, [], "after interim")}`, "stay"),
    "after interim",
  );
  const long = "x".repeat(300_000);
  assertEquals(await heard(answer(200, [], long), "stay"), long);
});

Deno.test("answers to HEAD have no content, whatever length they tell", async () => {
  await using server = new ScriptedServer((request, conn) =>
    say(
      conn,
      request.startsWith("HEAD")
        ? "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
        : answer(200, [], "next"),
    )
  );
  using http = client();
  using head = await http.send({ method: "HEAD", url: server.url });
  assertEquals(head.fields.get("content-LENGTH"), "500");
  assertEquals((await contentOfAtMost(0, head)).length, 0);
  assertEquals(await textOf(server.url, http), "next");
  assertEquals(server.connections, 1);
});

Deno.test("connections are used again, unless the server or the client ended too early", async () => {
  await using server = new ScriptedServer(async (request, conn) => {
    const close = request.includes("/close") ? ["Connection: close"] : [];
    await say(conn, answer(200, close, "abc"));
    if (request.includes("/silent-close")) conn.close();
  });
  using http = client();
  const at = (path: string) => new URL(path, server.url);
  for (const path of ["/1", "/2", "/3"]) await textOf(at(path), http);
  assertEquals(server.connections, 1);
  await textOf(at("/close"), http);
  await textOf(at("/4"), http);
  assertEquals(server.connections, 2);
  // The server ends it after its answer without having said so: the next request comes through.
  await textOf(at("/silent-close"), http);
  assertEquals(await textOf(at("/5"), http), "abc");
  assertEquals(server.connections, 3);
  // Content that was not read is in the way of the next answer.
  (await http.send({ method: "GET", url: at("/6") }))[Symbol.dispose]();
  await textOf(at("/7"), http);
  assertEquals(server.connections, 4);
});

Deno.test("what is sent: method, path, length and content", async () => {
  let body = "";
  await using server = new ScriptedServer(async (_request, conn, read) => {
    body = await read(11);
    await say(conn, answer(201, []));
  });
  using http = client();
  using got = await http.send({
    method: "PUT",
    url: new URL("/a%20b?c=d&e", server.url),
    fields: { "X-Y": "z" },
    content: contentFrom(new TextEncoder().encode("hello world")),
  });
  assertEquals([got.status, body], [201, "hello world"]);
  const [line, ...fields] = server.requests[0]!.trim().split("\r\n");
  assertEquals(line, "PUT /a%20b?c=d&e HTTP/1.1");
  assert(fields.includes(`Host: ${server.url.host}`));
  assert(fields.includes("Content-Length: 11"));
  assert(fields.includes("Accept-Encoding: identity"));
  assert(fields.includes("X-Y: z"));
});

Deno.test("a value of several lines is not sent", async () => {
  await using server = new ScriptedServer((_request, conn) => say(conn, answer(200, [])));
  using http = client();
  await assertRejects(
    () => http.send({ method: "GET", url: server.url, fields: { "X-Y": "a\r\nEvil: yes" } }),
    TypeError,
  );
  assertEquals(server.requests, []);
});

Deno.test("a server that answers and hangs up before it has read all is heard", async () => {
  await using server = new ScriptedServer(async (_request, conn) => {
    await say(conn, answer(413, [], "too large"));
    conn.closeWrite();
    await new Promise((resolve) => setTimeout(resolve, 100));
    conn.close();
  });
  using http = client();
  const piece = new Uint8Array(1 << 20);
  using got = await http.send({
    method: "PATCH",
    url: server.url,
    content: { length: 256 * piece.length, pieces: () => Array.from({ length: 256 }, () => piece) },
  });
  assertEquals(got.status, 413);
  assertEquals(new TextDecoder().decode(await contentOfAtMost(99, got)), "too large");
});

Deno.test("content that cannot be read on this side is told as it is, and at once", async () => {
  await using server = new ScriptedServer(() => {});
  using http = client();
  const content = {
    length: 10,
    *pieces() {
      yield new Uint8Array(5);
      throw new RangeError("the disk is broken");
    },
  };
  await assertRejects(
    () => http.send({ method: "PUT", url: server.url, content }),
    RangeError,
    "the disk is broken",
  );
  await assertRejects(
    () => http.send({ method: "PUT", url: server.url, content: { ...content, pieces: () => [] } }),
    Error,
    "not as long as was said",
  );
});

Deno.test("what is not HTTP, or may be read in two ways, is refused", async () => {
  const ok = "HTTP/1.1 200 OK\r\n";
  const malformed = [
    "SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n\r\n",
    "HTTP/2 200\r\n\r\n",
    "HTTP/1.1 20 OK\r\n\r\n",
    "HTTP/1.1 200 OK\n\r\n\r\n\r\n",
    `${ok}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
    `${ok}Content-Length: -1\r\n\r\n`,
    `${ok}Content-Length: 1e3\r\n\r\n`,
    `${ok}Content-Length: 99999999999999999999\r\n\r\n`,
    `${ok}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    `${ok}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`,
    `${ok}Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n`,
    `${ok}Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n`,
    `${ok}Folded: a\r\n b\r\nContent-Length: 0\r\n\r\n`,
    `${ok}Name : value\r\nContent-Length: 0\r\n\r\n`,
    `${ok}Control: a\x00b\r\nContent-Length: 0\r\n\r\n`,
    `${ok}Control: a\rb\r\nContent-Length: 0\r\n\r\n`,
    `${ok}X: ${"a".repeat(70_000)}\r\n\r\n`,
    `${ok}${"X: y\r\n".repeat(300)}\r\n`,
    "HTTP/1.1 100 Continue\r\n\r\n".repeat(20),
    "HTTP/1.1 101 Switching Protocols\r\n\r\n",
  ];
  for (const text of malformed) {
    const fault = await assertRejects(() => heard(text), ExchangeFault, undefined, text);
    assertEquals(fault.kind, "malformed", `${text}: ${fault.message}`);
  }
});

Deno.test("an answer that ends early is broken, not short", async () => {
  const ok = "HTTP/1.1 200 OK\r\n";
  for (
    const text of [
      "",
      "HTTP/1.1 2",
      `${ok}Content-Le`,
      `${ok}Content-Length: 10\r\n\r\nhello`,
      `${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhel`,
      `${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
    ]
  ) {
    const fault = await assertRejects(() => heard(text), ExchangeFault, undefined, text);
    assertEquals([fault.kind, fault.message], ["broken", "the connection ended early"]);
  }
});

Deno.test("content beyond the limit is not taken", async () => {
  const fault = await assertRejects(async () => {
    await using server = new ScriptedServer((_request, conn) =>
      say(conn, answer(200, [], "x".repeat(1000)))
    );
    using http = client();
    await textOf(server.url, http, 999);
  }, ExchangeFault);
  assertEquals(fault.message, "the answer is longer than 999 bytes");
});

Deno.test("a server that says nothing is not waited for", async () => {
  const silent = await assertFault("broken", () => {}, { silence: 100 });
  assert(/^the server did nothing for \d+ s$/.test(silent), silent);
  await assertFault("broken", (_, conn) => say(conn, "HTTP/1.1 200 OK\r\nConte"), { silence: 100 });
  await assertFault(
    "broken",
    (_, conn) => say(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"),
    { silence: 100 },
  );
});

Deno.test("a server that hangs up when it is spoken to with TLS has none", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const conn of listener) {
      await conn.read(new Uint8Array(65536));
      conn.close();
    }
  })();
  using http = client();
  const url = new URL(`https://localhost:${listener.addr.port}/`);
  const fault = await assertRejects(() => textOf(url, http), ExchangeFault);
  assertEquals([fault.kind, fault.message], [
    "not-tls",
    `connect to ${url.host} with TLS: it does not speak TLS`,
  ]);
  listener.close();
  await serving;
});

Deno.test("a server that never comes to TLS is not waited for, whatever its certificate may be", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const silent: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const conn of listener) silent.push(conn);
  })();
  const url = new URL(`https://127.0.0.1:${listener.addr.port}/`);
  for (const verify of [true, false]) {
    using http = new HttpClient(() => ({ authorities: [], verify }), {
      ...DEFAULT_LIMITS,
      connect: 300,
    });
    const fault = await assertRejects(() => textOf(url, http), ExchangeFault);
    assertEquals(fault.kind, "broken");
    assertMatch(fault.message, /^connect to 127\.0\.0\.1:\d+ with TLS: no answer for 0 s$/);
  }
  assertEquals(silent.length, 2);
  for (const conn of silent) conn.close();
  listener.close();
  await accepting;
});

Deno.test("a server that sends a byte now and then is not waited for either", async () => {
  const drip: Script = async (_request, conn) => {
    await say(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    while (true) {
      await say(conn, "x");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const limits = { silence: 10_000, window: 300, least: 1000 };
  assertEquals(await assertFault("broken", drip, limits), "the server is too slow");
  const head: Script = async (_request, conn) => {
    for (const character of `HTTP/1.1 200 OK\r\nX: ${"y".repeat(1000)}`) {
      await say(conn, character);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  assertEquals(await assertFault("broken", head, limits), "the server is too slow");
});

Deno.test("who is slow to take what came is not taken for a slow server", async () => {
  await using server = new ScriptedServer((_request, conn) =>
    say(conn, answer(200, [], "x".repeat(3_000_000)))
  );
  using http = client({ silence: 1000, window: 1500, least: 1 << 20 });
  using got = await http.send({ method: "GET", url: server.url });
  let length = 0;
  for await (const piece of got.content) {
    if (length === 0) await new Promise((resolve) => setTimeout(resolve, 2000));
    length += piece.length;
  }
  assertEquals(length, 3_000_000);
});

Deno.test("a long upload is not taken for a silent server, one that is not read is", async () => {
  await using slow = new ScriptedServer(async (_request, conn, read) => {
    for (let left = 40 << 20; left > 0; left -= 1 << 20) {
      await read(1 << 20);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await say(conn, answer(201, []));
  });
  const piece = new Uint8Array(1 << 20);
  const content = { length: 40 << 20, pieces: () => Array.from({ length: 40 }, () => piece) };
  using http = client({ silence: 1500 });
  using got = await http.send({ method: "PUT", url: slow.url, content });
  assertEquals(got.status, 201);

  const hearing = Promise.withResolvers<void>();
  await using deaf = new ScriptedServer(() => hearing.promise);
  const asked = http.send({ method: "PUT", url: deaf.url, content });
  const fault = await assertRejects(() => asked, ExchangeFault);
  hearing.resolve();
  assertMatch(fault.message, /^the server did nothing for \d s$/);
});

Deno.test("nobody listens", async () => {
  const server = new ScriptedServer(() => {});
  const { url, port } = server;
  await server[Symbol.asyncDispose]();
  using http = client();
  const refused = await assertRejects(() => textOf(url, http), ExchangeFault);
  assertEquals(refused.kind, "unreachable");
  assertEquals(refused.message, `connect to 127.0.0.1, port ${port}: nobody listens there`);
});

Deno.test("a head is read in the time that its length takes, whatever is in it", () => {
  const head = (field: string) =>
    parseHead(new TextEncoder().encode(`HTTP/1.1 200 OK\r\n${field}\r\nX: \t y z \t`));
  const spaces = " ".repeat(60_000);
  const start = performance.now();
  const { fields } = head(`Long: a${spaces}b`);
  assertEquals([fields.get("long"), fields.get("x")], [`a${spaces}b`, "y z"]);
  const lengths = head(`Content-Length: 5 ,5,\t5${spaces}`);
  assertEquals(framingOf(lengths, "GET"), { kind: "length", length: 5 });
  assertThrows(() => framingOf(head(`Content-Length: 5${spaces}5`), "GET"), ExchangeFault);
  // One that looks at each space again takes ten times as long.
  assert(performance.now() - start < 500);
});
