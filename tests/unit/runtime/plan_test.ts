import { assert, assertEquals } from "@std/assert";
import {
  MOUNT_ATTR_RDONLY,
  MS_PRIVATE,
  MS_REC,
  MS_SHARED,
  MS_SLAVE,
} from "../../../ffi/mount_flags.ts";
import type { CgroupLayout } from "../../../lib/cgroup/detect.ts";
import type { Plan, StepKind, StepOf } from "../../../lib/init/plan.ts";
import type { NamespaceType, Process, Spec } from "../../../lib/oci/spec.ts";
import type { NamespaceChoice } from "../../../lib/runtime/namespaces.ts";
import { buildPlan, type PlanOptions } from "../../../lib/runtime/plan/container.ts";
import { buildExecPlan } from "../../../lib/runtime/plan/exec.ts";

const NONE = { bounding: 0n, permitted: 0n, effective: 0n, inheritable: 0n, ambient: 0n };
const CAP_SYS_ADMIN = 1n << 21n;
const LAYOUT: CgroupLayout = { kind: "none", hierarchies: [] };
const FILTER = { program: new Uint8Array(8), flags: 0, notify: false };

function namespaces(...types: NamespaceType[]): NamespaceChoice {
  return {
    clone: 0,
    unshare: 0,
    join: [],
    needsJoiner: false,
    has: (type) => types.includes(type),
    isNew: (type) => types.includes(type),
  };
}

const PROCESS: Process = { cwd: "/", args: ["/bin/true"], env: ["HOME=/root", "PATH=/bin"] };

function spec(change: Partial<Spec> = {}): Spec {
  return { ociVersion: "1.3.0", root: { path: "rootfs" }, process: PROCESS, ...change };
}

function plan(config: Spec, change: Partial<PlanOptions> = {}): Plan {
  return buildPlan(config, {
    keyring: "test",
    bundle: "/bundle",
    cgroupFiles: [],
    layout: LAYOUT,
    namespaces: namespaces("mount", "pid"),
    dieWithParent: false,
    passedFds: 0,
    unneededFds: [],
    hookState: {},
    loopback: false,
    trees: { root: 40, attached: false, mounts: new Map(), cgroups: new Map(), devices: new Map() },
    program: { capabilities: NONE, labels: [] },
    parentActs: false,
    fromOutside: false,
    ...change,
  });
}

function kinds(steps: Plan): StepKind[] {
  return steps.map((step) => step.do);
}

function find<K extends StepKind>(steps: Plan, kind: K): StepOf<K> {
  return steps.find((step): step is StepOf<K> => step.do === kind)!;
}

/** Asserts that steps come in this order, others in between. */
function assertOrder(steps: Plan, ...order: StepKind[]): void {
  const positions = order.map((kind) => kinds(steps).indexOf(kind));
  assertEquals(positions.includes(-1), false, `missing: ${order[positions.indexOf(-1)]}`);
  assertEquals(positions, positions.toSorted((a, b) => a - b), kinds(steps).join(", "));
}

Deno.test("a plain config has the steps that every container has, and no others", () => {
  assertEquals(kinds(plan(spec())), [
    "start afresh",
    "own root",
    "join session keyring",
    "propagation",
    "root",
    "device nodes",
    "links",
    "pivot root",
    "root propagation",
    "enter working folder",
    "become user",
    "enter working folder as user",
    "find program",
    "tell ready",
    "launcher",
    "wait for start",
    "hand over",
    "exec",
  ]);
});

Deno.test("descriptors are closed before anything of the container is touched", () => {
  assertEquals(kinds(plan(spec()))[0], "start afresh");
  const exec = buildExecPlan(PROCESS, {
    cgroupFiles: [],
    passedFds: 0,
    inUserNamespace: true,
    fromOutside: false,
    program: { capabilities: NONE, labels: [] },
  });
  assertEquals(kinds(exec).slice(0, 2), ["start afresh", "become root"]);
});

