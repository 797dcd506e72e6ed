/** lib/network against the real kernel, in network namespaces of its own: the machine's stays as it is. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { SysError } from "../../ffi/errno.ts";
import { masq, newChain, newRule, newTable } from "../../ffi/nf_tables.ts";
import { NF_ACCEPT, NF_INET_FORWARD, NFPROTO_IPV4, NftSocket } from "../../ffi/nfnetlink.ts";
import { ContainerError } from "../../lib/errors.ts";
import type { Lease } from "../../lib/network/addresses.ts";
import { BRIDGE, type Bridge, prepareBridge } from "../../lib/network/bridge.ts";
import { type Cidr, formatCidr, networkOf, parseCidr } from "../../lib/network/cidr.ts";
import { runIp } from "../../lib/network/ip.ts";
import { warnOfRefusal } from "../../lib/network/firewalls.ts";
import { masquerade } from "../../lib/network/iptables.ts";
import { prepareNat } from "../../lib/network/nat.ts";
import { readSysctl } from "../../lib/network/sysctl.ts";
import { findProgram } from "../../lib/program.ts";
import { beginWire, hostVethName, removeVeth, vethExists } from "../../lib/network/veth.ts";
import { WayOut } from "../../lib/network/way_out.ts";
import { observe } from "../../lib/trace.ts";
import { connectLabs, Lab } from "./network_lab.ts";

const GATEWAY = parseCidr("10.10.10.1/24", "");
const ADDRESS = parseCidr("10.10.10.2/24", "");

/** The calls of all steps since the last look. */
const calls: string[] = [];
observe({ end: ({ call }) => void calls.push(call ?? "") });

function test(name: string, body: () => void | Promise<void>): void {
  Deno.test({ name: `network: ${name}`, ignore: Deno.uid() !== 0, fn: body });
}

function bridgeIn(host: Lab, address = "10.10.10.1/24", leases: Lease[] = []): Bridge {
  return host.do(() => prepareBridge({ address: parseCidr(address, ""), leases }));
}

function attach(
  host: Lab,
  container: Pick<Lab, "path">,
  bridge: Bridge,
  address = ADDRESS,
): string {
  const hostVeth = hostVethName(address, crypto.randomUUID());
  using wire = host.do(() => beginWire({ netns: container.path, hostVeth, bridge, address }));
  host.do(() => wire.finish());
  host.do(() => wire.lookAround());
  return hostVeth;
}

/** What `action` prints as warnings, one line each. */
function warningsOf(action: () => void): string[] {
  const lines: string[] = [];
  const print = console.error;
  console.error = (line: string) => lines.push(line);
  try {
    action();
  } finally {
    console.error = print;
  }
  return lines;
}

test("the bridge is made, with address, own hardware address and the way out's packet size", () => {
  using host = new Lab();
  using outside = new Lab();
  connectLabs([host, "wan", "192.0.2.2/24"], [outside, "lan", "192.0.2.1/24"], 1400);
  host.run("ip route add default via 192.0.2.1");
  const bridge = bridgeIn(host);
  assertEquals([bridge.name, bridge.address, bridge.mtu], [BRIDGE, GATEWAY, 1400]);
  assertStringIncludes(host.run(`ip -4 address show dev ${BRIDGE}`), "inet 10.10.10.1/24");
  assertMatch(
    host.run(`ip -d link show ${BRIDGE}`),
    /<[^>]*\bUP\b.* mtu 1400 [^]*link\/ether 02:67:0a:0a:0a:01 [^]*bridge/,
  );
  assertEquals(host.run(`cat /proc/sys/net/ipv6/conf/${BRIDGE}/accept_ra`), "0\n");
});

test("a bridge that is as it should be costs no process, one that is down is set up again", () => {
  using host = new Lab();
  const { index } = bridgeIn(host);
  calls.length = 0;
  assertEquals(bridgeIn(host).index, index);
  assertEquals(calls.filter((call) => call.includes("ip ")), []);
  host.run(`ip link set ${BRIDGE} down`);
  assertEquals(bridgeIn(host).index, index);
  assertEquals(calls.filter((call) => call.startsWith("ip ")), [`ip link set ${BRIDGE} up`]);
  assertMatch(host.run(`ip link show ${BRIDGE}`), /<[^>]*\bUP\b/);
});

test("the bridge's address is replaced, unless live containers need it", () => {
  using host = new Lab();
  const { index } = bridgeIn(host);
  const leases = [{ id: "web", address: "10.10.10.2/24" }, { id: "db", address: "10.10.10.3/24" }];
  for (const other of ["10.20.0.1/24", "10.10.10.254/24", "10.10.10.1/16"]) {
    const error = assertThrows(() => bridgeIn(host, other, leases), ContainerError);
    assertEquals(error.code, "InUse");
    assertStringIncludes(error.message, '"web" (10.10.10.2/24), "db" (10.10.10.3/24)');
    assertStringIncludes(error.message, `10.10.10.1/24 of "${BRIDGE}" by ${other}`);
    assertStringIncludes(error.hint!, "End these containers first");
  }
  assertEquals(bridgeIn(host, "10.10.10.1/24", leases).index, index);
  assertEquals(bridgeIn(host, "10.20.0.1/20").index, index);
  const shown = host.run(`ip address show dev ${BRIDGE}`);
  assertMatch(shown, /link\/ether 02:67:0a:14:00:01 [^]*inet 10\.20\.0\.1\/20 /);
  assertEquals(shown.includes("10.10.10.1"), false);
});

