/** `-explain` and `-trace`: to see a container being made. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { BINARY, exists, isInstalled } from "./support/project.ts";
import { until } from "./support/wait.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

/** A step as `-explain` tells it. */
interface Told {
  readonly number: number;
  readonly side: string;
  readonly label: string;
  readonly call?: string;
  readonly check?: string;
}

function readExplanation(stderr: string): Told[] {
  const told: Told[] = [];
  for (const block of stderr.trim().split(/\n(?= ?\d+\. \[)/)) {
    const [head, ...lines] = block.split("\n");
    const match = head.match(/^ ?(\d+)\. \[(host|container)\] (.+)$/);
    assert(match, `not a step: ${head}`);
    const line = (name: string) =>
      lines.find((line) => line.startsWith(`      ${name}:`))?.slice(13);
    for (const line of lines) assertMatch(line, /^ {6}(call: |check:) \S/);
    const [, number, side, label] = match;
    told.push({ number: Number(number), side, label, call: line("call"), check: line("check") });
  }
  return told;
}

Deno.test("-explain tells each step on standard error, and leaves standard output alone", async () => {
  const { code, stdout, stderr } = await workspace.run(["-explain", "alpine", "echo", "hi"]);
  assertEquals([code, stdout], [0, "hi\n"]);
  const told = readExplanation(stderr);
  assertEquals(told.map(({ number }) => number), told.map((_, i) => i + 1));
  assert(told.length > 30, `${told.length} steps`);
  assert(told.filter(({ side }) => side === "host").length > 8);
  assert(told.filter(({ side }) => side === "container").length > 20);
  // It is born in the namespace that gocontainer has joined.
  assertEquals(told.filter(({ label }) => label === "join the network namespace"), []);
  assert(told.some(({ call }) => call?.includes("setns(fd, CLONE_NEWNET)")));
  // Root could enter the working folder.
  assertEquals(told.filter(({ label }) => label.endsWith(" as the user")), []);
});

const EXPECTED: readonly (readonly [side: string, label: RegExp, call: RegExp, check: RegExp])[] = [
  ["host", /cgroup in \d+ hierarch/, /mkdir\("\/sys\/fs\/cgroup/, /cat \/proc\/<pid>\/cgroup/],
  ["host", /the container's namespaces/, /unshare\(CLONE_NEWNS \| CLONE_NEWUTS/, /<pid>\/ns/],
  ["host", /first process/, /execveat\(launcher\)/, /lsns/],
  ["host", /a veth pair/, /ip link add veth/, /ip link show master goContainers0/],
  ["container", /a cgroup namespace/, /unshare\(CLONE_NEWCGROUP\)/, /\/proc\/self\/cgroup/],
  ["container", /the overlay of image and changes/, /fsopen\("overlay"\)/, /mount \| grep/],
  [
    "container",
    /mount proc on "\/proc"/,
    /fsopen\("proc"\).*fsmount\(MOUNT_ATTR_NOSUID/,
    /mountinfo/,
  ],
  [
    "container",
    /bind .* on "\/shown"/,
    /AT_RECURSIVE.*mount_setattr\(.*MOUNT_ATTR_RDONLY.*\)/,
    /mountinfo/,
  ],
  ["container", /stop mounts/, /mount\(NULL, "\/", NULL, MS_REC \| MS_SLAVE\)/, /mountinfo/],
  ["container", /filter system calls/, /SECCOMP_FILTER_FLAG_SPEC_ALLOW/, /Seccomp/],
  ["container", /device nodes/, /mknodat\("\/dev\/null", 1:3\)/, /ls -l \/dev/],
  ["container", /root the root/, /pivot_root\("\.", "\."\)/, /ls \//],
  ["container", /hide paths/, /open_tree\("\/dev\/null".* over files/, /cat \/proc\/keys/],
  ["container", /the hostname "shown"/, /sethostname\("shown"\)/, /hostname/],
  ["container", /become user 0:0/, /PR_CAPBSET_DROP.*capset/, /id; grep Cap/],
  ["container", /run "true"/, /execve/, /\/proc\/1\/cmdline/],
  [
    "host",
    /leave the container's namespaces/,
    /setns.*chroot\("\."\)/,
    /<pid>\/ns \/proc\/\d+\/ns/,
  ],
  ["host", /remove the container's cgroup/, /rmdir\(/, /ls -d/],
  ["host", /remove the container's record/, /renameat2\("\/run\/gocontainer/, /ls -d "\/run/],
];

Deno.test("each step has the call behind it and a way to check it", async () => {
  const { stderr } = await workspace.run([
    ...["-explain", "-name", "shown", "-v", "/etc:/shown:ro", "alpine", "true"],
  ]);
  const told = readExplanation(stderr);
  // What is done in the namespaces comes after they have been made.
  const [entered, inside] = [/the container's namespaces/, /^(?!set the loop)/].map((label, i) =>
    told.findIndex((step) => step.side === ["host", "container"][i] && label.test(step.label))
  );
  assert(entered < inside, `${entered} ${inside}`);
  for (const [side, label, call, check] of EXPECTED) {
    const step = told.find((step) => step.side === side && label.test(step.label));
    assert(step !== undefined, `no step ${label} of the ${side}`);
    assertMatch(step.call ?? "", call, step.label);
    assertMatch(step.check ?? "", check, step.label);
  }
  for (const { call, label } of told) {
    // Waiting is no call of its own to be told of.
    if (!label.startsWith("wait")) assert(call !== undefined, `no call with: ${label}`);
  }
});

/** What the first process does by itself: how a line of strace shows it, and the label that it is told with. */
const BY_ITSELF: readonly (readonly [call: RegExp, label: RegExp])[] = [
  [/ setsid\(/, /^start a new session/],
  [/ unshare\(CLONE_NEWCGROUP/, /^make a cgroup namespace/],
  [/ keyctl\(/, /^take a keyring/],
  [/ chdir\("\/usr"/, /^enter the working folder "\/usr"$/],
  [/ setresuid\(/, /^become user/],
  [/ prctl\(PR_SET_PDEATHSIG/, /^end when gocontainer ends/],
  [/ write\(\d+, "\{\\"type\\":\\"exec\\"/, /^tell how the program could be refused/],
  [/ seccomp\(/, /^filter system calls/],
  [/ execve\("\/bin\/true"/, /^run "true"/],
];

Deno.test({
  name: "what the first process does by itself is told in the order in which it does it",
  ignore: !isInstalled("strace"),
  fn: async () => {
    const file = workspace.path("calls");
    const args = ["-explain", "-net=none", "-w=/usr", "alpine", "true"];
    const { stderr } = await workspace.run(args, {
      through: ["strace", "-f", "-qqq", "-o", file],
    });
    const lines = (await Deno.readTextFile(file)).split("\n");
    const first = lines.find((line) => line.includes('"gocontainer-init"'))!.split(" ", 1)[0];
    const calls = lines.filter((line) => line.startsWith(`${first} `));
    const told = readExplanation(stderr).map(({ label }) => label);
    for (const [i, all] of [calls, told].entries()) {
      const places = BY_ITSELF.map((both) => all.findIndex((one) => both[i].test(one)));
      assertEquals(places.includes(-1), false, `${places} of ${all.join("\n")}`);
      assertEquals(places, places.toSorted((a, b) => a - b), all.join("\n"));
    }
  },
});

/** What a call is called in strace where libc has it by another name. */
const ALIASES: Readonly<Record<string, string>> = {
  fork: "clone3",
  mkdir: "mkdirat",
  open: "openat",
  rmdir: "unlinkat",
};

for (const options of [["-t"], ["-userns=auto", "-v=/etc:/data"], ["-privileged", "-w=/made"]]) {
  Deno.test({
    name: `the calls that -explain ${options.join(" ")} tells are those that strace sees`,
    ignore: !isInstalled("strace"),
    fn: async () => {
      const file = workspace.path("all-calls");
      const { stderr } = await workspace.run(
        ["-explain", "-net=none", "-rm", ...options, "fresh", "true"],
        {
          through: [
            "sh",
            "-c",
            FRESH,
            workspace.path("images"),
            "strace",
            "-f",
            "-qqq",
            "-o",
            file,
          ],
        },
      );
      const seen = new Set(
        (await Deno.readTextFile(file)).split("\n").map((line) => line.match(/^\d+ +(\w+)\(/)?.[1]),
      );
      for (const { call = "", label } of readExplanation(stderr.slice(stderr.indexOf(" 1. [")))) {
        const names = [...call.replaceAll(/"[^"]*"|#.*/g, "").matchAll(/\b[a-z][a-z0-9_]+/g)]
          .map(([name]) => ALIASES[name] ?? name);
        assert(names.some((name) => seen.has(name)), `${label}: none of it was called: ${call}`);
        const called = [...call.matchAll(/\b([a-z][a-z0-9_]+)\(/g)]
          .map(([, name]) => ALIASES[name] ?? name);
        assertEquals(called.filter((name) => !seen.has(name)), [], `${label}: ${call}`);
      }
    },
  });
}

/** Makes an image that nobody has extracted. */
const FRESH = 'cp "$0/alpine.tar.gz" "$0/fresh.tar.gz" && exec "$@"';

Deno.test("-explain tells where the container is written down, and that its folder goes with -rm", async () => {
  const { stderr } = await workspace.run(["-explain", "-net=none", "-rm", "alpine", "true"]);
  const told = readExplanation(stderr);
  const place = (label: RegExp, call: RegExp) =>
    told.findIndex((step) => label.test(step.label) && call.test(step.call ?? ""));
  const places = [
    place(/^write down/, /^mkdir.*; write\("\/run\/.*\/state\.json"\)$/),
    place(/^make the container's folder/, /^mkdir/),
    place(/^describe the container/, /^write\(".*\/config\.json"\)$/),
    place(/in \d+ hierarchies/, /^mkdir/),
    place(/^remove the container's folder/, /^unlinkat/),
    place(/^remove the container's record/, /^renameat2/),
  ];
  assertEquals(places.includes(-1), false, `${places}`);
  assertEquals(places, places.toSorted((a, b) => a - b));
  assertEquals(places.at(-1), told.length - 1);
});

/** What its comment says is refused, or gone, fails; everything else succeeds. */
const FAILS = /# (refused|gone)$/;

/** Options of containers that are made in ways of their own. */
const KINDS: readonly (readonly string[])[] = [
  ["-mem=100M", "-cpus=1.5", "-v=/etc:/data:ro"],
  ["-net=none", "-privileged"],
  ["-net=none", "-userns=auto", "-security=no-new-privileges"],
  ["-net=none", "-read-only", "-u=nobody"],
  ["-net=host", "-w=/made"],
  ["-net=none", "-userns=0:100000:65536", "-v=/etc:/data:idmap", "-cap-drop=ALL"],
  ["-net=none", "-it", "-u=1000:1000", "-security=seccomp=unconfined", "-cpu=512", "-pids=20"],
];

for (const options of KINDS) {
  Deno.test(`what -explain ${options.join(" ")} gives for checking shows what it says`, async () => {
    const name = `checked-${crypto.randomUUID()}`;
    const running = workspace.start([
      "-explain",
      "-name",
      name,
      ...options,
      "alpine",
      "sleep",
      "60",
    ]);
    const { init } = await running.becomes("sleep");
    // What was told last may still be on its way.
    await until("the program's start is told", () => running.stderr.includes("/proc/1/environ\n"));
    const told = readExplanation(running.stderr);
    assert(told.length > 30, `${told.length} steps`);
    for (const { side, check = ":" } of told) {
      const [, onHost = side === "host" ? check : undefined] = check.match(/^on the host: (.*)/) ??
        [];
      if (/^kill/.test(onHost ?? "")) continue;
      const command = (onHost ?? check).replaceAll("<pid>", `${init.pid}`);
      const { code, stderr } = onHost === undefined
        ? await workspace.run(["exec", name, "/bin/sh", "-c", command])
        : await onTheHost(command);
      assertEquals(code !== 0, FAILS.test(check), `${check}: ${code}, ${stderr}`);
    }
    running.kill("SIGTERM");
    const { stderr } = await running.end();
    const last = readExplanation(stderr).at(-1)!;
    assertMatch(last.check!, /^ls -d .* # gone$/);
    assertEquals((await onTheHost(last.check!)).code !== 0, true);
  });
}

/** Pastes a line into a shell. */
async function onTheHost(line: string): Promise<{ code: number; stderr: string }> {
  const [program] = line.split(" ");
  if (program !== "gocontainer" && !isInstalled(program)) {
    console.log(`not checked, for ${program} is not installed: ${line}`);
    return { code: FAILS.test(line) ? 1 : 0, stderr: "" };
  }
  const { code, stderr } = await new Deno.Command("bash", {
    args: ["-c", `gocontainer() { ${BINARY} "$@"; }; ${line}`],
    stdin: "null",
    stdout: "null",
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

Deno.test("-explain tells all that is done for a new bridge: its rules keep packets out as well", async () => {
  const alone = 'mount -t tmpfs tmpfs /run && ip link set lo up && exec "$@"';
  const { stderr } = await workspace.run(["-explain", "-rm", "alpine", "true"], {
    through: ["unshare", "-nm", "--propagation=private", "sh", "-c", alone, "sh"],
  });
  const told = readExplanation(stderr.replaceAll(/^gocontainer: warning: .*\n/gm, ""));
  for (const command of ["link add goContainers0 ", "address replace 10.10.10.1/24"]) {
    assert(told.some(({ call }) => call?.startsWith(`ip ${command}`)), command);
  }
  const rules = told.find(({ label }) => label.includes("by nftables"))!;
  assertMatch(rules.label, /of those from outside only answers in/);
  assertMatch(rules.call!, /NFT_MSG_NEWTABLE, NFT_MSG_NEWCHAIN, NFT_MSG_NEWRULE/);
});

Deno.test("-explain tells of a user namespace what is really done in it", async () => {
  const { stderr } = await workspace.run(
    ["-explain", "-net=none", "-userns=auto", "alpine", "true"],
  );
  const told = readExplanation(stderr);
  const calls = told.filter(({ side }) => side === "container").map(({ call }) => call ?? "");
  // There no device nodes can be made, and the overlay and what is bound come from the host.
  assertEquals(
    calls.filter((call) => /mknodat|open_tree\("\/(?!dev\/null)|fsopen\("overlay"\)/.test(call)),
    [],
  );
  // Its ids are mapped from outside, while it waits.
  const mapping = told.findIndex(({ call }) =>
    /^write\("\/proc\/\d+\/uid_map", "0 \d+ 65536\\n"\); .*gid_map/.test(call ?? "")
  );
  const waiting = told.findIndex(({ label }) => label.startsWith("wait until the user ids"));
  assert(mapping >= 0 && mapping < waiting, `${mapping} ${waiting}`);
});

Deno.test("-explain tells a failing start up to the step that failed", async () => {
  const args = ["-explain", "-net=none", "-test-fault", "fail:hide paths", "alpine", "true"];
  const { code, stderr } = await workspace.run(args);
  assertEquals(code, 125);
  assertMatch(stderr, /\[container\] make paths of \/proc read-only\n/);
  assertMatch(stderr, /gocontainer: hide paths of \/proc and \/sys: failed on purpose\n/);
  assertEquals(/\[container\] make the container's root the root/.test(stderr), false);
});

/** Trace Event Format: complete events and metadata. */
interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur: number;
  readonly args?: { readonly name?: string };
}

async function traceOf(...args: string[]): Promise<TraceEvent[]> {
  const file = workspace.path(`${crypto.randomUUID()}.json`);
  await workspace.run(["-trace", file, ...args]);
  const { traceEvents } = JSON.parse(await Deno.readTextFile(file)) as {
    traceEvents: TraceEvent[];
  };
  return traceEvents;
}

Deno.test("-trace writes Trace Event JSON with both sides, named", async () => {
  const events = await traceOf("alpine", "true");
  const names = events.filter(({ ph }) => ph === "M").map(({ name, args }) => [name, args?.name]);
  assertEquals(names, [
    ["process_name", "gocontainer"],
    ["process_name", "inside of the container's namespaces"],
  ]);
  const [parent, child] = [1, 2].map((pid) =>
    events.filter((event) => event.ph === "X" && event.pid === pid)
  );
  assert(parent.length > 8 && child.length > 20);
  assertEquals(events.every(({ ph }) => ph === "X" || ph === "M"), true);
});

Deno.test("its times are sane: in order, none negative, both sides on one clock", async () => {
  const start = performance.now();
  const events = (await traceOf("alpine", "true")).filter(({ ph }) => ph === "X");
  const limit = (performance.now() - start) * 1000;
  for (const { name, ts, dur } of events) {
    assert(Number.isInteger(ts) && ts >= 0 && ts < limit, `${name} at ${ts}`);
    assert(Number.isInteger(dur) && dur >= 0 && dur < limit, `${name} takes ${dur}`);
  }
  const child = events.filter(({ pid }) => pid === 2);
  const ends = child.map(({ ts, dur }) => ts + dur);
  child.slice(1).forEach(({ name, ts }, i) => assert(ts >= ends[i] - 1, `${name} overlaps`));
  // Born by the parent's call, and through before the parent removes the cgroup.
  const fork = events.find(({ name }) => name.includes("first process"))!;
  const removal = events.find(({ name }) => name === "remove the container's cgroup")!;
  assert(child[0].ts >= fork.ts && child.at(-1)!.ts <= removal.ts);
});

Deno.test("a timeline for which there is no room does not change how the container ended", async () => {
  const folder = workspace.path("full");
  await Deno.mkdir(folder);
  const full = 'mount -t tmpfs -o size=4k tmpfs "$0" && exec "$@"';
  const { code, stderr } = await workspace.run(
    ["-trace", `${folder}/t`, "-net=none", "alpine", "sh", "-c", "exit 7"],
    { through: ["unshare", "-m", "sh", "-c", full, folder] },
  );
  assertEquals(code, 7, stderr);
  assertMatch(
    stderr,
    /^gocontainer: warning: write the timeline ".*\/t": No space left on device\n$/,
  );
});

Deno.test("an extraction is on the timeline for as long as it takes, be it of an archive or of a layer", async () => {
  const archive = workspace.path("images/alpine.tar.gz");
  await Deno.copyFile(archive, workspace.path("images/slow.tar.gz"));
  assertEquals((await workspace.run(["import", archive, "slow:1"])).code, 0);
  for (const image of ["slow", "slow:1"]) {
    const events = await traceOf("-net=none", image, "true");
    const at = events.findIndex(({ name }) => name.startsWith("extract "));
    const [{ ts, dur }, next] = events.slice(at);
    // Most of the time between its beginning and that of the next step is its own.
    assert(dur > (next.ts - ts) / 2, `${image}: ${dur} of ${next.ts - ts}`);
  }
});

Deno.test("-trace tells a failing run as well", async () => {
  const events = await traceOf("-net=none", "alpine", "no-such-command");
  assert(events.some(({ name }) => name === "make the container's root the root"));
  assert(events.some(({ name }) => name === "remove the container's cgroup"));
});

Deno.test("a timeline that cannot be written is a warning: the program's end is what it was", async () => {
  const args = ["-trace", "/dev/full", "-net=none", "alpine", "/bin/sh", "-c", "exit 7"];
  const { code, stderr } = await workspace.run(args);
  assertEquals(code, 7);
  assertEquals(
    stderr,
    'gocontainer: warning: write the timeline "/dev/full": No space left on device\n',
  );
});

Deno.test("-trace and -explain go together, and nothing else changes", async () => {
  const file = workspace.path("both.json");
  const { code, stdout, stderr } = await workspace.run(
    ["-trace", file, "-explain", "-net=none", "alpine", "/bin/sh", "-c", "echo out; exit 7"],
  );
  assertEquals([code, stdout], [7, "out\n"]);
  assert(readExplanation(stderr).length > 20);
  assert(exists(file));
});
