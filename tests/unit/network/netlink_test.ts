/** What the kernel tells over netlink and ioctl, held against what Deno and ip(8) tell. No root needed. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { SysError } from "../../../ffi/errno.ts";
import { netDevice, wayTo } from "../../../ffi/netdevice.ts";
import {
  attribute,
  attributes,
  be32,
  NETLINK_ROUTE,
  NetlinkSocket,
  toBe32,
  u32,
} from "../../../ffi/netlink.ts";
import { RouteSocket } from "../../../ffi/rtnetlink.ts";
import { formatAddress, formatCidr } from "../../../lib/network/cidr.ts";

const LOOPBACK = 0x7f000001;

Deno.test("netlink: attributes are padded to four bytes and found again by type", () => {
  const bytes = new Uint8Array([
    ...attribute(1, new Uint8Array([1, 2, 3, 4, 5])),
    ...attribute(0x8002, toBe32(0x0a0b0c0d)),
    ...attribute(3, new Uint8Array(0)),
  ]);
  assertEquals(bytes.length, 12 + 8 + 4);
  const found = attributes(bytes);
  assertEquals([...found.keys()], [1, 2, 3]);
  assertEquals([...found.get(1)!], [1, 2, 3, 4, 5]);
  assertEquals(be32(found.get(2)), 0x0a0b0c0d);
  assertEquals(u32(found.get(2)), 0x0d0c0b0a);
  assertEquals([u32(found.get(3)), be32(found.get(4))], [undefined, undefined]);
});

Deno.test("netlink: attributes that end too early are not read beyond their end", () => {
  const whole = attribute(1, new Uint8Array(8));
  assertEquals(attributes(whole.subarray(0, 8)).get(1)!.length, 4);
  assertEquals(attributes(whole.subarray(0, 3)).size, 0);
  const broken = attribute(1, new Uint8Array(8));
  broken[0] = 2;
  assertEquals(attributes(broken).size, 0);
});

Deno.test("rtnetlink: an interface by name and by index, and none", () => {
  using socket = new RouteSocket();
  const lo = socket.link("lo")!;
  assertEquals([lo.name, lo.index, lo.kind, lo.master], ["lo", 1, undefined, undefined]);
  assertEquals(socket.link(1), lo);
  assertEquals(socket.link("nothing"), undefined);
  assertEquals(netDevice("nothing"), undefined);
  const { index, up, mtu } = netDevice("lo")!;
  assertEquals({ index, up, mtu }, { index: lo.index, up: lo.up, mtu: lo.mtu });
});

Deno.test("rtnetlink: all IPv4 addresses, as Deno has them", () => {
  using socket = new RouteSocket();
  const ours = socket.addresses()
    .map((address) => `${socket.link(address.index)!.name} ${formatCidr(address)}`);
  const theirs = Deno.networkInterfaces().filter(({ family }) => family === "IPv4")
    .map(({ name, cidr }) => `${name} ${cidr}`);
  assert(ours.some((line) => line.startsWith("lo 127.0.0.1/")));
  for (const line of theirs) assert(ours.includes(line), `${line} is missing in ${ours}`);
});

Deno.test("rtnetlink: the way to an address, by route and by source address", () => {
  using socket = new RouteSocket();
  assertEquals(socket.routeTo(LOOPBACK)?.index, 1);
  assertEquals(formatAddress({ address: wayTo(LOOPBACK)!.source }), "127.0.0.1");
  assertEquals(wayTo(LOOPBACK)!.mtu, Math.min(netDevice("lo")!.mtu, 0xffff));
  for (const { index, address } of socket.addresses()) {
    if (!socket.link(index)!.up) continue;
    assertEquals(wayTo(address)?.source, address);
  }
});

Deno.test("rtnetlink: the routes of the main table, as /proc has them", () => {
  using socket = new RouteSocket();
  const theirs = Deno.readTextFileSync("/proc/thread-self/net/route").trim().split("\n").slice(1)
    .map((line) => line.split("\t")).map(([name, destination]) => `${name} ${destination}`);
  const ours = socket.routes().filter(({ index }) => index !== undefined)
    .map(({ index, destination }) => {
      const hex = destination.toString(16).padStart(8, "0").match(/../g)!.reverse().join("");
      return `${socket.link(index!)!.name} ${hex.toUpperCase()}`;
    });
  assertEquals(ours.sort(), theirs.sort());
});

Deno.test("netlink: what the kernel refuses is thrown by name", () => {
  using socket = new NetlinkSocket(NETLINK_ROUTE);
  const RTM_GETLINK = 18;
  const error = assertThrows(
    () => socket.request("RTM_GETLINK of nothing", RTM_GETLINK, 0, new Uint8Array(2)),
    SysError,
  );
  assertEquals(error.message, "netlink RTM_GETLINK of nothing: EINVAL (Invalid argument)");
});
