import { assertEquals, assertThrows } from "@std/assert";
import type { CgroupLayout } from "../../../lib/cgroup/detect.ts";
import { ContainerError } from "../../../lib/errors.ts";
import type { Spec } from "../../../lib/oci/spec.ts";
import { grantable, grantCapabilities } from "../../../lib/runtime/capabilities.ts";
import { delegate } from "../../../lib/runtime/delegation.ts";
import { environment, searchPath } from "../../../lib/runtime/environment.ts";
import {
  changeRdtGroup,
  joinRdtGroup,
  removeRdtGroups,
  resctrlMount,
} from "../../../lib/runtime/intel_rdt.ts";
import { checkMountLabel, securityLabels } from "../../../lib/runtime/security_labels.ts";
import { withoutUnmappedGroups } from "../../../lib/runtime/unmapped_groups.ts";

const ALL = 0xffff_ffffn;

Deno.test("all that is asked for is granted where it is to be had", () => {
  const wanted = {
    bounding: ["CAP_CHOWN", "CAP_KILL"],
    permitted: ["CAP_CHOWN"],
    effective: ["CAP_CHOWN"],
    inheritable: ["CAP_CHOWN"],
    ambient: ["CAP_CHOWN"],
  };
  assertEquals(grantCapabilities(wanted, { permitted: ALL, bounding: ALL }), {
    masks: { bounding: 33n, permitted: 1n, effective: 1n, inheritable: 1n, ambient: 1n },
    warnings: [],
  });
});

Deno.test("what cannot be granted is left out of every set that would need it, and told", () => {
  const names = ["CAP_CHOWN", "CAP_KILL"];
  const wanted = {
    bounding: names,
    permitted: names,
    effective: names,
    inheritable: ["CAP_KILL"],
    ambient: ["CAP_KILL"],
  };
  const { masks, warnings } = grantCapabilities(wanted, { permitted: ~32n & ALL, bounding: ALL });
  assertEquals(masks, {
    bounding: 33n,
    permitted: 1n,
    effective: 1n,
    inheritable: 0n,
    ambient: 0n,
  });
  assertEquals(warnings, [
    "process.capabilities: not granted, as they are not to be had here: permitted CAP_KILL; " +
    "effective CAP_KILL; inheritable CAP_KILL; ambient CAP_KILL",
  ]);
});

Deno.test("effective is never more than permitted, and nothing is asked for without any sets", () => {
  const { masks, warnings } = grantCapabilities({ effective: ["CAP_KILL"] }, {
    permitted: ALL,
    bounding: ALL,
  });
  assertEquals(masks.effective, 0n);
  assertEquals(warnings, [
    "process.capabilities.effective: not granted, as only what is permitted can be effective",
  ]);
  assertEquals(grantCapabilities(undefined, { permitted: ALL, bounding: ALL }).masks.bounding, 0n);
});

Deno.test("what a config itself rules out is told as that: ambient without inheritable", () => {
  const names = ["CAP_CHOWN", "CAP_KILL"];
  const sets = { bounding: names, permitted: names, inheritable: ["CAP_CHOWN"], ambient: names };
  const { masks, warnings } = grantCapabilities(sets, { permitted: ALL, bounding: ALL });
  assertEquals(masks.ambient, 1n);
  assertEquals(warnings, [
    "process.capabilities.ambient: CAP_KILL not granted, as only what is permitted and inheritable can be ambient",
  ]);
});

Deno.test("of root's ambient set nothing is told: it adds nothing to what root has", () => {
  const names = ["CAP_CHOWN", "CAP_KILL"];
  const sets = { bounding: names, permitted: names, effective: ["CAP_MKNOD"], ambient: names };
  const { masks, warnings } = grantCapabilities(sets, { permitted: ALL, bounding: ALL }, true);
  assertEquals(masks.ambient, 0n);
  assertEquals(warnings, [
    "process.capabilities.effective: not granted, as only what is permitted can be effective",
  ]);
});

Deno.test("a new user namespace has every capability that the kernel knows", () => {
  const { permitted, bounding } = grantable({ bounding: ["CAP_SYS_RESOURCE", "CAP_KILL"] }, true);
  assertEquals([permitted, bounding], [(1n << 24n) | 32n, (1n << 24n) | 32n]);
});

Deno.test("of variables given twice the last one counts, in the place of the first", () => {
  assertEquals(environment(["A=1", "HOME=/h", "A=2=3"]), {
    env: ["A=2=3", "HOME=/h"],
    needsHome: false,
  });
  assertEquals(environment(["HOME=/x", "HOME="]), { env: [], needsHome: true });
  assertEquals(searchPath(["PATH=/a::/b"]), ["/a", "", "/b"]);
});

Deno.test("a label of a security module that is off is refused, by the field's name", () => {
  const process = { cwd: "/", args: ["x"], apparmorProfile: "mine", selinuxLabel: "a:b" };
  const off = () => ({ apparmor: false, selinux: false });
  assertThrows(() => securityLabels(process, off), ContainerError, "process.apparmorProfile");
  assertThrows(() => checkMountLabel("a:b", off), ContainerError, "linux.mountLabel");
  const steps = securityLabels(process, () => ({ apparmor: true, selinux: true }));
  assertEquals(steps.map(({ file, value }) => [file, value]), [
    ["apparmor/exec", "exec mine"],
    ["exec", "a:b"],
  ]);
  assertEquals(securityLabels({ cwd: "/", args: ["x"] }, off), []);
});

