/** What is left of a container: nothing, and nothing that was there before is taken along. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { Bundles, dropNamespace, type FilledSpec, mapUsers } from "./support/bundle.ts";
import { entriesOf, exists } from "./support/project.ts";
import { until } from "./support/wait.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** All of the host that a container could leave something in. */
function hostState(): string {
  const cgroups = entriesOf("/sys/fs/cgroup").flatMap(({ name }) =>
    entriesOf(`/sys/fs/cgroup/${name}/go_containers`).map((entry) => `${name}/${entry.name}`)
  ).filter((path) => path.includes(`/oci-${Deno.pid}-`));
  return JSON.stringify([
    // Other tests of the machine may mount something at the same time.
    Deno.readTextFileSync("/proc/self/mountinfo").split("\n")
      .filter((line) => line.includes(workspace.folder)),
    cgroups,
    entriesOf(workspace.path("state")).map(({ name }) => name).filter((name) => name !== ".lock"),
  ]);
}

/** Configs that pass all checks and fail at some point of the way. */
const FAILING: readonly (readonly [string, (spec: FilledSpec) => void])[] = [
  ["a program that is not there", (spec) => spec.process.args = ["/nowhere"]],
  ["a working folder that is a file", (spec) => spec.process.cwd = "/etc/passwd/x"],
  ["a source that is not there", (spec) => {
    spec.mounts.push({ destination: "/m", type: "bind", source: "/nowhere", options: ["bind"] });
  }],
  ["a file system that is unknown", (spec) => {
    spec.mounts.push({ destination: "/m", type: "nofs", source: "x" });
  }],
  ["an option that is unknown", (spec) => {
    spec.mounts.push({ destination: "/m", type: "tmpfs", source: "x", options: ["nonsense=1"] });
  }],
  ["a root that is not there", (spec) => spec.root.path = "nowhere"],
  ["a kernel parameter that is refused", (spec) => {
    spec.linux.sysctl = { "net.ipv4.ip_forward": "nonsense" };
  }],
  ["a limit beyond what may be", (spec) => {
    spec.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 1, hard: 2 ** 40 }];
  }],
  ["a network device that is not there", (spec) => spec.linux.netDevices = { nowhere0: {} }],
  ["a hook that fails", (spec) => spec.hooks = { createContainer: [{ path: "/bin/false" }] }],
  ["no mount namespace, and no program", (spec) => {
    dropNamespace(spec, "mount");
    spec.linux.maskedPaths = [];
    spec.linux.readonlyPaths = [];
    spec.process.args = ["/nowhere"];
  }],
  ["a user namespace, and a user whom it lacks", (spec) => {
    mapUsers(spec);
    spec.process.user = { uid: 70_000, gid: 0 };
  }],
];

for (const [what, change] of FAILING) {
  Deno.test(`a create that fails leaves nothing: ${what}`, async () => {
    const bundle = await bundles.make("true", change);
    const before = hostState();
    const id = bundles.id();
    const { code, stderr } = await bundles.command(["create", "-b", bundle, id]);
    assertEquals(code, 1);
    assertEquals(stderr.startsWith("gocontainer: "), true, stderr);
    assertEquals(hostState(), before);
  });
}

Deno.test("delete leaves cgroup folders that were there before, and takes what it made", async () => {
  const folder = `/go_containers/oci-kept-${Deno.pid}`;
  const hierarchies = entriesOf("/sys/fs/cgroup").map(({ name }) => `/sys/fs/cgroup/${name}`)
    .filter((path) => exists(`${path}/cgroup.procs`) && Deno.lstatSync(path).isDirectory);
  const [kept, ...others] = hierarchies.length > 0 ? hierarchies : ["/sys/fs/cgroup"];
  Deno.mkdirSync(kept + folder, { recursive: true });
  try {
    await bundles.says("true", (spec) => spec.linux.cgroupsPath = folder);
    assertEquals(exists(kept + folder), true);
    for (const other of others) assertEquals(exists(other + folder), false, other);
    const bundle = await bundles.make("true", (spec) => {
      spec.linux.cgroupsPath = folder;
      spec.process.args = ["/nowhere"];
    });
    assertEquals((await bundles.command(["create", "-b", bundle, bundles.id()])).code, 1);
    assertEquals(exists(kept + folder), true);
  } finally {
    Deno.removeSync(kept + folder);
  }
});

