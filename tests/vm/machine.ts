/** Running the virtual machine. */

import type { Image } from "./image.ts";
import { PATH } from "./programs.ts";

/** What came out of the machine. */
export interface Outcome {
  /** What the checks wrote. */
  readonly results: string;
  /** What kernel and systemd wrote. */
  readonly console: string;
}

/** Minutes after which the machine is switched off. */
const TIMEOUT = 12;

/**
 * Starts the machine and waits until it switches itself off. Its disk stays as it is: what is
 * written to it goes to a file that is thrown away.
 *
 * @param machine the image, the second disk with the checks, and a folder for the two serial lines.
 */
export async function runMachine(
  machine: Image & { payload: string; folder: string },
): Promise<Outcome> {
  const [results, console] = [`${machine.folder}/results`, `${machine.folder}/console`];
  // The second line is read while it is written, so that progress can be seen.
  const qemu = new Deno.Command("qemu-system-x86_64", {
    args: [
      // Not KVM: within other virtual machines it is often there and yet hangs.
      ...["-machine", "accel=tcg", "-cpu", "max", "-smp", "2", "-m", "1536"],
      ...["-display", "none", "-monitor", "none", "-no-reboot"],
      ...["-kernel", machine.kernel, "-initrd", machine.initrd],
      ...["-append", "console=ttyS0 quiet panic=-1 systemd.show_status=0 mitigations=off"],
      ...["-drive", `file=${machine.disk},format=raw,if=virtio,snapshot=on`],
      ...["-drive", `file=${machine.payload},format=raw,if=virtio,readonly=on`],
      ...["-nic", "user,model=virtio-net-pci"],
      ...["-serial", `file:${console}`, "-serial", `file:${results}`],
    ],
    env: { PATH },
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  const progress = follow(results);
  const timer = setTimeout(() => qemu.kill("SIGKILL"), TIMEOUT * 60_000);
  const { signal } = await qemu.status;
  clearTimeout(timer);
  await progress.stop();
  const late = signal === "SIGKILL" ? `not ok - the machine ends within ${TIMEOUT} minutes\n` : "";
  return { results: await read(results) + late, console: await read(console) };
}

/** Prints what is added to a file until it is stopped. */
function follow(path: string): { stop(): Promise<void> } {
  let shown = 0;
  const show = async () => {
    const text = await read(path);
    const whole = text.lastIndexOf("\n") + 1;
    if (whole > shown) console.log(text.slice(shown, whole).trimEnd());
    shown = Math.max(shown, whole);
  };
  const timer = setInterval(show, 500);
  return {
    stop: async () => {
      clearInterval(timer);
      await show();
    },
  };
}

async function read(path: string): Promise<string> {
  try {
    return (await Deno.readTextFile(path)).replaceAll("\r", "");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
