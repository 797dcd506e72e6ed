/** Row E10: a container that speaks for others in the network: routes, addresses of the host's loopback, raw packets (CVE-2020-13401). */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { exists } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

function sysctl(name: string): string | undefined {
  const path = `/proc/sys/net/${name}`;
  return exists(path) ? Deno.readTextFileSync(path).trim() : undefined;
}

Deno.test("neither host nor container takes routes from a neighbour, and loopback addresses stay inside", async () => {
  await attack(workspace, async () => {
    const script =
      "cd /proc/sys/net/ipv6/conf 2>/dev/null && cat eth0/disable_ipv6 default/accept_ra; " +
      "ip -6 addr show dev eth0; ip -6 route show dev eth0";
    const { stdout } = await workspace.run(["-rm", "alpine", "/bin/sh", "-c", script]);
    assertMatch(stdout, /^(1\n0\n)?$/);
    for (const setting of ["ipv6/conf/goContainers0/accept_ra"]) {
      assertEquals(sysctl(setting) ?? "0", "0", setting);
    }
    for (const setting of ["all", "goContainers0"]) {
      assertEquals(sysctl(`ipv4/conf/${setting}/route_localnet`) ?? "0", "0", setting);
    }
  });
});

Deno.test("what listens on the host's loopback is not reached from a container", async () => {
  await attack(workspace, async ({ secret }) => {
    using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const answering = (async () => {
      for await (const connection of server) {
        await connection.write(new TextEncoder().encode(secret)).catch(() => {});
        connection.close();
      }
    })();
    const { port } = server.addr as Deno.NetAddr;
    const script =
      `for a in 127.0.0.1 10.10.10.1 127.0.0.2; do timeout 2 nc $a ${port} </dev/null; done; ` +
      `ip route add 127.0.0.0/8 via 10.10.10.1; timeout 2 nc 127.0.0.1 ${port} </dev/null; true`;
    const { stdout } = await workspace.run(["-rm", "alpine", "/bin/sh", "-c", script]);
    server.close();
    await answering;
    assert(!stdout.includes(secret), stdout);
  });
});

Deno.test("raw packets take a capability that can be taken away", async () => {
  await attack(workspace, async () => {
    const script = "ping -c 1 -W 1 10.10.10.1 2>&1; true";
    const { stdout } = await workspace.run([
      ...["-rm", "-cap-drop", "NET_RAW", "alpine", "/bin/sh", "-c", script],
    ]);
    assertMatch(stdout, /permission denied|not permitted/i);
  });
});
