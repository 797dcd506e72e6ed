/** The network of containers that the built binary makes, seen from inside, from the host and from outside. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { findProgram } from "../../lib/program.ts";
import { connectLabs, Lab } from "./network_lab.ts";
import { assertHostIsAsBefore, lookAtHost } from "./support/host.ts";
import type { Outcome, Record, Running } from "./support/process.ts";
import { host } from "./support/project.ts";
import { until } from "./support/wait.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();
const ip = findProgram("ip")!;

/** The arguments that run a shell script in a container. */
function script(text: string, ...options: string[]): string[] {
  return [...options, "alpine", "/bin/sh", "-c", text];
}

/** Words to put before the binary's so that it takes a trial namespace for the host's network. */
function within(lab: Lab): string[] {
  return ["nsenter", `--net=${lab.path}`];
}

/** Words to put before the binary's so that it has mounts of its own, made by a shell script, and no other container. */
function withMounts(mounts: string, before: readonly string[] = []): string[] {
  const set = `mount -t tmpfs none /run; ${mounts}; exec "$@"`;
  return [...before, "unshare", "--mount", "sh", "-e", "-c", set, "sh"];
}

/** What a script prints in a container; it has to end well. */
async function sh(text: string, options: string[] = [], through: string[] = []): Promise<string> {
  const { code, stdout, stderr } = await workspace.run(script(text, ...options), { through });
  if (code !== 0) throw new Error(`exit code ${code} of: ${text}\n${stdout}\n${stderr}`);
  return stdout.replace(/\n$/, "");
}

/** What gocontainer says of a container that cannot be made. */
async function complaint(options: string[], through: string[] = []): Promise<string> {
  const { code, stdout, stderr } = await workspace.run(script("echo started", ...options), {
    through,
  });
  assertEquals(stdout, "", stderr);
  assert(code === 125 || code === 1, `exit code ${code}: ${stderr}`);
  assertEquals(/\n {4}at /.test(stderr), false, `a stack trace: ${stderr}`);
  return stderr;
}

/** A container that waits, and its record. */
async function waiting(
  options: string[],
  through: string[] = [],
): Promise<{ running: Running; record: Required<Record>; end: () => Promise<Outcome> }> {
  const running = workspace.start(script("echo ready; exec sleep 1000", ...options), { through });
  await running.says(/ready/);
  const end = () => {
    running.kill("SIGTERM");
    return running.end();
  };
  return { running, record: await running.record(), end };
}

/** A container that says hello to who connects to its port 80. */
async function serving(lab: Lab, options: string[]) {
  const serve = "echo ready; while true; do echo hello | nc -l -p 80; done";
  const server = workspace.start(script(serve, ...options), { through: within(lab) });
  await server.says(/ready/);
  const { network } = await server.record();
  const [address] = network.address.split("/");
  await until("the server listens", () => lab.connect(address, 80) === "connected");
  return { server, network, address };
}

Deno.test("a container has lo and eth0 up, with address and default route, when its program starts", async () => {
  const seen = await sh(
    "cat /sys/class/net/lo/flags /sys/class/net/eth0/flags; ip -o -4 addr; ip route",
    ["-bridge-addr", "10.77.1.1/24"],
    within(new Lab()),
  );
  const [lo, eth0, ...lines] = seen.split("\n");
  const IFF_UP = 1;
  assertEquals([Number(lo) & IFF_UP, Number(eth0) & IFF_UP], [IFF_UP, IFF_UP]);
  assertMatch(lines[0], /lo +inet 127\.0\.0\.1\/8/);
  assertMatch(lines[1], /eth0 +inet 10\.77\.1\.2\/24/);
  assertEquals(lines[2].trim(), "default via 10.77.1.1 dev eth0");
  assertMatch(lines[3], /^10\.77\.1\.0\/24 dev eth0/);
});

Deno.test("a user who is not root pings, and listens on port 80", async () => {
  using lab = new Lab();
  const options = ["-bridge-addr", "10.77.1.1/24", "-cap-drop", "ALL"];
  const text = "ping -c 1 -W 5 10.77.1.1 | grep received; (echo heard | nc -l -p 80) & " +
    "for i in 1 2 3 4 5 6 7 8 9; do nc -w 2 127.0.0.1 80 2>/dev/null && break; sleep 0.1; done";
  for (const more of [[], ["-userns", "auto"]]) {
    assertEquals(
      await sh(text, [...options, "-u", "1000:1000", ...more], within(lab)),
      "1 packets transmitted, 1 packets received, 0% packet loss\nheard",
    );
  }
});

