import { assertEquals } from "@std/assert";
import * as flags from "../../../ffi/mount_flags.ts";
import { mountOptionNames } from "../../../lib/oci/features.ts";
import {
  attributeChange,
  isBind,
  mountAttributes,
  parseMountOptions,
  superblockOptions,
} from "../../../lib/oci/mount_options.ts";
import { validateSpec } from "../../../lib/oci/validate/mod.ts";

const {
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_STRICTATIME,
  MS_BIND,
  MS_NOATIME,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_RELATIME,
  MS_REMOUNT,
  MS_SHARED,
  MS_SLAVE,
  MS_STRICTATIME,
  MS_UNBINDABLE,
} = flags;

/** Those that config.md says a runtime MUST, SHOULD and MAY implement. */
const MUST = [
  ..."async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev"
    .split(" "),
  ..."nodiratime noexec noiversion nolazytime norelatime nostrictatime nosuid private rbind".split(
    " ",
  ),
  ..."relatime remount ro rprivate rshared rslave runbindable rw shared silent slave".split(" "),
  ..."strictatime suid sync unbindable".split(" "),
];
const SHOULD = [
  ..."nosymfollow symfollow ratime rdev rdiratime rexec rnoatime rnodev rnodiratime".split(" "),
  ..."rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow rrelatime rro rrw".split(" "),
  ..."rstrictatime rsuid rsymfollow idmap ridmap".split(" "),
];
const MAY = ["mand", "nomand", "tmpcopyup"];

Deno.test("the table has every option of the specification, and no other", () => {
  assertEquals(MUST.length, 37);
  assertEquals(mountOptionNames(), [...MUST, ...SHOULD, ...MAY].sort());
});

Deno.test("parseMountOptions() tells the parts of a mount apart", () => {
  assertEquals(parseMountOptions(), {
    flags: 0,
    clearedFlags: 0,
    propagation: [],
    recursiveSet: 0,
    recursiveClear: 0,
    data: [],
    tmpcopyup: false,
  });
  assertEquals(
    parseMountOptions([
      "defaults",
      "rbind",
      "nosuid",
      "ro",
      "dev",
      "rslave",
      "rro",
      "rexec",
      "ridmap",
      "tmpcopyup",
      "mode=755",
      "size=10%",
      "toString",
    ]),
    {
      flags: MS_BIND | MS_REC | MS_NOSUID | MS_RDONLY,
      clearedFlags: MS_NODEV,
      propagation: [MS_SLAVE | MS_REC],
      recursiveSet: MOUNT_ATTR_RDONLY,
      recursiveClear: MOUNT_ATTR_NOEXEC,
      data: ["mode=755", "size=10%", "toString"],
      idmap: "ridmap",
      tmpcopyup: true,
    },
  );
});

Deno.test("parseMountOptions() lets the last of two contradicting options count", () => {
  const parts = (...options: string[]) => {
    const { flags, clearedFlags } = parseMountOptions(options);
    return { flags, clearedFlags };
  };
  assertEquals(parts("ro", "rw"), { flags: 0, clearedFlags: MS_RDONLY });
  assertEquals(parts("rw", "ro"), { flags: MS_RDONLY, clearedFlags: 0 });
  assertEquals(parts("noatime", "strictatime").flags, MS_STRICTATIME);
  assertEquals(parts("strictatime", "relatime").flags, MS_RELATIME);
  assertEquals(parts("relatime", "noatime").flags, MS_NOATIME);
  assertEquals(parts("noatime", "nodev").flags, MS_NOATIME | MS_NODEV);
  const { propagation } = parseMountOptions(["shared", "private", "rshared", "unbindable"]);
  assertEquals(propagation, [MS_SHARED, MS_PRIVATE, MS_SHARED | MS_REC, MS_UNBINDABLE]);
});

Deno.test("an empty option, as podman writes it for a label that is not there, asks for nothing", () => {
  const { flags, data } = parseMountOptions(["ro", "", "size=1m"]);
  assertEquals({ flags, data }, { flags: MS_RDONLY, data: ["size=1m"] });
  const mounts = [{ destination: "/run", type: "tmpfs", source: "tmpfs", options: ["rw", ""] }];
  const { warnings } = validateSpec({ ociVersion: "1.2.0", root: { path: "r" }, mounts }, "c");
  assertEquals(warnings, []);
});

