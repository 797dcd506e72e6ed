/** lib/cgroup against the kernel that the tests run on, whatever cgroup version it has. */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { write } from "../../ffi/file.ts";
import { cstring } from "../../ffi/cstring.ts";
import { type Cgroup, MINIMUM_MEMORY, openCgroup, planCgroup } from "../../lib/cgroup/cgroup.ts";
import { detectCgroups } from "../../lib/cgroup/detect.ts";
import { readStats } from "../../lib/cgroup/stats.ts";
import { ContainerError } from "../../lib/errors.ts";

const MiB = 1024 * 1024;
const layout = detectCgroups();
const v1 = layout.kind !== "v2";
const root = Deno.uid() === 0;

/** A test in a cgroup of its own, of which nothing may be left afterwards. */
function test(name: string, body: (cgroup: Cgroup) => void | Promise<void>): void {
  Deno.test({ name: `cgroup: ${name}`, ignore: !root || layout.kind === "none" }, async () => {
    const cgroup = planCgroup(`/go_containers/test-${crypto.randomUUID()}`);
    try {
      await body(cgroup);
    } finally {
      cgroup.kill();
      cgroup.remove();
    }
    assertEquals(cgroup.folders.filter(exists), []);
  });
}

/** The content of a file of the cgroup: of the v1 hierarchy of `controller`, or of the v2 one. */
function read(cgroup: Cgroup, controller: string, file: string): string {
  return Deno.readTextFileSync(`${folderOf(cgroup, controller)}/${file}`).trim();
}

function folderOf(cgroup: Cgroup, controller: string): string {
  const index = layout.hierarchies.findIndex(({ version, controllers }) =>
    version === (v1 ? 1 : 2) && controllers.includes(controller)
  );
  assert(index >= 0, `${controller} is not mounted`);
  return cgroup.folders[index]!;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A shell in the cgroup that runs `script` once it is there. */
function member(cgroup: Cgroup, script: string): Deno.ChildProcess {
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", `read go; ${script}`],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  cgroup.attach(child.pid);
  return child;
}

async function letGo(child: Deno.ChildProcess): Promise<void> {
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("\n"));
  await writer.close();
}