test("a subnet that another interface has is refused by name", () => {
  using host = new Lab();
  host.run("ip link add corp0 type bridge");
  host.run("ip link set corp0 up");
  const cases: [string, string][] = [
    ["address add 10.10.10.7/24 dev corp0", "the address 10.10.10.7/24"],
    ["address add 10.10.10.200/8 dev corp0", "the address 10.10.10.200/8"],
    ["address add 10.10.10.9/30 dev corp0", "the address 10.10.10.9/30"],
    ["route add 10.10.10.0/24 dev corp0", "a route to 10.10.10.0/24"],
    ["route add 10.10.10.64/26 dev corp0", "a route to 10.10.10.64/26"],
    ["route add 10.10.10.77/32 dev corp0", "a route to 10.10.10.77/32"],
    ["route add default via 10.10.10.254 dev corp0 onlink", "the gateway 10.10.10.254"],
  ];
  for (const [command, what] of cases) {
    host.run(`ip ${command}`);
    const error = assertThrows(() => bridgeIn(host), ContainerError);
    assertEquals(error.code, "InUse");
    assertStringIncludes(
      error.message,
      `subnet 10.10.10.0/24 for the bridge "${BRIDGE}": interface "corp0" has ${what}`,
    );
    assertStringIncludes(error.hint!, "-bridge-addr");
    host.run(`ip ${command.replace(" add ", " delete ")}`);
  }
  assertEquals(
    host.run("ip link").includes(BRIDGE),
    false,
    "nothing is left of a bridge that could not be made",
  );
  bridgeIn(host);
});

test("a wider network of others is told in a warning only, the default route not at all", () => {
  using host = new Lab();
  host.run("ip link add vpn0 type bridge");
  host.run("ip link set vpn0 up");
  host.run("ip route add default dev vpn0");
  assertEquals(warningsOf(() => bridgeIn(host)), []);
  host.run(`ip link delete ${BRIDGE}`);
  host.run("ip route add 10.0.0.0/8 dev vpn0");
  const [warning, ...more] = warningsOf(() => bridgeIn(host));
  assertStringIncludes(
    warning!,
    '10.10.10.0/24 is part of 10.0.0.0/8, which is reached through "vpn0"',
  );
  assertEquals(more, []);
});

test("an interface that only has the bridge's name is refused", () => {
  using host = new Lab();
  host.run(`ip link add ${BRIDGE} type veth peer name other`);
  const error = assertThrows(() => bridgeIn(host), ContainerError);
  assertStringIncludes(error.message, "it is not a bridge");
  // Then nobody looks at it, unless something fails.
  host.run(`ip address add 10.10.10.1/24 dev ${BRIDGE}`);
  host.run(`ip link set ${BRIDGE} up`);
  host.run("ip link set other up");
  using container = new Lab();
  const later = assertThrows(() => attach(host, container, bridgeIn(host)), ContainerError);
  assertEquals(later.message, error.message);
});

test("a container gets lo, eth0, address and route, and packets pass at once", () => {
  using host = new Lab();
  const bridge = bridgeIn(host);
  for (let round = 0; round < 10; round++) {
    using container = new Lab();
    const veth = attach(host, container, bridge);
    const start = performance.now();
    // Nobody listens, but the bridge's answer has to come: a lost ARP request would take a second.
    assertEquals(container.connect("10.10.10.1", 9), "ECONNREFUSED");
    const took = performance.now() - start;
    assert(took < 500, `the first packet took ${took} ms`);
    if (round > 0) continue;
    assertMatch(container.run("ip address show lo"), /<LOOPBACK,UP[^]*127\.0\.0\.1\/8/);
    assertMatch(
      container.run("ip address show eth0"),
      /<[^>]*\bUP\b[^>]*>[^]*02:67:0a:0a:0a:02[^]*inet 10\.10\.10\.2\/24 /,
    );
    assertEquals(container.run("ip route").trim().split(/\s*\n/), [
      "default via 10.10.10.1 dev eth0",
      "10.10.10.0/24 dev eth0 proto kernel scope link src 10.10.10.2",
    ]);
    assertEquals(container.run("cat /proc/sys/net/ipv6/conf/eth0/accept_ra"), "0\n");
    assertEquals(container.run("ip -6 address show dev eth0"), "");
    assertStringIncludes(container.run("ip -6 address show dev lo"), "::1/128");
    assertStringIncludes(host.run(`ip link show master ${BRIDGE}`), veth);
  }
});

test("the first packet of the first container at a bridge is answered", () => {
  for (let round = 0; round < 15; round++) {
    using host = new Lab();
    using container = new Lab();
    attach(host, container, bridgeIn(host));
    const start = performance.now();
    assertEquals(container.connect("10.10.10.1", 9), "ECONNREFUSED");
    const took = performance.now() - start;
    assert(took < 500, `the first packet took ${took} ms`);
  }
});

test("host and containers, and containers among each other, reach each other", () => {
  using host = new Lab();
  using one = new Lab();
  using two = new Lab();
  const bridge = bridgeIn(host);
  attach(host, one, bridge, parseCidr("10.10.10.2/24", ""));
  attach(host, two, bridge, parseCidr("10.10.10.3/24", ""));
  using atHost = host.listen(80);
  using atTwo = two.listen(80);
  assertEquals(one.connect("10.10.10.1", 80), "connected");
  assertEquals(atHost.nextPeer(), "10.10.10.2");
  assertEquals(one.connect("10.10.10.3", 80), "connected");
  assertEquals(atTwo.nextPeer(), "10.10.10.2");
  assertEquals(host.connect("10.10.10.3", 80), "connected");
  assertEquals(atTwo.nextPeer(), "10.10.10.1");
});

