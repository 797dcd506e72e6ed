import { assertEquals, assertThrows } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import { overlayOptions } from "../../../lib/runtime/overlay_options.ts";

/** Options for a kernel of this release, and what was opened for them, which gets numbers from 10 on. */
function made(data: readonly string[], release: string) {
  const opened: string[] = [];
  const options = overlayOptions(data, (path) => 9 + opened.push(path), release);
  return { options, opened };
}

const LONG = `/${"a".repeat(300)}`;
const paths = (count: number) =>
  Array.from({ length: count }, (_, i) => `/layers-of-an-image/number-${i}`);

Deno.test("overlay options that fit stay as they are", () => {
  assertEquals(made(["lowerdir=/a:/b", "upperdir=/u", "workdir=/w"], "6.6.0").options, undefined);
  assertEquals(made([`lowerdir=${LONG}::/data`], "6.6.0").options, undefined);
  assertEquals(made([`x=${LONG}`], "6.6.0").options, undefined);
});

Deno.test("layers go one by one, as they are written without escapes", () => {
  const escaped = ["/a\\:b", "/c\\\\d", ...paths(20)];
  const { options, opened } = made(
    [`lowerdir=${escaped.join(":")}`, "upperdir=/u\\\\", "index=off", "volatile"],
    "6.5.0-1-amd64",
  );
  assertEquals(options?.options, [
    ...["/a:b", "/c\\d", ...paths(20)].map((path) => ["lowerdir+", path] as const),
    ["upperdir", "/u\\\\"],
    ["index", "off"],
    ["volatile", undefined],
  ]);
  assertEquals([options?.data, opened], [undefined, []]);
});

Deno.test("paths that are too long go by descriptor", () => {
  const { options, opened } = made(
    [`lowerdir=/short:${LONG}\\:`, `upperdir=${LONG}\\\\u`, `workdir=${LONG}w`],
    "6.18.0",
  );
  assertEquals(opened, [`${LONG}\\u`, `${LONG}w`, `${LONG}:`]);
  assertEquals(options?.options, [
    ["lowerdir+", "/short"],
    ["lowerdir+", "/proc/self/fd/12"],
    ["upperdir", "/proc/self/fd/10"],
    ["workdir", "/proc/self/fd/11"],
  ]);
});

Deno.test("older kernels get all layers by descriptor, in one value or by mount(2)", () => {
  const few = made([`lowerdir=${paths(13).join(":")}`, "upperdir=/u"], "6.4.9");
  assertEquals(few.opened, paths(13));
  const list = (count: number) =>
    Array.from({ length: count }, (_, i) => `/proc/self/fd/${10 + i}`).join(":");
  assertEquals(few.options, {
    options: [["lowerdir", list(13)], ["upperdir", "/u"]],
    folders: paths(13).map((path, i) => ({ fd: 10 + i, path })),
  });
  const many = made([`lowerdir=${paths(200).join(":")}`, "upperdir=/a,b", "userxattr"], "5.15.0");
  assertEquals(many.options?.data, `lowerdir=${list(200)},upperdir=/a\\,b,userxattr`);
  assertThrows(
    () => made([`lowerdir=${paths(260).join(":")}`], "6.1.0-18-amd64"),
    ContainerError,
    "mount an overlay of 260 layers",
  );
});
