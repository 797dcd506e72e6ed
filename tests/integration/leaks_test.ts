/** What a container leaves: nothing, however it ends and whoever is killed at whatever moment. */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { assertHostIsAsBefore, type Host, lookAtHost } from "./support/host.ts";
import { recordOf, type Running } from "./support/process.ts";
import { BINARY, entriesOf, exists, host, STATE } from "./support/project.ts";
import { until } from "./support/wait.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

/** Takes back what was left, and says of which containers. */
async function gc(): Promise<string[]> {
  const { code, stdout, stderr } = await workspace.run(["gc"]);
  assertEquals([code, stderr], [0, ""]);
  return stdout.split("\n").filter((line) => line !== "");
}

/** The host after a first container has made what stays: the bridge, the rules, the parent cgroups. */
async function warmHost(): Promise<Host> {
  assertEquals((await workspace.run(["-rm", "alpine", "true"])).code, 0);
  await gc();
  return lookAtHost();
}

const SLEEP = ["alpine", "/bin/sh", "-c", "sleep 1000 & echo ready; wait"];

for (const mode of ["bridge", "none", "host"]) {
  Deno.test(`a program that ends by itself leaves nothing: -net ${mode}`, async () => {
    const before = await warmHost();
    const { code } = await workspace.run(["-net", mode, "alpine", "/bin/sh", "-c", "exit 3"]);
    assertEquals(code, 3);
    await assertHostIsAsBefore(before);
  });
}

Deno.test("a start that fails leaves nothing, not even a folder", async () => {
  const before = await warmHost();
  const ids = workspace.ids();
  for (const args of [["no-such-command"], ["/etc/passwd"], [""]]) {
    assertNotEquals((await workspace.run(["alpine", ...args])).code, 0);
    assertEquals(workspace.ids(), ids);
    await assertHostIsAsBefore(before);
  }
});

Deno.test("kill -9 of the program: nothing is left", async () => {
  const before = await warmHost();
  const running = workspace.start(SLEEP);
  await running.says(/ready/);
  const { init } = await running.record();
  Deno.kill(init.pid, "SIGKILL");
  assertEquals((await running.end()).code, 137);
  await assertHostIsAsBefore(before);
});

Deno.test("kill -9 of gocontainer: the program ends with it, and gc takes back the rest", async () => {
  const before = await warmHost();
  const running = workspace.start(SLEEP);
  await running.says(/ready/);
  const { id } = await running.record();
  running.kill("SIGKILL");
  await running.end();
  await until(
    "its processes have ended",
    () => lookAtHost().processes.length <= before.processes.length,
  );
  assertEquals(await gc(), [id]);
  await assertHostIsAsBefore(before);
  assert(workspace.ids().includes(id), "the folder with its changes stays");
});

Deno.test("any command for images takes back the rest as well, before its own work", async () => {
  for (const command of [["images"], ["df"], ["rmi", "no-such-image"]]) {
    const running = workspace.start(["-net=none", ...SLEEP]);
    await running.says(/ready/);
    const { id } = await running.record();
    running.kill("SIGKILL");
    await running.end();
    await workspace.run(command);
    assert(!exists(`${STATE}/${id}`), command.join(" "));
    assertEquals(lookAtHost().cgroups.filter((path) => path.includes(id)), []);
  }
});

Deno.test("with -rm the folder goes as well", async () => {
  const before = await warmHost();
  const ids = workspace.ids();
  const running = workspace.start(["-rm", ...SLEEP]);
  await running.says(/ready/);
  running.kill("SIGKILL");
  await running.end();
  await gc();
  assertEquals(workspace.ids(), ids);
  await assertHostIsAsBefore(before);
});

Deno.test("with -rm the folder goes, however deep a container has made it", async () => {
  const ids = workspace.ids();
  const deep =
    "i=0; while [ $i -lt 400 ]; do mkdir d && cd d || exit 1; i=$((i + 1)); done; exit 7";
  const { code, stderr } = await workspace.run(
    ["-rm", "-net", "none", "-w", "/tmp", "alpine", "/bin/sh", "-c", deep],
    { through: ["prlimit", "--nofile=200"] },
  );
  assertEquals([code, stderr], [7, ""]);
  assertEquals(workspace.ids(), ids);
});

Deno.test("what cannot be taken back is told, and not in the way of others", async () => {
  const before = await warmHost();
  const running = workspace.start(["-rm", ...SLEEP]);
  await running.says(/ready/);
  const { id, bundle, network } = await running.record();
  const busy = `${bundle}/volumes`;
  Deno.mkdirSync(busy);
  await host("mount", "-t", "tmpfs", "busy", busy);
  try {
    running.kill("SIGKILL");
    await running.end();
    const script = ["/bin/sh", "-c", "ip -o -4 addr show eth0 | awk '{print $4}'"];
    const { code, stdout, stderr } = await workspace.run(["-rm", "alpine", ...script]);
    assertEquals(code, 0, stderr);
    assertMatch(stderr, new RegExp(`^gocontainer: warning: remove .*/${id}": .*EBUSY`));
    assertNotEquals(stdout.trim(), network!.address, "it still has its address");
    const collected = await workspace.run(["gc"]);
    assertEquals([collected.code, collected.stdout], [125, ""]);
    assertMatch(collected.stderr, new RegExp(`^gocontainer: remove .*/${id}": .*EBUSY`));
  } finally {
    await host("umount", busy);
  }
  assertEquals(await gc(), [id]);
  await assertHostIsAsBefore(before);
});

