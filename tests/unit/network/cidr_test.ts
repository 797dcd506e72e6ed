import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import {
  broadcastOf,
  contains,
  formatAddress,
  formatCidr,
  netmaskOf,
  networkOf,
  overlap,
  parseCidr,
} from "../../../lib/network/cidr.ts";

const cidr = (text: string) => parseCidr(text, "an address");

Deno.test("CIDR: reads and writes addresses with prefix", () => {
  assertEquals(cidr("10.10.10.1/24"), { address: 0x0a0a0a01, prefix: 24 });
  for (const text of ["0.0.0.0/0", "255.255.255.255/32", "192.168.99.1/8"]) {
    assertEquals(formatCidr(cidr(text)), text);
  }
  assertEquals(formatAddress(cidr("192.0.2.254/24")), "192.0.2.254");
});

Deno.test("CIDR: what is not one is refused with the part that is wrong", () => {
  const wrong: Record<string, string> = {
    "": "prefix length is missing",
    "10.10.10.1": "prefix length is missing",
    "10.10.10/24": "four numbers",
    "10.10.10.1.1/24": "four numbers",
    "10.10.10.256/24": '"256" is not a number from 0 to 255',
    "10.10.10.x/24": '"x"',
    "10.10.10./24": '""',
    "10.10.10.01/24": '"01"',
    "10.10.10.-1/24": '"-1"',
    "10.10.10.1e1/24": '"1e1"',
    "10.10.10.0x1/24": '"0x1"',
    "10.10.10.+1/24": '"+1"',
    " 10.10.10.1/24": '" 10"',
    "10.10.10.1/33": "from 0 to 32",
    "10.10.10.1/": "from 0 to 32",
    "10.10.10.1/-1": "from 0 to 32",
    "10.10.10.1/24/8": "from 0 to 32",
    "10.10.10.1/024": "from 0 to 32",
    "10.10.10.1/24 ": "from 0 to 32",
    "fd00::1/64": "IPv6",
  };
  for (const [text, why] of Object.entries(wrong)) {
    const error = assertThrows(() => parseCidr(text, "-bridge-addr"), ContainerError);
    assertEquals(error.code, "InvalidArgument", text);
    assertStringIncludes(error.message, `read -bridge-addr ${JSON.stringify(text)}: `);
    assertStringIncludes(error.message, why);
  }
});

Deno.test("CIDR: networks, also the widest and the narrowest", () => {
  assertEquals(formatCidr(networkOf(cidr("10.10.10.77/24"))), "10.10.10.0/24");
  assertEquals(formatCidr(networkOf(cidr("200.1.2.3/0"))), "0.0.0.0/0");
  assertEquals(formatCidr(networkOf(cidr("200.1.2.3/32"))), "200.1.2.3/32");
  assertEquals(formatAddress({ address: broadcastOf(cidr("200.1.2.3/26")) }), "200.1.2.63");
  assertEquals(broadcastOf(cidr("1.2.3.4/0")), 0xffffffff);
  assertEquals(netmaskOf({ prefix: 20 }), 0xfffff000);
  assertEquals(netmaskOf({ prefix: 0 }), 0);
});

Deno.test("CIDR: what lies in a network, and which networks share addresses", () => {
  assertEquals(contains(cidr("200.10.10.1/24"), cidr("200.10.10.255/24").address), true);
  assertEquals(contains(cidr("200.10.10.1/24"), cidr("200.10.11.0/24").address), false);
  assertEquals(contains(cidr("0.0.0.0/0"), cidr("200.10.11.0/24").address), true);
  assertEquals(overlap(cidr("10.0.0.0/8"), cidr("10.10.10.0/24")), true);
  assertEquals(overlap(cidr("10.10.10.0/24"), cidr("10.0.0.0/8")), true);
  assertEquals(overlap(cidr("10.10.10.0/25"), cidr("10.10.10.128/25")), false);
});
