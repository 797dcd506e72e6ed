/** The namespaces of a container, and who its first process is. */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import type { Record } from "./support/process.ts";
import { host } from "./support/project.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

const KINDS = ["mnt", "uts", "pid", "ipc", "net", "cgroup"] as const;

function namespacesOf(pid: number | "self"): { [kind: string]: string } {
  return Object.fromEntries(
    KINDS.map((kind) => [kind, Deno.readLinkSync(`/proc/${pid}/ns/${kind}`)]),
  );
}

/** Runs `body` while a container with these options sleeps. */
async function withContainer(
  options: readonly string[],
  body: (record: Required<Record>) => Promise<void> | void,
): Promise<void> {
  const script = "echo ready; exec sleep 1000";
  const running = workspace.start([...options, "alpine", "/bin/sh", "-c", script]);
  await running.says(/ready/);
  await body(await running.becomes("sleep"));
  running.kill("SIGTERM");
  assertEquals((await running.end()).code, 128 + 15);
}

Deno.test("a container has mount, UTS, PID, IPC, network and cgroup namespaces of its own", async () => {
  const inside = await workspace.sh(
    KINDS.map((kind) => `readlink /proc/self/ns/${kind}`).join("; "),
    "-net",
    "bridge",
  );
  const seen = inside.split("\n");
  assertEquals(seen.length, KINDS.length);
  const ours = namespacesOf("self");
  KINDS.forEach((kind, i) => {
    assertMatch(seen[i], new RegExp(`^${kind}:\\[\\d+\\]$`));
    assertNotEquals(seen[i], ours[kind]);
  });
});

Deno.test("the host sees the same: none of the first process's namespaces is the host's", async () => {
  await withContainer([], ({ init }) => {
    const theirs = namespacesOf(init.pid);
    const ours = namespacesOf("self");
    for (const kind of KINDS) assertNotEquals(theirs[kind], ours[kind]);
    // Not asked for, so shared.
    assertEquals(
      Deno.readLinkSync(`/proc/${init.pid}/ns/user`),
      Deno.readLinkSync("/proc/self/ns/user"),
    );
  });
});

Deno.test("two containers share no namespace", async () => {
  await withContainer([], async (one) => {
    await withContainer([], (other) => {
      const [a, b] = [one, other].map(({ init }) => namespacesOf(init.pid));
      for (const kind of KINDS) assertNotEquals(a[kind], b[kind]);
    });
  });
});

Deno.test("the command is process 1, with no shell and no runtime in between", async () => {
  const { code, stdout } = await workspace.run([
    "-net=none",
    "alpine",
    "cat",
    "/proc/self/stat",
    "/proc/self/cmdline",
  ]);
  assertEquals(code, 0);
  assertMatch(stdout, /^1 \(cat\) R 0 1 1 /);
  assertEquals(stdout.split("\n")[1], "cat\0/proc/self/stat\0/proc/self/cmdline\0");
});

Deno.test("arguments arrive as they are: spaces, quotes, newlines, nothing at all, UTF-8", async () => {
  const words = ["", " a  b ", "'\"$HOME\\", "-x", "--", "line\nbreak", "žluťoučký", "*"];
  const { stdout } = await workspace.run(["-net=none", "alpine", "cat", "/proc/self/cmdline"]);
  assertEquals(stdout, "cat\0/proc/self/cmdline\0");
  const told = await workspace.run([
    "-net=none",
    "alpine",
    "/bin/sh",
    "-c",
    "tr '\\0' '|' < /proc/1/cmdline; sleep 0",
    ...words,
  ]);
  assertMatch(told.stdout, /^\/bin\/sh\|-c\|/);
  assert(told.stdout.endsWith(`|${words.join("|")}|`), JSON.stringify(told.stdout));
});

