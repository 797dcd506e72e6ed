/** C4: devices, set-user-id programs and attributes that steer the host's kernel. */

import { assert, assertEquals } from "@std/assert";
import { harmless } from "./archive_attack.ts";

const CAPABILITY = Uint8Array.fromHex("01000002ffffffff00000000ffffffff00000000");

harmless(
  "C4: attributes that redirect an overlay or stand for the host's policy are dropped",
  () => {
    const pax = {
      "SCHILY.xattr.trusted.overlay.redirect": "/etc",
      "SCHILY.xattr.trusted.overlay.opaque": "y",
      "SCHILY.xattr.trusted.mine": "x",
      "SCHILY.xattr.user.overlay.redirect": "/etc",
      "SCHILY.xattr.security.selinux": "system_u:object_r:shadow_t:s0",
      "SCHILY.xattr.security.ima": "x",
      "SCHILY.xattr.security.evm": "x",
      "SCHILY.xattr.system.nfs4_acl": "x",
      "SCHILY.xattr.btrfs.compression": "zlib",
      "SCHILY.xattr.user.kept": "yes",
      "LIBARCHIVE.xattr.trusted.mine": "eA",
    };
    return [
      { name: "d/", type: "5", pax },
      { name: "f", content: "x", pax: { ...pax, "SCHILY.xattr.security.capability": CAPABILITY } },
      { name: "./", type: "5", mode: 0o755, pax },
    ];
  },
  (tree) => {
    const attributes = (path: string) =>
      tree.get(path)!.split(" ").filter((part) => /^(user|trusted|security|system)\./.test(part));
    assertEquals(attributes("."), ["user.kept=796573"]);
    assertEquals(attributes("./d"), ["user.kept=796573"]);
    assertEquals(attributes("./f"), [
      `security.capability=${CAPABILITY.toHex()}`,
      "user.kept=796573",
    ]);
  },
);

harmless(
  "C4: set-user-id programs and devices lie where nobody but root gets at them",
  () => [
    { name: "su", mode: 0o4755, content: "x" },
    { name: "disk", type: "4", major: 8, minor: 0, mode: 0o666 },
    { name: "./", type: "5", mode: 0o777 },
  ],
  (tree, root) => {
    assert(tree.get("./su")!.startsWith("104755 0:0 "), tree.get("./su"));
    assert(tree.get("./disk")!.includes("device=8:0"), tree.get("./disk"));
    const store = Deno.lstatSync(root.slice(0, root.lastIndexOf("/")));
    assertEquals([store.mode! & 0o7777, store.uid, store.gid], [0o700, 0, 0]);
    const { success } = new Deno.Command("stat", { args: [`${root}/su`], uid: 65534, gid: 65534 })
      .outputSync();
    assertEquals(success, false);
  },
);