test("the next container with an address is reached at once, by those who knew the last one", () => {
  using host = new Lab();
  using neighbour = new Lab();
  const bridge = bridgeIn(host);
  attach(host, neighbour, bridge, parseCidr("10.10.10.3/24", ""));
  for (let round = 0; round < 3; round++) {
    using container = new Lab();
    const veth = attach(host, container, bridge);
    for (const from of [host, neighbour]) {
      const start = performance.now();
      assertEquals(from.connect("10.10.10.2", 9), "ECONNREFUSED");
      assert(performance.now() - start < 500);
    }
    host.do(() => removeVeth(veth));
  }
});

test("who still has the namespace of a container that is over does not speak for the next one with its address", () => {
  using host = new Lab();
  using first = new Lab();
  using other = new Lab();
  const bridge = bridgeIn(host);
  attach(host, first, bridge);
  attach(host, other, bridge, parseCidr("10.10.10.3/24", ""));
  assertEquals(first.connect("10.10.10.1", 9), "ECONNREFUSED");
  for (let round = 0; round < 2; round++) {
    using next = new Lab();
    attach(host, next, bridge);
    for (const to of ["10.10.10.1", "10.10.10.3"]) {
      assertEquals(first.connect(to, 9, 300), "EINPROGRESS", `round ${round}`);
      assertEquals(next.connect(to, 9), "ECONNREFUSED", `round ${round}`);
      assertEquals(other.connect("10.10.10.1", 9), "ECONNREFUSED");
    }
  }
});

test("the caller's own namespace is back after success and after failure", () => {
  using host = new Lab();
  using container = new Lab();
  const bridge = bridgeIn(host);
  const before = Deno.readLinkSync("/proc/thread-self/ns/net");
  attach(host, container, bridge);
  const error = assertThrows(() => attach(host, container, bridge), ContainerError);
  assertMatch(
    error.message,
    /^run "ip link add veth[0-9a-f]{11} .*": File exists$/,
  );
  assertEquals(Deno.readLinkSync("/proc/thread-self/ns/net"), before);
  assertThrows(() => attach(host, { path: "/proc/self/ns/uts" }, bridge));
  assertEquals(Deno.readLinkSync("/proc/thread-self/ns/net"), before);
});

test("a route of others into the subnet, made after the bridge, is refused by name", () => {
  using host = new Lab();
  using container = new Lab();
  const bridge = bridgeIn(host);
  host.run("ip link add tun7 type bridge");
  host.run("ip link set tun7 up");
  host.run("ip address add 172.31.0.1/24 dev tun7");
  host.run("ip route add 10.10.10.0/25 dev tun7");
  const error = assertThrows(() => attach(host, container, bridge), ContainerError);
  assertEquals(error.code, "InUse");
  assertStringIncludes(error.message, 'the host reaches this address by the interface "tun7"');
});

test("an interface that has got the bridge's subnet since is told by each container", () => {
  using host = new Lab();
  using one = new Lab();
  using two = new Lab();
  const bridge = bridgeIn(host);
  host.run("ip link add wlan7 type bridge");
  host.run("ip address add 10.10.11.50/24 dev wlan7");
  assertEquals(warningsOf(() => void attach(host, one, bridge)), []);
  host.run("ip address add 10.10.10.50/24 dev wlan7");
  const address = parseCidr("10.10.10.3/24", "");
  const [warning, ...more] = warningsOf(() => void attach(host, two, bridge, address));
  assertEquals(more, []);
  assertStringIncludes(warning!, 'the interface "wlan7" has the address 10.10.10.50/24');
  assertStringIncludes(warning!, "-bridge-addr");
});

test("a failing ip command is named, with what ip said of it", () => {
  using lab = new Lab();
  const commands = ["link set lo up", "link set nothing up", "link set lo down"]
    .map((line) => ({ label: line, line, check: "" }));
  const error = assertThrows(() => lab.do(() => runIp(commands)), ContainerError);
  assertEquals(error.message, 'run "ip link set nothing up": Cannot find device "nothing"');
  assertMatch(lab.run("ip link show lo"), /<LOOPBACK,UP/);
});

test("a kind of device that the kernel lacks is named", () => {
  using lab = new Lab();
  const line = "link add x0 type nonesuch";
  const error = assertThrows(
    () => lab.do(() => runIp([{ label: line, line, check: "" }])),
    ContainerError,
  );
  assertEquals(error.code, "Unsupported");
  assertEquals(error.message, 'run "ip link add x0 type nonesuch": Unknown device type');
  assertStringIncludes(error.hint!, '"modprobe nonesuch"');
});

test("a host end is found and removed, and vanishes with its container by itself", async () => {
  using host = new Lab();
  const bridge = bridgeIn(host);
  const exists = (veth: string) => host.do(() => vethExists(veth));
  let veth: string;
  {
    using container = new Lab();
    veth = attach(host, container, bridge);
    assertEquals(exists(veth), true);
    assertEquals(host.do(() => removeVeth(veth)), true);
    assertEquals(exists(veth), false);
    assertEquals(host.do(() => removeVeth(veth)), false);
    veth = attach(host, container, bridge);
  }
  for (let waited = 0; exists(veth) && waited < 3000; waited += 10) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assertEquals(exists(veth), false);
});

/** A host between a container and an outside that knows no way to the containers' subnet. */
function threeLabs(
  body: (labs: { host: Lab; outside: Lab; container: Lab }) => void,
): void {
  using host = new Lab();
  using outside = new Lab();
  using container = new Lab();
  connectLabs([host, "wan", "192.0.2.2/24"], [outside, "lan", "192.0.2.1/24"]);
  host.run("ip route add default via 192.0.2.1");
  attach(host, container, bridgeIn(host));
  body({ host, outside, container });
}

const nftMissing = findProgram("nft") === undefined;
const iptablesMissing = findProgram("iptables-nft") === undefined;