Deno.test("on this host: bridge, address, the way to the host and back, and nothing else is left", async () => {
  await sh("true");
  const isVeth = (link: string) => link.startsWith("veth");
  await until("the first one's veth is gone", () => !lookAtHost().links.some(isVeth));
  const before = lookAtHost();
  assert(before.links.includes("goContainers0"));
  assertStringIncludes(await host(ip, "-4", "address", "show", "goContainers0"), " 10.10.10.1/24 ");
  using server = Deno.listen({ hostname: "10.10.10.1", port: 0 });
  const { port } = server.addr;
  const container = sh(`ip -o -4 addr show eth0; nc -w 5 10.10.10.1 ${port}`);
  using connection = await server.accept();
  const peer = connection.remoteAddr.hostname;
  await connection.write(new TextEncoder().encode("hello from the host"));
  connection.closeWrite();
  const seen = await container;
  assertMatch(peer, /^10\.10\.10\.\d+$/);
  assertStringIncludes(seen, ` ${peer}/24 `);
  assertStringIncludes(seen, "hello from the host");
  await assertHostIsAsBefore(before);
});

Deno.test("the host reaches a container, and containers of one subnet each other", async () => {
  using lab = new Lab();
  const options = ["-bridge-addr", "10.77.1.1/24"];
  const { server, network, address } = await serving(lab, options);
  assertEquals(
    await sh(`until nc -w 5 ${address} 80; do sleep 0.1; done`, options, within(lab)),
    "hello",
  );
  assertStringIncludes(lab.run("ip link show master goContainers0"), network.veth);
  server.kill("SIGKILL");
  await server.end();
  await until("the veth is gone", () => !lab.run("ip link").includes(network.veth));
});

const IPTABLES = ["iptables", "iptables-nft", "iptables-legacy"];

/** A shell script that makes programs as good as missing. */
function hide(...names: string[]): string {
  return names.map((name) => `/usr/sbin/${name}`)
    .map((path) => `if [ -e ${path} ]; then mount --bind /dev/null ${path}; fi`).join("; ");
}

Deno.test("the outside is reached under the host's address, with no program but ip", async () => {
  using lab = new Lab();
  using outside = new Lab();
  connectLabs([lab, "wan", "192.0.2.2/24"], [outside, "lan", "192.0.2.1/24"], 1400);
  lab.run("ip route add default via 192.0.2.1");
  using server = outside.listen(80);
  const seen = await sh(
    "nc -z -w 5 192.0.2.1 80 && cat /sys/class/net/eth0/mtu",
    ["-bridge-addr", "10.77.1.1/24"],
    withMounts(hide("nft", ...IPTABLES), within(lab)),
  );
  assertEquals(seen, "1400");
  assertEquals(server.nextPeer(), "192.0.2.2");
});

Deno.test("packets are no larger than those on the way out, also where that has come after the bridge", async () => {
  using lab = new Lab();
  using outside = new Lab();
  const options = ["-bridge-addr", "10.77.1.1/24"];
  connectLabs([lab, "wan", "192.0.2.2/24"], [outside, "lan", "192.0.2.1/24"]);
  const sizes = async () => [
    await sh("cat /sys/class/net/eth0/mtu", options, within(lab)),
    /mtu (\d+)/.exec(lab.run("ip link show goContainers0"))![1],
  ];
  assertEquals(await sizes(), ["1500", "1500"], "there is no way out");
  lab.run("ip link set wan mtu 1450");
  lab.run("ip route add default via 192.0.2.1");
  assertEquals(await sizes(), ["1450", "1450"]);
  lab.run("ip route replace default via 192.0.2.1 mtu 1400");
  assertEquals(await sizes(), ["1400", "1400"]);
  lab.run("ip link set wan mtu 9000");
  lab.run("ip link delete goContainers0");
  lab.run("ip route replace default via 192.0.2.1");
  assertEquals(await sizes(), ["1500", "1500"]);
});

/** As on a kernel that does not make the rules. */
const REFUSED = [
  "-test-fault",
  "fail:let packets from 10.77.1.0/24 leave under the host's address, by",
]
  .concat("-bridge-addr", "10.77.1.1/24");

