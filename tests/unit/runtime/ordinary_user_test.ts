import { assertEquals, assertThrows } from "@std/assert";
import { ownFolder } from "../../../lib/cgroup/own.ts";
import { ContainerError, SysError } from "../../../lib/errors.ts";
import type { Spec } from "../../../lib/oci/spec.ts";
import { forkFailure } from "../../../lib/runtime/failure.ts";
import { checkUserSpec, outsideOf } from "../../../lib/runtime/ordinary_user.ts";

const OWN = [{ containerID: 0, hostID: 1000, size: 1 }];

function spec(change: Spec["linux"] = {}, mounts: Spec["mounts"] = []): Spec {
  return {
    ociVersion: "1.3.0",
    root: { path: "rootfs" },
    mounts,
    linux: {
      namespaces: [{ type: "user" }, { type: "mount" }, { type: "pid" }],
      uidMappings: OWN,
      gidMappings: OWN,
      ...change,
    },
  };
}

Deno.test("who has all ids is the host's root, anybody else is some user of it", () => {
  assertEquals(outsideOf("         0          0 4294967295\n"), undefined);
  assertEquals(
    outsideOf("         0       1000          1\n         1     100000      65536\n"),
    1000,
  );
  assertEquals(outsideOf("         0     100000      65536\n"), 100_000);
});

Deno.test("what an ordinary user can have is no error", () => {
  checkUserSpec(spec());
  checkUserSpec(spec({}, [
    { destination: "/proc", type: "proc", source: "proc" },
    { destination: "/sys", type: "sysfs", source: "/sys", options: ["rbind", "ro"] },
  ]));
  checkUserSpec(spec({ resources: { devices: [{ allow: false, access: "rwm" }] } }));
});

Deno.test("file systems of a namespace take one of the container's own", () => {
  for (const [type, owner] of [["sysfs", "network"], ["mqueue", "ipc"]]) {
    assertThrows(
      () => checkUserSpec(spec({}, [{ destination: "/there", type, source: type }])),
      ContainerError,
      `${type} on "/there" takes a "${owner}" namespace`,
    );
  }
});

Deno.test("a refused namespace is told to a user with what he can look at", () => {
  const refused = new SysError("clone3", 1);
  assertEquals(forkFailure(refused, true).hint?.includes("CAP_SYS_ADMIN"), true);
  assertEquals(forkFailure(refused, false).hint?.includes("unprivileged_userns_clone"), true);
});

Deno.test("one's own cgroup is found in each kind of hierarchy, where it is in view", () => {
  const text = "9:name=systemd:/a\n3:cpuacct,cpu:/\n2:pids:/../b\n0::/user.slice/x\n";
  const folder = (controllers: string[], version: 1 | 2 = 1, name?: string) =>
    ownFolder({ version, mountpoint: "/m", controllers, name }, text);
  assertEquals(folder([], 1, "systemd"), "/m/a");
  assertEquals(folder(["cpu", "cpuacct"]), "/m");
  assertEquals(folder(["pids"]), undefined);
  assertEquals(folder(["memory"]), undefined);
  assertEquals(folder(["memory"], 2), "/m/user.slice/x");
});