function natTest(name: string, ignore: boolean, body: Parameters<typeof threeLabs>[0]): void {
  Deno.test({
    name: `network: ${name}`,
    ignore: Deno.uid() !== 0 || ignore,
    fn: () => threeLabs(body),
  });
}

natTest("the outside is reached under the host's address", false, (labs) => {
  const { host, outside, container } = labs;
  using server = outside.listen(80);
  assertEquals(container.connect("192.0.2.1", 80, 300), "EINPROGRESS", "nothing forwards yet");
  assertEquals(warningsOf(() => host.do(() => prepareNat(GATEWAY))), []);
  assertEquals(container.connect("192.0.2.1", 80), "connected");
  assertEquals(server.nextPeer(), "192.0.2.2");
});

/** The table in the language of nft(8), by which it could be made by hand. */
function rulesOf(
  subnet: Cidr,
  neighbours: readonly string[],
  unrouted: readonly string[],
): string {
  const network = formatCidr(subnet);
  const isBegun = "ct state ! established,related ct status ! dnat";
  return `table ip gocontainer { ` +
    `chain from-${network} { type nat hook postrouting priority srcnat; ` +
    `ip saddr ${network} oifname != "${BRIDGE}" masquerade; }; ` +
    `chain probe { type filter hook postrouting priority filter; ` +
    `ip saddr ${network} ip daddr 198.51.100.1 ip ttl 1 counter drop; }; ` +
    neighbours.map((name) =>
      `chain apart-from-${name} { type filter hook forward priority filter; ` +
      `iifname "${BRIDGE}" oifname "${name}" ${isBegun} drop; }; `
    ).join("") +
    `chain forward { type filter hook forward priority filter; ` +
    `iifname "${BRIDGE}" ip saddr != ${network} drop; ` +
    `iifname != "${BRIDGE}" oifname "${BRIDGE}" ${isBegun} drop; ` +
    unrouted.map((name) =>
      `iifname "${name}" oifname != "${name}" oifname != "${BRIDGE}" ${isBegun} drop; `
    ).join("") + "}; }";
}

natTest("the rules are those that nft makes of the same words", nftMissing, ({ host }) => {
  for (const unrouted of [[], ["lo", "wan"]]) {
    const neighbours = unrouted.slice(1).map(() => "docker0");
    for (const name of neighbours) host.run(`ip link add ${name} type bridge`);
    if (neighbours.length > 0) unrouted.unshift("docker0");
    if (unrouted.length > 0) noRouter(host);
    else host.run("sysctl -q net.ipv4.ip_forward=1");
    for (const gateway of ["10.10.10.1/24", "172.16.0.1/12", "10.20.0.1/20", "192.168.3.253/30"]) {
      const address = parseCidr(gateway, "");
      using byHand = new Lab();
      byHand.do(() => nft(rulesOf(networkOf(address), neighbours, unrouted)));
      host.do(() => prepareNat(address));
      const rules = host.run("nft list ruleset");
      assertEquals(rules, byHand.run("nft list ruleset"));
      const drops = ["drop", "drop", "drop"].concat([...neighbours, ...unrouted].map(() => "drop"));
      assertEquals(rules.match(/masquerade|drop/g), ["masquerade", ...drops]);
    }
  }
});

/** Has a host forward nothing, as it is before the first container. */
function noRouter(host: Lab): void {
  // The kernel takes notice of changes only; a new namespace has the machine's own values, of which some may be 1.
  host.run("sysctl -q net.ipv4.ip_forward=1");
  host.run("sysctl -q net.ipv4.ip_forward=0");
}

/** Another network of the host's, which knows the outside, and the outside it. */
function neighbourOf({ host, outside }: { host: Lab; outside: Lab }): Lab {
  const neighbour = new Lab();
  connectLabs([host, "lan", "198.51.100.1/24"], [neighbour, "eth0", "198.51.100.2/24"]);
  neighbour.run("ip route add default via 198.51.100.1");
  outside.run("ip route add 198.51.100.0/24 via 192.0.2.2");
  return neighbour;
}

natTest("a host that is no router does not become one", nftMissing, (labs) => {
  const { host, outside, container } = labs;
  using neighbour = neighbourOf(labs);
  using server = outside.listen(80);
  using _other = neighbour.listen(80);
  noRouter(host);
  // As a firewall's reload does, and sysctl --system.
  const later = ["nft flush ruleset", "sysctl -q net.ipv4.conf.default.forwarding=0"];
  for (const after of ["true", ...later]) {
    host.run(after);
    assertEquals(warningsOf(() => host.do(() => prepareNat(GATEWAY))), []);
    assertEquals(host.run("sysctl -n net.ipv4.ip_forward"), "0\n");
    assertEquals(container.connect("192.0.2.1", 80), "connected");
    assertEquals(server.nextPeer(), "192.0.2.2");
    assertEquals(container.connect("198.51.100.2", 80), "connected");
    assertEquals(neighbour.connect("192.0.2.1", 80, 300), "EINPROGRESS", after);
    assertEquals(outside.connect("198.51.100.2", 80, 300), "EINPROGRESS", after);
  }

  // What a rule of its own leads on, and what a network that is made later sends, is not impeded.
  host.do(() =>
    nft(
      "table ip mine { chain in { type nat hook prerouting priority dstnat; " +
        "ip daddr 198.51.100.1 tcp dport 8080 dnat to 192.0.2.1:80; }; }",
    )
  );
  assertEquals(neighbour.connect("198.51.100.1", 8080), "connected");
  using late = new Lab();
  connectLabs([host, "vm0", "203.0.113.1/24"], [late, "eth0", "203.0.113.2/24"]);
  late.run("ip route add default via 203.0.113.1");
  outside.run("ip route add 203.0.113.0/24 via 192.0.2.2");
  using _later = late.listen(80);
  assertEquals(container.connect("203.0.113.2", 80), "connected");
  assertEquals(late.connect("192.0.2.1", 80), "connected");

  // Whoever makes a router of it gets one.
  host.run("sysctl -q net.ipv4.ip_forward=1");
  host.do(() => prepareNat(GATEWAY));
  assertEquals(neighbour.connect("192.0.2.1", 80), "connected");
  assertEquals(container.connect("192.0.2.1", 80), "connected");
});

