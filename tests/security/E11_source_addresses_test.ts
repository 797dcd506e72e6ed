/**
 * E11: an address that services go by, changed on the way (CVE-2021-20199). That a bridge takes no subnet of others
 * is in tests/integration/network_test.ts and network_setup_test.ts.
 */

import { assertEquals } from "@std/assert";
import { Lab } from "../integration/network_lab.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

Deno.test("what a container sends to the host comes from its own address", () =>
  attack(workspace, async () => {
    using lab = new Lab();
    const within = ["nsenter", `--net=${lab.path}`];
    const options = ["-rm", "-bridge-addr", "10.78.1.1/24", "-container-addr", "10.78.1.7/24"];
    using server = lab.listen(80);
    const connect = ["alpine", "nc", "-z", "-w", "5", "10.78.1.1", "80"];
    assertEquals((await workspace.run([...options, ...connect], { through: within })).code, 0);
    assertEquals(server.nextPeer(), "10.78.1.7");
  }));
