/** Row C9: a registry is spoken to without TLS though nobody said so (CVE-2014-5277). */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { withEtc } from "../integration/registry/etc.ts";
import { layerOf, PullTrial } from "../integration/registry/pulling.ts";
import { say, ScriptedServer } from "../integration/registry/scripted_server.ts";
import { TestRegistry } from "../integration/registry/test_registry.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

/** This machine, by a name that does not say so. */
function elsewhere(): string[] {
  return withEtc(workspace.folder, {
    hosts: "127.0.0.1 localhost\n127.0.0.1 registry.example docker.io registry-1.docker.io\n",
    "nsswitch.conf": "hosts: files\n",
  });
}

Deno.test("whatever becomes of the try with TLS, nothing is said without it", async () => {
  await attack(workspace, async () => {
    const heard: string[] = [];
    // It refuses TLS in many ways, and would speak HTTP.
    const ways: ((conn: Deno.TcpConn) => Promise<void> | void)[] = [
      (conn) => say(conn, "HTTP/1.0 400 Bad Request\r\n\r\n"),
      (conn) => conn.close(),
      (conn) => say(conn, "\x15\x03\x03\x00\x02\x02\x28"),
      (conn) => say(conn, "SSH-2.0-x\r\n"),
    ];
    for (const refuse of ways) {
      using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const serving = (async () => {
        for await (const conn of listener) {
          const buffer = new Uint8Array(4096);
          const count = await conn.read(buffer) ?? 0;
          if (buffer[0] !== 0x16) heard.push(new TextDecoder().decode(buffer.subarray(0, count)));
          try {
            await refuse(conn);
            conn.close();
          } catch {
            // It is closed already.
          }
        }
      })().catch(() => {});
      const name = `registry.example:${(listener.addr as Deno.NetAddr).port}/image:1`;
      const pull = ["pull", "-creds", "me:secret", name];
      const login = ["login", "-u", "me", "-password-stdin", name.replace("/image:1", "")];
      for (const args of [pull, login]) {
        const { code, stdout } = await workspace.run(args, {
          through: elsewhere(),
          stdin: args === login ? "secret" : "",
        });
        assertEquals([code, stdout], [125, ""]);
      }
      listener.close();
      await serving;
    }
    assertEquals(heard, []);
  });
});

Deno.test("a name without a host, and a port without TLS, is not tried without it", async () => {
  await attack(workspace, async () => {
    await using server = new ScriptedServer((_head, conn) => say(conn, "HTTP/1.1 200 OK\r\n\r\n"));
    using trial = new PullTrial();
    for (const name of ["image:1", "docker.io/image:1", "registry.example/image:1"]) {
      const args = ["pull", "-i", trial.images, name];
      const { code, stderr } = await workspace.run(args, { through: elsewhere() });
      assertEquals(code, 125);
      assertMatch(stderr, /port 443: nobody listens there/);
    }
    assertEquals(server.requests, []);
  });
});

Deno.test("localhost, which may do without TLS, is this machine, whatever a file says", async () => {
  await attack(workspace, async () => {
    await using registry = new TestRegistry();
    registry.addImage("1", [layerOf("a", 5000)]);
    using trial = new PullTrial();
    const name = `${registry.host.replace("127.0.0.1", "localhost")}/image:1`;
    const { code, stderr } = await workspace.run(["pull", "-i", trial.images, name], {
      through: withEtc(workspace.folder, {
        hosts: "192.0.2.1 localhost\n",
        "nsswitch.conf": "hosts: files\n",
      }),
    });
    assertEquals(code, 0, stderr);
    assertEquals(registry.asked.filter((one) => one.endsWith(" /v2/")).length, 1);
  });
});

Deno.test("a registry with TLS sends nobody to where there is none", async () => {
  await attack(workspace, async () => {
    await using registry = new TestRegistry();
    const { layers } = registry.addImage("1", [layerOf("a", 5000)]);
    registry.hook = ({ path }) =>
      path.endsWith(layers[0]!.digest)
        ? { status: 307, fields: { Location: "http://registry.example/x" } }
        : undefined;
    using trial = new PullTrial();
    const { code, stderr } = await workspace.run(
      ["pull", "-i", trial.images, `${registry.host}/image:1`],
      { through: elsewhere() },
    );
    assertEquals(code, 125);
    assertMatch(stderr, /it leads to http:\/\/registry\.example, which is refused/);
    assert(registry.log.every(({ path }) => path !== "/x"));
  });
});
