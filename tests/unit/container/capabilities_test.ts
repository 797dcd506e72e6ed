import { assert, assertEquals } from "@std/assert";
import { containerCapabilities } from "../../../lib/container/capabilities.ts";
import { DEFAULT_CAPABILITIES } from "../../../lib/oci/defaults.ts";

function of(added: string[], dropped: string[], privileged = false): string[] {
  return containerCapabilities({
    addedCapabilities: added,
    droppedCapabilities: dropped,
    privileged,
    seccomp: "default",
    noNewPrivileges: false,
    readonlyRoot: false,
    userns: "host",
  });
}

Deno.test("without a word they are docker's", () => {
  assertEquals(of([], []), [...DEFAULT_CAPABILITIES]);
});

Deno.test("what is added comes to what is not dropped, each once", () => {
  assertEquals(
    of(["CAP_SYS_TIME", "CAP_CHOWN"], ["CAP_KILL"]),
    [...DEFAULT_CAPABILITIES.filter((name) => name !== "CAP_KILL"), "CAP_SYS_TIME"],
  );
  assertEquals(of(["CAP_CHOWN"], ["CAP_CHOWN"]).includes("CAP_CHOWN"), true);
  assertEquals(of(["CAP_CHOWN"], ["ALL"]), ["CAP_CHOWN"]);
});

Deno.test("ALL is what this process has to give, less what is dropped", () => {
  const all = of(["ALL"], []);
  assert(all.length > 0 && new Set(all).size === all.length);
  assertEquals(of(["ALL"], ["CAP_KILL"]), all.filter((name) => name !== "CAP_KILL"));
  assertEquals(of([], ["CAP_KILL"], true), all);
});
