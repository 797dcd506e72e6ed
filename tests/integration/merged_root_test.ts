/** The root that several layers make together, made ready in the two ways that kernels know. */

import { assertEquals, assertThrows } from "@std/assert";
import { O_RDONLY } from "../../ffi/constants.ts";
import { Fd, openInRoot, read, tryOpenInRoot } from "../../ffi/file.ts";
import { alloc } from "../../ffi/struct.ts";
import { openMergedRoot } from "../../lib/container/merged_root.ts";
import { ContainerError } from "../../lib/errors.ts";
import { TrialFolder } from "./image_lab.ts";

const ignore = Deno.uid() !== 0;
const MOUNTS = "/proc/self/mountinfo";

/** Some layers, the top one first; each has a file of its own, and one that all have. */
function layersIn(trial: TrialFolder, count: number, parent = trial.folder("layers")): string[] {
  return Array.from({ length: count }, (_, n) => {
    const path = `${parent}/${n}`;
    Deno.mkdirSync(path);
    Deno.writeTextFileSync(`${path}/own${n}`, `${n}`);
    Deno.writeTextFileSync(`${path}/all`, `${n}`);
    return path;
  });
}

function contentOf(root: Fd, path: string): string {
  using file = new Fd(openInRoot(root.number, path, O_RDONLY));
  return new TextDecoder().decode(read(file.number, alloc(64)));
}

for (const release of ["6.5.0", "6.1.0-18-amd64"]) {
  for (const count of [1, 2, 60]) {
    Deno.test({ name: `${count} layers as Linux ${release} lays them`, ignore }, () => {
      using trial = new TrialFolder();
      // Names longer than an option's value, and with all that separates options.
      const deep = `${trial.folder("a,b:c\\d")}/${"x".repeat(200)}`;
      Deno.mkdirSync(deep);
      const layers = layersIn(trial, count, deep);
      const before = [Deno.cwd(), Deno.readTextFileSync(MOUNTS)];
      {
        using root = openMergedRoot(layers, release);
        assertEquals(contentOf(root, "all"), "0");
        for (const n of [0, count - 1]) assertEquals(contentOf(root, `own${n}`), `${n}`);
        assertEquals(tryOpenInRoot(root.number, "none"), undefined);
        assertEquals([Deno.cwd(), Deno.readTextFileSync(MOUNTS)], before);
      }
      assertEquals([Deno.cwd(), Deno.readTextFileSync(MOUNTS)], before);
    });
  }
}

Deno.test({ name: "more layers than an old kernel takes are refused", ignore }, () => {
  using trial = new TrialFolder();
  const layers = layersIn(trial, 200);
  openMergedRoot(layers, "6.5.0")[Symbol.dispose]();
  const error = assertThrows(() => openMergedRoot(layers, "6.1.0"), ContainerError);
  assertEquals([error.code, error.hint], ["Unsupported", "Use Linux 6.5 or later"]);
});