Deno.test("kill -9 of gocontainer with a terminal", async () => {
  const before = await warmHost();
  const running = workspace.start(["-t", ...SLEEP]);
  await running.says(/ready/);
  running.kill("SIGKILL");
  await running.end();
  await gc();
  await assertHostIsAsBefore(before);
});

Deno.test("the next container takes back what is left, and gets its address", async () => {
  const before = await warmHost();
  const script = "ip -o -4 addr show eth0 | awk '{print $4}'; echo ready; sleep 1000";
  const running = workspace.start(["alpine", "/bin/sh", "-c", script]);
  const [, address] = await running.says(/^(\S+)\nready/);
  running.kill("SIGKILL");
  await running.end();
  const next = await workspace.run(
    ["-container-addr", address, "alpine", "/bin/sh", "-c", script.replace(/sleep.*/, "")],
  );
  assertEquals(next.stdout, `${address}\nready\n`);
  await assertHostIsAsBefore(before);
});

Deno.test("gc leaves a running container alone", async () => {
  const running = workspace.start(["alpine", "cat"], { stdin: "piped" });
  const { id, network } = await running.record();
  await until("it runs", () => recordOf(running.pid)?.started);
  assertEquals(await gc(), []);
  const seen = lookAtHost();
  assert(seen.records.includes(id) && seen.links.includes(network.veth));
  await running.feed("still here");
  assertEquals((await running.end()).stdout, "still here");
});

Deno.test("who is in another pid namespace is not taken for ended, and his remains are taken back", async () => {
  const folder = workspace.path("state-of-namespaces");
  await Deno.mkdir(folder, { mode: 0o755 });
  // Where nobody else takes back anything.
  const script =
    `mount --bind "$0" /run && { unshare --pid --fork --kill-child --mount-proc "$@" & } &&
    while ! grep -qs '"started":true' /run/gocontainer/*/state.json; do sleep 0.1; done
    ${BINARY} gc; echo left; kill -9 $!; until ${BINARY} gc | grep .; do sleep 0.1; done 2>/dev/null`;
  const { code, stdout, stderr } = await workspace.run(
    ["-net=none", "-rm", "alpine", "/bin/sh", "-c", "sleep 1000; :"],
    { through: ["unshare", "--mount", "sh", "-c", script, folder] },
  );
  assertEquals([code, stderr.replace("Killed\n", "")], [0, ""]);
  assertMatch(stdout, /^left\n[0-9a-f-]+\n$/);
  assertEquals(entriesOf(`${folder}/gocontainer`).map(({ name }) => name), [".lock"]);
});

const FAULTY = ["-w", "/made", "-mem", "64M", "-v", "/proc/version:/v:ro", "-no-new-privileges"];

