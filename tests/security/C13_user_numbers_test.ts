/** C13: users that are read as another than they say. */

import { assertEquals, assertThrows } from "@std/assert";
import { ContainerError } from "../../lib/errors.ts";
import { resolveUser } from "../../lib/image/user.ts";

const PASSWD = `root:x:0:0:root:/root:/bin/sh
0:x:1000:1000::/home/zero:
1000:x:0:0::/root:
overflow:x:4294967296:4294967296::/:
negative:x:-1:-1::/:
large:x:2147483648:1::/:
hex:x:0x0:0::/:
blank:x: 0:0::/:
empty:x::::
half:x:7:::
short:x:8
:x:9:9::/nameless:
plain:x:65534:100::/home/plain:
first:x:10:10::/first:
first:x:11:11::/second:
`;
const GROUP = `root:x:0:
0:x:1000:plain
wheel:x:10:plain,root
bad:x:4294967296:plain
video:x:27:root,plain,other
`;

function inRoot(body: (root: string) => void): void {
  const root = Deno.makeTempDirSync();
  try {
    Deno.mkdirSync(`${root}/etc`);
    Deno.writeTextFileSync(`${root}/etc/passwd`, PASSWD);
    Deno.writeTextFileSync(`${root}/etc/group`, GROUP);
    body(root);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
}

Deno.test("C13: digits are a number, whatever names there are", () => {
  inRoot((root) => {
    assertEquals(resolveUser(root, "1000").uid, 1000);
    assertEquals(resolveUser(root, "0").uid, 0);
    assertEquals(resolveUser(root, "00").uid, 0);
    assertEquals(resolveUser(root, "5:0").gid, 0);
    assertEquals(resolveUser(root, "5:1000").gid, 1000);
  });
});

Deno.test("C13: numbers beyond 31 bits are refused, not cut", () => {
  inRoot((root) => {
    assertEquals(resolveUser(root, "2147483647:2147483647").uid, 2147483647);
    for (
      const id of [
        "2147483648",
        "4294967295",
        "4294967296",
        "18446744073709551616",
        "9".repeat(400),
      ]
    ) {
      assertThrows(() => resolveUser(root, id), ContainerError, "the highest is 2147483647");
      assertThrows(() => resolveUser(root, `0:${id}`), ContainerError, "the highest is 2147483647");
    }
  });
});

Deno.test("C13: what is neither a number nor a name that is there is refused", () => {
  inRoot((root) => {
    for (
      const user of [
        "-1",
        "+0",
        " 0",
        "0 ",
        "0x0",
        "0.0",
        "1e3",
        "٣",
        "nobody",
        "Root",
        "root\0",
        "root\n",
        "*",
        "..",
      ]
    ) {
      assertThrows(() => resolveUser(root, user), ContainerError, "has no such user", user);
      assertThrows(() => resolveUser(root, `0:${user}`), ContainerError, "has no such group", user);
    }
    for (const user of ["root:", ":", "a:b:c", "root:root:", "::"]) {
      assertThrows(() => resolveUser(root, user), ContainerError, "this is not USER[:GROUP]", user);
    }
  });
});

Deno.test("C13: entries with ids that are none do not count", () => {
  inRoot((root) => {
    for (
      const user of ["overflow", "negative", "large", "hex", "blank", "empty", "half", "short"]
    ) {
      assertThrows(() => resolveUser(root, user), ContainerError, "has no such user", user);
    }
    assertThrows(() => resolveUser(root, "root:bad"), ContainerError, "has no such group");
    assertEquals(resolveUser(root, "9").name, "9");
  });
});

Deno.test("C13: users and groups are those of docker", () => {
  inRoot((root) => {
    const plain = { uid: 65534, name: "plain", home: "/home/plain" };
    assertEquals(resolveUser(root, "plain"), {
      ...plain,
      gid: 100,
      additionalGids: [1000, 10, 27],
    });
    assertEquals(resolveUser(root, "65534"), {
      ...plain,
      gid: 100,
      additionalGids: [1000, 10, 27],
    });
    assertEquals(resolveUser(root, "plain:wheel"), { ...plain, gid: 10, additionalGids: [] });
    assertEquals(resolveUser(root, "plain:5"), { ...plain, gid: 5, additionalGids: [] });
    const rootUser = { uid: 0, gid: 0, additionalGids: [10, 27], name: "root", home: "/root" };
    assertEquals(resolveUser(root, ""), rootUser);
    assertEquals(resolveUser(root, "root"), rootUser);
    assertEquals(resolveUser(root, ":video"), { ...rootUser, gid: 27, additionalGids: [] });
    assertEquals(resolveUser(root, "1234"), {
      uid: 1234,
      gid: 0,
      additionalGids: [],
      name: "1234",
      home: "/",
    });
    assertEquals(resolveUser(root, "first").uid, 10);
  });
});

Deno.test("C13: an image without account files has numbers only, and root", () => {
  const root = Deno.makeTempDirSync();
  try {
    const nobody = { additionalGids: [], home: "/" };
    assertEquals(resolveUser(root, ""), { uid: 0, gid: 0, name: "root", ...nobody });
    assertEquals(resolveUser(root, "7:8"), { uid: 7, gid: 8, name: "7", ...nobody });
    assertThrows(() => resolveUser(root, "root"), ContainerError, "has no such user");
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});
