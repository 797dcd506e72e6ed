import { assertEquals } from "@std/assert";
import { launcherImage, type Machine } from "../../../lib/init/launcher.ts";
import type { SeccompFilter } from "../../../lib/init/plan.ts";

/** The words before the launcher's path: none on its own machine, an emulator's elsewhere. */
function runner(machine: Machine): string[] | undefined {
  if (machine === Deno.build.arch) return [];
  const emulator = `/usr/bin/qemu-${machine}-static`;
  try {
    return Deno.statSync(emulator).isFile ? [emulator, "-0", "PROGRAM"] : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Runs a launcher with descriptor 3 as its channel.
 *
 * @param program what it is to become; its arguments follow, argv[0] first.
 * @returns how that ended, and what came through the channel.
 */
function launch(machine: Machine, program: string, argv: string[], filter?: SeccompFilter) {
  const folder = Deno.makeTempDirSync();
  try {
    const file = `${folder}/launcher`;
    Deno.writeFileSync(file, launcherImage({ channel: 3, filter }, machine), { mode: 0o755 });
    const words = [...runner(machine)!, file].map((word) => word === "PROGRAM" ? program : word);
    const script = 'name=$0; channel=$1; shift; exec -a "$name" "$@" 3>"$channel"';
    const args = ["-c", script, program, `${folder}/channel`, ...words, ...argv];
    const { code, signal, stdout } = new Deno.Command("bash", {
      args,
      env: { GIVEN: "yes" },
    }).outputSync();
    const said = Deno.readFileSync(`${folder}/channel`);
    return { code, signal, stdout: new TextDecoder().decode(stdout), said: [...said] };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

for (const machine of ["x86_64", "aarch64"] as const) {
  const ignore = runner(machine) === undefined;

  Deno.test({
    name: `${machine}: the program has its arguments and environment, and the channel no more`,
    ignore,
    fn: () => {
      const script = 'echo "$0 $1 $GIVEN"; test -e /proc/self/fd/3 && echo open; exit 5';
      const result = launch(machine, "/bin/sh", ["sh", "-c", script, "name", "first"]);
      assertEquals(result, { code: 5, signal: null, stdout: "name first yes\n", said: [] });
    },
  });

  Deno.test({
    name: `${machine}: what cannot be run is told by the error's number`,
    ignore,
    fn: () => {
      const ENOENT = 2, EACCES = 13;
      assertEquals(launch(machine, "/nowhere", ["x"]).said, [ENOENT, 0, 0, 0]);
      const result = launch(machine, "/etc/passwd", ["x"]);
      assertEquals([result.code, ...result.said], [127, EACCES, 0, 0, 0]);
    },
  });
}

Deno.test("a filter is loaded, and told about when it is refused", () => {
  const instruction = (code: number, k: number) => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setUint16(0, code, true);
    new DataView(bytes.buffer).setUint32(4, k, true);
    return bytes;
  };
  const RET = 6, ALLOW = 0x7fff0000, KILL = 0;
  const filter = (value: number, flags = 0) => ({ program: instruction(RET, value), flags });
  const machine = Deno.build.arch;
  // Without no_new_privs it takes root.
  if (Deno.uid() === 0) {
    const script = "grep Seccomp: /proc/self/status";
    const { stdout } = launch(machine, "/bin/sh", ["sh", "-c", script], filter(ALLOW));
    assertEquals(stdout, "Seccomp:\t2\n");
    assertEquals(launch(machine, "/bin/sh", ["sh", "-c", "true"], filter(KILL)).signal, "SIGSYS");
  }
  const EINVAL = 22;
  const unknownFlag = 1 << 14;
  const refused = launch(machine, "/bin/true", ["true"], filter(ALLOW, unknownFlag));
  assertEquals([refused.code, ...refused.said], [127, EINVAL, 0, 0, 0]);
});