async function outputOf(child: Deno.ChildProcess): Promise<{ code: number; out: string }> {
  await letGo(child);
  const { code, stdout, stderr } = await child.output();
  return { code, out: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

test("the folders are known before they are made, and made in every hierarchy", (cgroup) => {
  assertEquals(cgroup.folders.length, layout.hierarchies.length);
  assertEquals(cgroup.folders.filter(exists), []);
  cgroup.create();
  assertEquals(cgroup.folders.filter(exists), cgroup.folders);
  assertEquals(cgroup.pids(), []);
  assertEquals(cgroup.oom().kills, 0);
});

test("its folders and files can be read by every user, whatever the umask", (cgroup) => {
  const mask = Deno.umask(0o077);
  try {
    cgroup.create();
    assertEquals(Deno.umask(), 0o077);
  } finally {
    Deno.umask(mask);
  }
  for (const folder of cgroup.folders) assertEquals(Deno.statSync(folder).mode! & 0o777, 0o755);
});

test("a process outside attaches one, which is a member everywhere then", async (cgroup) => {
  cgroup.create();
  cgroup.apply({});
  const child = member(cgroup, "exec sleep 1000");
  try {
    assertEquals(cgroup.pids(), [child.pid]);
    const lines = Deno.readTextFileSync(`/proc/${child.pid}/cgroup`).trim().split("\n");
    for (const line of lines) assertMatch(line, /\/go_containers\/test-[0-9a-f-]{36}$/);
  } finally {
    child.stdin.close();
    cgroup.kill();
    assertEquals((await child.output()).signal, "SIGKILL");
  }
  assertEquals(cgroup.pids(), []);
});

test("a process moves itself by writing 0 to the join files", (cgroup) => {
  cgroup.create();
  using opened = new DisposableStack();
  const { tasks: fds } = cgroup.openToJoin(opened);
  assertEquals(fds.length, layout.hierarchies.filter(({ version }) => version === 1).length);
  const own = Deno.readTextFileSync("/proc/thread-self/cgroup");
  const back = own.trim().split("\n").map((line) => line.split(":"))
    .filter(([, controllers]) => controllers !== "");
  try {
    for (const fd of fds) write(fd, cstring("0").subarray(0, 1));
    const now = Deno.readTextFileSync("/proc/thread-self/cgroup").trim().split("\n");
    const outside = now.filter((line) => !line.includes("/go_containers/test-"));
    // The v2 hierarchy is entered at birth (CLONE_INTO_CGROUP) and not by these files.
    assertEquals(outside.filter((line) => !line.startsWith("0::")), []);
  } finally {
    for (const [, controllers, path] of back) {
      const hierarchy = layout.hierarchies.find(({ version, name, controllers: own }) =>
        version === 1 && controllers === (name ? `name=${name}` : own.join())
      );
      if (hierarchy) Deno.writeTextFileSync(`${hierarchy.mountpoint}${path}/tasks`, "0");
    }
  }
  assertEquals(Deno.readTextFileSync("/proc/thread-self/cgroup"), own);
});

test("limits of memory, pids and cpu are in force", (cgroup) => {
  cgroup.create();
  cgroup.apply({
    memory: { limit: 64 * MiB, reservation: 32 * MiB },
    pids: { limit: 20 },
    cpu: { shares: 512, quota: 50000, period: 200000, cpus: "0", mems: "0" },
  });
  const expected: [string, string, string][] = v1
    ? [
      ["memory", "memory.limit_in_bytes", "67108864"],
      ["memory", "memory.soft_limit_in_bytes", "33554432"],
      ["pids", "pids.max", "20"],
      ["cpu", "cpu.shares", "512"],
      ["cpu", "cpu.cfs_quota_us", "50000"],
      ["cpu", "cpu.cfs_period_us", "200000"],
      ["cpuset", "cpuset.cpus", "0"],
      ["cpuset", "cpuset.mems", "0"],
    ]
    : [
      ["memory", "memory.max", "67108864"],
      ["memory", "memory.low", "33554432"],
      ["pids", "pids.max", "20"],
      ["cpu", "cpu.weight", "59"],
      ["cpu", "cpu.max", "50000 200000"],
      ["cpuset", "cpuset.cpus", "0"],
      ["cpuset", "cpuset.mems", "0"],
    ];
  for (const [controller, file, value] of expected) {
    assertEquals(read(cgroup, controller, file), value, file);
  }
  assertEquals(cgroup.oom().limit, BigInt(64 * MiB));
});

test("more processes than the limit are refused", async (cgroup) => {
  cgroup.create();
  cgroup.apply({ pids: { limit: 3 } });
  const child = member(cgroup, "sleep 1 & sleep 1 & sleep 1 & sleep 1 & wait");
  const { out } = await outputOf(child);
  assertMatch(out, /fork/i);
});

test("a process that uses more memory than the limit is killed, and that is told", async (cgroup) => {
  cgroup.create();
  cgroup.apply({ memory: { limit: 16 * MiB, swap: 16 * MiB } }, new Set(["memory.swap"]));
  const child = member(cgroup, "x=x; while :; do x=$x$x; done");
  await letGo(child);
  const status = await child.status;
  await Promise.all([child.stdout.cancel(), child.stderr.cancel()]);
  assertEquals(status.signal, "SIGKILL");
  const { kills, limit, peak } = cgroup.oom();
  assertEquals([kills, limit], [1, BigInt(16 * MiB)]);
  assert(peak === undefined || (peak > 8n * BigInt(MiB) && peak <= BigInt(16 * MiB)), `${peak}`);
});

test("devices: only the listed nodes can be opened, any can be made", async (cgroup) => {
  // /tmp may be one without nodes.
  const folder = await Deno.makeTempDir({ dir: "/var/tmp" });
  try {
    cgroup.create();
    cgroup.apply({ devices: [{ allow: false, access: "rwm" }] });
    const child = member(
      cgroup,
      `cd ${folder} && mknod null c 1 3 && echo x > null && mknod mem c 1 1 && echo made &&
       { head -c 1 mem || head -c 1 /dev/kmsg; } 2>&1; head -c 0 /dev/urandom && echo urandom`,
    );
    const { out } = await outputOf(child);
    assertMatch(out, /^made\n/);
    assertMatch(out, /mem.*Operation not permitted/);
    assertMatch(out, /kmsg.*Operation not permitted/);
    assertMatch(out, /urandom\n$/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

test("devices: a list that forbids and allows is kept in order", async (cgroup) => {
  cgroup.create();
  cgroup.apply({
    devices: [
      { allow: false, access: "rwm" },
      { allow: true, type: "c", major: 1, minor: 11, access: "w" },
      { allow: true, type: "c", major: 1, minor: 11, access: "r" },
      { allow: false, type: "c", major: 1, minor: 11, access: "w" },
    ],
  });
  const child = member(
    cgroup,
    "(: < /dev/kmsg) && echo readable; (: > /dev/kmsg) || echo refused",
  );
  const { out } = await outputOf(child);
  assertMatch(out, /^readable\nrefused\n/);
});

test("an update changes what is given only", (cgroup) => {
  cgroup.create();
  cgroup.apply({ memory: { limit: 64 * MiB }, pids: { limit: 20 }, cpu: { quota: 20000 } });
  cgroup.update({ memory: { limit: 96 * MiB }, cpu: { period: 50000 } });
  assertEquals(cgroup.oom().limit, BigInt(96 * MiB));
  assertEquals(read(cgroup, "pids", "pids.max"), "20");
  const quota = v1
    ? ["cpu.cfs_quota_us", "cpu.cfs_period_us"].map((file) => read(cgroup, "cpu", file)).join(" ")
    : read(cgroup, "cpu", "cpu.max");
  assertEquals(quota, "20000 50000");
});

test("an update with memory and swap goes up and down", (cgroup) => {
  cgroup.create();
  for (const size of [64, 256, 32, 512]) {
    const memory = { limit: size * MiB, swap: 2 * size * MiB };
    cgroup.update({ memory });
    assertEquals(cgroup.oom().limit, BigInt(size * MiB));
    const [file, value] = v1
      ? ["memory.memsw.limit_in_bytes", memory.swap]
      : ["memory.swap.max", memory.swap - memory.limit];
    assertEquals(read(cgroup, "memory", file), `${value}`);
  }
});

test("an update that fails leaves everything as it was", (cgroup) => {
  cgroup.create();
  cgroup.apply({
    memory: { limit: 64 * MiB },
    cpu: { shares: 512, quota: 20000, period: 100000, cpus: "0" },
    pids: { limit: 20 },
  });
  const error = assertThrows(() =>
    cgroup.update({
      memory: { limit: 96 * MiB },
      cpu: { shares: 1024, quota: 40000, period: 200000, cpus: "0-1" },
      pids: { limit: 99999999999999 },
    }), ContainerError);
  assertEquals(error.code, "InvalidArgument");
  assertEquals(cgroup.oom().limit, BigInt(64 * MiB));
  assertEquals(read(cgroup, "pids", "pids.max"), "20");
  assertEquals(read(cgroup, "cpuset", "cpuset.cpus"), "0");
  const cpu = v1
    ? ["cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us"].map((file) =>
      read(cgroup, "cpu", file)
    )
    : [read(cgroup, "cpu", "cpu.weight"), ...read(cgroup, "cpu", "cpu.max").split(" ")];
  assertEquals(cpu, [v1 ? "512" : "59", "20000", "100000"]);
});

test("an update that is refused for an idle cgroup says so, and takes back all before it", (cgroup) => {
  cgroup.create();
  const all = Deno.readTextFileSync(
    v1 ? "/sys/fs/cgroup/cpuset/cpuset.cpus" : "/sys/fs/cgroup/cpuset.cpus.effective",
  ).trim();
  cgroup.apply({ cpu: { quota: 20000, period: 100000, cpus: all } });
  cgroup.update({ cpu: { idle: 1 } });
  const error = assertThrows(
    () => cgroup.update({ cpu: { shares: 1024, quota: 50000, cpus: "0" } }),
    ContainerError,
    "set cpu.shares to ",
  );
  assertMatch(error.hint!, /idle cgroup/);
  assertEquals(read(cgroup, "cpuset", "cpuset.cpus"), all);
  assertEquals(read(cgroup, "cpu", "cpu.idle"), "1");
  const quota = v1 ? read(cgroup, "cpu", "cpu.cfs_quota_us") : read(cgroup, "cpu", "cpu.max");
  assertEquals(quota.split(" ")[0], "20000");
  cgroup.update({ cpu: { idle: 0, shares: 1024, quota: 50000 } });
});

test("an update is taken back where something else fails after it", (cgroup) => {
  cgroup.create();
  cgroup.apply({ memory: { limit: 64 * MiB }, pids: { limit: 20 } });
  using undo = new DisposableStack();
  cgroup.update({ memory: { limit: 96 * MiB }, pids: { limit: 30 } }, undo);
  assertEquals(cgroup.oom().limit, BigInt(96 * MiB));
  undo.dispose();
  assertEquals(cgroup.oom().limit, BigInt(64 * MiB));
  assertEquals(read(cgroup, "pids", "pids.max"), "20");
});

test("whether the OOM killer works is put back too", (cgroup) => {
  if (!v1) return;
  cgroup.create();
  cgroup.apply({ memory: { limit: 64 * MiB } });
  const memory = { limit: 96 * MiB, disableOOMKiller: true };
  assertThrows(() => cgroup.update({ memory, pids: { limit: 99999999999999 } }), ContainerError);
  assertMatch(read(cgroup, "memory", "memory.oom_control"), /^oom_kill_disable 0$/m);
  assertEquals(cgroup.oom().limit, BigInt(64 * MiB));
});

test("an update of the devices takes the place of the old list", async (cgroup) => {
  cgroup.create();
  cgroup.apply({});
  const kmsg = { type: "c", major: 1, minor: 11, access: "r" } as const;
  const tries = "(: < /dev/kmsg) && echo granted || echo refused";
  const seen = [];
  seen.push((await outputOf(member(cgroup, tries))).out);
  cgroup.update({ devices: [{ allow: true, ...kmsg }] });
  seen.push((await outputOf(member(cgroup, tries))).out);
  cgroup.update({ devices: [{ allow: false, ...kmsg }] });
  seen.push((await outputOf(member(cgroup, tries))).out);
  assertEquals(seen.map((out) => out.includes("granted")), [false, true, false]);
});

test("what it uses can be read", async (cgroup) => {
  cgroup.create();
  cgroup.apply({ memory: { limit: 64 * MiB }, pids: { limit: 20 } });
  const child = member(
    cgroup,
    "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done; exec sleep 1000",
  );
  await letGo(child);
  const reader = child.stdout.getReader();
  await reader.read();
  const { cpu, memory, pids } = readStats(cgroup.places);
  assert(Number(cpu.usage.total) > 1e6 && Number(cpu.usage.user) > 0, JSON.stringify(cpu));
  assertEquals(pids, { current: 1, limit: 20 });
  assertEquals(memory.usage.limit, 64 * MiB);
  assert(Number(memory.usage.usage) > 10000 && Number(memory.usage.usage) < 64 * MiB);
  assert(Object.keys(memory.raw).length > 10);
  cgroup.kill();
  await child.status;
  await Promise.all([reader.cancel(), child.stderr.cancel()]);
});

test("freezing stops it, thawing lets it go on, and a frozen one can be killed", async (cgroup) => {
  cgroup.create();
  const child = member(cgroup, "while :; do echo tick; sleep 0.01; done");
  await letGo(child);
  const reader = child.stdout.getReader();
  const tick = async () => !(await reader.read()).done;
  assert(await tick());
  assertEquals(cgroup.isFrozen(), false);
  cgroup.freeze();
  assertEquals(cgroup.isFrozen(), true);
  cgroup.thaw();
  assertEquals(cgroup.isFrozen(), false);
  assert(await tick());
  cgroup.freeze();
  cgroup.kill();
  assertEquals((await child.status).signal, "SIGKILL");
  await Promise.all([reader.cancel(), child.stderr.cancel()]);
});

test("kill reaches every process below it, and remove takes the whole tree", async (cgroup) => {
  cgroup.create();
  cgroup.apply({});
  for (const folder of cgroup.folders) {
    Deno.mkdirSync(`${folder}/nested/deeper`, { recursive: true });
  }
  const script = v1
    ? cgroup.folders.map((folder) => `echo $$ > ${folder}/nested/deeper/cgroup.procs`)
    : [`echo $$ > ${cgroup.folders[0]}/nested/deeper/cgroup.procs`];
  // In v1 a nested cpuset must be filled before it can be joined.
  const fill = v1 && layout.hierarchies.some(({ controllers }) => controllers.includes("cpuset"))
    ? ["nested", "nested/deeper"].flatMap((below) =>
      ["cpus", "mems"].map((what) => {
        const folder = folderOf(cgroup, "cpuset");
        return `cat ${folder}/cpuset.${what} > ${folder}/${below}/cpuset.${what}`;
      })
    )
    : [];
  const child = member(
    cgroup,
    [...fill, ...script, "sleep 1000 & sleep 1000 & echo there; wait"].join("; "),
  );
  await letGo(child);
  const reader = child.stdout.getReader();
  await reader.read();
  assertEquals(cgroup.pids().length, 3);
  cgroup.kill();
  cgroup.remove();
  assertEquals(cgroup.folders.filter(exists), []);
  assertEquals((await child.status).signal, "SIGKILL");
  await Promise.all([reader.cancel(), child.stderr.cancel()]);
});

test("kill outruns a process that forks as fast as it can", async (cgroup) => {
  cgroup.create();
  // Far above what there are at a time: a shell that is refused a fork ends.
  cgroup.apply({ pids: { limit: 5000 } });
  const child = member(cgroup, "f() { while :; do f2 & done; }; f2() { sleep 0.05; }; f & f & f");
  await letGo(child);
  const quiet = Promise.all([child.stdout.cancel(), child.stderr.cancel()]);
  const end = Date.now() + 10_000;
  while (cgroup.pids().length < 50) {
    assert(Date.now() < end, `${cgroup.pids().length} processes after 10 s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  cgroup.kill();
  cgroup.remove();
  assertEquals(cgroup.folders.filter(exists), []);
  await child.status;
  await quiet;
});

test("a journal's folders are enough to kill and remove it", async (cgroup) => {
  cgroup.create();
  const child = member(cgroup, "exec sleep 1000");
  await letGo(child);
  const again = openCgroup(cgroup.folders);
  assertEquals(again.pids(), [child.pid]);
  again.kill();
  again.remove();
  assertEquals(cgroup.folders.filter(exists), []);
  assertEquals((await child.output()).signal, "SIGKILL");
  // And once more, when all of it is gone.
  again.kill();
  again.remove();
});

test("one that others use is refused and left as it is", async (cgroup) => {
  cgroup.create();
  const child = member(cgroup, "exec sleep 1000");
  await letGo(child);
  const error = assertThrows(() => openCgroup(cgroup.folders).create(), ContainerError);
  assertEquals(error.code, "InUse");
  assertEquals(cgroup.folders.filter(exists), cgroup.folders);
  cgroup.kill();
  await child.output();
  cgroup.freeze();
  assertThrows(() => openCgroup(cgroup.folders).create(), ContainerError, "frozen");
  cgroup.thaw();
});

test("one that was there before is used, and stays", (cgroup) => {
  cgroup.create();
  const second = openCgroup(cgroup.folders);
  second.create();
  assertEquals(second.spared, cgroup.folders);
  second.remove();
  assertEquals(cgroup.folders.filter(exists), cgroup.folders);
  openCgroup(cgroup.folders, second.spared).remove();
  assertEquals(cgroup.folders.filter(exists), cgroup.folders);
});

test("a creation that fails half way leaves nothing", (cgroup) => {
  const last = cgroup.folders.at(-1)!;
  const blocked = `${last}/child`;
  Deno.mkdirSync(blocked, { recursive: true });
  Deno.writeTextFileSync(`${last}/cgroup.procs`, `${Deno.pid}`);
  try {
    assertThrows(() => cgroup.create(), ContainerError, "it has processes");
    assertEquals(cgroup.folders.filter(exists), [last]);
  } finally {
    const above = last.slice(0, last.indexOf("/go_containers"));
    Deno.writeTextFileSync(`${above}/cgroup.procs`, `${Deno.pid}`);
    Deno.removeSync(blocked);
  }
});

test("processes that stay make remove fail, and it names them", async (cgroup) => {
  cgroup.create();
  const child = member(cgroup, "exec sleep 1000");
  await letGo(child);
  const error = assertThrows(() => cgroup.remove(), ContainerError, `${child.pid}`);
  assertEquals(error.code, "InUse");
  cgroup.kill();
  await child.output();
});

test("a limit that nothing can start with is refused", (cgroup) => {
  cgroup.create();
  const error = assertThrows(
    () => cgroup.apply({ memory: { limit: MINIMUM_MEMORY - 1 } }),
    ContainerError,
    "too small",
  );
  assertEquals(error.code, "InvalidArgument");
  assert(error.hint);
});

test("values that the kernel refuses are told by field, with what to do", (cgroup) => {
  cgroup.create();
  const table = [
    [{ cpu: { cpus: "9000" } }, "cpu.cpus"],
    [{ cpu: { quota: 1 } }, "cpu.quota"],
    [{ cpu: { quota: 10000, burst: 20000 } }, "cpu."],
  ] as const;
  for (const [resources, field] of table) {
    const error = assertThrows(() => cgroup.apply(resources), ContainerError, `set ${field}`);
    assertEquals(error.code, "InvalidArgument", error.message);
    assert(error.hint, error.message);
  }
});

test("what cannot be had is an error, or nothing where it may be left out", (cgroup) => {
  cgroup.create();
  // Linux has had no leaf weights since 5.0, and cgroup v2 never had any.
  const resources = { blockIO: { leafWeight: 500 } };
  const error = assertThrows(() => cgroup.apply(resources), ContainerError, "blockIO.leafWeight");
  assertEquals(error.code, "Unsupported");
  cgroup.apply(resources, new Set(["blockIO.leafWeight"]));
  cgroup.apply(resources, new Set(["blockIO"]));
});
