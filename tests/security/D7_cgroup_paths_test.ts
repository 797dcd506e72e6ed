/** Row D7: a path that leads to cgroups of the host, and cgroups of the host that can be written from inside (CVE-2023-25809). */

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  Bundles,
  dropNamespace,
  type FilledSpec,
  mapUsers,
} from "../integration/support/bundle.ts";
import { entriesOf } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** Every cgroup folder of the host, to a depth at which containers are. */
function allCgroups(): string[] {
  return entriesOf("/sys/fs/cgroup").flatMap(({ name }) => {
    const mountpoint = `/sys/fs/cgroup/${name}`;
    return foldersOf(mountpoint).flatMap((folder) => [folder, ...foldersOf(folder)]);
  }).sort();
}

function foldersOf(folder: string): string[] {
  return entriesOf(folder).filter(({ isDirectory }) => isDirectory)
    .map(({ name }) => `${folder}/${name}`);
}

/** Asserts that there is no cgroup that was not there before. */
function assertNoneMade(before: readonly string[]): void {
  assertEquals(allCgroups().filter((folder) => !before.includes(folder)), []);
}

const LEADING_OUT = [
  "/../../escape",
  "..",
  "/..",
  "a/../../escape",
  "/go_containers/../escape",
  "./../escape",
  "",
];

for (const path of LEADING_OUT.filter((path) => path !== "")) {
  Deno.test(`linux.cgroupsPath "${path}" is refused before any cgroup is made`, async () => {
    await attack(workspace, async () => {
      const bundle = await bundles.make("true", (spec) => spec.linux.cgroupsPath = path);
      const before = allCgroups();
      const { code, stderr } = await bundles.command(["run", "-b", bundle, bundles.id()]);
      assertEquals(code, 1);
      assertMatch(stderr, /linux\.cgroupsPath: expected a path without "\.\."/);
      assertNoneMade(before);
    });
  });
}

Deno.test("exec joins no cgroup outside of the container's", async () => {
  await attack(workspace, async () => {
    await bundles.during(() => {}, async (id) => {
      const own = await bundles.command(["exec", id, "cat", "/proc/self/cgroup"]);
      assertEquals(own.code, 0, own.stderr);
      assert(!own.stdout.includes(".."), own.stdout);
      for (const path of [...LEADING_OUT, "nowhere", "a\nb", "/"]) {
        const { code, stdout, stderr } = await bundles.command(
          ["exec", "--cgroup", path, id, "cat", "/proc/self/cgroup"],
        );
        if (path === "" || path === "/") assertEquals([code, stdout], [0, own.stdout], stderr);
        else {
          assertEquals([code, stdout], [255, ""], path);
          assertMatch(stderr, /--cgroup|cgroup/, path);
        }
      }
    });
  });
});

/** Tries to write, and to make a folder, in every cgroup that is in sight; tells where that went well. */
const WRITE = `
for f in $(find /sys/fs/cgroup -type d 2>/dev/null); do
  mkdir $f/made 2>/dev/null && echo "made $f/made"
done
find /sys/fs/cgroup -name release_agent
for f in $(find /sys/fs/cgroup -name cgroup.procs); do echo "in $f: $(cat $f | tr '\\n' ' ')"; done
cat /proc/self/cgroup
`;

const KINDS: readonly (readonly [string, (spec: FilledSpec) => void])[] = [
  ["with a cgroup namespace", () => {}],
  ["without a cgroup namespace", (spec) => dropNamespace(spec, "cgroup")],
  ["in a user namespace", (spec) => mapUsers(spec)],
];

for (const [kind, change] of KINDS) {
  for (const readonly of [true, false]) {
    Deno.test(`a container ${kind} sees its own cgroups alone${readonly ? ", read-only" : ""}`, async () => {
      await attack(workspace, async () => {
        const before = allCgroups();
        const options = ["nosuid", "noexec", "nodev", ...(readonly ? ["ro"] : [])];
        const bundle = await bundles.make(WRITE, (spec) => {
          change(spec);
          spec.mounts = spec.mounts.filter(({ type }) => type !== "cgroup");
          spec.mounts.push({
            destination: "/sys/fs/cgroup",
            type: "cgroup",
            source: "cgroup",
            options,
          });
        });
        if (kind === "in a user namespace") await chownTree(`${bundle}/rootfs`);
        const id = bundles.id();
        const { code, stdout, stderr } = await bundles.command(["run", "-b", bundle, id]);
        assertEquals(code, 0, stderr);
        const lines = stdout.trim().split("\n");
        // A process of the host would show as 0, or by a number that is none of the container's.
        for (const line of lines.filter((line) => line.startsWith("in "))) {
          assertMatch(line, /: (\d{1,2} )*$/, stdout);
          assert(!/ 0 /.test(line), line);
        }
        assert(!stdout.includes("release_agent"), stdout);
        assert(!stdout.includes("/../"), stdout);
        if (readonly) assert(!stdout.includes("made "), stdout);
        assertNoneMade(before);
      });
    });
  }
}

/** The image's files as those of the root of {@link mapUsers}. */
async function chownTree(root: string): Promise<void> {
  const { success } = await new Deno.Command("chown", { args: ["-hR", "100000:100000", root] })
    .output();
  assert(success);
  for (let path = root; path !== "/tmp"; path = path.slice(0, path.lastIndexOf("/"))) {
    await Deno.chmod(path, 0o755);
  }
}
