import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import type { Descriptor } from "../../../lib/image/descriptor.ts";
import type { Digest } from "../../../lib/image/digest.ts";
import type { ImageIndex } from "../../../lib/image/manifest.ts";
import {
  DOCKER_INDEX,
  DOCKER_MANIFEST,
  OCI_INDEX,
  OCI_MANIFEST,
} from "../../../lib/image/media_type.ts";
import {
  choosePlatform,
  distance,
  formatPlatform,
  normalize,
  parsePlatform,
  type Platform,
} from "../../../lib/image/platform.ts";

let count = 0;

/** A descriptor of a manifest for a platform, `os/arch[/variant]`; for none without. */
function entry(platform?: string, change: Partial<Descriptor> = {}): Descriptor {
  const digest: Digest = `sha256:${(++count).toString(16).padStart(64, "0")}`;
  const [os = "", architecture = "", variant] = platform?.split("/") ?? [];
  return {
    mediaType: OCI_MANIFEST,
    digest,
    size: 1,
    ...platform !== undefined && { platform: { os, architecture, ...variant && { variant } } },
    ...change,
  };
}

function indexOf(...manifests: Descriptor[]): ImageIndex {
  return { schemaVersion: 2, manifests };
}

function noIndex(): never {
  throw new Error("no index is loaded");
}

function choose(index: ImageIndex, wanted: string): Promise<Descriptor> {
  return choosePlatform(index, parsePlatform(wanted), noIndex, 'image "x"');
}

Deno.test("platforms are read in the words of Go, and in others that are in use", () => {
  const cases: Record<string, string> = {
    "linux/amd64": "linux/amd64",
    "Linux/X86_64": "linux/amd64",
    "aarch64": "linux/arm64",
    "linux/arm64/v8": "linux/arm64",
    "linux/arm64/v9": "linux/arm64/v9",
    "linux/arm/v7": "linux/arm",
    "linux/arm/7": "linux/arm",
    "linux/arm/v6": "linux/arm/v6",
    "armel": "linux/arm/v6",
    "armhf": "linux/arm",
    "linux/amd64/v1": "linux/amd64",
    "linux/riscv64/rva22u64": "linux/riscv64/rva22u64",
    "windows/amd64": "windows/amd64",
    "s390x": "linux/s390x",
  };
  for (const [text, expected] of Object.entries(cases)) {
    assertEquals(formatPlatform(parsePlatform(text)), expected, text);
  }
  for (const text of ["", "/", "linux/", "linux//v8", "a/b/c/d", "linux/am d64", "linux/\x1b"]) {
    assertEquals(assertThrows(() => parsePlatform(text), ContainerError).code, "InvalidArgument");
  }
});

Deno.test("what is missing in a platform is what it means there", () => {
  const platform: Platform = { os: "linux", architecture: "arm64", variant: "v8" };
  assertEquals(normalize(platform), { os: "linux", architecture: "arm64" });
  assertEquals(normalize({ os: "LINUX", architecture: "ARM64", variant: "" }), {
    os: "linux",
    architecture: "arm64",
  });
});

Deno.test("older variants run, newer ones and other processors do not", () => {
  const cases: readonly (readonly [offered: string, wanted: string, distance?: number])[] = [
    ["linux/amd64", "linux/amd64", 0],
    ["linux/amd64/v2", "linux/amd64", undefined],
    ["linux/amd64", "linux/amd64/v3", 2],
    ["linux/amd64/v2", "linux/amd64/v3", 1],
    ["linux/arm/v6", "linux/arm/v7", 1],
    ["linux/arm/v5", "linux/arm/v7", 2],
    ["linux/arm/v8", "linux/arm/v7", undefined],
    ["linux/arm64/v8", "linux/arm64", 0],
    ["linux/arm64", "linux/arm64/v9", 11],
    ["linux/arm", "linux/arm64", undefined],
    ["linux/386", "linux/amd64", undefined],
    ["windows/amd64", "linux/amd64", undefined],
    ["linux/amd64/x", "linux/amd64/y", undefined],
    ["linux/ppc64le/power9", "linux/ppc64le/power9", 0],
    ["linux/constructor/v1", "linux/constructor/v2", undefined],
  ];
  for (const [offered, wanted, expected] of cases) {
    const parse = (text: string) => {
      const [os = "", architecture = "", variant] = text.split("/");
      return { os, architecture, ...variant && { variant } };
    };
    assertEquals(distance(parse(offered), parse(wanted)), expected, `${offered} for ${wanted}`);
  }
});

