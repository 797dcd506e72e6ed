/**
 * Row B5: a write to /proc that lands elsewhere, because an image has a /proc of its own making, or because a
 * mount is led over a part of the real one (CVE-2025-52881, CVE-2019-16884).
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { testWith } from "../engines/support/skip.ts";
import { Bundles, type FilledSpec } from "../integration/support/bundle.ts";
import { HAS_COMPILER } from "../integration/support/program.ts";
import { exists, host, isInstalled } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { WITHOUT_UNIFIED } from "./crun.ts";
import { attack } from "./decoy.ts";
import { whileSwapping } from "./race.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** A parameter that each network namespace has for itself, and a value that is not the usual one. */
const PARAMETER = "net.ipv4.ip_default_ttl";
const FILE = "proc/sys/net/ipv4/ip_default_ttl";
const VALUE = "111";

/** Files of the host's /proc to which a write must not be led. */
const DANGEROUS = ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe"]
  .filter((path) => exists(path));

/** A bundle without a mount on /proc, where the image has a file of the parameter's name. */
async function bundleWithFakeProc(): Promise<string> {
  const bundle = await bundles.make("exec sleep 1000", (spec) => {
    spec.mounts = spec.mounts.filter(({ destination }) => destination !== "/proc");
    spec.linux.maskedPaths = [];
    spec.linux.readonlyPaths = [];
    spec.linux.sysctl = { [PARAMETER]: VALUE };
  });
  const fake = `${bundle}/rootfs/${FILE}`;
  await Deno.mkdir(fake.slice(0, fake.lastIndexOf("/")), { recursive: true });
  await Deno.writeTextFile(fake, "64\n");
  return bundle;
}

/** The parameter in the network namespace of a process, read with the host's own /proc. */
function parameterOf(pid: number): Promise<string> {
  return host("nsenter", "-t", `${pid}`, "-n", "unshare", "-m", "--", "cat", `/${FILE}`);
}

/** Sends all that is said to a file: a container lives on, and would keep a pipe open. */
function into(log: string): { through: string[] } {
  return { through: ["sh", "-c", 'exec "$@" >"$0" </dev/null 2>&1', log] };
}

Deno.test("a parameter is set in the kernel, not in a file that the image has in its place", async () => {
  await attack(workspace, async () => {
    const bundle = await bundleWithFakeProc();
    const id = bundles.id();
    const log = `${bundle}/log`;
    const { code } = await bundles.command(["run", "-d", "-b", bundle, id], into(log));
    assertEquals(code, 0, Deno.readTextFileSync(log));
    try {
      const { stdout } = await bundles.command(["state", id]);
      assertEquals(await parameterOf(JSON.parse(stdout).pid), `${VALUE}\n`);
      assertEquals(Deno.readTextFileSync(`${bundle}/rootfs/${FILE}`), "64\n");
    } finally {
      await bundles.command(["delete", "--force", id]);
    }
  });
});

for (const target of ["a file of the host", "a dangerous file of /proc"]) {
  Deno.test(`a link to ${target} in the place of a parameter is not written through`, async () => {
    await attack(workspace, async ({ file }) => {
      const before = DANGEROUS.map((path) => Deno.readTextFileSync(path));
      const bundle = await bundleWithFakeProc();
      await Deno.remove(`${bundle}/rootfs/${FILE}`);
      const to = target === "a file of the host" ? file : DANGEROUS[0]!;
      await Deno.symlink(to, `${bundle}/rootfs/${FILE}`);
      const id = bundles.id();
      const { code } = await bundles.command(["create", "-b", bundle, id], into(`${bundle}/log`));
      assertEquals(code, 0, Deno.readTextFileSync(`${bundle}/log`));
      await bundles.command(["delete", "--force", id]);
      assertEquals(DANGEROUS.map((path) => Deno.readTextFileSync(path)), before);
    });
  });
}