Deno.test("whatever the root's propagation, nothing spreads to the host while it is built", () => {
  for (
    const [value, flag] of [
      [undefined, MS_PRIVATE],
      ["shared", MS_SHARED],
      // Of the root alone: what is mounted below has propagation of its own.
      ["rshared", MS_SHARED],
      ["slave", MS_SLAVE],
    ] as const
  ) {
    const steps = plan(spec({ linux: { rootfsPropagation: value } }));
    assertEquals(find(steps, "propagation").flags, MS_SLAVE | MS_REC);
    assertEquals(find(steps, "root propagation").flag, flag);
    assertOrder(steps, "propagation", "root", "pivot root", "root propagation");
  }
});

Deno.test("without a mount namespace the host's own mounts are left as they are", () => {
  const steps = plan(spec(), {
    namespaces: namespaces("pid"),
    trees: { root: 40, attached: true, mounts: new Map(), cgroups: new Map(), devices: new Map() },
  });
  assertEquals(kinds(steps).includes("propagation"), false);
  assertEquals(kinds(steps).includes("pivot root"), false);
  assertEquals(kinds(steps).includes("root propagation"), false);
  assertOrder(steps, "root", "change root");
  assertEquals(find(steps, "root").attached, true);
});

Deno.test("paths are covered after all mounts are there, masks over what is read-only", () => {
  const steps = plan(spec({
    root: { path: "rootfs", readonly: true },
    mounts: [{ destination: "/proc", type: "proc" }],
    linux: {
      sysctl: { "net.ipv4.ip_forward": "1" },
      readonlyPaths: ["/proc/sys"],
      maskedPaths: ["/proc/keys"],
    },
  }));
  assertOrder(
    steps,
    "mount",
    "device nodes",
    "sysctl",
    "read-only paths",
    "masked paths",
    "pivot root",
    "read-only root",
    "become user",
  );
  assertEquals(find(steps, "sysctl").values, [["net/ipv4/ip_forward", "1"]]);
});

Deno.test("a name of a kernel parameter is read as sysctl(8) reads it", () => {
  const sysctl = { "net.ipv4.conf.eth0/100.forwarding": "0", "net/ipv4/conf/a.b/x": "1" };
  assertEquals(find(plan(spec({ linux: { sysctl } })), "sysctl").values, [
    ["net/ipv4/conf/eth0.100/forwarding", "0"],
    ["net/ipv4/conf/a.b/x", "1"],
  ]);
});

Deno.test("hooks of the host run before those of the container, both before the root is entered", () => {
  const hook = { path: "/hook", timeout: 2 };
  const steps = plan(
    spec({ hooks: { createContainer: [hook], startContainer: [hook] } }),
    { parentActs: true },
  );
  assertOrder(steps, "wait for parent", "container hooks", "pivot root", "wait for start");
  const { hooks, state } = find(steps, "container hooks");
  assertEquals(state.status, "creating");
  assertEquals(hooks, [{ path: "/hook", args: [], env: [], timeout: 2000 }]);
});

Deno.test("the launcher is made while the parent is at work, or before it goes", () => {
  assertOrder(plan(spec()), "tell ready", "launcher", "wait for start");
});

Deno.test("hooks of the start are the launcher's to run, under the limits and the filter", () => {
  const process: Process = {
    ...PROCESS,
    noNewPrivileges: true,
    rlimits: [{ type: "RLIMIT_AS", soft: 1, hard: 2 }],
  };
  const hooks = { startContainer: [{ path: "/hook" }] };
  for (const listener of [undefined, 9]) {
    const seccomp = listener === undefined ? FILTER : undefined;
    const program = { capabilities: NONE, labels: [], seccomp };
    const steps = plan(spec({ process, hooks }), { listener, program });
    assertEquals(kinds(steps).filter((kind) => ["container hooks", "rlimits"].includes(kind)), []);
    const launcher = find(steps, "launcher");
    assertEquals(launcher.hooks?.state.status, "created");
    assertEquals(launcher.hooks?.hooks.map(({ path }) => path), ["/hook"]);
    assertEquals(launcher.limits, [{ resource: 9, soft: 1n, hard: 2n }]);
    assertEquals(launcher.filter, seccomp);
  }
});

