import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import {
  chooseContainerAddress,
  DEFAULT_BRIDGE_ADDRESS,
  parseBridgeAddress,
} from "../../../lib/network/addresses.ts";
import { formatCidr, parseCidr } from "../../../lib/network/cidr.ts";

const bridge = parseBridgeAddress(DEFAULT_BRIDGE_ADDRESS);
const leasesOf = (...addresses: string[]) =>
  addresses.map((address, i) => ({ id: `container${i}`, address }));
const choose = (bridgeAddress: string, leases: string[], requested?: string) =>
  formatCidr(chooseContainerAddress({
    bridge: parseBridgeAddress(bridgeAddress),
    requested,
    leases: leasesOf(...leases),
  }));

Deno.test("address: the default one, then the next free ones", () => {
  assertEquals(choose(DEFAULT_BRIDGE_ADDRESS, []), "10.10.10.2/24");
  assertEquals(choose("10.10.10.1/24", ["10.10.10.2/24"]), "10.10.10.3/24");
  assertEquals(choose("10.10.10.1/24", ["10.10.10.3/24"]), "10.10.10.2/24");
  assertEquals(choose("10.10.10.3/24", ["10.10.10.2/24"]), "10.10.10.4/24");
  assertEquals(choose("192.168.0.254/16", []), "192.168.0.2/16");
});

Deno.test("address: leases of other subnets take nothing away", () => {
  assertEquals(choose("10.10.10.1/24", ["10.20.0.2/24", "10.10.11.2/16"]), "10.10.10.2/24");
});

Deno.test("address: the first host address is given last, the bridge's and the broadcast never", () => {
  assertEquals(choose("10.0.0.2/30", []), "10.0.0.1/30");
  assertEquals(choose("10.0.0.3/29", ["10.0.0.2/29", "10.0.0.4/29", "10.0.0.5/29"]), "10.0.0.6/29");
  const most = ["10.0.0.2/29", "10.0.0.4/29", "10.0.0.5/29", "10.0.0.6/29"];
  assertEquals(choose("10.0.0.3/29", most), "10.0.0.1/29");
  const error = assertThrows(() => choose("10.0.0.3/29", [...most, "10.0.0.1/29"]), ContainerError);
  assertEquals(error.code, "InUse");
  assertStringIncludes(error.message, "find a free address in 10.0.0.0/29: all 5 are taken");
  const least = assertThrows(() => choose("10.0.0.1/30", ["10.0.0.2/30"]), ContainerError);
  assertStringIncludes(least.message, "find a free address in 10.0.0.0/30: the only one is taken");
});

Deno.test("address: fifty containers get fifty addresses", () => {
  const leases: { id: string; address: string }[] = [];
  for (let i = 0; i < 50; i++) {
    const address = formatCidr(chooseContainerAddress({ bridge, leases }));
    leases.push({ id: `container${i}`, address });
  }
  assertEquals(new Set(leases.map(({ address }) => address)).size, 50);
  assertEquals(leases.at(-1)!.address, "10.10.10.51/24");
});

Deno.test("address: a requested one is had, unless it does not fit", () => {
  assertEquals(choose("10.10.10.1/24", [], "10.10.10.77/24"), "10.10.10.77/24");
  const wrong: Record<string, string> = {
    "10.10.11.2/24": "outside the bridge's subnet 10.10.10.0/24",
    "10.10.10.2/16": "its prefix is not that of the bridge's subnet 10.10.10.0/24",
    "10.10.10.1/24": "the bridge itself",
    "10.10.10.0/24": "network address",
    "10.10.10.255/24": "broadcast address",
    "10.10.10.2": "prefix length is missing",
  };
  for (const [text, why] of Object.entries(wrong)) {
    const error = assertThrows(() => choose("10.10.10.1/24", [], text), ContainerError);
    assertEquals(error.code, "InvalidArgument", text);
    assertStringIncludes(error.message, `-container-addr "${text}": `);
    assertStringIncludes(error.message, why);
  }
});

Deno.test("address: a requested one that a live container has names the container", () => {
  const error = assertThrows(
    () => choose("10.10.10.1/24", ["10.10.10.9/24", "10.10.10.5/24"], "10.10.10.5/24"),
    ContainerError,
  );
  assertEquals(error.code, "InUse");
  assertStringIncludes(error.message, '"10.10.10.5/24": container "container1"');
});

Deno.test("bridge address: one that hosts can have, with room for containers", () => {
  assertEquals(parseBridgeAddress("172.16.0.1/12"), parseCidr("172.16.0.1/12", ""));
  const wrong: Record<string, string> = {
    "10.10.10.0/24": "network address",
    "10.10.10.255/24": "broadcast address",
    "10.10.10.1/31": "from 8 to 30",
    "10.10.10.1/32": "from 8 to 30",
    "10.10.10.1/7": "from 8 to 30",
    "127.0.0.2/8": "begin with 0, 127 or 224",
    "224.0.0.1/24": "begin with 0, 127 or 224",
    "0.1.2.3/24": "begin with 0, 127 or 224",
  };
  for (const [text, why] of Object.entries(wrong)) {
    const error = assertThrows(() => parseBridgeAddress(text), ContainerError);
    assertEquals(error.code, "InvalidArgument", text);
    assertStringIncludes(error.message, `use -bridge-addr "${text}": `);
    assertStringIncludes(error.message, why);
  }
});
