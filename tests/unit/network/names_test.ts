import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseCidr } from "../../../lib/network/cidr.ts";
import { macAddress } from "../../../lib/network/mac.ts";
import { hostVethName } from "../../../lib/network/veth.ts";

Deno.test("veth name: fits, tells the address, always the same for an id, mostly another for another", () => {
  const address = parseCidr("10.10.200.2/24", "");
  const ids: string[] = Array.from({ length: 200 }, () => crypto.randomUUID());
  ids.push("a", "b", "ab", "ba", "");
  const names = ids.map((id) => hostVethName(address, id));
  for (const name of names) assertMatch(name, /^veth0a0ac802[0-9a-f]{3}$/);
  assertEquals(ids.map((id) => hostVethName(address, id)), names);
  assert(new Set(names).size > ids.length - 20, names.join(" "));
});

Deno.test("hardware address: made of the IPv4 address, locally administered, for one interface", () => {
  const mac = macAddress(parseCidr("10.10.200.2/24", ""));
  assertEquals(mac, "02:67:0a:0a:c8:02");
  const first = parseInt(mac.slice(0, 2), 16);
  assertEquals([first & 0x02, first & 0x01], [0x02, 0]);
});
