/** Hooks of all kinds: when, where and with what they run, and what a failing one undoes. */

import { assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { HOOKS } from "../../lib/oci/hooks.ts";
import type { Hooks, Linux, NamespaceType } from "../../lib/oci/spec.ts";
import { defaultProfile } from "../../lib/seccomp/default_profile.ts";
import { Bundles, mapUsers } from "./support/bundle.ts";
import { BINARY, entriesOf, exists } from "./support/project.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** What a hook has written down of itself. */
interface Report {
  readonly name: string;
  readonly state: { readonly id: string; readonly status: string; readonly pid?: number };
  readonly namespace: string;
  readonly environment: string;
}

/** A program that writes down what it gets, and then ends with a code. */
function prepare(bundle: string): void {
  const script = `#!/bin/sh
printf '%s\\t%s\\t%s\\t%s\\n' "$1" "$(cat)" "$(readlink /proc/self/ns/mnt)" "$(env | tr '\\n' ' ')" >> "$2"
exit "$3"
`;
  for (const path of [`${bundle}/hook`, `${bundle}/rootfs/hook`]) {
    Deno.writeTextFileSync(path, script);
    Deno.chmodSync(path, 0o755);
  }
}

const ALL_IDS = { containerID: 0, hostID: 0, size: 65536 };
const NAMESPACES = ["pid", "mount", "uts", "ipc", "network", "user"]
  .map((type) => ({ type: type as NamespaceType }));

/** Which hooks there are, and in what container: with a user namespace its first process is a copy of the runtime at first. */
const VARIANTS: Readonly<Record<string, { kinds: readonly (keyof Hooks)[]; linux?: Linux }>> = {
  "": { kinds: HOOKS },
  ", without startContainer": { kinds: HOOKS.filter((name) => name !== "startContainer") },
  ", in a user namespace": {
    kinds: HOOKS,
    linux: { uidMappings: [ALL_IDS], gidMappings: [ALL_IDS], namespaces: NAMESPACES },
  },
};

function hooksOf(bundle: string, kinds: readonly (keyof Hooks)[], failing?: string): Hooks {
  return Object.fromEntries(kinds.map((name) => {
    const inside = name === "startContainer";
    return [name, [{
      path: inside ? "/hook" : `${bundle}/hook`,
      args: ["hook", name, inside ? "/log" : `${bundle}/rootfs/log`, name === failing ? "3" : "0"],
      env: ["ONLY=this"],
    }]];
  }));
}

async function bundleWithHooks(
  script: string,
  { kinds, linux }: { kinds: readonly (keyof Hooks)[]; linux?: Linux } = VARIANTS[""]!,
  failing?: string,
): Promise<string> {
  const bundle = await bundles.make(script);
  prepare(bundle);
  const file = `${bundle}/config.json`;
  const spec = JSON.parse(Deno.readTextFileSync(file));
  const changed = { hooks: hooksOf(bundle, kinds, failing), linux: { ...spec.linux, ...linux } };
  Deno.writeTextFileSync(file, JSON.stringify({ ...spec, ...changed }));
  return bundle;
}

function reports(bundle: string): Report[] {
  const file = `${bundle}/rootfs/log`;
  if (!exists(file)) return [];
  return Deno.readTextFileSync(file).trimEnd().split("\n").map((line) => {
    const [name, state, namespace, environment] = line.split("\t");
    return { name, state: JSON.parse(state), namespace, environment };
  });
}

function assertNothingLeft(id: string): void {
  assertEquals(exists(`${workspace.path("state")}/${id}`), false);
  for (const { name } of entriesOf("/sys/fs/cgroup")) {
    assertEquals(exists(`/sys/fs/cgroup/${name}/go_containers/${id}`), false);
  }
}

/** What the state says while hooks of a kind run. */
const STATUSES = {
  prestart: "created",
  createRuntime: "creating",
  createContainer: "creating",
  startContainer: "created",
  poststart: "running",
  poststop: "stopped",
};

for (const [variant, options] of Object.entries(VARIANTS)) {
  const { kinds } = options;

  Deno.test(`each kind runs in its turn, in its namespaces, with the state and its own environment${variant}`, async () => {
    const bundle = await bundleWithHooks("echo program", options);
    const id = bundles.id();
    const { code, stderr } = await bundles.command(["run", "-b", bundle, id]);
    assertEquals(code, 0, stderr);
    const seen = reports(bundle);
    assertEquals(
      seen.map(({ name, state }) => [name, state.status]),
      kinds.map((name) => [name, STATUSES[name]]),
    );
    const host = Deno.readLinkSync("/proc/self/ns/mnt");
    for (const { name, state, namespace, environment } of seen) {
      assertEquals(state.id, id);
      if (name !== "poststop") assertEquals(typeof state.pid, "number", name);
      const inside = name === "createContainer" || name === "startContainer";
      (inside ? assertNotEquals : assertEquals)(namespace, host, name);
      assertMatch(environment, /ONLY=this/);
      assertEquals(/\bPATH=|HOME=|TERM=/.test(environment), false, environment);
    }
  });

  for (const failing of kinds.filter((name) => name !== "poststop")) {
    Deno.test(`a failing ${failing} hook ends the container, and the poststop hooks run${variant}`, async () => {
      const bundle = await bundleWithHooks("echo program; sleep 100", options, failing);
      const id = bundles.id();
      const { code, stdout, stderr } = await bundles.command(["run", "-b", bundle, id]);
      assertEquals(code, 1);
      assertStringIncludes(stderr, `run the ${failing} hooks`);
      if (failing !== "poststart") assertEquals(stdout, "");
      const names = reports(bundle).map(({ name }) => name);
      assertEquals(names, [...kinds.slice(0, kinds.indexOf(failing) + 1), "poststop"]);
      assertNothingLeft(id);
    });
  }
}

Deno.test("a hook has standard input and output, and no other descriptor or ignored signal", async () => {
  const bundle = await bundleWithHooks("true", { kinds: ["createRuntime", "createContainer"] });
  const script = `#!/bin/sh
cat > /dev/null; ls /proc/self/fd | tr '\\n' ' ' >> "$2"; grep -E '^Sig(Ign|Blk)' /proc/self/status >> "$2"
`;
  Deno.writeTextFileSync(`${bundle}/hook`, script);
  const { code, stderr } = await bundles.command(["run", "-b", bundle, bundles.id()]);
  assertEquals(code, 0, stderr);
  // The last one is of ls itself.
  const one = /^0 1 2 3 SigBlk:\s0{16}\nSigIgn:\s0{16}\n/;
  const seen = Deno.readTextFileSync(`${bundle}/rootfs/log`);
  assertMatch(seen, one);
  assertMatch(seen.replace(one, ""), one);
});

for (const [variant, change] of [["", () => {}], [", in a user namespace", mapUsers]] as const) {
  Deno.test(`hooks of the host begin in the bundle, those of the start in the working folder${variant}`, async () => {
    const bundle = await bundles.make("echo program", (spec) => {
      change(spec);
      spec.process.cwd = "/tmp";
      spec.hooks = Object.fromEntries(HOOKS.map((name) => {
        return [name, [{ path: "/bin/sh", args: ["sh", "-c", `echo ${name} $(pwd)`] }]];
      }));
    });
    // Root of the user namespace is to get there as well.
    await Deno.chmod(workspace.folder, 0o755);
    const folderOf = (name: string) => name === "startContainer" ? "/tmp" : bundle;
    const kinds = HOOKS.map((name) => `${name} ${folderOf(name)}`);
    const { code, stdout, stderr } = await bundles.command(["run", "-b", bundle, bundles.id()]);
    assertEquals([code, stderr], [0, ""]);
    assertEquals(stdout.split("\n").filter((line) => line.includes(" ")), kinds);
  });
}

Deno.test("hooks begin in a bundle that root of their user namespace may not enter, or not get to", async () => {
  const hook = { path: "/bin/sh", args: ["sh", "-c", "readlink /proc/self/cwd"] };
  const bundle = await bundles.make("echo program", (spec) => {
    mapUsers(spec);
    spec.hooks = { createContainer: [hook], createRuntime: [hook] };
  });
  const above = `${workspace.folder}/above`;
  await Deno.mkdir(above, { mode: 0o700 });
  await Deno.rename(bundle, `${above}/bundle`);
  for (const mode of [0o755, 0o700]) {
    await Deno.chmod(`${above}/bundle`, mode);
    const run = ["run", "-b", `${above}/bundle`, bundles.id()];
    const { code, stdout, stderr } = await bundles.command(run);
    assertEquals([code, stderr], [0, ""]);
    assertEquals(stdout, `${above}/bundle\n${above}/bundle\nprogram\n`);
  }
});

Deno.test("a hook of a container whose bundle is gone is run all the same", async () => {
  const bundle = await bundles.make("sleep 100", (spec) => {
    const args = ["sh", "-c", "cat >/dev/null; echo poststop"];
    spec.hooks = { poststop: [{ path: "/bin/sh", args }] };
  });
  const id = bundles.id();
  const detached = { through: ["sh", "-c", 'exec "$@" >/dev/null 2>/dev/null </dev/null', "sh"] };
  assertEquals((await bundles.command(["create", "-b", bundle, id], detached)).code, 0);
  await Deno.remove(bundle, { recursive: true });
  const { code, stdout, stderr } = await bundles.command(["delete", "--force", id]);
  assertEquals([code, stdout, stderr], [0, "poststop\n", ""]);
});

Deno.test("a failing poststop hook is a warning, and the next one runs", async () => {
  const bundle = await bundles.make("true");
  prepare(bundle);
  const file = `${bundle}/config.json`;
  const spec = JSON.parse(Deno.readTextFileSync(file));
  const hook = (code: string) => ({
    path: `${bundle}/hook`,
    args: ["hook", `poststop${code}`, `${bundle}/rootfs/log`, code],
  });
  spec.hooks = { poststop: [hook("3"), hook("0")] };
  Deno.writeTextFileSync(file, JSON.stringify(spec));
  const { code, stderr } = await bundles.command(["run", "-b", bundle, bundles.id()]);
  assertEquals(code, 0);
  assertMatch(stderr, /warning: poststop hook/);
  assertEquals(reports(bundle).map(({ name }) => name), ["poststop3", "poststop0"]);
});

Deno.test("a hook that takes too long is killed, and counts as failed", async () => {
  const start = performance.now();
  const { code, stderr } = await bundles.run("true", (spec) => {
    spec.hooks = { createRuntime: [{ path: "/bin/sleep", args: ["sleep", "60"], timeout: 1 }] };
  });
  assertEquals(code, 1);
  assertStringIncludes(stderr, "longer than 1000 ms");
  assertEquals(performance.now() - start < 30_000, true);
});

Deno.test("hooks of the start are what the program is: limited, filtered, of its user and rights", async () => {
  const look = [
    "grep -E '^(Seccomp|NoNewPrivs|CapEff|CapBnd|Uid|Groups):' /proc/self/status",
    "ulimit -Sn",
    "echo $(ls /proc/self/fd)",
  ].join("; ");
  for (const noNewPrivileges of [true, false]) {
    const { code, stdout, stderr } = await bundles.run(look, (spec) => {
      spec.process.noNewPrivileges = noNewPrivileges;
      spec.process.user = { uid: 1000, gid: 1000 };
      spec.linux.seccomp = defaultProfile([]);
      const args = ["sh", "-c", `cat >/dev/null; ${look}; echo`];
      spec.hooks = { startContainer: [{ path: "/bin/sh", args }] };
    });
    assertEquals(code, 0, stderr);
    const [hook, program] = stdout.split("\n\n");
    assertStringIncludes(hook, "Seccomp:\t2");
    assertEquals(`${hook}\n`, program);
  }
});

Deno.test("a hook of the start that cannot be run, or takes too long, ends the container", async () => {
  const outcomes = [
    [{ path: "/nowhere" }, 'hook "/nowhere": it cannot be run: ENOENT'],
    [{ path: "/etc/passwd" }, 'hook "/etc/passwd": it cannot be run: EACCES'],
    [
      { path: "/bin/sleep", args: ["sleep", "60"], timeout: 1 },
      'hook "/bin/sleep": it took longer than 1000 ms',
    ],
    [
      { path: "/bin/sh", args: ["sh", "-c", "kill -9 $$"] },
      'hook "/bin/sh": signal 9 ended it',
    ],
  ] as const;
  for (const [hook, error] of outcomes) {
    const hooks = { startContainer: [{ path: "/bin/true" }, hook] } as unknown as Hooks;
    const { code, stdout, stderr } = await bundles.run("echo program", (spec) => {
      spec.hooks = hooks;
    });
    assertEquals([code, stdout], [1, ""]);
    assertStringIncludes(stderr, `run the startContainer hooks: ${error}`);

    const bundle = await bundles.make("echo program", (spec) => {
      spec.hooks = hooks;
    });
    const id = bundles.id();
    const detached = {
      through: ["sh", "-c", 'exec "$@" >/dev/null 2>/dev/null </dev/null', "sh"],
    };
    assertEquals((await bundles.command(["create", "-b", bundle, id], detached)).code, 0);
    const started = await bundles.command(["start", id]);
    assertEquals(started.code, 1);
    assertStringIncludes(started.stderr, `run the startContainer hooks: ${error}`);
    const state = await bundles.command(["state", id]);
    assertStringIncludes(state.stdout, '"status": "stopped"');
    assertEquals((await bundles.command(["delete", id])).code, 0);
  }
});

Deno.test("what was run, or was to be, has its poststop hooks, also where none came before", async () => {
  const outcomes: [string, Hooks][] = [
    ["run the poststart hooks", { poststart: [{ path: "/bin/false" }] }],
    ["run the startContainer hooks", { startContainer: [{ path: "/bin/false" }] }],
  ];
  for (const [error, hooks] of outcomes) {
    const args = ["sh", "-c", "cat >/dev/null; echo poststop >&2"];
    const { code, stderr } = await bundles.run("sleep 100", (spec) => {
      spec.hooks = { ...hooks, poststop: [{ path: "/bin/sh", args }] };
    });
    assertEquals(code, 1);
    assertMatch(stderr, /^poststop$/m);
    assertStringIncludes(stderr, error);
  }
});

Deno.test("create runs its hooks, start its own", async () => {
  const bundle = await bundleWithHooks("sleep 100");
  const id = bundles.id();
  const detached = {
    through: ["sh", "-c", 'exec "$@" >/dev/null 2>/dev/null </dev/null', "sh"],
  };
  assertEquals((await bundles.command(["create", "-b", bundle, id], detached)).code, 0);
  const names = () => reports(bundle).map(({ name }) => name);
  assertEquals(names(), ["prestart", "createRuntime", "createContainer"]);
  assertEquals((await bundles.command(["start", id])).code, 0);
  assertEquals(names(), HOOKS.slice(0, -1));
  assertEquals((await bundles.command(["delete", "--force", id])).code, 0);
  assertEquals(names(), [...HOOKS]);
});

Deno.test("while the hooks of its making run, a container is told as creating, and not to be used yet", async () => {
  const bundle = await bundles.make("echo program");
  const id = bundles.id();
  const log = `${bundle}/said`;
  const calls = ["state", "start", "exec", "delete"].map((command) => {
    const words = [BINARY, ...bundles.global, command, id, ...command === "exec" ? ["true"] : []];
    return `${words.join(" ")} >>${log} 2>&1; echo "${command} $?" >>${log}`;
  });
  const file = `${bundle}/config.json`;
  const spec = JSON.parse(Deno.readTextFileSync(file));
  spec.hooks = { createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", calls.join("\n")] }] };
  Deno.writeTextFileSync(file, JSON.stringify(spec));
  const { code, stdout } = await bundles.command(["run", "-b", bundle, id]);
  assertEquals([code, stdout], [0, "program\n"]);
  const said = Deno.readTextFileSync(log);
  assertStringIncludes(said, '"status": "creating"');
  for (const line of ["state 0", "start 1", "exec 255", "delete 1"]) {
    assertStringIncludes(said, `\n${line}\n`);
  }
  assertStringIncludes(said, "it is creating, not created");
  assertStringIncludes(said, "it is creating, container not running");
});
