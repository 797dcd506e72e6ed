import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { ContainerError, SysError } from "../../../lib/errors.ts";
import { loadProcess, loadResources, loadSeccomp, loadSpec } from "../../../lib/oci/load.ts";
import { smallSpec } from "./full_spec.ts";

/** Calls with a new folder that is gone afterwards. */
function inFolder(use: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "bundle-" });
  try {
    use(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function refusal(load: () => unknown): ContainerError {
  return assertThrows(load, ContainerError);
}

Deno.test("loadSpec() gives the configuration, its exact text and the warnings", () => {
  inFolder((bundle) => {
    const spec = { ...smallSpec(), hostname: null, mounts: [{ destination: "x", type: "tmpfs" }] };
    const text = `\n${JSON.stringify(spec, null, 3)}\n\n`;
    Deno.writeTextFileSync(`${bundle}/config.json`, text);
    const loaded = loadSpec(bundle);
    assertEquals(loaded.text, text);
    assertEquals(loaded.spec, { ...smallSpec(), mounts: [{ destination: "x", type: "tmpfs" }] });
    assertEquals(loaded.warnings.length, 1);
    assertMatch(loaded.warnings[0]!, /^config\.json: mounts\[0\]\.destination: /);
  });
});

Deno.test("loadSpec() reads configurations of all sizes up to 4 MiB", () => {
  inFolder((bundle) => {
    const write = (size: number) => {
      const text = JSON.stringify({ ...smallSpec(), annotations: { a: "" } });
      const padded = text.replace('"a":""', `"a":"${"x".repeat(size - text.length)}"`);
      Deno.writeTextFileSync(`${bundle}/config.json`, padded);
    };
    for (const size of [32 * 1024 - 1, 32 * 1024, 32 * 1024 + 1, 1_000_000, 4 * 1024 * 1024]) {
      write(size);
      assertEquals(loadSpec(bundle).text.length, size);
    }
    write(4 * 1024 * 1024 + 1);
    const error = refusal(() => loadSpec(bundle));
    assertEquals(error.message, "config.json: larger than 4194304 bytes");
    assertEquals(error.code, "InvalidSpec");
  });
});

Deno.test("loadSpec() reads an endless file no further than the limit", () => {
  inFolder((bundle) => {
    Deno.writeTextFileSync(`${bundle}/config.json`, "");
    Deno.truncateSync(`${bundle}/config.json`, 2 ** 40);
    assertMatch(refusal(() => loadSpec(bundle)).message, /larger than 4194304 bytes/);
  });
});

Deno.test("loadSpec() says what is missing", () => {
  inFolder((bundle) => {
    const error = refusal(() => loadSpec(bundle));
    assertEquals(error.code, "NotFound");
    assertMatch(error.message, /^read ".*\/config\.json": openat .* ENOENT/);
    assertMatch(error.hint!, /^A bundle is a folder with config\.json in it; /);
    assert(error.cause instanceof SysError);
    assertEquals(refusal(() => loadSpec(`${bundle}/nowhere`)).code, "NotFound");
  });
});

Deno.test("of a folder in place of a file its path is told", () => {
  inFolder((folder) => {
    const profile = (): unknown => loadSeccomp(folder, (profile) => profile);
    for (const load of [() => loadProcess(folder), () => loadResources(folder), profile]) {
      const { message } = refusal(load);
      assert(message.startsWith(`read ${JSON.stringify(folder)}: read `), message);
      assertMatch(message, /EISDIR \(Is a directory\)$/);
    }
  });
});

Deno.test("loadSpec() takes a regular file only, and does not wait for a pipe", () => {
  inFolder((bundle) => {
    Deno.mkdirSync(`${bundle}/config.json`);
    assertMatch(refusal(() => loadSpec(bundle)).message, /it is no regular file$/);
    Deno.removeSync(`${bundle}/config.json`);
    const made = new Deno.Command("mkfifo", { args: [`${bundle}/config.json`] }).outputSync();
    assert(made.success);
    assertMatch(refusal(() => loadSpec(bundle)).message, /it is no regular file$/);
    Deno.removeSync(`${bundle}/config.json`);
    Deno.symlinkSync("/dev/zero", `${bundle}/config.json`);
    assertMatch(refusal(() => loadSpec(bundle)).message, /it is no regular file$/);
  });
});

Deno.test("loadSpec() says where the text is wrong", () => {
  inFolder((bundle) => {
    const message = (text: string | Uint8Array) => {
      const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
      Deno.writeFileSync(`${bundle}/config.json`, bytes);
      const error = refusal(() => loadSpec(bundle));
      assertEquals(error.code, "InvalidSpec");
      return error.message;
    };
    assertEquals(message(""), "config.json: line 1, column 1: expected a value, got the end");
    assertEquals(message("null"), "config.json: expected an object, got null");
    assertEquals(message(new Uint8Array([0x7b, 0xff])), "config.json: not UTF-8 text");
    assertEquals(
      message('{"root":{"path":"a","path":"b"}}'),
      "config.json: root.path: the name stands twice in one object",
    );
    assertEquals(message("{}"), "config.json: ociVersion: required but missing");
  });
});

Deno.test("loadProcess() and loadResources() name the file in what they say", () => {
  inFolder((folder) => {
    const path = `${folder}/p.json`;
    Deno.writeTextFileSync(path, '{"cwd":"/","args":["a"],"capabilities":{"bounding":["CAP_X"]}}');
    const { process, warnings } = loadProcess(path);
    assertEquals(process, { cwd: "/", args: ["a"], capabilities: { bounding: [] } });
    assertEquals(warnings, [
      `${path}: capabilities.bounding[0]: "CAP_X" is no capability that is known, so it is not granted`,
    ]);
    Deno.writeTextFileSync(path, '{"cwd":"/"}');
    assertEquals(refusal(() => loadProcess(path)).message, `${path}: args: required but missing`);
    Deno.writeTextFileSync(path, '{"memory":{"limit":9223372036854775807}}');
    assertEquals(loadResources(path).resources, { memory: { limit: 2n ** 63n - 1n } });
    assertEquals(refusal(() => loadResources(`${path}x`)).code, "NotFound");
  });
});
