/** gocontainer in a chroot: as on the host itself, and nobody in a container gets out of it by that. */

import { assertEquals, assertMatch } from "@std/assert";
import { BINARY, entriesOf } from "./support/project.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

/** Makes a root of the host's own folders in $0, in a mount namespace of its own, and goes on in there with "$@". */
const IN_CHROOT = `
mkdir -p "$0$PWD" "$0$(dirname "$BINARY")" "$0/run" "$0/tmp"
for path in /usr /etc /bin /sbin /lib /lib64; do
  if [ -L $path ]; then cp -P $path "$0$path"
  elif [ -d $path ]; then mkdir -p "$0$path" && mount --bind $path "$0$path"; fi
done
for path in /proc /sys /dev; do mkdir -p "$0$path" && mount --rbind $path "$0$path"; done
for path in "$PWD" "$(dirname "$BINARY")"; do mount --bind "$path" "$0$path"; done
exec chroot "$0" sh -c 'cd "$0" && exec "$@"' "$PWD" "$@"`;

for (
  const [name, prepare] of [
    ["is a mount", 'mkdir "$0"; mount --bind "$0" "$0"; mount --make-shared "$0"'],
    ["is none", 'mkdir "$0"'],
  ]
) {
  Deno.test(`a root that ${name}: the container's is that of its mount namespace`, async () => {
    await workspace.alpine();
    const root = workspace.path(`root ${name}`);
    const script = `"$0" "$@" &
      for i in $(seq 100); do
        "$0" exec box cat /etc/alpine-release 2>/dev/null && break || sleep 0.1
      done
      "$0" kill box KILL; wait $!`;
    const { code, stdout, stderr } = await workspace.run([
      ...["-net=none", "-privileged", "-rm", "-name", "box", "alpine", "sh", "-c"],
      "nsenter -t 1 -m cat /etc/alpine-release; sleep 1000; true",
    ], {
      env: { BINARY },
      through: [
        ...["unshare", "--mount", "sh", "-ec", `${prepare}\n${IN_CHROOT}`, root],
        ...["sh", "-c", script],
      ],
    });
    assertEquals([code, stderr], [137, ""]);
    assertMatch(stdout, /^(3\..*\n)\1$/);
    assertEquals(entriesOf(`${root}/run/gocontainer`).map(({ name }) => name), [".lock"]);
    assertEquals(Deno.readTextFileSync("/proc/self/mountinfo").includes(workspace.folder), false);
  });
}

Deno.test("a user namespace cannot be had in a chroot, and that is said", async () => {
  const root = workspace.path("root of users");
  const { code, stderr } = await workspace.run(
    ["-net=none", "-userns=auto", "-rm", "alpine", "true"],
    {
      env: { BINARY },
      through: ["unshare", "--mount", "sh", "-ec", `mkdir "$0"\n${IN_CHROOT}`, root],
    },
  );
  assertEquals(code, 125);
  assertMatch(
    stderr,
    /^gocontainer: make a user namespace: clone3 .*EPERM.*\nThe kernel makes none in a chroot/,
  );
});