Deno.test("a cgroup that was killed once, and is there, takes containers and what is run in them", async () => {
  const folder = `/go_containers/oci-killed-${Deno.pid}`;
  const hierarchies = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
    .filter((path) => exists(`${path}/cgroup.controllers`));
  for (const hierarchy of hierarchies) {
    const kept = hierarchy + folder;
    Deno.mkdirSync(kept, { recursive: true });
    Deno.writeTextFileSync(`${kept}/cgroup.kill`, "1");
    try {
      await bundles.during((spec) => spec.linux.cgroupsPath = folder, async (id, pid) => {
        const told = await bundles.command(["exec", id, "echo", "in"]);
        assertEquals([told.code, told.stdout], [0, "in\n"], told.stderr);
        const members = Deno.readTextFileSync(`${kept}/cgroup.procs`).trim().split("\n");
        assertEquals(members, [`${pid}`]);
      });
      assertEquals(exists(kept), true);
    } finally {
      Deno.removeSync(kept);
    }
  }
});

Deno.test("later changes of config.json have no effect, and a namespace that was joined stays", async () => {
  await bundles.during(() => {}, async (_id, pid) => {
    const bundle = await bundles.make("echo first", (spec) => {
      dropNamespace(spec, "network");
      spec.linux.namespaces.push({ type: "network", path: `/proc/${pid}/ns/net` });
    });
    const id = bundles.id();
    const said = `${bundle}/said`;
    const through = ["sh", "-c", 'exec "$@" >"$0" 2>&1 </dev/null', said];
    const created = await bundles.command(["create", "-b", bundle, id], { through });
    assertEquals(created.code, 0);
    const file = `${bundle}/config.json`;
    Deno.writeTextFileSync(file, Deno.readTextFileSync(file).replace("echo first", "echo second"));
    assertEquals((await bundles.command(["start", id])).code, 0);
    for (let i = 0; i < 100 && !Deno.readTextFileSync(said).includes("\n"); i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assertStringIncludes(Deno.readTextFileSync(said), "first");
    assertEquals((await bundles.command(["delete", "--force", id])).code, 0);
    assertEquals(exists(`/proc/${pid}/ns/net`), true);
  });
});

/** A hook that leaves word of its having run, and takes its time where it is to be interrupted. */
function hook(file: string, seconds: number) {
  return { path: "/bin/sh", args: ["sh", "-c", `echo >"${file}"; exec sleep ${seconds}`] };
}

for (const when of ["before its start", "after its start"]) {
  Deno.test(`a run that was killed ${when} is taken back, its bundle stays`, async () => {
    const started = when === "after its start";
    const bundle = await bundles.make("exec sleep 1000", (spec) => {
      // So that its root is mounted on the host.
      dropNamespace(spec, "mount");
      spec.linux.maskedPaths = [];
      spec.linux.readonlyPaths = [];
    });
    const [begun, over] = [`${bundle}/begun`, `${bundle}/over`];
    const file = `${bundle}/config.json`;
    const spec = JSON.parse(Deno.readTextFileSync(file));
    spec.hooks = {
      [started ? "poststart" : "createRuntime"]: [hook(begun, 2)],
      poststop: [hook(over, 0)],
    };
    Deno.writeTextFileSync(file, JSON.stringify(spec));
    const before = hostState();
    // In the state folder that gc looks after.
    const id = bundles.id();
    const running = workspace.start(["run", "-b", bundle, id]);
    await until("the hook runs", () => exists(begun));
    running.kill("SIGKILL");
    await running.gone();
    const { code, stdout, stderr } = await workspace.run(["gc"]);
    assertEquals([code, stdout], [0, `${id}\n`], stderr);
    assertEquals([exists(file), exists(`${bundle}/rootfs/bin/sh`), exists(over)], [
      true,
      true,
      true,
    ]);
    assertEquals(hostState(), before);
  });
}

for (const command of ["list", "run"]) {
  Deno.test(`${command} takes back first what a killed run has left in the common state folder`, async () => {
    const bundle = await bundles.make("exec sleep 1000");
    const other = await bundles.make("echo there");
    const before = hostState();
    const id = bundles.id();
    const running = workspace.start(["run", "-b", bundle, id]);
    await until("it runs", () => exists(`/run/gocontainer/${id}/state.json`) && isStarted(id));
    running.kill("SIGKILL");
    await running.gone();
    const args = command === "list" ? ["list", "-q"] : ["run", "-b", other, bundles.id()];
    const { code, stdout } = await workspace.run(args);
    assertEquals([code, command === "run" ? stdout : stdout.split("\n").includes(id)], [
      0,
      command === "run" ? "there\n" : false,
    ]);
    assertEquals(exists(`/run/gocontainer/${id}`), false);
    assertEquals(hostState(), before);
  });
}

function isStarted(id: string): boolean {
  return JSON.parse(Deno.readTextFileSync(`/run/gocontainer/${id}/state.json`)).started === true;
}
