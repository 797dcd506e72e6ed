/** The OCI config.json that `run` writes beside a container. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Spec } from "../../lib/oci/spec.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

/** Runs a container that ends at once and gives its config. */
async function configOf(options: readonly string[], ...command: string[]): Promise<Spec> {
  const before = new Set(workspace.ids());
  const { code, stderr } = await workspace.run([...options, "alpine", ...command]);
  assertEquals(code, 0, stderr);
  const [id, ...others] = workspace.ids().filter((id) => !before.has(id));
  assertEquals(others, []);
  return workspace.config(id);
}

Deno.test("it says what was asked for, in the terms of the runtime specification", async () => {
  const options = [
    "-net=none",
    "-name",
    "described",
    "-hostname",
    "host1",
    "-e",
    "A=b",
    "-w",
    "/tmp",
  ];
  const volumes = ["-v", `${workspace.folder}:/v:ro`];
  const config = await configOf(
    [...options, ...volumes, "-u", "daemon", "-no-new-privileges"],
    "/bin/echo",
    "a b",
  );
  assertMatch(config.ociVersion, /^1\.\d+\.\d+$/);
  assertEquals(config.hostname, "host1");
  assertEquals(config.root, { path: "rootfs" });
  const process = config.process!;
  assertEquals(process.args, ["/bin/echo", "a b"]);
  assertEquals(process.cwd, "/tmp");
  assertEquals(process.terminal, false);
  assertEquals(process.noNewPrivileges, true);
  assertEquals(process.user, { uid: 2, gid: 2, additionalGids: [2, 1, 4] });
  assert(process.env!.includes("A=b"));
  assertEquals(process.capabilities!.bounding!.length, 14);
  assertEquals(process.capabilities!.inheritable, []);
  const volume = config.mounts!.find(({ destination }) => destination === "/v")!;
  assertEquals([volume.source, volume.type], [workspace.folder, "bind"]);
  assert(volume.options!.includes("ro"));
});

Deno.test("namespaces, paths and cgroup are those of the container", async () => {
  const config = await configOf(["-net=none"], "true");
  const linux = config.linux!;
  assertEquals(
    linux.namespaces!.map(({ type }) => type).sort(),
    ["cgroup", "ipc", "mount", "network", "pid", "uts"],
  );
  assertMatch(linux.cgroupsPath!, /^\/go_containers\/[0-9a-f-]{36}$/);
  assert(linux.maskedPaths!.includes("/proc/kcore"));
  assert(linux.readonlyPaths!.includes("/proc/sys"));
  assertEquals(linux.resources!.devices, [{ allow: false, access: "rwm" }]);
  for (const { destination } of config.mounts!) assertMatch(destination, /^\//);
});

Deno.test("limits stand in it as numbers", async () => {
  const options = ["-net=none", "-mem", "64M", "-cpu", "512", "-cpus", "1.5", "-pids", "100"];
  const { resources } = (await configOf(options, "true")).linux!;
  assertEquals(resources!.memory!.limit, 64 * 1024 * 1024);
  assertEquals(resources!.cpu, { shares: 512, quota: 150000, period: 100000 });
  assertEquals(resources!.pids, { limit: 100 });
});

Deno.test("a limit of 0 is none, and of processes -1 as well, as docker has them", async () => {
  for (const none of ["0", "-1"]) {
    const options = ["-net=none", "-mem", "0", "-cpu", "0", "-cpus", "0", "-pids", none];
    const { resources } = (await configOf(options, "true")).linux!;
    assertEquals(Object.keys(resources!), ["devices"]);
  }
});

Deno.test("-net host has no network namespace in it, -net container:ID its path", async () => {
  const hosted = await configOf(["-net=host"], "true");
  assertEquals(hosted.linux!.namespaces!.some(({ type }) => type === "network"), false);
});

Deno.test("it is root's alone: what -e gives may be secret", async () => {
  const id = await workspace.sh("hostname");
  const { mode, uid } = await Deno.stat(workspace.path(`containers/${id}/config.json`));
  assertEquals({ mode: mode! & 0o777, uid }, { mode: 0o600, uid: 0 });
});
