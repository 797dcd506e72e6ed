import { assert, assertEquals } from "@std/assert";
import { violationsIn } from "../../../tools/check/directions.ts";

const ALLOWED: readonly [path: string, source: string][] = [
  ["main.ts", 'await import("./lib/cli/run.ts");'],
  ["lib/cli/run.ts", 'import { run } from "../container/run.ts"; import "@std/cli/parse-args";'],
  ["lib/container/run.ts", 'import "../runtime/create.ts"; import "../image/store.ts";'],
  ["lib/runtime/create.ts", 'import "../init/plan.ts"; import "../../ffi/fork.ts";'],
  ["lib/init/plan.ts", 'import type { Spec } from "../oci/spec.ts"; import "./runner.ts";'],
  ["lib/cgroup/v1/cpu.ts", 'import "../detect.ts"; import "../../errors.ts";'],
  ["lib/trace.ts", 'import "./errors.ts"; import "../ffi/errno.ts";'],
  ["ffi/mount.ts", 'import "./libc.ts";'],
  ["tools/build/embed.ts", 'import "../../lib/image/image_trailer.ts"; import "../report.ts";'],
];

const FORBIDDEN: readonly [path: string, source: string, message: string][] = [
  ["main.ts", 'import "./ffi/libc.ts";', 'main.ts must not import "ffi/libc.ts"'],
  [
    "lib/image/store.ts",
    'import "../container/run.ts";',
    'lib/image must not import "lib/container/run.ts"',
  ],
  [
    "lib/runtime/create.ts",
    'import "../cli/run.ts";',
    'lib/runtime must not import "lib/cli/run.ts"',
  ],
  [
    "lib/init/plan.ts",
    'import { parse } from "../oci/spec.ts";',
    'lib/init may import types only from "lib/oci/spec.ts"',
  ],
  ["lib/init/plan.ts", 'import "@std/path";', 'lib/init must not import the package "@std/path"'],
  [
    "lib/errors.ts",
    'import "./oci/spec.ts";',
    'lib/*.ts must not import "lib/oci/spec.ts"',
  ],
  ["ffi/mount.ts", 'import "../lib/errors.ts";', 'ffi must not import "lib/errors.ts"'],
  ["ffi/mount.ts", 'import "npm:tar-stream";', 'ffi must not import the package "npm:tar-stream"'],
  [
    "lib/oci/spec.ts",
    'import "../../tools/report.ts";',
    'lib/oci must not import "tools/report.ts"',
  ],
  [
    "tools/modules.ts",
    'import "./offline/mod.ts";',
    'tools must not import "tools/offline/mod.ts"',
  ],
  ["tools/check.ts", 'import "../ffi/libc.ts";', 'tools must not import "ffi/libc.ts"'],
  [
    "lib/other/a.ts",
    'import "../errors.ts";',
    '"lib/other/a.ts" belongs to no part of the project',
  ],
];

Deno.test("violationsIn() lets imports along the arrows pass", () => {
  for (const [path, source] of ALLOWED) assertEquals(violationsIn(path, source), [], path);
});

for (const [path, source, message] of FORBIDDEN) {
  Deno.test(`violationsIn() reports: ${message}`, () => {
    assertEquals(violationsIn(path, `\n${source}`), [{ path, line: 2, message }]);
  });
}

Deno.test("violationsIn() judges each import by itself", () => {
  const found = violationsIn("ffi/a.ts", 'import "./b.ts";\nimport "../lib/c.ts";\nimport "d";');
  assertEquals(found.map(({ line }) => line), [2, 3]);
  assert(found.every(({ path }) => path === "ffi/a.ts"));
});