/** All steps of a good run, each by the part of its label that is the same in every run. */
async function stepsOf(args: readonly string[]): Promise<string[]> {
  const file = workspace.path("steps.json");
  const { code } = await workspace.run(["-trace", file, ...args]);
  assertEquals(code, 0);
  const { traceEvents } = JSON.parse(await Deno.readTextFile(file)) as {
    traceEvents: { name: string; ph: string }[];
  };
  const steps = traceEvents.filter(({ ph }) => ph === "X")
    .map(({ name }) => name.split(/"\/|[0-9a-f]{8}-[0-9a-f]{4}-|veth[0-9a-f]{11}/)[0]);
  return [...new Set(steps)];
}

/** After how many kills what is left is looked for: the kernel takes its time with an orphan's remains. */
const TOGETHER = 8;

const RUNS: readonly (readonly [name: string, args: readonly string[]])[] = [
  ["bridge", [...FAULTY, "alpine", "true"]],
  ["terminal", ["-t", "-net=none", "-rm", "alpine", "true"]],
];

for (const [name, args] of RUNS) {
  Deno.test(`kill -9 at every step, then gc: nothing is left (${name})`, async (t) => {
    const before = await warmHost();
    const steps = await stepsOf(args);
    assert(steps.length > 25, `${steps.length} steps`);
    for (let at = 0; at < steps.length; at += TOGETHER) {
      const some = steps.slice(at, at + TOGETHER);
      const killed: Running[] = [];
      for (const label of some) {
        await t.step(label, async () => {
          const ids = workspace.ids();
          const running = workspace.start(["-test-fault", `pause:${label}`, ...args]);
          killed.push(running);
          await running.complains(/paused at /);
          const started = recordOf(running.pid)?.started ?? false;
          running.kill("SIGKILL");
          await running.gone();
          await gc();
          if (!started) assertEquals(workspace.ids(), ids);
        });
      }
      await t.step(`nothing is left, up to ${some.at(-1)}`, async () => {
        await Promise.all(killed.map((running) => running.end()));
        await assertHostIsAsBefore(before);
      });
    }
  });

  Deno.test(`a failure at every step is told, and leaves nothing (${name})`, async (t) => {
    const before = await warmHost();
    for (const label of await stepsOf(args)) {
      await t.step(label, async () => {
        const ids = workspace.ids();
        const outcome = await workspace.run(["-test-fault", `fail:${label}`, ...args]);
        if (OPTIONAL.test(label)) {
          assertEquals(outcome.code, 0);
          assertMatch(outcome.stderr, /warning: .*failed on purpose/);
          return await assertHostIsAsBefore(before);
        }
        assertEquals(outcome.code, 125, outcome.stderr);
        const [message] = outcome.stderr.split("\n");
        assert(message.startsWith(`gocontainer: ${label}`), message);
        assertMatch(message, /failed on purpose$/);
        // What could not be removed is left for gc.
        if (label.startsWith("remove ")) assertEquals((await gc()).length, 1);
        else assertEquals(workspace.ids(), ids);
        await assertHostIsAsBefore(before);
      });
    }
  });
}

/** Steps without which a container is of use all the same: their failure is a warning. */
const OPTIONAL = /masqueraded$/;

/** Numbers from 0 to 1 that are the same for the same seed: mulberry32. */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SEED = 20240817;

Deno.test(`100 kills at random times, seed ${SEED}: nothing is left`, async () => {
  const before = await warmHost();
  const next = random(SEED);
  const args = ["alpine", "/bin/sh", "-c", "sleep 0.05"];
  const start = performance.now();
  await workspace.run(args);
  const duration = (performance.now() - start) * 1.2;
  for (let i = 0; i < 100; i++) {
    const [killsProgram, after] = [next() < 0.3, next() * duration];
    const running = workspace.start(args);
    await new Promise((resolve) => setTimeout(resolve, after));
    const [child] = killsProgram ? childrenOf(running.pid) : [];
    try {
      if (child === undefined) running.kill("SIGKILL");
      else Deno.kill(child, "SIGKILL");
    } catch (error) {
      // It has ended meanwhile.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    await running.end();
    // Half of them are left to the next container.
    if (i % 2 === 0) await gc();
  }
  await gc();
  await assertHostIsAsBefore(before);
});

function childrenOf(pid: number): number[] {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).trim();
    return text === "" ? [] : text.split(" ").map(Number);
  } catch {
    return [];
  }
}

Deno.test("300 runs in a row leave nothing but their folders", async () => {
  const before = await warmHost();
  const ids = workspace.ids().length;
  for (let i = 0; i < 300; i++) {
    const { code, stdout, stderr } = await workspace.run(["alpine", "echo", `${i}`]);
    assertEquals([code, stdout, stderr], [0, `${i}\n`, ""]);
  }
  assertEquals(workspace.ids().length, ids + 300);
  await assertHostIsAsBefore(before);
});

Deno.test("50 at once share no address and do not disturb each other", async () => {
  const before = await warmHost();
  const script = `ip -o -4 addr show eth0 | awk '{print $4}'; hostname; echo ready; read peer
    ping -c 1 -W 5 10.10.10.1 > /dev/null && ping -c 1 -W 5 $peer > /dev/null || exit 100
    echo answered; read go; exit $((OWN + 1))`;
  const all = Array.from(
    { length: 50 },
    (_, i) =>
      workspace.start(["-e", `OWN=${i}`, "alpine", "/bin/sh", "-c", script], { stdin: "piped" }),
  );
  const told = await Promise.all(all.map((running) => running.says(/^(\S+)\n(\S+)\nready\n/)));
  const addresses = told.map(([, address]) => address);
  assertEquals(new Set(addresses).size, 50, addresses.join(" "));
  assertEquals(new Set(told.map(([, , hostname]) => hostname)).size, 50);
  const now = lookAtHost();
  assertEquals(now.records.length - before.records.length, 50);
  assertEquals(now.links.length - before.links.length, 50);
  // Each asks the one after it. All go on until every one of them has been answered.
  const peers = all.map((_, i) => addresses[(i + 1) % all.length].split("/")[0]);
  const writers = all.map((running) => running.stdin.getWriter());
  const say = (text: (i: number) => string) =>
    Promise.all(writers.map((writer, i) => writer.write(new TextEncoder().encode(text(i)))));
  await say((i) => `${peers[i]}\n`);
  await Promise.all(all.map((running) => running.says(/answered/)));
  await say(() => "go\n");
  await Promise.all(writers.map((writer) => writer.close()));
  const outcomes = await Promise.all(all.map((running) => running.end()));
  assertEquals(outcomes.map(({ code }) => code), all.map((_, i) => i + 1));
  assertEquals(outcomes.map(({ stderr }) => stderr).join(""), "");
  await assertHostIsAsBefore(before);
});