Deno.test("with neither nftables nor iptables: one warning, and the container runs", async () => {
  using lab = new Lab();
  const { code, stdout, stderr } = await workspace.run(
    script("echo ran; nc -w 1 10.77.1.1 9", ...REFUSED),
    { through: withMounts(hide(...IPTABLES), within(lab)) },
  );
  assertEquals([code, stdout], [1, "ran\n"]);
  assertMatch(
    stderr,
    /^gocontainer: warning: containers reach the host and each other only: .*and iptables is not installed.*\n$/,
  );
});

Deno.test({
  name: "where nftables refuse, iptables masquerades",
  ignore: IPTABLES.some((name) => findProgram(name) === undefined),
  fn: async () => {
    for (const [hidden, backend] of [[[], "legacy"], [["iptables-legacy"], "nft"]] as const) {
      using lab = new Lab();
      using outside = new Lab();
      connectLabs([lab, "wan", "192.0.2.2/24"], [outside, "lan", "192.0.2.1/24"]);
      lab.run("ip route add default via 192.0.2.1");
      using server = outside.listen(80);
      const through = withMounts(hide(...hidden) || ":", within(lab));
      for (let twice = 0; twice < 2; twice++) {
        const seen = await sh("nc -z -w 5 192.0.2.1 80 && echo reached", REFUSED, through);
        assertEquals(seen, "reached");
        assertEquals(server.nextPeer(), "192.0.2.2");
      }
      const rules = lab.run(`iptables-${backend} -t nat -S POSTROUTING`).match(/MASQUERADE/g);
      assertEquals(rules?.length, 1);
    }
  },
});

const nftMissing = findProgram("nft") === undefined;

Deno.test({
  name: "who loads a firewall does not take from a running container what it needs of the host",
  ignore: nftMissing,
  fn: async () => {
    using lab = new Lab();
    const first = await waiting(["-bridge-addr", "10.77.1.1/24", "-name", "first"], within(lab));
    const second = await waiting(["-net", "container:first"], within(lab));
    const hasRules = () => lab.run("nft list tables").includes("table ip gocontainer\n");
    for (const ending of [first, second]) {
      lab.run("nft flush ruleset");
      await until("the rules are there again", hasRules);
      const { stderr } = await ending.end();
      assertEquals(stderr, "");
    }
    lab.run("nft flush ruleset");
    await new Promise((resolve) => setTimeout(resolve, 300));
    assertEquals(hasRules(), false, "nobody is there who would need them");
  },
});

Deno.test({
  name: "a bridge that has another address by now gets no rules for the one before",
  ignore: nftMissing,
  fn: async () => {
    using lab = new Lab();
    const { end } = await waiting(["-bridge-addr", "10.77.1.1/24"], within(lab));
    lab.run("ip address flush dev goContainers0");
    lab.run("ip address add 10.77.2.1/24 dev goContainers0");
    lab.run("nft flush ruleset");
    await new Promise((resolve) => setTimeout(resolve, 500));
    assertEquals(lab.run("nft list tables"), "");
    await end();
  },
});

Deno.test({
  name: "a firewall that keeps running containers from the outside is told by each, once",
  ignore: nftMissing,
  fn: async () => {
    using lab = new Lab();
    using outside = new Lab();
    connectLabs([lab, "wan", "192.0.2.2/24"], [outside, "lan", "192.0.2.1/24"]);
    lab.run("ip route add default via 192.0.2.1");
    const options = ["-bridge-addr", "10.77.1.1/24"];
    const three = await Promise.all([1, 2, 3].map(() => waiting(options, within(lab))));
    lab.run("nft add table ip fw");
    lab.run("nft add chain ip fw forward { type filter hook forward priority 0; policy drop; }");
    const refuses = /the nftables chain "ip fw forward" refuses forwarded packets/;
    for (const { running } of three) await running.complains(refuses);
    // One who tells has a table made for that, which is a change of rules to the others.
    for (let more = 0; more < 2; more++) {
      lab.run("nft add rule ip fw forward ct state established accept");
      await new Promise((resolve) => setTimeout(resolve, 1200));
    }
    for (const { end } of three) {
      const { stderr } = await end();
      assertEquals(stderr.match(/warning/g), ["warning"], stderr);
    }
  },
});