Deno.test("what waits for a later start is the launcher, with all that is left to do", () => {
  const process: Process = {
    ...PROCESS,
    rlimits: [{ type: "RLIMIT_AS", soft: 1, hard: 2 }],
  };
  const steps = plan(spec({ process }), { listener: 9 });
  assertEquals(kinds(steps).slice(-3), ["launcher", "hand over", "exec"]);
  const { listener, limits } = find(steps, "launcher");
  assertEquals([listener, limits], [9, [{ resource: 9, soft: 1n, hard: 2n }]]);
});

Deno.test("it is this program where a filter would not let the launcher wait, or asks a listener", () => {
  const filtered = (program: Uint8Array<ArrayBuffer>, notify: boolean) => {
    const seccomp = { program, flags: 0, notify };
    return plan(spec(), { listener: 9, program: { capabilities: NONE, labels: [], seccomp } });
  };
  // A filter of one instruction, that returns this.
  const all = (action: number) => {
    const program = new Uint8Array(8);
    new DataView(program.buffer).setUint16(0, 6, true);
    new DataView(program.buffer).setUint32(4, action, true);
    return program;
  };
  const ALLOW = 0x7fff0000, EPERM = 0x50001;
  assertOrder(filtered(all(ALLOW), false), "launcher", "seccomp", "exec");
  assertEquals(kinds(filtered(all(ALLOW), false)).includes("wait for start"), false);
  assertOrder(filtered(all(EPERM), false), "launcher", "wait for start", "seccomp", "exec");
  assertOrder(filtered(all(ALLOW), true), "launcher", "wait for start", "seccomp", "exec");
});

Deno.test("who follows it takes it along from before the wait on, which a change of the user would end", () => {
  const steps = plan(spec(), { dieWithParent: true });
  assertOrder(steps, "become user", "die with parent", "tell ready", "wait for start");
  assertEquals(kinds(plan(spec())).includes("die with parent"), false);
});

Deno.test("limits come last: the runtime itself could not live with many", () => {
  const process: Process = {
    ...PROCESS,
    rlimits: [{ type: "RLIMIT_AS", soft: 1, hard: 18446744073709551615n }],
  };
  const steps = plan(spec({ process }), { dieWithParent: true });
  assertOrder(steps, "launcher", "wait for start", "hand over", "rlimits", "exec");
  assertEquals(find(steps, "rlimits").limits, [
    { resource: 9, soft: 1n, hard: 18446744073709551615n },
  ]);
});

Deno.test("with no_new_privs the filter is the launcher's to load, right before the program", () => {
  const process: Process = { ...PROCESS, noNewPrivileges: true };
  const steps = plan(spec({ process }), {
    program: { capabilities: NONE, labels: [], seccomp: FILTER },
  });
  assertEquals(kinds(steps).includes("seccomp"), false);
  assertEquals(find(steps, "launcher").filter, FILTER);
  assertOrder(steps, "no new privileges", "become user", "launcher", "exec");
  assertEquals(find(steps, "become user").retained, 0n);
});

Deno.test("without it, CAP_SYS_ADMIN is kept just so long as the filter takes to load", () => {
  const steps = plan(spec(), { program: { capabilities: NONE, labels: [], seccomp: FILTER } });
  assertEquals(find(steps, "become user").retained, CAP_SYS_ADMIN);
  assertEquals(find(steps, "seccomp").capabilities, NONE);
  assertEquals(find(steps, "launcher").filter, undefined);
  assertEquals(kinds(steps).slice(-3), ["hand over", "seccomp", "exec"]);
});

Deno.test("a listener is handed over by the process itself, with no_new_privs too", () => {
  const process: Process = { ...PROCESS, noNewPrivileges: true };
  const seccomp = { ...FILTER, notify: true };
  const steps = plan(spec({ process }), {
    program: { capabilities: NONE, labels: [], seccomp },
  });
  const step = find(steps, "seccomp");
  assertEquals([step.notify, step.capabilities], [true, undefined]);
});

Deno.test("a /dev that is read-only takes its nodes first", () => {
  const steps = plan(spec({
    mounts: [{ destination: "/dev", type: "tmpfs", options: ["ro", "mode=755"] }],
  }));
  const [made, changed] = steps.filter((step) => step.do === "mount");
  assertEquals(made.set & MOUNT_ATTR_RDONLY, 0);
  assertEquals(made.options.some(([key]) => key === "ro"), false);
  assertEquals([changed.kind, changed.set], ["remount", MOUNT_ATTR_RDONLY]);
  assert(steps.indexOf(changed) > kinds(steps).indexOf("links"));
});

