import { assertEquals, assertThrows } from "@std/assert";
import { ContainerError, SysError } from "../../../lib/errors.ts";
import { unlessEnded } from "../../../lib/runtime/running.ts";
import { identify, type ProcessIdentity } from "../../../lib/runtime/process_identity.ts";
import { ContainerState } from "../../../lib/runtime/state.ts";

function container(init: ProcessIdentity): ContainerState {
  return new ContainerState("/nowhere/one", {
    ociVersion: "1.3.0",
    id: "one",
    name: "one",
    bundle: "/b",
    config: "/b/config.json",
    created: "2026-01-01T00:00:00Z",
    init,
    started: true,
    cgroups: [],
  });
}

const ended = container({ pid: Deno.pid, startTime: "1" });
const running = container(identify(Deno.pid)!);

const missing = new SysError("openat", 2, '"/sys/fs/cgroup/one/cgroup.freeze"');
const lacking = new ContainerError("set pids.limit: the kernel has none", { code: "Unsupported" });

function failing(error: Error): () => never {
  return () => {
    throw error;
  };
}

Deno.test("what a container that ends meanwhile has no more is told as its end", () => {
  for (const error of [missing, lacking]) {
    const told = assertThrows(
      () => unlessEnded(ended, "pause", failing(error)),
      ContainerError,
      'pause container "one": it has just ended, container not running',
    );
    assertEquals([told.code, told.cause], ["WrongState", error]);
  }
});

Deno.test("of a container that runs, and of what is wrong in any case, the error itself is told", () => {
  const wrong = new ContainerError("set pids.limit to 1: no", { code: "InvalidSpec" });
  for (const [state, error] of [[running, missing], [running, lacking], [ended, wrong]] as const) {
    assertEquals(assertThrows(() => unlessEnded(state, "pause", failing(error))), error);
  }
});
