import { assert, assertEquals, assertRejects } from "@std/assert";
import { ToolError } from "../../report.ts";
import { busyboxEntries } from "../busybox_image.ts";
import { isStaticElf } from "../elf.ts";
import { verifyIntegrity } from "../npm_package.ts";
import { exportedNames } from "../std_modules.ts";
import { tarGz } from "../tar_writer.ts";
import { filesOf } from "../tarball.ts";

const TEXT = new TextEncoder();

Deno.test("filesOf() reads back the regular files that tarGz() wrote, whether copied or not", async () => {
  const big = crypto.getRandomValues(new Uint8Array(60_000));
  const tarball = await tarGz([
    { kind: "folder", path: "a", mode: 0o755 },
    { kind: "file", path: "a/empty", mode: 0o644, content: new Uint8Array() },
    { kind: "file", path: "a/skipped", mode: 0o644, content: TEXT.encode("passed over") },
    { kind: "link", path: "a/link", mode: 0o777, target: "/a/big" },
    { kind: "file", path: "a/big", mode: 0o644, content: big },
    { kind: "file", path: "a/block", mode: 0o644, content: big.subarray(0, 512) },
  ]);
  const read: Record<string, Uint8Array> = {};
  for await (const file of filesOf(tarball)) {
    if (file.path === "a/skipped") continue;
    const content = new Uint8Array(file.size);
    let filled = 0;
    await file.copyTo((piece) => {
      content.set(piece, filled);
      filled += piece.length;
    });
    assertEquals(filled, file.size);
    read[file.path] = content;
  }
  assertEquals(read, {
    "a/empty": new Uint8Array(),
    "a/big": big,
    "a/block": big.slice(0, 512),
  });
});

Deno.test("filesOf() fails on a tarball that was cut off", async () => {
  const content = crypto.getRandomValues(new Uint8Array(60_000));
  const tarball = await tarGz([{ kind: "file", path: "a", mode: 0o644, content }]);
  await assertRejects(async () => {
    for await (const file of filesOf(tarball.slice(0, 30_000))) await file.copyTo(() => {});
  });
});

Deno.test("tarGz() is understood by tar(1), modes, links and owners included", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const archive = await tarGz([
      { kind: "folder", path: "tmp", mode: 0o1777 },
      { kind: "file", path: "run", mode: 0o755, content: TEXT.encode("hello") },
      { kind: "link", path: "tmp/link", mode: 0o777, target: "/run" },
    ]);
    Deno.writeFileSync(`${folder}/a.tar.gz`, archive);
    const { stdout } = new Deno.Command("tar", {
      args: ["--numeric-owner", "-tvzf", `${folder}/a.tar.gz`],
      env: { LC_ALL: "C", TZ: "UTC" },
    }).outputSync();
    const lines = new TextDecoder().decode(stdout).trim().split("\n")
      .map((line) => line.replace(/\s+/g, " "));
    assertEquals(lines, [
      "drwxrwxrwt 0/0 0 1970-01-01 00:00 tmp/",
      "-rwxr-xr-x 0/0 5 1970-01-01 00:00 run",
      "lrwxrwxrwx 0/0 0 1970-01-01 00:00 tmp/link -> /run",
    ]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("tarGz() refuses a path that ustar cannot hold", async () => {
  await assertRejects(
    () => tarGz([{ kind: "folder", path: "x".repeat(100), mode: 0o755 }]),
    RangeError,
  );
});

Deno.test("busyboxEntries() makes folders before their content, and links in known folders only", () => {
  const entries = busyboxEntries(TEXT.encode("program"), [
    "bin/sh",
    "usr/sbin/chroot",
    "linuxrc",
    "opt/x/y",
    "bin/busybox",
  ]);
  const seen = new Set<string>([""]);
  for (const { path } of entries) {
    assert(seen.has(path.slice(0, Math.max(0, path.lastIndexOf("/")))), path);
    assert(!seen.has(path), path);
    seen.add(path);
  }
  const links = entries.filter(({ kind }) => kind === "link").map(({ path }) => path);
  assertEquals(links, ["bin/sh", "usr/sbin/chroot"]);
  assertEquals(entries.find(({ path }) => path === "bin/busybox")?.kind, "file");
});

Deno.test("isStaticElf() tells programs with a loader apart", () => {
  assertEquals(isStaticElf(Deno.readFileSync("/usr/bin/env")), false);
  assertEquals(isStaticElf(TEXT.encode("#!/bin/sh\n".repeat(20))), false);
  assertEquals(isStaticElf(new Uint8Array()), false);
  const bare = new Uint8Array(64 + 56);
  bare.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  const view = new DataView(bare.buffer);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 1, true);
  view.setUint32(64, 1, true);
  assertEquals(isStaticElf(bare), true);
  view.setUint32(64, 3, true);
  assertEquals(isStaticElf(bare), false);
});

Deno.test("verifyIntegrity() fails on any other content", async () => {
  const pin = {
    name: "empty",
    version: "1.0.0",
    integrity:
      "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
  };
  await verifyIntegrity(new Uint8Array(), pin);
  await assertRejects(
    () => verifyIntegrity(new Uint8Array(1), pin),
    ToolError,
    'verify npm package "empty@1.0.0": its checksum is',
  );
});

Deno.test("exportedNames() lists declarations in order", () => {
  const source = "export function a() {}\nexport async function b() {}\n" +
    "export const C = 1;\nexport class D {}\nfunction e() {}\nexport * from './f.js';\n";
  assertEquals(exportedNames(source), ["a", "b", "C", "D"]);
  assertEquals(exportedNames(""), []);
});
