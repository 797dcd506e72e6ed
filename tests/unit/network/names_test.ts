import { assertEquals, assertMatch } from "@std/assert";
import { parseCidr } from "../../../lib/network/cidr.ts";
import { macAddress } from "../../../lib/network/mac.ts";
import { hostVethName } from "../../../lib/network/veth.ts";

Deno.test("veth name: fits, always the same for an id, another for another", () => {
  const ids: string[] = Array.from({ length: 2000 }, () => crypto.randomUUID());
  ids.push("a", "b", "ab", "ba", "", ...Array.from({ length: 2000 }, (_, i) => `container${i}`));
  const names = ids.map(hostVethName);
  for (const name of names) assertMatch(name, /^veth[0-9a-f]{11}$/);
  assertEquals(new Set(names).size, ids.length);
  assertEquals(ids.map(hostVethName), names);
});

Deno.test("hardware address: made of the IPv4 address, locally administered, for one interface", () => {
  const mac = macAddress(parseCidr("10.10.200.2/24", ""));
  assertEquals(mac, "02:67:0a:0a:c8:02");
  const first = parseInt(mac.slice(0, 2), 16);
  assertEquals([first & 0x02, first & 0x01], [0x02, 0]);
});