/** Mounts that would lay something else over what is written later. */
const COVERS: Readonly<Record<string, (spec: FilledSpec, fake: string) => void>> = {
  "a tmpfs on /proc/sys": (spec) => {
    spec.mounts.push({ destination: "/proc/sys", type: "tmpfs", source: "tmpfs" });
  },
  "a folder on /proc/self/attr": (spec, source) => {
    spec.mounts.push({
      destination: "/proc/self/attr",
      type: "bind",
      source,
      options: ["bind"],
    });
  },
  "a folder on /proc by a link": (spec, source) => {
    spec.mounts.push({ destination: "/way/sys", type: "bind", source, options: ["bind"] });
  },
  "a folder in the place of proc": (spec, source) => {
    spec.mounts = spec.mounts.map((mount) =>
      mount.destination === "/proc"
        ? { destination: "/proc", type: "bind", source, options: ["bind"] }
        : mount
    );
  },
};

testWith(
  { crun: isInstalled("crun") },
  "the attack works on crun 1.8: a link leads a mount over /proc/sys",
  async () => {
    await attack(workspace, async () => {
      const fake = await Deno.makeTempDir({ dir: workspace.folder, prefix: "fake-" });
      await Deno.mkdir(`${fake}/net/ipv4`, { recursive: true });
      await Deno.writeTextFile(`${fake}/net/ipv4/ip_default_ttl`, "made up");
      const bundle = await bundles.make(`cat /${FILE}`, (spec) => {
        spec.ociVersion = "1.0.2";
        COVERS["a folder on /proc by a link"]!(spec, fake);
      });
      await Deno.symlink("/proc", `${bundle}/rootfs/way`);
      const args = ["--root", workspace.path("crun"), "run", "-b", bundle, bundles.id()];
      const { stdout, stderr } = await workspace.run(args, {
        binary: "/usr/bin/crun",
        through: WITHOUT_UNIFIED,
      });
      assertEquals(stdout, "made up", stderr);
    });
  },
);

for (const [what, cover] of Object.entries(COVERS)) {
  Deno.test(`${what} is refused, before anything is written`, async () => {
    await attack(workspace, async ({ folder }) => {
      const bundle = await bundles.make("true", (spec) => {
        spec.linux.sysctl = { [PARAMETER]: VALUE };
        cover(spec, folder);
      });
      await Deno.symlink("/proc", `${bundle}/rootfs/way`);
      const { code, stderr } = await bundles.command(["run", "-b", bundle, bundles.id()]);
      assertEquals(code, 1);
      assertMatch(stderr, /nothing may be mounted over \/proc/);
    });
  });
}

/** A bundle whose last mount lies below a folder that is swapped for a link to /proc. */
async function bundleWithSwappedFolder(folder: string) {
  const volume = await Deno.makeTempDir({ dir: workspace.folder, prefix: "volume-" });
  await Deno.mkdir(`${volume}/swapped/sys`, { recursive: true });
  await Deno.symlink("/proc", `${volume}/link`);
  const fake = await Deno.makeTempDir({ dir: workspace.folder, prefix: "fake-" });
  await Deno.mkdir(`${fake}/net/ipv4`, { recursive: true });
  await Deno.symlink(`${folder}/file`, `${fake}/net/ipv4/ip_default_ttl`);
  const bundle = await bundles.make(`exec cat /${FILE}`, (spec) => {
    spec.linux.sysctl = { [PARAMETER]: VALUE };
    const bind = { type: "bind", options: ["bind"] };
    spec.mounts.push(
      { destination: "/shared", source: volume, ...bind },
      { destination: "/shared/swapped/sys", source: fake, ...bind },
    );
  });
  return { bundle, volume };
}

testWith(
  { gcc: HAS_COMPILER },
  "a mount that is led over /proc/sys at the right moment changes nothing",
  async () => {
    await attack(workspace, async ({ folder }) => {
      const before = DANGEROUS.map((path) => Deno.readTextFileSync(path));
      const { bundle, volume } = await bundleWithSwappedFolder(folder);
      let made = 0;
      await whileSwapping(workspace, volume, ["swapped", "link"], async () => {
        for (let round = 0; round < 40; round++) {
          const { code, stdout, stderr } = await bundles.command(
            ["run", "-b", bundle, bundles.id()],
          );
          if (code === 0) made++;
          else assertMatch(stderr, /mounted over \/proc|"\/shared\/swapped\/sys"/);
          assertEquals(stdout, code === 0 ? `${VALUE}\n` : "", stderr);
        }
      });
      assert(made > 0, "no container was made at all");
      assertEquals(DANGEROUS.map((path) => Deno.readTextFileSync(path)), before);
    });
  },
);
