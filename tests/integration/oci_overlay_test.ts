/** Overlays of many layers, and of layers whose paths are long. */

import { assertEquals } from "@std/assert";
import { AT_FDCWD, O_PATH } from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { MNT_DETACH, mount, umount2 } from "../../ffi/mount.ts";
import { overlayOptions } from "../../lib/runtime/overlay_options.ts";
import { Bundles, type FilledSpec, mapUsers } from "./support/bundle.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** Makes the container's root an overlay of so many layers above Alpine, each with a file of its own. */
async function layered(spec: FilledSpec, count: number, place: string): Promise<void> {
  const layers = [await workspace.alpine()];
  for (let i = 0; i < count; i++) {
    const layer = `${place}/${i}`;
    Deno.mkdirSync(`${layer}/layers`, { recursive: true });
    Deno.writeTextFileSync(`${layer}/layers/${i}`, `${i}`);
    Deno.writeTextFileSync(`${layer}/top`, `${i}`);
    layers.unshift(layer);
  }
  for (const name of ["upper", "work"]) Deno.mkdirSync(`${place}/${name}`);
  const escape = (path: string) => path.replaceAll("\\", "\\\\");
  spec.mounts.unshift({
    destination: "/",
    type: "overlay",
    source: "overlay",
    options: [
      `lowerdir=${layers.map((path) => escape(path).replaceAll(":", "\\:")).join(":")}`,
      `upperdir=${escape(place)}/upper`,
      `workdir=${escape(place)}/work`,
    ],
  });
}

const PLACES: Readonly<Record<string, string>> = {
  "plain paths": "plain",
  "long paths": `${"long".repeat(50)}/${"long".repeat(50)}/long`,
  "paths with characters that options are parted by": "a,b:c\\d e",
};

for (const [name, relative] of Object.entries(PLACES)) {
  for (const count of [1, 3, 60, 230]) {
    Deno.test(`an overlay of ${count} layers over an image, ${name}`, async () => {
      const place = workspace.path(`${relative}-${count}`);
      const changes: FilledSpec[] = [];
      const bundle = await bundles.make(
        "ls /layers | wc -l; cat /top /layers/0; echo changed > /layers/0; cat /layers/0",
        (spec) => {
          changes.push(spec);
        },
      );
      await layered(changes[0]!, count, place);
      Deno.writeTextFileSync(`${bundle}/config.json`, JSON.stringify(changes[0]));
      const { code, stdout, stderr } = await bundles.command(["run", "-b", bundle, bundles.id()]);
      assertEquals([code, stdout], [0, `${count}\n${count - 1}0changed\n`], stderr);
      assertEquals(Deno.readTextFileSync(`${place}/upper/layers/0`), "changed\n");
      assertEquals(Deno.readTextFileSync(`${place}/0/layers/0`), "0");
    });
  }
}

Deno.test("an overlay of 100 layers in a user namespace", async () => {
  const place = workspace.path("users");
  const changes: FilledSpec[] = [];
  const bundle = await bundles.make("ls /layers | wc -l; id -u", (spec) => {
    mapUsers(spec);
    changes.push(spec);
  });
  await layered(changes[0]!, 100, place);
  Deno.writeTextFileSync(`${bundle}/config.json`, JSON.stringify(changes[0]));
  const { code, stdout, stderr } = await bundles.command(["run", "-b", bundle, bundles.id()]);
  assertEquals([code, stdout], [0, "100\n0\n"], stderr);
});

for (const [name, relative] of Object.entries(PLACES)) {
  for (const count of [1, 60, 230]) {
    Deno.test(`an overlay of ${count} layers with its owners mapped, ${name}`, async () => {
      const place = workspace.path(`mapped-${relative}-${count}`);
      const changes: FilledSpec[] = [];
      const script = `ls /layers | wc -l; stat -c %u:%g /top /layers/0 /bin/busybox /
        echo changed > /layers/0; chown 7:8 /layers/0; stat -c %u:%g /layers/0`;
      const bundle = await bundles.make(script, (spec) => {
        mapUsers(spec);
        spec.process.capabilities = Object.fromEntries(
          ["bounding", "permitted", "effective"].map((set) => [set, ["CAP_CHOWN"]]),
        );
        changes.push(spec);
      });
      await layered(changes[0]!, count, place);
      changes[0]!.mounts[0]!.options!.push("idmap");
      Deno.writeTextFileSync(`${bundle}/config.json`, JSON.stringify(changes[0]));
      const { code, stdout, stderr } = await bundles.command(["run", "-b", bundle, bundles.id()]);
      assertEquals([code, stdout], [0, `${count}\n0:0\n0:0\n0:0\n0:0\n7:8\n`], stderr);
      const { uid, gid } = Deno.statSync(`${place}/upper/layers/0`);
      assertEquals([uid, gid], [7, 8]);
    });
  }
}

Deno.test("mount(2) takes layers by descriptor, as kernels before 6.5 get them", async () => {
  const place = workspace.path("by-mount");
  const spec = { mounts: [] } as unknown as FilledSpec;
  await layered(spec, 200, place);
  using opened = new DisposableStack();
  const open = (path: string) => opened.use(new Fd(openat(AT_FDCWD, path, O_PATH))).number;
  const { data } = overlayOptions(spec.mounts[0]!.options!, open, "5.15.0-91-generic")!;
  const target = `${place}/target`;
  Deno.mkdirSync(target);
  mount("overlay", target, "overlay", 0, data!);
  try {
    assertEquals([...Deno.readDirSync(`${target}/layers`)].length, 200);
    assertEquals(Deno.readTextFileSync(`${target}/top`), "199");
  } finally {
    umount2(target, MNT_DETACH);
  }
});
