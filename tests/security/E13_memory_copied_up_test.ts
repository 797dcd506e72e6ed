/** Row E13: what tmpcopyup copies out of an image is the container's own memory, not the host's. */

import { assertEquals, assertMatch } from "@std/assert";
import { Bundles, type FilledSpec } from "../integration/support/bundle.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const MiB = 1024 * 1024;

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** A tmpfs over a folder of the image, in a container of little memory. */
function copyUp(spec: FilledSpec): void {
  spec.mounts.push({ destination: "/cache", type: "tmpfs", options: ["tmpcopyup"] });
  spec.linux.resources = { ...spec.linux.resources, memory: { limit: 16 * MiB, swap: 16 * MiB } };
}

async function run(script: string, write: (file: Deno.FsFile) => void) {
  const bundle = await bundles.make(script, copyUp);
  await Deno.mkdir(`${bundle}/rootfs/cache`);
  using file = await Deno.create(`${bundle}/rootfs/cache/big`);
  write(file);
  return await bundles.command(["run", "-b", bundle, bundles.id()]);
}

Deno.test("a copy that is larger than the container's memory is not made", async () => {
  await attack(workspace, async () => {
    const { code, stdout, stderr } = await run("echo started", (file) => {
      for (let i = 0; i < 64; i++) file.writeSync(new Uint8Array(MiB).fill(1));
    });
    assertEquals([code, stdout], [1, ""]);
    assertMatch(
      stderr,
      /^gocontainer: start the container: killed, out of memory \(limit 16 MiB\)$/m,
    );
  });
});

Deno.test("a copy of a file with holes takes no more than what is in it", async () => {
  await attack(workspace, async () => {
    const script = `cd /cache; stat -c %s big; [ $(du -k big | cut -f1) -lt 64 ] && echo small
      tr -d '\\0' < big`;
    const { code, stdout, stderr } = await run(script, (file) => {
      for (
        const [text, offset] of [["first ", 0], ["middle ", 200 * MiB - 3], [
          "last",
          300 * MiB,
        ]] as const
      ) {
        file.seekSync(offset, Deno.SeekMode.Start);
        file.writeSync(new TextEncoder().encode(text));
      }
      file.truncateSync(400 * MiB);
    });
    assertEquals([code, stdout], [0, `${400 * MiB}\nsmall\nfirst middle last`], stderr);
  });
});
