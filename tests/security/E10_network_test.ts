/** Row E10: a container that speaks for others in the network: routes, addresses of the host's loopback, raw packets (CVE-2020-13401). */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { compile, HAS_COMPILER } from "../integration/support/program.ts";
import { exists } from "../integration/support/project.ts";
import { until } from "../integration/support/wait.ts";
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
    const script = "arping -c 1 -w 1 -I eth0 10.10.10.1 2>&1; true";
    const { stdout } = await workspace.run([
      ...["-rm", "-cap-drop", "NET_RAW", "alpine", "/bin/sh", "-c", script],
    ]);
    assertMatch(stdout, /permission denied|not permitted/i);
  });
});

/**
 * `listen SECONDS` tells what comes to the bridge, by the marks that `send` puts into its packets: one for each
 * way to speak for somebody else, and first and last one that does not.
 */
const FRAMES = `
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static unsigned char own[6] = { 2, 0x67, 10, 10, 10, 77 }, gateway[6] = { 2, 0x67, 10, 10, 10, 1 };
static unsigned char self[4] = { 10, 10, 10, 77 }, other[4] = { 10, 10, 10, 1 }, none[4];
static unsigned char everybody[4] = { 255, 255, 255, 255 }, loopback[4] = { 127, 3, 2, 1 };

static int on(const char *name) {
  int fd = socket(AF_PACKET, SOCK_RAW, htons(3));
  struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(3), .sll_ifindex = if_nametoindex(name) };
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at)) { perror(name); exit(1); }
  return fd;
}

static void frame(int fd, const char *mark, unsigned char *mac, int type, unsigned char *body, int length) {
  unsigned char bytes[200] = { 255, 255, 255, 255, 255, 255 };
  memcpy(bytes + 6, mac, 6);
  bytes[12] = type >> 8;
  bytes[13] = type;
  memcpy(bytes + 14, body, length);
  snprintf((char *)bytes + 14 + length, 40, "MARK %s.", mark);
  if (write(fd, bytes, 14 + length + 40) < 0) perror("write");
}

static void ip_to(int fd, const char *mark, unsigned char *mac, unsigned char *address, unsigned char *to) {
  unsigned char head[20] = { 0x45, 0, 0, 60, 0, 0, 0, 0, 1, 17 };
  memcpy(head + 12, address, 4);
  memcpy(head + 16, to, 4);
  unsigned sum = 0;
  for (int i = 0; i < 20; i += 2) sum += head[i] << 8 | head[i + 1];
  sum = ~(sum + (sum >> 16));
  head[10] = sum >> 8;
  head[11] = sum;
  frame(fd, mark, mac, 0x0800, head, 20);
}

static void ip(int fd, const char *mark, unsigned char *mac, unsigned char *address) {
  ip_to(fd, mark, mac, address, everybody);
}

static void arp(int fd, const char *mark, unsigned char *mac, unsigned char *sender, unsigned char *address) {
  unsigned char body[28] = { 0, 1, 8, 0, 6, 4, 0, 2 };
  memcpy(body + 8, sender, 6);
  memcpy(body + 14, address, 4);
  frame(fd, mark, mac, 0x0806, body, 28);
}

int main(int argc, char **argv) {
  setvbuf(stdout, 0, _IOLBF, 0);
  if (!strcmp(argv[1], "listen")) {
    struct pollfd there = { on("goContainers0"), POLLIN, 0 };
    unsigned char bytes[2048];
    puts("listening");
    while (poll(&there, 1, atoi(argv[2]) * 1000) > 0) {
      int n = read(there.fd, bytes, sizeof bytes);
      for (int i = 0; i + 5 < n; i++)
        if (!memcmp(bytes + i, "MARK ", 5)) {
          char *end = memchr(bytes + i, '.', n - i);
          if (end == 0) continue;
          *end = 0;
          puts((char *)bytes + i + 5);
          if (!strcmp((char *)bytes + i + 5, "last")) return 0;
        }
    }
    return 1;
  }
  int fd = on("eth0");
  unsigned char nothing[40] = { 0 }, tag[4] = { 0, 5, 8, 0 };
  ip(fd, "own", own, self);
  ip(fd, "other source", own, other);
  ip(fd, "no source", own, none);
  ip(fd, "other hardware", gateway, self);
  ip(fd, "all of another", gateway, other);
  ip_to(fd, "to the host's loopback", own, self, loopback);
  arp(fd, "own arp", own, own, self);
  arp(fd, "probe", own, own, none);
  arp(fd, "arp for another", own, own, other);
  arp(fd, "arp with other hardware", own, gateway, self);
  arp(fd, "arp from other hardware", gateway, own, self);
  frame(fd, "router advertisement", own, 0x86dd, nothing, 40);
  frame(fd, "tagged", own, 0x8100, tag, 4);
  frame(fd, "other protocol", own, 0x88cc, nothing, 40);
  frame(fd, "short", own, 0x0800, nothing, 0);
  ip(fd, "last", own, self);
  return 0;
}
`;

Deno.test({
  name: "what a container sends bears its own addresses, or does not pass",
  ignore: !HAS_COMPILER,
  fn: async () => {
    await attack(workspace, async () => {
      const program = workspace.path("frames");
      await compile(program, FRAMES);
      // Makes the bridge.
      await workspace.run(["-rm", "alpine", "true"]);
      const log = workspace.path("frames.log");
      const listener = new Deno.Command("sh", {
        args: ["-c", 'exec "$0" listen 20 >"$1"', program, log],
      }).spawn();
      const said = () => exists(log) ? Deno.readTextFileSync(log) : "";
      await until("the listener listens", () => said().includes("listening"));
      const { code, stderr } = await workspace.run([
        ...["-rm", "-container-addr", "10.10.10.77/24", "-v", `${program}:/frames:ro`],
        ...["alpine", "/frames", "send"],
      ]);
      assertEquals([code, stderr], [0, ""]);
      await listener.status;
      assertEquals(said().trim().split("\n"), ["listening", "own", "own arp", "probe", "last"]);
    });
  },
});