Deno.test({
  name: "a firewall is told to who has failed at once, and to who runs on",
  ignore: nftMissing,
  fn: async () => {
    using lab = new Lab();
    using outside = new Lab();
    connectLabs([lab, "wan", "192.0.2.2/24"], [outside, "lan", "192.0.2.1/24"]);
    lab.run("ip route add default via 192.0.2.1");
    lab.run("nft add table ip fw");
    lab.run("nft add chain ip fw forward { type filter hook forward priority 0; policy drop; }");
    const saidOf = async (...command: string[]) => {
      const options = { through: within(lab) };
      const { stderr } = await workspace.run(["-rm", "alpine", ...command], options);
      return /the nftables chain "ip fw forward" refuses/.test(stderr);
    };
    assertEquals([await saidOf("false"), await saidOf("sleep", "0.3")], [true, true]);
  },
});

Deno.test("-bridge-addr replaces the bridge's address, and the default does so too", async () => {
  using lab = new Lab();
  const bridge = () => /inet (\S+)/.exec(lab.run("ip -4 address show goContainers0"))![1];
  const route = "ip route | sed -n 's/default via //p'";
  for (const [option, gateway] of [["10.77.1.1/24"], ["10.77.2.9/20"], []].map((o) => [o, o[0]])) {
    const options = option!.length > 0 ? ["-bridge-addr", option![0]] : [];
    const address = gateway as string | undefined ?? "10.10.10.1/24";
    const seen = await sh(route, options as string[], withMounts(":", within(lab)));
    assertEquals(seen.split(" ")[0], address.split("/")[0]);
    assertEquals(bridge(), address);
  }
});

Deno.test("-bridge-addr does not take the network from a live container, which is named", async () => {
  using lab = new Lab();
  const { record, end } = await waiting(["-bridge-addr", "10.77.1.1/24"], within(lab));
  const said = await complaint(["-bridge-addr", "10.77.2.1/24"], within(lab));
  assertStringIncludes(said, `it is the gateway of "${record.id}" (${record.network.address})`);
  assertStringIncludes(said, "End this container first");
  assertStringIncludes(lab.run("ip -4 address show goContainers0"), " 10.77.1.1/24 ");
  await end();
  await sh("true", ["-bridge-addr", "10.77.2.1/24"], within(lab));
});

Deno.test("a bridge that was deleted is made again, and who was at it is reached as before", async () => {
  using lab = new Lab();
  const options = ["-bridge-addr", "10.77.1.1/24"];
  const { server, network, address } = await serving(lab, options);
  lab.run("ip link delete goContainers0");
  const ask = `for i in 1 2 3 4 5; do nc -w 1 ${address} 80 && break; sleep 0.1; done`;
  assertEquals(await sh(ask, options, within(lab)), "hello");
  assertStringIncludes(lab.run("ip link show master goContainers0"), network.veth);
  server.kill("SIGKILL");
  await server.end();
});

Deno.test("who keeps the namespace of a container that is over is not heard while another one has its address", async () => {
  using lab = new Lab();
  const options = ["-bridge-addr", "10.77.1.1/24"];
  const { record, end } = await waiting(options, within(lab));
  using _kept = Deno.openSync(`/proc/${record.init.pid}/ns/net`);
  await end();
  const address = await sh("ip -o -4 addr show eth0", options, within(lab));
  assertStringIncludes(address, ` ${record.network.address} `);
  const filter = lab.run(`tc filter show dev ${record.network.veth} ingress`);
  assertStringIncludes(filter, "bytecode '1,6 0 0 2'");
});

Deno.test("-container-addr is had, and refused while a live container has it", async () => {
  using lab = new Lab();
  const options = ["-bridge-addr", "10.77.1.1/24", "-container-addr", "10.77.1.77/24"];
  const { running, record, end } = await waiting(options, within(lab));
  assertEquals(record.network.address, "10.77.1.77/24");
  assertStringIncludes(
    await complaint(options, within(lab)),
    `use "10.77.1.77/24": container "${record.id}" has this address`,
  );
  running.kill("SIGKILL");
  await running.end();
  assertStringIncludes(
    await sh("ip -o -4 addr show eth0", options, within(lab)),
    " 10.77.1.77/24 ",
    "the address of one that was killed is free again",
  );
  await end();
});

