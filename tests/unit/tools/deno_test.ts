import { assertEquals, assertThrows } from "@std/assert";
import { targetNamed } from "../../../tools/build/target.ts";
import { requireDeno } from "../../../tools/deno.ts";
import { passedOn } from "../../../tools/privilege.ts";
import { ToolError } from "../../../tools/report.ts";

Deno.test("requireDeno() takes 2.6 and later", () => {
  for (const version of ["2.6.0", "2.6.8", "2.10.1", "3.0.0"]) requireDeno(version);
  for (const version of ["1.46.3", "2.5.9"]) {
    assertThrows(() => requireDeno(version), ToolError, "Deno 2.6 or later is needed");
  }
});

Deno.test("targetNamed() knows two machines", () => {
  assertEquals(targetNamed("aarch64-unknown-linux-gnu").arch, "aarch64");
  assertThrows(
    () => targetNamed("x86_64-pc-windows-msvc"),
    ToolError,
    'build for "x86_64-pc-windows-msvc": the target must be "x86_64-unknown-linux-gnu" or',
  );
});

Deno.test("passedOn() hands root what finds modules, and nothing that belongs to the user", () => {
  assertEquals(
    passedOn({
      DENO_DIR: "/home/user/.cache/deno",
      DENO_TLS_CA_STORE: "system",
      GOCONTAINER_OFFLINE: "1",
      HOME: "/home/user",
      LD_PRELOAD: "x.so",
      NPM_CONFIG_REGISTRY: "https://registry.example/",
      https_proxy: "http://proxy.example:3128",
      npm_config_prefix: "/home/user/.local",
    }),
    {
      DENO_TLS_CA_STORE: "system",
      GOCONTAINER_OFFLINE: "1",
      NPM_CONFIG_REGISTRY: "https://registry.example/",
      https_proxy: "http://proxy.example:3128",
    },
  );
});
