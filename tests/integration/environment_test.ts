/** The environment, the names of a container, and the files that tell them. */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The environment that the first process starts with. */
async function environment(
  options: readonly string[] = [],
  env: { [name: string]: string } = {},
): Promise<string[]> {
  const { stdout } = await workspace.run(
    ["-net=none", ...options, "alpine", "cat", "/proc/self/environ"],
    { env },
  );
  return stdout.replace(/\0$/, "").split("\0");
}

Deno.test("the environment is clean: six variables, nothing of the caller's but TERM", async () => {
  const caller = {
    TERM: "vt220",
    LANG: "cs_CZ.UTF-8",
    SUDO_USER: "me",
    AWS_SECRET_ACCESS_KEY: "secret",
    HOME: "/home/me",
    USER: "me",
    PS1: "mine",
    HOSTNAME: "host",
  };
  const variables = await environment(["-name", "c1"], caller);
  assertEquals(variables, [
    `PATH=${PATH}`,
    "HOME=/root",
    "USER=root",
    "HOSTNAME=c1",
    "TERM=vt220",
    "PS1=$USER@$HOSTNAME$ ",
  ]);
});

Deno.test("-e sets variables, in order, over the default ones too; KEY alone takes the caller's", async () => {
  const options = ["-name=c2", "-e", "A=1=2", "-e=B=", "-e", "TERM=dumb", "-e", "MINE", "-e", "NO"];
  const variables = await environment([...options, "-e", "A=last"], { MINE: "yes" });
  assertEquals(variables.slice(4), [
    "TERM=dumb",
    "PS1=$USER@$HOSTNAME$ ",
    "A=last",
    "B=",
    "MINE=yes",
  ]);
});

Deno.test("HOME and USER are those of the user", async () => {
  const told = async (user: string) =>
    (await environment(["-u", user])).filter((entry) => /^(HOME|USER)=/.test(entry));
  assertEquals(await told("daemon"), ["HOME=/sbin", "USER=daemon"]);
  assertEquals(await told("2"), ["HOME=/sbin", "USER=daemon"]);
  assertEquals(await told("4711"), ["HOME=/", "USER=4711"]);
});

Deno.test("the shell greets with user and host", async () => {
  const { stdout } = await workspace.run(
    ["-net=none", "-name", "c3", "alpine", "/bin/sh", "-c", 'eval "echo \\"$PS1\\""'],
  );
  assertEquals(stdout, "root@c3$ \n");
});

Deno.test("unless named, a container is called by its id, a UUID v4", async () => {
  const script = "hostname; echo $HOSTNAME; cat /etc/hostname; cat /proc/sys/kernel/hostname";
  const names = (await workspace.sh(script)).split("\n");
  assertEquals(new Set(names).size, 1);
  assertEquals(names.length, 4);
  assertMatch(names[0], UUID);
  assert(workspace.ids().includes(names[0]));
  assertNotEquals(await workspace.sh("hostname"), names[0]);
});

Deno.test("-name gives the hostname, but not the id", async () => {
  const { stdout } = await workspace.run(["-net=none", "-name", "web.1", "alpine", "hostname"]);
  assertEquals(stdout, "web.1\n");
  assertEquals(workspace.ids().includes("web.1"), false);
});

Deno.test("a name that is too long for a hostname leaves that to the id", async () => {
  for (const [length, isName] of [[64, true], [65, false], [128, false]] as const) {
    const name = "n".repeat(length);
    const options = ["-net=none", "-name", name];
    const { code, stdout, stderr } = await workspace.run([...options, "alpine", "hostname"]);
    assertEquals([code, stderr], [0, ""]);
    if (isName) assertEquals(stdout, `${name}\n`);
    else assert(workspace.ids().includes(stdout.trim()), stdout);
  }
});

Deno.test("-hostname goes before -name", async () => {
  const options = ["-net=none", "-name", "web2", "-hostname", "www.example.org"];
  const { stdout } = await workspace.run(
    [
      ...options,
      "alpine",
      "/bin/sh",
      "-c",
      "hostname; echo $HOSTNAME; cat /etc/hostname /etc/hosts",
    ],
  );
  assertEquals(
    stdout,
    "www.example.org\nwww.example.org\nwww.example.org\n" +
      "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n" +
      "127.0.1.1\twww.example.org www\n",
  );
});

Deno.test("the host keeps its name", async () => {
  const before = Deno.hostname();
  await workspace.run(["-net=none", "-hostname", "other", "alpine", "true"]);
  assertEquals(Deno.hostname(), before);
});

Deno.test("with a network, /etc/hosts has the container's name at its own address", async () => {
  const { stdout } = await workspace.run(
    ["-name", "named", "alpine", "/bin/sh", "-c", "ip -o -4 addr show eth0; cat /etc/hosts"],
  );
  const [, address] = stdout.match(/inet ([\d.]+)\//)!;
  assert(stdout.includes(`\n${address}\tnamed\n`), stdout);
});

Deno.test("/etc/resolv.conf names servers that a container can reach", async () => {
  const { stdout } = await workspace.run(["alpine", "cat", "/etc/resolv.conf"]);
  const servers = [...stdout.matchAll(/^nameserver (\S+)$/gm)].map(([, server]) => server);
  assert(servers.length > 0, stdout);
  for (const server of servers) assertMatch(server, /^(?!127\.)\d+\.\d+\.\d+\.\d+$/);
});

Deno.test("of a resolv.conf that a power cut has left full of NUL bytes the rest counts", async () => {
  const file = workspace.path("resolv.conf");
  await Deno.writeTextFile(file, "\0\0nameserver 192.0.2.53\nsearch \0example.org\n\0\0\0\0");
  const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
  const through = ["unshare", "--mount", "sh", "-c", script, file];
  const { code, stdout, stderr } = await workspace.run(
    ["-net=none", "alpine", "cat", "/etc/resolv.conf"],
    { through },
  );
  assertEquals([code, stdout, stderr], [0, "nameserver 192.0.2.53\nsearch example.org\n", ""]);
});

Deno.test("with -net host, hosts and resolv.conf are the host's", async () => {
  const seen = await workspace.sh("cat /etc/hosts /etc/resolv.conf", "-net", "host");
  const ours = await Deno.readTextFile("/etc/hosts") + await Deno.readTextFile("/etc/resolv.conf");
  assertEquals(seen, ours.replace(/\n$/, ""));
});

Deno.test("what is written to these files goes to the container's folder, not to host or image", async () => {
  const files = ["hosts", "hostname", "resolv.conf"];
  const before = files.map((file) => Deno.readTextFileSync(`/etc/${file}`));
  const script = files.map((file) => `echo mine > /etc/${file}`).join("; ") + "; hostname";
  const id = await workspace.sh(script);
  assertEquals(files.map((file) => Deno.readTextFileSync(`/etc/${file}`)), before);
  for (const file of files) {
    const path = workspace.path(`containers/${id}/${file}`);
    assertEquals(await Deno.readTextFile(path), "mine\n");
    assertEquals((await Deno.stat(path)).mode! & 0o777, 0o644);
  }
});
