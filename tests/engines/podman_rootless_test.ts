/** podman of an ordinary user: it is root in a user namespace when it calls the runtime. */

import { assertEquals, assertMatch } from "@std/assert";
import { mapsMany, OrdinaryUser, SUBORDINATE, UID } from "../integration/support/ordinary_user.ts";
import { assertHostIsAsBefore, lookAtHost } from "../integration/support/host.ts";
import type { Outcome } from "../integration/support/process.ts";
import { host } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { alpineArchiveOf } from "./support/image.ts";
import { HAS_PODMAN, IMAGE } from "./support/podman.ts";
import { testWith } from "./support/skip.ts";

const workspace = Workspace.ofThisFile();
const user = new OrdinaryUser(workspace);

async function podman(...args: string[]): Promise<Outcome> {
  const options = ["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=file"];
  return await user.run(
    [...options, "--runtime", workspace.path("gocontainer"), ...args],
    {
      binary: "podman",
      env: {
        XDG_RUNTIME_DIR: user.runtimeFolder,
        HOME: workspace.path("home"),
        CONTAINERS_CONF: workspace.path("containers.conf"),
      },
    },
  );
}

async function ok(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await podman(...args);
  if (code !== 0) throw new Error(`podman ${args.join(" ")}: exit code ${code}\n${stderr}`);
  return stdout.trimEnd();
}

testWith(
  { ...mapsMany, podman: HAS_PODMAN },
  "podman without root: run, run -d, exec, top, stop, rm",
  async () => {
    await user.ready();
    const before = lookAtHost();
    // Limits that also hold where podman's own, higher ones may not be set.
    await Deno.writeTextFile(
      workspace.path("containers.conf"),
      `[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]\n`,
    );
    const archive = workspace.path("home/alpine.tar.gz");
    await Deno.copyFile(await alpineArchiveOf(workspace), archive);
    await host("chown", `${UID}:${UID}`, archive);
    try {
      await ok("import", archive, IMAGE);
      const script = "cat /proc/self/uid_map; stat -c %t:%T /dev/null; exit 7";
      const ran = await podman("run", "--rm", "--network=none", IMAGE, "sh", "-c", script);
      assertEquals(ran.code, 7, ran.stderr);
      const { first, size } = SUBORDINATE;
      assertMatch(ran.stdout, new RegExp(`^ +0 +${UID} +1\n +1 +${first} +${size}\n1:3\n$`));
      const kept = ["run", "--rm", "--network=none", "--userns=keep-id", IMAGE, "id", "-u"];
      assertEquals(await ok(...kept), `${UID}`);
      const sys = await ok("run", "--rm", "--network=host", "--read-only", IMAGE, "ls", "/sys/fs");
      assertMatch(sys, /^cgroup$/m);
      await ok("run", "-d", "--name=c", "--network=none", IMAGE, "sleep", "1000");
      assertEquals(await ok("exec", "c", "id", "-u"), "0");
      assertEquals(await ok("exec", "--user=5", "c", "id", "-u"), "5");
      assertMatch(await ok("top", "c"), /sleep 1000$/);
      assertEquals(await ok("stop", "--time=0", "c"), "c");
      assertEquals(await ok("rm", "c"), "c");
    } finally {
      await podman("rm", "--all", "--force", "--time=0");
      // The process that keeps the user namespace.
      await podman("system", "migrate");
    }
    await assertHostIsAsBefore(before);
  },
);