Deno.test("a /dev of the host gets neither nodes nor links", () => {
  for (const destination of ["/dev", "//dev/", "dev"]) {
    const steps = plan(spec({
      mounts: [{ destination, type: "bind", source: "/dev", options: ["rbind"] }],
    }));
    assertEquals(kinds(steps).includes("device nodes"), false);
    assertEquals(kinds(steps).includes("links"), false);
  }
});

Deno.test("devices of the config come in the place of the usual ones, and are bound in a user namespace", () => {
  const steps = plan(
    spec({
      linux: {
        devices: [{ type: "c", path: "/dev/null", major: 1, minor: 3, fileMode: 0o600, uid: 7 }],
      },
    }),
    {
      trees: {
        root: 40,
        attached: false,
        mounts: new Map(),
        cgroups: new Map(),
        devices: new Map([["/dev/null", 55]]),
      },
    },
  );
  const nodes = find(steps, "device nodes").nodes.filter(({ path }) => path === "/dev/null");
  assertEquals(nodes, [
    { path: "/dev/null", mode: 0o020600, major: 1, minor: 3, uid: 7, gid: 0, tree: 55 },
  ]);
});

Deno.test("a home is looked for only where the config names none", () => {
  assertEquals(kinds(plan(spec())).includes("find home"), false);
  const process: Process = { ...PROCESS, env: ["HOME="], user: { uid: 5, gid: 5 } };
  const steps = plan(spec({ process }));
  assertEquals(find(steps, "find home").uid, 5);
  assertEquals(find(steps, "launcher").env, []);
});

Deno.test("memory policy and personality as the kernel numbers them", () => {
  const steps = plan(spec({
    linux: {
      memoryPolicy: { mode: "MPOL_BIND", nodes: "0-2,5", flags: ["MPOL_F_STATIC_NODES"] },
      personality: { domain: "LINUX32" },
    },
  }));
  assertEquals(find(steps, "memory policy").mode, 2 | 1 << 15);
  assertEquals(find(steps, "memory policy").nodes, [0, 1, 2, 5]);
  assertEquals(find(steps, "personality").persona, 8);
});

Deno.test("exec: the CPUs after the cgroup, the root by descriptor where there is no mount namespace", () => {
  const process: Process = { ...PROCESS, execCPUAffinity: { initial: "0", final: "1-2" } };
  const options = {
    cgroupFiles: [9],
    passedFds: 0,
    inUserNamespace: false,
    fromOutside: false,
    program: { capabilities: NONE, labels: [] },
  };
  const joined = buildExecPlan(process, options);
  assertOrder(joined, "join cgroups", "cpu affinity", "take root", "become user");
  assertEquals(find(joined, "cpu affinity").cpus, [1, 2]);
  const changed = buildExecPlan(process, { ...options, root: 30 });
  assertEquals(find(changed, "change root").fd, 30);
  assertEquals(kinds(changed).includes("take root"), false);
});

Deno.test("for an ordinary user the first process takes everything of the host itself, and joins cgroups as the user", () => {
  const linux = { namespaces: [], uidMappings: [], gidMappings: [] };
  const steps = plan(spec({ linux }), {
    cgroupFiles: [9],
    namespaces: namespaces("mount", "pid", "user"),
    trees: {
      attached: false,
      mounts: new Map(),
      cgroups: new Map(),
      devices: new Map(),
      byChild: { spread: MS_SLAVE, cgroups: new Map() },
    },
  });
  assertOrder(
    steps,
    "start afresh",
    "wait for mappings",
    "join cgroups",
    "open sources",
    "become root",
    "root",
    "device nodes",
  );
  assertEquals(find(steps, "start afresh").dumpable, true);
  const { paths } = find(steps, "open sources");
  assertEquals([paths[0], paths.includes("/dev/null")], ["/bundle/rootfs", true]);
  assertEquals([find(steps, "root").spread, find(steps, "root").tree], [MS_SLAVE, undefined]);
  assert(find(steps, "device nodes").nodes.every(({ spread }) => spread === MS_SLAVE));
});