for (
  const [what, parameters] of [
    ["", ["ip_forward=1"]],
    [" by some of its interfaces", ["conf.lan.forwarding=1", "conf.wan.forwarding=1"]],
  ] as const
) {
  natTest(`a host that is a router${what} stays one`, nftMissing, (labs) => {
    const { host, outside, container } = labs;
    using neighbour = neighbourOf(labs);
    using _server = outside.listen(80);
    noRouter(host);
    for (const parameter of parameters) host.run(`sysctl -q net.ipv4.${parameter}`);
    for (const after of ["true", "nft flush ruleset"]) {
      host.run(after);
      host.do(() => prepareNat(GATEWAY));
      assertEquals(neighbour.connect("192.0.2.1", 80), "connected", after);
      assertEquals(container.connect("192.0.2.1", 80), "connected", after);
    }
  });
}

natTest("what a bridge of others carries passes as before", nftMissing, ({ host }) => {
  const ends = ["192.0.2.11", "192.0.2.12"].map((address, i) => {
    const lab = new Lab();
    connectLabs([host, `port${i}`, `198.51.100.${i}/32`], [lab, "eth0", `${address}/24`]);
    return lab;
  });
  using one = ends[0]!;
  using two = ends[1]!;
  host.run("ip link add br0 type bridge");
  host.run("ip link set br0 up");
  for (const port of ["port0", "port1"]) host.run(`ip link set ${port} master br0`);
  noRouter(host);
  host.do(() => prepareNat(GATEWAY));
  const isFiltered = host.do(() => readSysctl("bridge/bridge-nf-call-iptables"));
  if (isFiltered !== undefined) host.run("sysctl -q net.bridge.bridge-nf-call-iptables=1");
  using _server = two.listen(80);
  assertEquals(one.connect("192.0.2.12", 80), "connected");
});

natTest("what is refused is named, and nothing of it is made", false, ({ host }) => {
  host.do(() => {
    using nftables = new NftSocket();
    const error = assertThrows(
      () =>
        nftables.transact([
          newTable(NFPROTO_IPV4, "half"),
          newChain(NFPROTO_IPV4, "half", "made", {
            type: "filter",
            hook: NF_INET_FORWARD,
            priority: 0,
            policy: NF_ACCEPT,
          }),
          newRule(NFPROTO_IPV4, "half", "missing", [masq()]),
        ]),
      SysError,
      'NFT_MSG_NEWRULE "half missing"',
    );
    assertEquals(error.code, "ENOENT");
    // What is left of the answers is not taken for that to the next question.
    assertEquals(nftables.chains(), []);
  });
});