Deno.test("the first manifest of the nearest variant is chosen", async () => {
  const [v5, v6, v7, again, arm64] = [
    entry("linux/arm/v5"),
    entry("linux/arm/v6"),
    entry("linux/arm/v7"),
    entry("linux/arm/v7"),
    entry("linux/arm64"),
  ];
  const index = indexOf(v5, v6, v7, again, arm64);
  assertEquals(await choose(index, "linux/arm/v7"), v7);
  assertEquals(await choose(index, "linux/arm"), v7);
  assertEquals(await choose(index, "linux/arm/v6"), v6);
  assertEquals(await choose(indexOf(v5, v6), "linux/arm/v7"), v6);
  assertEquals(await choose(index, "linux/arm64/v8"), arm64);
});

Deno.test("what says nothing of its platform is chosen where nothing else fits", async () => {
  const [unsaid, amd64] = [entry(), entry("linux/amd64")];
  assertEquals(await choose(indexOf(unsaid, amd64), "linux/amd64"), amd64);
  assertEquals(await choose(indexOf(unsaid, amd64), "linux/arm64"), unsaid);
});

Deno.test("attestations, artifacts and other documents are never chosen", async () => {
  const index = indexOf(
    entry("unknown/unknown"),
    entry("linux/amd64", { artifactType: "application/x" }),
    entry("linux/amd64", { mediaType: "application/json" }),
  );
  const error = await assertRejects(() => choose(index, "linux/amd64"), ContainerError);
  assertEquals(error.message, 'image "x": there is none for linux/amd64');
  assertEquals([error.code, error.hint], ["NotFound", "It lists no image at all"]);
});

Deno.test("where nothing fits the error tells what there is, and nothing to the terminal", async () => {
  const index = indexOf(
    entry("linux/arm64/v8"),
    entry("linux/arm64"),
    entry("linux/\x1b[2Jarm", { mediaType: DOCKER_MANIFEST }),
  );
  const error = await assertRejects(() => choose(index, "linux/amd64"), ContainerError);
  assertEquals(error.hint, "There are: linux/arm64, linux/\\u001b[2jarm");
  // That of arm is never left out: it says why an older one does not run what there is.
  const arm = indexOf(entry("linux/arm/v7"), entry("linux/arm"), entry("linux/arm/v8"));
  const older = await assertRejects(() => choose(arm, "linux/arm/v6"), ContainerError);
  assertEquals(older.hint, "There are: linux/arm/v7, linux/arm/v8");
});

Deno.test("indexes in an index are looked into, each once and not too deep", async () => {
  const amd64 = entry("linux/amd64");
  const inner = entry(undefined, { mediaType: OCI_INDEX });
  const outer = entry(undefined, { mediaType: DOCKER_INDEX });
  const documents = new Map([
    [outer.digest, indexOf(entry("linux/arm64"), inner, inner)],
    [inner.digest, indexOf(amd64)],
  ]);
  const loaded: string[] = [];
  const load = (descriptor: Descriptor) => {
    loaded.push(descriptor.digest);
    return documents.get(descriptor.digest)!;
  };
  const wanted = parsePlatform("linux/amd64");
  assertEquals(await choosePlatform(indexOf(outer), wanted, load, "x"), amd64);
  assertEquals(loaded, [outer.digest, inner.digest]);

  const circle = entry(undefined, { mediaType: OCI_INDEX });
  const round = () => indexOf(circle, entry("linux/amd64"));
  await choosePlatform(indexOf(circle), wanted, round, "x");

  const endless = () => indexOf(entry(undefined, { mediaType: OCI_INDEX }));
  const deep = await assertRejects(() => choosePlatform(endless(), wanted, endless, "x"));
  assertEquals((deep as Error).message, "x: too many indexes within each other");
  const wide = indexOf(...Array.from({ length: 100 }, () => endless().manifests[0]!));
  await assertRejects(() => choosePlatform(wide, wanted, () => indexOf(), "x"), ContainerError);
});

Deno.test("a nested index hands its platform on to manifests that say none", async () => {
  const inner = entry("linux/s390x", { mediaType: OCI_INDEX });
  const manifest = entry();
  const chosen = await choosePlatform(
    indexOf(inner, entry("linux/amd64")),
    parsePlatform("linux/s390x"),
    () => indexOf(manifest),
    "x",
  );
  assertEquals(chosen, { ...manifest, platform: inner.platform });
});
