import { assertEquals } from "@std/assert";
import { annotatedProperties } from "../../../lib/cgroup/systemd/annotations.ts";
import { features } from "../../../lib/oci/features.ts";
import { parseMountOptions } from "../../../lib/oci/mount_options.ts";
import type { Spec } from "../../../lib/oci/spec.ts";
import { validateSpec } from "../../../lib/oci/validate/mod.ts";
import { smallSpec } from "./full_spec.ts";

const told = features("1.2.3");

/** Takes a configuration that has these members beside the least ones, without a warning. */
function accepts(members: Record<string, unknown>, linux: Record<string, unknown> = {}): void {
  const spec = { ...smallSpec(), ...members, linux: { ...smallSpec().linux, ...linux } } as Spec;
  assertEquals(validateSpec(spec).warnings, []);
}

Deno.test("both ends of the versions that are told are accepted", () => {
  assertEquals([told.ociVersionMin, told.ociVersionMax], ["1.0.0", "1.3.0"]);
  accepts({ ociVersion: told.ociVersionMin });
  accepts({ ociVersion: told.ociVersionMax });
});

Deno.test("what is told to be recognised is accepted in a configuration", () => {
  for (const name of told.hooks) accepts({ hooks: { [name]: [{ path: "/bin/true" }] } });
  accepts({}, { namespaces: [{ type: "mount" }, { type: "uts" }] });
  for (const type of told.linux.namespaces) {
    const mappings = [{ containerID: 0, hostID: 0, size: 1 }];
    const extra = type === "user" ? { uidMappings: mappings, gidMappings: mappings } : {};
    accepts({}, { namespaces: [{ type }], ...extra });
  }
  const bounding = told.linux.capabilities;
  accepts({ process: { cwd: "/", args: ["sh"], capabilities: { bounding } } });
  const { actions, operators, archs, knownFlags } = told.linux.seccomp;
  for (const action of actions) {
    const args = operators.map((op) => ({ index: 0, value: 0, op }));
    accepts({}, {
      seccomp: {
        defaultAction: action,
        architectures: archs,
        flags: knownFlags,
        syscalls: [{ names: ["read"], action, args }],
      },
    });
  }
  for (const mode of told.linux.memoryPolicy.modes) {
    const nodes = mode === "MPOL_DEFAULT" || mode === "MPOL_LOCAL" ? {} : { nodes: "0" };
    accepts({}, { memoryPolicy: { mode, ...nodes } });
  }
  for (const flag of told.linux.memoryPolicy.flags) {
    accepts({}, { memoryPolicy: { mode: "MPOL_BIND", nodes: "0", flags: [flag] } });
  }
});

Deno.test("no mount option that is told goes to the file system", () => {
  assertEquals(told.mountOptions.length, 62);
  for (const option of told.mountOptions) assertEquals(parseMountOptions([option]).data, []);
});

Deno.test("annotations that change what the runtime does are told", () => {
  const annotations = { "org.systemd.property.KillSignal": "9", "com.example.kill": "9" };
  const honoured = Object.entries(annotations)
    .filter(([name, value]) => annotatedProperties({ [name]: value }).length > 0);
  assertEquals(honoured.map(([name]) => name), ["org.systemd.property.KillSignal"]);
  assertEquals(told.potentiallyUnsafeConfigAnnotations, [
    "org.systemd.property.",
    "run.oci.keep_original_groups",
  ]);
});

Deno.test("the members are those of features.md and features-linux.md", () => {
  assertEquals(Object.keys(told), [
    "ociVersionMin",
    "ociVersionMax",
    "hooks",
    "mountOptions",
    "linux",
    "annotations",
    "potentiallyUnsafeConfigAnnotations",
  ]);
  assertEquals(Object.keys(told.linux), [
    "namespaces",
    "capabilities",
    "cgroup",
    "seccomp",
    "apparmor",
    "selinux",
    "memoryPolicy",
    "intelRdt",
    "mountExtensions",
    "netDevices",
  ]);
  assertEquals(told.linux.namespaces.length, 8);
  assertEquals(told.linux.capabilities.length, 41);
  assertEquals(told.hooks.length, 6);
  assertEquals(told.linux.seccomp.archs.length, 23);
});