Deno.test("a class of service of the container's own is made, and removed with it", () => {
  const mount = Deno.makeTempDirSync();
  try {
    for (const folder of ["", "/mine"]) {
      Deno.mkdirSync(mount + folder, { recursive: true });
      for (const file of ["schemata", "tasks"]) {
        Deno.writeTextFileSync(`${mount}${folder}/${file}`, "");
      }
    }
    // As the kernel does it, the files are there with the folder: here they are not.
    assertThrows(
      () => joinRdtGroup(7, "id", { memBwSchema: "MB:0=50" }, mount),
      ContainerError,
      "linux.intelRdt",
    );
    assertThrows(() => Deno.statSync(`${mount}/id`), Deno.errors.NotFound);

    Deno.writeTextFileSync(`${mount}/mine/schemata`, "    L3:0=00f;1=00f\n    MB:0=50\n");
    const made = joinRdtGroup(7, "id", { closID: "mine", l3CacheSchema: "L3:0=f;1=f" }, mount);
    assertEquals(made, []);
    assertEquals(Deno.readTextFileSync(`${mount}/mine/tasks`), "7");
    assertThrows(
      () => joinRdtGroup(7, "id", { closID: "mine", memBwSchema: "MB:0=20" }, mount),
      ContainerError,
      "is not what",
    );
    assertThrows(() => joinRdtGroup(7, "id", { closID: "none" }, mount), ContainerError);
    Deno.mkdirSync(`${mount}/gone`);
    removeRdtGroups([`${mount}/gone`, `${mount}/never`]);
    assertThrows(() => Deno.statSync(`${mount}/gone`), Deno.errors.NotFound);
  } finally {
    Deno.removeSync(mount, { recursive: true });
  }
});

Deno.test("a class of service is changed, and put back", () => {
  const mount = Deno.makeTempDirSync();
  const change = (config: { closID?: string } | undefined, undo = new DisposableStack()) => {
    changeRdtGroup(
      7,
      "id",
      config,
      { l3CacheSchema: "L3:0=3", memBwSchema: "MB:0=10" },
      undo,
      mount,
    );
    return undo;
  };
  try {
    Deno.mkdirSync(`${mount}/mine`);
    Deno.writeTextFileSync(`${mount}/mine/schemata`, "L3:0=f\nMB:0=100\n");
    const undo = change({ closID: "mine" });
    assertEquals(Deno.readTextFileSync(`${mount}/mine/schemata`), "L3:0=3\nMB:0=10\n");
    undo.dispose();
    assertEquals(Deno.readTextFileSync(`${mount}/mine/schemata`), "L3:0=f\nMB:0=100\n");
    assertThrows(() => change({ closID: "none" }), ContainerError, "linux.intelRdt");
    assertThrows(
      () =>
        changeRdtGroup(7, "id", {}, { memBwSchema: "MB:0=10" }, new DisposableStack(), undefined),
      ContainerError,
      "linux.intelRdt.memBwSchema: the file system resctrl is not mounted",
    );
  } finally {
    Deno.removeSync(mount, { recursive: true });
  }
});

Deno.test("resctrl is found where it is mounted, and missed where it is not", () => {
  const line = "50 1 0:40 / /sys/fs/resctrl rw,relatime - resctrl resctrl rw";
  assertEquals(resctrlMount(`1 0 8:1 / / rw - ext4 /dev/sda rw\n${line}\n`), "/sys/fs/resctrl");
  assertEquals(resctrlMount("1 0 8:1 / / rw - ext4 /dev/sda rw\n"), undefined);
  assertThrows(() => joinRdtGroup(1, "id", {}, undefined), ContainerError, "not mounted");
});

const V2: CgroupLayout = {
  kind: "v2",
  hierarchies: [{ version: 2, mountpoint: "/sys/fs/cgroup", controllers: [] }],
};

function delegated(change: (spec: Spec) => void): Spec {
  const spec: Spec = {
    ociVersion: "1.3.0",
    root: { path: "x" },
    process: { cwd: "/", args: ["x"], user: { uid: 10, gid: 0 } },
    mounts: [{ destination: "/sys/fs/cgroup", type: "cgroup", options: ["nosuid"] }],
    linux: {
      namespaces: [{ type: "cgroup" }, { type: "user" }],
      uidMappings: [{ containerID: 0, hostID: 5000, size: 100 }],
    },
  };
  change(spec);
  return spec;
}

Deno.test("a cgroup is given away on v2, in a new namespace, where it can be written", () => {
  assertEquals(delegate(delegated(() => {}), V2), 5010);
  assertEquals(delegate(delegated((spec) => delete spec.linux!.uidMappings), V2), 10);
  const not = [
    (spec: Spec) => spec.mounts![0].options!.push("ro"),
    (spec: Spec) => spec.linux!.namespaces![0].path = "/proc/1/ns/cgroup",
    (spec: Spec) => spec.linux!.namespaces!.shift(),
    (spec: Spec) => spec.mounts![0].destination = "/cgroup",
    (spec: Spec) => spec.process!.user!.uid = 100,
  ];
  for (const change of not) assertEquals(delegate(delegated(change), V2), undefined);
  assertEquals(delegate(delegated(() => {}), { ...V2, kind: "hybrid" }), undefined);
});

Deno.test("a devpts mount is without the group that its user namespace lacks", () => {
  const devpts = { destination: "/dev/pts", type: "devpts", options: ["newinstance", "gid=5"] };
  const spec = (size: number): Spec => ({
    ociVersion: "1.3.0",
    root: { path: "x" },
    mounts: [devpts],
    linux: { gidMappings: [{ containerID: 0, hostID: 1, size }] },
  });
  assertEquals(withoutUnmappedGroups(spec(5)).mounts![0].options, ["newinstance"]);
  assertEquals(withoutUnmappedGroups(spec(6)).mounts![0].options, devpts.options);
});
