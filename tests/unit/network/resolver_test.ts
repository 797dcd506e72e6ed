import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import { parseCidr } from "../../../lib/network/cidr.ts";
import {
  hostnameFile,
  hostsFile,
  reachableServers,
  resolverFile,
} from "../../../lib/network/resolver.ts";

const address = parseCidr("10.10.10.2/24", "");

Deno.test("hosts: localhost for both protocols, and the container's own name", () => {
  const lines = hostsFile({ mode: "bridge", hostname: "web.example.org", address }).split("\n");
  assertEquals(lines[0], "127.0.0.1\tlocalhost");
  assertStringIncludes(lines[1]!, "::1\tlocalhost");
  assertEquals(lines.slice(2), ["10.10.10.2\tweb.example.org web", ""]);
  assertStringIncludes(
    hostsFile({ mode: "bridge", hostname: "web", address }),
    "10.10.10.2\tweb\n",
  );
});

Deno.test("hosts: the host has its usual names, where it has an address towards the container", () => {
  const gateway = parseCidr("10.10.10.1/24", "");
  assertEquals(
    hostsFile({ mode: "bridge", hostname: "web", address, gateway }).split("\n").slice(2),
    ["10.10.10.2\tweb", "10.10.10.1\thost.containers.internal host.docker.internal", ""],
  );
  assertEquals(hostsFile({ mode: "none", hostname: "web" }).includes("internal"), false);
});

Deno.test("hosts: without a network the name leads to the loopback, with the host's to the host's file", () => {
  assertStringIncludes(hostsFile({ mode: "none", hostname: "web" }), "127.0.1.1\tweb\n");
  assertEquals(
    hostsFile({ mode: "host", hostname: "web" }),
    Deno.readTextFileSync("/etc/hosts"),
  );
});

Deno.test("hostname: one word only, so that it cannot bring lines of its own", () => {
  assertEquals(hostnameFile("web"), "web\n");
  for (const hostname of ["", "a b", "a\n1.2.3.4 bank", "a#b", "a\0"]) {
    for (
      const make of [hostnameFile, (hostname: string) => hostsFile({ mode: "none", hostname })]
    ) {
      assertEquals(assertThrows(() => make(hostname), ContainerError).code, "InvalidArgument");
    }
  }
});

Deno.test("resolv.conf: search and options stay, servers out of reach go", () => {
  const text = [
    "# made by somebody",
    "nameserver 127.0.0.53",
    "nameserver 127.1",
    "  nameserver   192.0.2.53  ",
    "nameserver\t198.51.100.53",
    "nameserver ::1",
    "nameserver 2001:db8::53",
    "nameserver fe80::1%eth0",
    "nameserver 0.0.0.0",
    "nameserver",
    "; also a comment",
    "search example.org sub.example.org",
    "options ndots:2 edns0",
    "",
  ].join("\n");
  assertEquals(reachableServers(text), {
    content: "nameserver   192.0.2.53\nnameserver\t198.51.100.53\n" +
      "search example.org sub.example.org\noptions ndots:2 edns0\n",
    servers: 2,
  });
  assertEquals(reachableServers("nameserver 127.0.0.1"), { content: "", servers: 0 });
});

Deno.test("resolv.conf: this machine's is handed on, and in a network of its own without the loopback", () => {
  assertEquals(resolverFile("host"), Deno.readTextFileSync("/etc/resolv.conf"));
  assertEquals(/nameserver\s+127\./.test(resolverFile("bridge")), false);
  assertStringIncludes(resolverFile("bridge"), "nameserver ");
});
