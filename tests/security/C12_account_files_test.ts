/** C12: an /etc/passwd or /etc/group that is something else, or without end. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { ContainerError } from "../../lib/errors.ts";
import { resolveUser } from "../../lib/image/user.ts";
import { sh } from "../integration/image_lab.ts";

/** A root file system with just these account files. */
function withRoot(script: string, body: (root: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.mkdirSync(`${folder}/root/etc`, { recursive: true });
    Deno.writeTextFileSync(`${folder}/passwd`, "host:x:4242:4242::/host:/bin/sh\n");
    sh(script, `${folder}/root/etc`);
    body(`${folder}/root`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

for (
  const [name, script] of Object.entries({
    "absolute": "ln -s /passwd passwd",
    "absolute, to a file of the host": 'ln -s "$(realpath ../../passwd)" passwd',
    "relative": "ln -s ../../../../../../../../$(realpath ../../passwd) passwd",
    "a chain through etc": "cd ..; rmdir etc; ln -s .. etc",
    "through /proc": "ln -s /proc/self/root/etc/passwd passwd",
  })
) {
  Deno.test(`C12: a link out of the root leads nowhere: ${name}`, () => {
    withRoot(script, (root) => {
      assertThrows(() => resolveUser(root, "host"), ContainerError, "has no such user");
      assertEquals(resolveUser(root, "4242").home, "/");
      assertEquals(resolveUser(root, "").uid, 0);
    });
  });
}

Deno.test("C12: a link inside the root is followed", () => {
  withRoot("echo 'u:x:5:6::/h:' > real; ln -s /etc/real passwd", (root) => {
    assertEquals(resolveUser(root, "u"), {
      uid: 5,
      gid: 6,
      additionalGids: [],
      name: "u",
      home: "/h",
    });
  });
});

for (
  const [name, script] of Object.entries({
    "a fifo": "mkfifo passwd",
    "a folder": "mkdir passwd",
    "a socket": "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"passwd\")'",
    "a device": "mknod passwd c 1 5",
  })
) {
  const missing = (name === "a device" && Deno.uid() !== 0) ||
    (name === "a socket" &&
      !new Deno.Command("sh", { args: ["-c", "command -v python3"], stdout: "null" }).outputSync()
        .success);
  Deno.test({ name: `C12: refuses ${name} without opening it`, ignore: missing }, () => {
    withRoot(script, (root) => {
      const start = performance.now();
      assertThrows(() => resolveUser(root, "root"), ContainerError, "it is not a regular file");
      assert(performance.now() - start < 1000);
    });
  });
}

Deno.test("C12: refuses a file of more than 10 MiB, and is quick with one of 10 MiB", () => {
  withRoot("truncate -s $((10 * 1024 * 1024 + 1)) passwd", (root) => {
    assertThrows(() => resolveUser(root, "root"), ContainerError, "it has more than 10 MiB");
  });
  for (const line of [":", ",", "x", "\\n", "x:x:1:", "a,b\\n"]) {
    const fill = `yes '${line}' | tr -d '\\n' | head -c 10485760 > group || true`;
    withRoot(`echo root:x:0:0::/root: > passwd; set +o pipefail; ${fill}`, (root) => {
      const start = performance.now();
      assertEquals(resolveUser(root, "root").additionalGids, []);
      assert(performance.now() - start < 5000, `${line} took ${performance.now() - start} ms`);
    });
  }
});

Deno.test("C12: refuses a user in more groups than a process can have", () => {
  withRoot(
    "echo u:x:1:1::/: > passwd; for i in {1..65540}; do echo g:x:$i:u; done > group",
    (root) => {
      assertThrows(() => resolveUser(root, "u"), ContainerError, "in more than 65536 groups");
    },
  );
});