/** Hands text to nft(8). */
function nft(text: string): void {
  const { success, stderr } = new Deno.Command("nft", { args: [text] }).outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

natTest("rules that stand are left alone, flushed ones are made again", nftMissing, (labs) => {
  const { host, outside, container } = labs;
  using _server = outside.listen(80);
  /** What is done, but for looking. */
  const made = () =>
    host.do(() => {
      calls.length = 0;
      prepareNat(GATEWAY);
      return calls.filter((call) => !call.startsWith("NFT_MSG_GETCHAIN"));
    });
  made();
  assertEquals(made(), []);
  const chains = ["from-10.10.10.0/24", "forward"].map((name) => `chain ip gocontainer ${name}`);
  for (const flush of ["ruleset", "table ip gocontainer", ...chains]) {
    host.run(`nft flush ${flush}`);
    assertEquals(made().length, 1, flush);
    assertEquals(container.connect("192.0.2.1", 80), "connected");
  }
});

natTest("another subnet's rules replace the old ones", nftMissing, ({ host }) => {
  host.do(() => prepareNat(GATEWAY));
  host.do(() => prepareNat(parseCidr("10.20.0.1/20", "")));
  const rules = host.run("nft list ruleset");
  assertStringIncludes(rules, "ip saddr 10.20.0.0/20 oifname");
  assertEquals(rules.includes("10.10.10."), false);
});

natTest("packets with a made-up source are not forwarded", nftMissing, (labs) => {
  const { host, outside, container } = labs;
  host.do(() => prepareNat(GATEWAY));
  using _server = outside.listen(80);
  // Without the filter of the port, which lets no such packet come as far.
  const port = /veth[0-9a-f]{11}/.exec(host.run(`ip -o link show master ${BRIDGE}`))![0];
  host.run(`tc qdisc delete dev ${port} clsact`);
  // The answers would find their way: the outside takes the made-up network to be behind the host.
  outside.run("ip route add 198.51.100.0/24 via 192.0.2.2");
  host.run(`ip route add 198.51.100.0/24 dev ${BRIDGE}`);
  container.run("ip address add 198.51.100.7/32 dev eth0");
  container.run("ip route replace default via 10.10.10.1 src 198.51.100.7");
  assertEquals(container.connect("192.0.2.1", 80, 300), "EINPROGRESS");
  container.run("ip route replace default via 10.10.10.1 src 10.10.10.2");
  assertEquals(container.connect("192.0.2.1", 80), "connected");
  host.run("nft flush chain ip gocontainer forward");
  container.run("ip route replace default via 10.10.10.1 src 198.51.100.7");
  assertEquals(container.connect("192.0.2.1", 80), "connected", "nothing else is in the way");
});

natTest(
  "nobody outside reaches a container, unless by a rule of the host's",
  nftMissing,
  (labs) => {
    const { host, outside, container } = labs;
    using inside = container.listen(80);
    outside.run("ip route add 10.10.10.0/24 via 192.0.2.2");
    host.run("sysctl -q net.ipv4.ip_forward=1");
    assertEquals(outside.connect("10.10.10.2", 80), "connected", "nothing else is in the way");
    assertEquals(inside.nextPeer(), "192.0.2.1");

    host.do(() => prepareNat(GATEWAY));
    assertEquals(outside.connect("10.10.10.2", 80, 300), "EINPROGRESS");
    host.do(() =>
      nft(
        "table ip mine { chain in { type nat hook prerouting priority dstnat; " +
          "ip daddr 192.0.2.2 tcp dport 8080 dnat to 10.10.10.2:80; }; }",
      )
    );
    assertEquals(outside.connect("192.0.2.2", 8080), "connected");
    assertEquals(inside.nextPeer(), "192.0.2.1");
    assertEquals(host.connect("10.10.10.2", 80), "connected", "the host reaches it as ever");
  },
);

/** A network of others on the host, as docker's: the bridge, and one at it. */
function atBridge(host: Lab, name: string, gateway: string, address: string): Lab {
  const lab = new Lab();
  host.run(`ip link add ${name} type bridge`);
  host.run(`ip address add ${gateway}/24 dev ${name}`);
  host.run(`ip link set ${name} up`);
  connectLabs([host, `port-${name}`, "198.51.100.9/32"], [lab, "eth0", `${address}/24`]);
  host.run(`ip link set port-${name} master ${name}`);
  lab.run(`ip route add default via ${gateway}`);
  return lab;
}

natTest(
  "containers and those at the bridges of others do not reach each other",
  nftMissing,
  (labs) => {
    const { host, outside, container } = labs;
    using docker = atBridge(host, "docker0", "172.17.0.1", "172.17.0.2");
    using _theirs = docker.listen(80);
    using _ours = container.listen(80);
    using server = outside.listen(80);
    host.run("sysctl -q net.ipv4.ip_forward=1");
    assertEquals(container.connect("172.17.0.2", 80), "connected", "nothing else is in the way");
    assertEquals(docker.connect("10.10.10.2", 80), "connected", "nothing else is in the way");

    host.do(() => prepareNat(GATEWAY));
    assertEquals(container.connect("172.17.0.2", 80, 300), "EINPROGRESS");
    assertEquals(docker.connect("10.10.10.2", 80, 300), "EINPROGRESS");
    assertEquals(host.connect("172.17.0.2", 80), "connected");
    assertEquals(container.connect("192.0.2.1", 80), "connected");
    assertEquals(server.nextPeer(), "192.0.2.2");

    // What is published is reached, by whichever address of the host's.
    host.do(() =>
      nft(
        "table ip docker { chain in { type nat hook prerouting priority dstnat; " +
          "fib daddr type local tcp dport 8080 dnat to 172.17.0.2:80; }; }",
      )
    );
    assertEquals(container.connect("10.10.10.1", 8080), "connected");
    assertEquals(container.connect("192.0.2.2", 8080), "connected");

    // Another one that is made later, and one that goes.
    using second = atBridge(host, "br-1234", "172.18.0.1", "172.18.0.2");
    using _more = second.listen(80);
    host.run("ip link delete docker0");
    host.do(() => prepareNat(GATEWAY));
    assertEquals(container.connect("172.18.0.2", 80, 300), "EINPROGRESS");
    const chains = host.run("nft list table ip gocontainer").match(/apart-from-\S+/g);
    assertEquals(chains, ["apart-from-br-1234"]);
    calls.length = 0;
    host.do(() => prepareNat(GATEWAY));
    assertEquals(calls.filter((call) => call.startsWith("NFT_MSG_NEWRULE")), []);
  },
);

natTest("a bridge that is a part of a LAN is reached as before", nftMissing, (labs) => {
  const { host, container } = labs;
  using lan = atBridge(host, "br0", "203.0.113.1", "203.0.113.2");
  using _server = lan.listen(80);
  const reach = () => {
    host.do(() => prepareNat(GATEWAY));
    return container.connect("203.0.113.2", 80, 300);
  };
  assertEquals(reach(), "EINPROGRESS");
  host.run("ip link add vxlan7 type vxlan id 7 dev wan dstport 4789");
  host.run("ip link set vxlan7 master br0");
  assertEquals(reach(), "connected", "something leads out of this host");
  host.run("ip link delete vxlan7");
  assertEquals(reach(), "EINPROGRESS");
  host.run("ip route add 198.18.0.0/15 via 203.0.113.2");
  assertEquals(reach(), "connected", "there is a way to elsewhere");
});

for (const backend of ["nft", "legacy"]) {
  const missing = nftMissing || findProgram(`iptables-${backend}`) === undefined;
  natTest(`iptables-${backend} with FORWARD DROP lets containers pass`, missing, (labs) => {
    const { host, outside, container } = labs;
    using server = outside.listen(80);
    host.run(`iptables-${backend} -P FORWARD DROP`);
    host.do(() => prepareNat(GATEWAY));
    assertEquals(container.connect("192.0.2.1", 80), "connected");
    assertEquals(server.nextPeer(), "192.0.2.2");
    calls.length = 0;
    host.do(() => prepareNat(GATEWAY));
    assertEquals(calls.filter((call) => call.includes("iptables")), [], "made once");

    // Docker's restart and a firewall's reload flush the chain. What the owner of the machine forbids
    // by a rule stays forbidden: ours comes after it.
    host.run(`iptables-${backend} -F FORWARD`);
    assertEquals(container.connect("192.0.2.1", 80, 300), "EINPROGRESS");
    host.run(`iptables-${backend} -A FORWARD -d 192.0.2.1 -j DROP`);
    host.do(() => prepareNat(GATEWAY));
    assertEquals(container.connect("192.0.2.1", 80, 300), "EINPROGRESS");
    host.run(`iptables-${backend} -D FORWARD -d 192.0.2.1 -j DROP`);
    assertEquals(container.connect("192.0.2.1", 80), "connected");
  });
}

natTest(
  "without nftables, iptables masquerades",
  iptablesMissing,
  ({ host, outside, container }) => {
    using server = outside.listen(80);
    const iptables = findProgram("iptables-nft")!;
    host.run("sysctl -q net.ipv4.ip_forward=1");
    host.do(() => masquerade(iptables, "10.20.0.0/20"));
    assertEquals(container.connect("192.0.2.1", 80, 300), "EINPROGRESS");
    for (let twice = 0; twice < 2; twice++) host.do(() => masquerade(iptables, "10.10.10.0/24"));
    assertEquals(host.run(`${iptables} -t nat -S POSTROUTING`).trim().split("\n"), [
      "-P POSTROUTING ACCEPT",
      `-A POSTROUTING -s 10.10.10.0/24 ! -o ${BRIDGE} -m comment --comment gocontainer -j MASQUERADE`,
    ]);
    assertEquals(container.connect("192.0.2.1", 80), "connected");
    assertEquals(server.nextPeer(), "192.0.2.2");
  },
);

/** What is told of the firewalls, as by the start of one more container. */
function told({ host, container }: { host: Lab; container: Lab }): string[] {
  using way = container.do(() => new WayOut(ADDRESS));
  return [...warningsOf(() => host.do(() => prepareNat(GATEWAY))), ...lookOf(way, host)];
}

/** What is told of the firewalls by one look. */
function lookOf(way: WayOut, host: Lab): string[] {
  return host.do(() => way.hasClosed()) ? warningsOf(() => host.do(() => warnOfRefusal(way))) : [];
}

/** Does what a warning says. */
function heed(host: Lab, warning: string): void {
  for (const command of warning.split("let them pass with: ")[1]!.split("; ")) host.run(command);
}

for (
  const [what, chain, rules, others] of [
    ["drops", "inet fw forward", "policy drop"],
    ["drops and has rules", "ip fw forward", "policy drop; ct state established accept"],
    ["rejects at its end", "inet fw forward", "counter log reject with icmpx admin-prohibited"],
    ["is iptables' own and drops at its end", "ip filter FORWARD", "counter drop"],
    ["rejects after a jump", "inet fw forward", "jump last", "chain last { reject; }; "],
    ["drops what is not of a LAN", "inet fw forward", "iifname != lan7 counter drop"],
    [
      "drops by a set, after a jump",
      "ip fw forward",
      "ct state established accept; goto last",
      "chain last { ip saddr { 10.0.0.0/8, 172.16.0.0/12 } drop; }; ",
    ],
  ] as const
) {
  natTest(`a firewall's chain that ${what} is told, with what to do`, nftMissing, (labs) => {
    const { host, outside, container } = labs;
    using _server = outside.listen(80);
    const [family, table, name] = chain.split(" ");
    host.do(() =>
      nft(
        `table ${family} ${table} { ${others ?? ""}` +
          `chain ${name} { type filter hook forward priority filter; ${rules}; }; }`,
      )
    );
    const [warning, ...more] = told(labs);
    assertEquals(more, []);
    assertStringIncludes(warning!, `the nftables chain "${chain}" refuses`);
    assertNotEquals(container.connect("192.0.2.1", 80, 300), "connected");
    assertEquals(told(labs), [warning], "the next container's owner is told too");

    heed(host, warning!);
    assertEquals(container.connect("192.0.2.1", 80), "connected");
    assertEquals(told(labs), [], "who has done so is not told again");
    assertEquals(host.run("nft list tables").includes("trace"), false);
  });
}

for (
  const rules of [
    "oifname wan accept",
    "iifname != wan accept",
    `iifname { lo, ${BRIDGE} } accept`,
    "iifname go* accept",
    "ip saddr 10.0.0.0/8 accept",
    "iifname . ip saddr vmap { lo . 127.0.0.1 : drop, goContainers0 . 10.10.10.2 : accept }",
    "meta l4proto tcp jump web",
  ]
) {
  natTest(`a firewall that lets containers pass is not told of: ${rules}`, nftMissing, (labs) => {
    const { host, outside, container } = labs;
    using _server = outside.listen(80);
    host.do(() =>
      nft(
        "table inet fw { chain web { tcp dport { 80, 443 } accept; }; " +
          `chain forward { type filter hook forward priority filter; policy drop; ${rules}; ` +
          "ct state established,related accept; }; " +
          "chain input { type filter hook input priority filter; policy drop; reject; }; }",
      )
    );
    assertEquals(told(labs), []);
    assertEquals(container.connect("192.0.2.1", 80), "connected");
  });
}

natTest(
  "a firewall that is loaded later is told, unless it knows of the subnet",
  nftMissing,
  (labs) => {
    const { host, outside, container } = labs;
    using _server = outside.listen(80);
    assertEquals(told(labs), []);
    const firewall = (rules: string) =>
      host.do(() =>
        nft(
          "table inet fw; delete table inet fw; table inet fw { " +
            `chain forward { type filter hook forward priority 0; policy drop; ${rules} }; }`,
        )
      );
    firewall("ct state established accept; iifname corp0 accept;");
    const [warning, ...more] = told(labs);
    assertEquals(more, []);
    assertStringIncludes(warning!, 'the nftables chain "inet fw forward" refuses');
    firewall("ct state established accept; ip saddr 10.10.10.0/24 tcp dport 25 accept;");
    assertEquals(told(labs), [], "it is meant so");
    firewall("ct state established accept; ip saddr 10.10.10.0/24 accept;");
    assertEquals(told(labs), []);
    assertEquals(container.connect("192.0.2.1", 80), "connected");
  },
);

natTest("a firewall is told once for each time that it begins to refuse", nftMissing, (labs) => {
  const { host, container } = labs;
  host.do(() => prepareNat(GATEWAY));
  using way = container.do(() => new WayOut(ADDRESS));
  const looks = () => lookOf(way, host).length;
  assertEquals(looks(), 0);
  for (let round = 0; round < 2; round++) {
    host.do(() =>
      nft("table ip fw { chain forward { type filter hook forward priority 0; reject; }; }")
    );
    assertEquals([looks(), looks()], [1, 0]);
    host.run("nft delete table ip fw");
    assertEquals(looks(), 0);
  }
});

natTest("where there is no way out, no firewall is told of", nftMissing, (labs) => {
  const { host } = labs;
  host.do(() =>
    nft("table ip fw { chain forward { type filter hook forward priority 0; drop; }; }")
  );
  for (const way of ["", "blackhole default"]) {
    host.run("ip route flush 0/0");
    if (way !== "") host.run(`ip route add ${way}`);
    assertEquals(told(labs), []);
  }
});

natTest("packets that are lost elsewhere than in a chain are told", nftMissing, (labs) => {
  labs.host.run(`ip rule add iif ${BRIDGE} blackhole`);
  const [warning, ...more] = told(labs);
  assertEquals(more, []);
  assertStringIncludes(warning!, "are lost on this host");
  assertStringIncludes(warning!, `ip route get 198.51.100.1 from 10.10.10.2 iif ${BRIDGE}`);
});

for (const backend of ["nft", "legacy"]) {
  const missing = nftMissing || findProgram(`iptables-${backend}`) === undefined;
  const what = `rules of iptables-${backend} that refuse everything are told, with what to do`;
  for (const jump of [false, true]) {
    natTest(`${what}${jump ? ", by a jump" : ""}`, missing, (labs) => {
      const { host, outside, container } = labs;
      using _server = outside.listen(80);
      host.do(() => prepareNat(GATEWAY));
      if (jump) host.run(`iptables-${backend} -N last`);
      for (const policy of ["ACCEPT", "DROP"]) {
        host.run(`iptables-${backend} -F`);
        host.run(`iptables-${backend} -P FORWARD ${policy}`);
        if (jump) host.run(`iptables-${backend} -A FORWARD -j last`);
        host.run(
          `iptables-${backend} -A ${
            jump ? "last" : "FORWARD"
          } -j REJECT --reject-with icmp-host-prohibited`,
        );
        for (let twice = 0; twice < 2; twice++) {
          const [warning, ...more] = told(labs);
          assertEquals(more, []);
          assertStringIncludes(warning!, "refuses forwarded packets, also those of containers");
          assertNotEquals(container.connect("192.0.2.1", 80, 300), "connected");
          if (twice === 0) continue;
          heed(host, warning!.replaceAll(/(: |; )iptables /g, `$1iptables-${backend} `));
        }
        assertEquals(container.connect("192.0.2.1", 80), "connected");
        assertEquals(told(labs), []);
      }
    });
  }
}

natTest(
  "of firewalld is told with its own command, also where it knows the bridge",
  nftMissing,
  (labs) => {
    labs.host.do(() =>
      nft(
        "table inet firewalld { chain filter_FWD_public { iifname lo accept; reject; }; " +
          `chain filter_FORWARD_ZONES { iifname ${BRIDGE} goto filter_FWD_public; }; ` +
          "chain filter_FORWARD { type filter hook forward priority filter + 10; " +
          "jump filter_FORWARD_ZONES; reject with icmpx admin-prohibited; }; }",
      )
    );
    const [warning, ...more] = told(labs);
    assertEquals(more, []);
    assertStringIncludes(
      warning!,
      "firewalld refuses forwarded packets, also those of containers; let them pass with: " +
        `firewall-cmd --permanent --zone=trusted --change-interface=${BRIDGE}; firewall-cmd --reload`,
    );
  },
);

natTest(
  "of ufw is told with its own command, unless it knows the bridge",
  iptablesMissing,
  (labs) => {
    const { host } = labs;
    for (const chain of ["ufw-before-forward", "ufw-user-forward", "ufw-reject-forward"]) {
      host.run(`iptables-nft -N ${chain}`);
    }
    host.run("iptables-nft -P FORWARD DROP");
    host.run("iptables-nft -A FORWARD -j ufw-before-forward");
    host.run("iptables-nft -A FORWARD -j ufw-reject-forward");
    host.run("iptables-nft -A ufw-before-forward -j ufw-user-forward");
    assertEquals(told(labs), [], "what its policy drops is for our own chain");
    host.run("iptables-nft -A ufw-reject-forward -j REJECT");
    assertEquals(told(labs), [
      "gocontainer: warning: ufw refuses forwarded packets, also those of containers; " +
      `let them pass with: ufw route prepend allow in on ${BRIDGE}`,
    ]);
    host.run(`iptables-nft -A ufw-user-forward -i ${BRIDGE} -j DROP`);
    assertEquals(told(labs), []);
  },
);