Deno.test("on the host, the first process is the one child of gocontainer", async () => {
  await withContainer(["-net=none"], async ({ init, owner }) => {
    const path = `/proc/${owner.pid}/task/${owner.pid}/children`;
    assertEquals(Deno.readTextFileSync(path).trim(), `${init.pid}`);
    assertEquals(Deno.readTextFileSync(`/proc/${init.pid}/comm`), "sleep\n");
    const threads = (await host("ls", `/proc/${owner.pid}/task`)).trim().split("\n");
    assertEquals(threads, [`${owner.pid}`]);
  });
});

Deno.test("a container sees its own processes only", async () => {
  const shown = await workspace.sh("ls -d /proc/[0-9]*; echo; ps -o pid,args; true");
  const [folders, list] = shown.split("\n\n");
  assertMatch(folders, /^\/proc\/1(\n\/proc\/\d+)?$/);
  assertMatch(list, /^PID +COMMAND\n +1 \/bin\/sh -c .*\n +\d+ ps -o pid,args$/);
});

Deno.test("the program is found in the container's PATH, not the host's", async () => {
  await workspace.image("path", async (root) => {
    await Deno.writeTextFile(`${root}/usr/local/bin/greet`, "#!/bin/sh\necho hello from $0\n", {
      mode: 0o755,
    });
    await Deno.mkdir(`${root}/opt/bin`, { recursive: true });
    await Deno.mkdir(`${root}/usr/local/sbin`, { recursive: true });
    await Deno.writeTextFile(`${root}/opt/bin/greet`, "#!/bin/sh\necho the other one\n", {
      mode: 0o755,
    });
    // In an earlier folder of PATH, but not to be executed.
    await Deno.writeTextFile(`${root}/usr/local/sbin/greet`, "no program", { mode: 0o644 });
  });
  const found = await workspace.run(["-net=none", "path", "greet"]);
  assertEquals(found.stdout, "hello from /usr/local/bin/greet\n");
  const chosen = await workspace.run(["-net=none", "-e", "PATH=/opt/bin:/bin", "path", "greet"]);
  assertEquals(chosen.stdout, "the other one\n");

  await Deno.mkdir(workspace.path("host-bin"));
  await Deno.writeTextFile(workspace.path("host-bin/hostly"), "#!/bin/sh\necho host\n", {
    mode: 0o755,
  });
  const absent = await workspace.run(["-net=none", "alpine", "hostly"], {
    env: { PATH: `${workspace.path("host-bin")}:${Deno.env.get("PATH")}` },
  });
  assertEquals(absent.code, 127);
});

Deno.test("-net none: a network namespace with nothing but lo, which is up", async () => {
  const links = await workspace.sh("ls /sys/class/net; cat /sys/class/net/lo/operstate; ip route");
  assertEquals(links, "lo\nunknown");
  assertMatch(await workspace.sh("ip -o addr show lo"), /inet 127\.0\.0\.1\/8/);
  assertMatch(await workspace.sh("ping -c 1 -W 2 127.0.0.1"), /1 packets received/);
});

Deno.test("-net host: the host's own network namespace", async () => {
  const seen = await workspace.sh("readlink /proc/self/ns/net", "-net", "host");
  assertEquals(seen, Deno.readLinkSync("/proc/self/ns/net"));
  const uts = await workspace.sh("readlink /proc/self/ns/uts", "-net", "host");
  assertNotEquals(uts, Deno.readLinkSync("/proc/self/ns/uts"));
});

Deno.test("-net container:ID: the network of a running container, by id, its beginning, or name", async () => {
  await withContainer(["-name", "web"], async ({ id, init, network }) => {
    const theirs = Deno.readLinkSync(`/proc/${init.pid}/ns/net`);
    for (const wanted of [id, id.slice(0, 8), "web"]) {
      const seen = await workspace.sh(
        "readlink /proc/self/ns/net; readlink /proc/self/ns/uts; ip -o -4 addr show eth0",
        "-net",
        `container:${wanted}`,
      );
      const [net, uts, address] = seen.split("\n");
      assertEquals(net, theirs);
      assertNotEquals(uts, Deno.readLinkSync(`/proc/${init.pid}/ns/uts`));
      assert(address.includes(`inet ${network.address} `), address);
    }
  });
});