Deno.test("options of the file system may be joined by commas, which values may have as well", () => {
  const data = (...options: string[]) => parseMountOptions(options).data;
  assertEquals(data("size=10m,mode=0700", "ro"), ["size=10m", "mode=0700"]);
  assertEquals(data("lowerdir=/a:/b,upperdir=/c,workdir=/d,volatile"), [
    "lowerdir=/a:/b",
    "upperdir=/c",
    "workdir=/d",
    "volatile",
  ]);
  assertEquals(data("mpol=bind:0,2,size=1m"), ["mpol=bind:0,2", "size=1m"]);
  assertEquals(data("upperdir=/a\\,b=c,workdir=/d"), ["upperdir=/a\\,b=c", "workdir=/d"]);
  assertEquals(data('context="u:r:t:s0:c1,c2"'), ['context="u:r:t:s0:c1,c2"']);
  assertEquals(data(",size=1m,,"), ["size=1m"]);
});

Deno.test("recursive options become what mount_setattr(2) takes", () => {
  const recursive = (...options: string[]) => {
    const { recursiveSet, recursiveClear } = parseMountOptions(options);
    return [recursiveSet, recursiveClear];
  };
  assertEquals(recursive("rro", "rrw"), [0, MOUNT_ATTR_RDONLY]);
  assertEquals(recursive("rrw", "rro"), [MOUNT_ATTR_RDONLY, 0]);
  assertEquals(recursive("rnosymfollow", "rsuid"), [MOUNT_ATTR_NOSYMFOLLOW, MOUNT_ATTR_NOSUID]);
  // The access time can only be set when the whole field is cleared.
  assertEquals(recursive("rnoatime"), [MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME]);
  assertEquals(recursive("rrelatime"), [0, MOUNT_ATTR__ATIME]);
  assertEquals(recursive("rstrictatime", "rnoatime"), [MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME]);
  assertEquals(recursive("rnoatime", "ratime"), [0, MOUNT_ATTR__ATIME]);
  assertEquals(recursive("rnoatime", "rnostrictatime"), [MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME]);
  assertEquals(recursive("rnoatime", "rnodiratime"), [
    MOUNT_ATTR_NOATIME | MOUNT_ATTR_NODIRATIME,
    MOUNT_ATTR__ATIME,
  ]);
});

Deno.test("recursive options never set what they clear, the access time left out", () => {
  const names = mountOptionNames().filter((name) => name.startsWith("r"));
  for (const first of names) {
    for (const second of names) {
      const { recursiveSet, recursiveClear } = parseMountOptions([first, second]);
      assertEquals(recursiveSet & recursiveClear & ~MOUNT_ATTR__ATIME, 0, `${first},${second}`);
      // EINVAL otherwise.
      if (recursiveSet & MOUNT_ATTR__ATIME) {
        assertEquals(recursiveClear & MOUNT_ATTR__ATIME, MOUNT_ATTR__ATIME, `${first},${second}`);
      }
    }
  }
});

Deno.test("isBind() goes by the options alone", () => {
  assertEquals(isBind(parseMountOptions(["bind"])), true);
  assertEquals(isBind(parseMountOptions(["rbind", "ro"])), true);
  assertEquals(isBind(parseMountOptions(["rprivate", "remount"])), false);
  assertEquals(parseMountOptions(["bind", "remount"]).flags, MS_BIND | MS_REMOUNT);
});

Deno.test("mountAttributes() and superblockOptions() share the flags out between mount and file system", () => {
  const parsed = parseMountOptions(["ro", "nosuid", "noexec", "strictatime", "sync", "lazytime"]);
  assertEquals(
    mountAttributes(parsed.flags),
    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_STRICTATIME,
  );
  assertEquals(superblockOptions(parsed.flags), ["ro", "sync", "lazytime"]);
  assertEquals(mountAttributes(MS_NOATIME | MS_BIND | MS_REC), MOUNT_ATTR_NOATIME);
  assertEquals(superblockOptions(MS_NODEV | MS_NOEXEC), []);
});

Deno.test("attributeChange() leaves alone what the options of a bind mount do not mention", () => {
  const change = (...options: string[]) => attributeChange(parseMountOptions(["bind", ...options]));
  assertEquals(change(), { set: 0, clear: 0 });
  assertEquals(change("ro", "exec"), { set: MOUNT_ATTR_RDONLY, clear: MOUNT_ATTR_NOEXEC });
  assertEquals(change("dev", "nodev"), { set: MOUNT_ATTR_NODEV, clear: 0 });
  assertEquals(change("noatime"), { set: MOUNT_ATTR_NOATIME, clear: MOUNT_ATTR__ATIME });
  assertEquals(change("atime"), { set: 0, clear: MOUNT_ATTR__ATIME });
  assertEquals(change("relatime"), { set: 0, clear: MOUNT_ATTR__ATIME });
});