Deno.test("addresses that cannot be are refused, each with its reason", async () => {
  using lab = new Lab();
  const cases: [string[], RegExp][] = [
    [
      ["-bridge-addr", "10.77.1.1"],
      /read -bridge-addr "10\.77\.1\.1": the prefix length is missing/,
    ],
    [["-bridge-addr", "10.77.1.300/24"], /"300" is not a number from 0 to 255/],
    [["-bridge-addr", "10.77.1.1/40"], /prefix length is not a number from 0 to 32/],
    [["-bridge-addr", "10.77.1.1/31"], /prefix length has to be from 8 to 30/],
    [["-bridge-addr", "10.77.1.0/24"], /network address .*\n.*10\.77\.1\.1 to 10\.77\.1\.254/],
    [["-bridge-addr", "fd00::1/64"], /IPv6 addresses are not supported/],
    [["-container-addr", "10.77.2.2/24"], /outside the bridge's subnet 10\.77\.1\.0\/24/],
    [["-container-addr", "10.77.1.1/24"], /the bridge itself has this address/],
    [["-container-addr", "10.77.1.255/24"], /broadcast address/],
    [["-container-addr", "10.77.1.2/16"], /Write "10\.77\.1\.2\/24"/],
  ];
  for (const [options, why] of cases) {
    const all = options[0] === "-bridge-addr"
      ? options
      : ["-bridge-addr", "10.77.1.1/24", ...options];
    assertMatch(await complaint(all, within(lab)), why);
  }
  assertEquals(lab.run("ip link").includes("goContainers0"), false, "nothing was made");
});

Deno.test("a subnet that another interface has is refused with its name, and nothing is left", async () => {
  using lab = new Lab();
  lab.run("ip link add corp0 type bridge");
  lab.run("ip link set corp0 up");
  lab.run("ip address add 10.77.1.7/25 dev corp0");
  await workspace.run(["gc"]);
  const before = lookAtHost();
  const said = await complaint(["-bridge-addr", "10.77.1.1/24"], within(lab));
  assertStringIncludes(said, 'interface "corp0" has the address 10.77.1.7/25');
  assertStringIncludes(said, "-bridge-addr 192.168.99.1/24");
  await assertHostIsAsBefore(before);
  assertEquals(lab.run("ip link").includes("goContainers0"), false);
});

Deno.test("without ip, or with one that is not to be trusted or run or BusyBox's, iproute2 is asked for", async () => {
  using lab = new Lab();
  const replaced = (source: string) => `mount --bind ${source} ${ip}`;
  const before = lookAtHost();
  assertMatch(
    await complaint([], withMounts(replaced("/dev/null"), within(lab))),
    /the program ip is not installed\n.*iproute2/,
  );
  const unfit = workspace.path("ip");
  Deno.copyFileSync(ip, unfit);
  // Others can write the one, nobody can run the other.
  for (const mode of [0o757, 0o644]) {
    Deno.chmodSync(unfit, mode);
    assertMatch(
      await complaint([], withMounts(replaced(unfit), within(lab))),
      /the program ip is not installed\n.*iproute2/,
    );
  }
  const busybox = findProgram("busybox");
  if (busybox !== undefined) {
    assertMatch(
      await complaint([], withMounts(replaced(busybox), within(lab))),
      /this ip is BusyBox's.*\n.*iproute2/,
    );
  }
  await assertHostIsAsBefore(before);
});

Deno.test("a run takes one ip process, the first one two", async () => {
  using lab = new Lab();
  const log = workspace.path("ip.log");
  Deno.writeTextFileSync(log, "");
  Deno.copyFileSync(ip, workspace.path("ip.real"));
  Deno.chmodSync(workspace.path("ip.real"), 0o755);
  const wrapper = workspace.path("ip.counted");
  const lines = ["#!/bin/sh", `echo "$@" >>${log}`, `exec ${workspace.path("ip.real")} "$@"`];
  Deno.writeTextFileSync(wrapper, lines.join("\n") + "\n", { mode: 0o755 });
  const through = withMounts(`mount --bind ${wrapper} ${ip}`, within(lab));
  const processes = async () => {
    Deno.writeTextFileSync(log, "");
    await sh("true", [], through);
    return Deno.readTextFileSync(log).trim().split("\n");
  };
  assertEquals((await processes()).length, 2);
  const [only, ...more] = await processes();
  assertMatch(only, /^-batch /);
  assertEquals(more, []);
});

Deno.test("-net none: the loopback interface only, and the container's name leads to it", async () => {
  assertEquals(
    await sh("ls /sys/class/net; cat /sys/class/net/lo/operstate", ["-net", "none"]),
    "lo\nunknown",
  );
  const hosts = await sh("cat /etc/hosts; ping -c 1 -W 2 web >/dev/null && echo alive", [
    "-net",
    "none",
    "-hostname",
    "web",
  ]);
  assertMatch(hosts, /^127\.0\.0\.1\tlocalhost$/m);
  assertMatch(hosts, /^127\.0\.1\.1\tweb$/m);
  assertMatch(hosts, /^alive$/m);
});

Deno.test("-net host: the host's namespace, names and servers", async () => {
  const seen = await sh("readlink /proc/self/ns/net; cat /etc/hosts /etc/resolv.conf", [
    "-net",
    "host",
  ]);
  const expected = ["/etc/hosts", "/etc/resolv.conf"].map((path) => Deno.readTextFileSync(path))
    .join("");
  assertEquals(seen, `${Deno.readLinkSync("/proc/self/ns/net")}\n${expected}`.replace(/\n$/, ""));
});

Deno.test("-net container:ID: the other's namespace, address and names", async () => {
  using lab = new Lab();
  const { record, end } = await waiting(
    ["-bridge-addr", "10.77.1.1/24", "-name", "first"],
    within(lab),
  );
  const look = "readlink /proc/self/ns/net; ip -o -4 addr show eth0; cat /etc/hosts; hostname";
  const seen = await sh(
    look,
    ["-net", `container:${record.id}`, "-hostname", "second"],
    within(lab),
  );
  assertStringIncludes(seen, Deno.readLinkSync(`/proc/${record.init.pid}/ns/net`));
  assertStringIncludes(seen, ` ${record.network.address} `);
  assertMatch(seen, /^10\.77\.1\.\d+\tfirst$/m);
  assertMatch(seen, /second$/);
  await end();
});

Deno.test("-net container:ID: the address is the other's as long as one of them lives", async () => {
  using lab = new Lab();
  const bridge = ["-bridge-addr", "10.77.1.1/24"];
  const first = await waiting([...bridge, "-name", "first"], within(lab));
  const second = await waiting(["-net", "container:first", "-name", "second"], within(lab));
  await first.end();
  const third = await waiting([...bridge, "-name", "third"], within(lab));
  assertNotEquals(third.record.network.address, first.record.network.address);

  // It has no namespace of its own to be joined, and the files of the first are no more.
  const look = "ip -o -4 addr show eth0; cat /etc/hosts";
  const seen = await sh(look, ["-net", "container:second", "-hostname", "fourth"], within(lab));
  assertStringIncludes(seen, ` ${first.record.network.address} `);
  assertMatch(seen, /^10\.77\.1\.\d+\t(first|fourth)$/m);
  await third.end();
  await second.end();

  const last = await waiting(bridge, within(lab));
  assertEquals(last.record.network.address, first.record.network.address);
  await last.end();
});

Deno.test("-net container:ID: of two who share a network one is killed, and the other keeps it", async () => {
  using lab = new Lab();
  const first = await waiting(["-bridge-addr", "10.77.1.1/24", "-name", "first"], within(lab));
  const second = await waiting(["-net", "container:first", "-name", "second"], within(lab));
  for (const killed of [second, first]) {
    killed.running.kill("SIGKILL");
    await killed.running.end();
    await workspace.run(["gc"], { through: within(lab) });
    if (killed === second) assertStringIncludes(lab.run("ip link"), first.record.network.veth);
    else await until("the cable is gone", () => !lab.run("ip link").includes("veth"));
  }
});

Deno.test("the name of a container leads to its address, and its files say so", async () => {
  const options = ["-bridge-addr", "10.77.1.1/24", "-hostname", "web.example.org"];
  const seen = await sh(
    "cat /etc/hostname; hostname; cat /etc/hosts; ping -c 1 -W 2 web >/dev/null && echo alive",
    options,
    within(new Lab()),
  );
  assertEquals(seen.split("\n").slice(0, 2), ["web.example.org", "web.example.org"]);
  assertMatch(seen, /^10\.77\.1\.\d+\tweb\.example\.org web$/m);
  assertMatch(seen, /^::1\tlocalhost/m);
  assertMatch(seen, /^alive$/m);
});

Deno.test("the host is reached by name, also by who shares the network of another one that is over", async () => {
  using lab = new Lab();
  using server = lab.listen(80);
  const reach = (...options: string[]) =>
    sh("nc -z -w 5 host.containers.internal 80 && echo reached", options, within(lab));
  const first = await waiting(["-bridge-addr", "10.77.1.9/24", "-name", "first"], within(lab));
  assertEquals(await reach("-net", "container:first"), "reached");
  assertEquals(server.nextPeer(), first.record.network.address.split("/")[0]);
  const second = await waiting(["-net", "container:first", "-name", "second"], within(lab));
  await first.end();
  assertEquals(await reach("-net", "container:second"), "reached");
  await second.end();
});

Deno.test("resolv.conf: systemd-resolved's own servers, else without the host's loopback, else public ones", async () => {
  using lab = new Lab();
  const file = workspace.path("resolv.conf");
  const seen = (resolv: string, more = ":") => {
    Deno.writeTextFileSync(file, resolv);
    const mounts = `mount --bind ${file} /etc/resolv.conf; ${more}`;
    return workspace.run(script("cat /etc/resolv.conf"), {
      through: withMounts(mounts, within(lab)),
    });
  };
  const stub = "nameserver 127.0.0.53\noptions edns0\nsearch example.org\n";
  const behind = "nameserver 192.0.2.53\\nnameserver 2001:db8::53\\nsearch example.org\\n";
  const resolved = "mkdir -p /run/systemd/resolve; " +
    `printf '${behind}' >/run/systemd/resolve/resolv.conf`;
  assertEquals((await seen(stub, resolved)).stdout, "nameserver 192.0.2.53\nsearch example.org\n");

  const both = await seen("nameserver 127.0.0.1\nnameserver 192.0.2.7\noptions ndots:2\n");
  assertEquals(both.stdout, "nameserver 192.0.2.7\noptions ndots:2\n");

  const none = await seen("nameserver 127.0.0.1\n");
  assertEquals(none.stdout, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
  assertMatch(
    none.stderr,
    /warning: .*\/etc\/resolv\.conf names no server that a container can reach.*8\.8\.8\.8/,
  );
});

Deno.test("-explain tells the commands of ip, in words, with a way to check each", async () => {
  using lab = new Lab();
  const { stderr } = await workspace.run(
    script("true", "-explain", "-bridge-addr", "10.77.1.1/24"),
    {
      through: within(lab),
    },
  );
  for (
    const part of [
      "ip link add goContainers0 ",
      "ip address replace 10.77.1.1/24 dev goContainers0",
      "ip link set lo up",
      "ip link set eth0 up",
      "ip route add default via 10.77.1.1",
      "check: ip link show master goContainers0",
    ]
  ) assertStringIncludes(stderr, part);
  assertMatch(stderr, /ip link add veth[0-9a-f]{11} .* type veth peer name eth0/);
});

Deno.test("fifty at once get fifty addresses, all reach the bridge, and nothing is left", async () => {
  using lab = new Lab();
  await workspace.run(["gc"]);
  const before = lookAtHost();
  using server = lab.listen(80);
  const options = ["-rm", "-bridge-addr", "10.77.1.1/24"];
  const all = Array.from({ length: 50 }, () =>
    workspace.start(
      script("nc -z -w 20 10.77.1.1 80 && echo reached; read go", ...options),
      { through: within(lab), stdin: "piped" },
    ));
  await Promise.all(all.map((one) => one.says(/reached/)));
  const peers = all.map(() => server.nextPeer());
  assertEquals(new Set(peers).size, 50);
  for (const peer of peers) assertMatch(peer, /^10\.77\.1\.\d+$/);
  assertEquals(lab.run("ip -o link show master goContainers0").trim().split("\n").length, 50);
  await Promise.all(all.map((one) => one.feed("go\n")));
  const outcomes = await Promise.all(all.map((one) => one.end()));
  assertEquals(outcomes.filter(({ code, stderr }) => code !== 0 || stderr !== ""), []);
  await assertHostIsAsBefore(before, 10_000);
  await until(
    "all veths are gone",
    () => lab.run("ip -o link show master goContainers0") === "",
  );
});
