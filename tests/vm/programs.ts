/** The programs that the virtual machine takes, and the Debian packages that have them. */

/** Why the machine cannot be had here. Not a failure of what is tested. */
export class Skipped extends Error {}

const PROGRAMS: readonly { readonly name: string; readonly package: string }[] = [
  { name: "qemu-system-x86_64", package: "qemu-system-x86" },
  { name: "mmdebstrap", package: "mmdebstrap" },
  { name: "mke2fs", package: "e2fsprogs" },
  { name: "tar", package: "tar" },
];

/**
 * Sees that all programs are there, and installs what is missing where it may.
 *
 * @throws {Skipped} when one of them cannot be had.
 */
export async function requirePrograms(): Promise<void> {
  if (Deno.build.os !== "linux" || Deno.build.arch !== "x86_64") {
    throw new Skipped(`the machine is built for x86_64, this one is ${Deno.build.arch}`);
  }
  const missing = await missingPrograms();
  if (missing.length === 0) return;
  const packages = missing.map((program) => program.package);
  const how = `install ${packages.join(" ")}`;
  if (Deno.uid() !== 0) throw new Skipped(`${how}: that takes root`);
  if (!await isThere("apt-get")) throw new Skipped(`${how}: there is no apt-get to do it`);
  console.log(`Installing ${packages.join(" ")}`);
  const apt = (...args: string[]) =>
    run("apt-get", ["-qq", "-o", "DPkg::Lock::Timeout=120", ...args], {
      DEBIAN_FRONTEND: "noninteractive",
    });
  await apt("update");
  await apt("install", "-y", "--no-install-recommends", ...packages);
  const still = await missingPrograms();
  if (still.length > 0) throw new Skipped(`apt-get did not install ${still[0]!.name}`);
}

async function missingPrograms(): Promise<(typeof PROGRAMS)[number][]> {
  const there = await Promise.all(PROGRAMS.map(({ name }) => isThere(name)));
  return PROGRAMS.filter((_, i) => !there[i]);
}

/** Looks where administrators' programs are as well, which a user's PATH may lack. */
export const PATH = `${Deno.env.get("PATH") ?? ""}:/usr/sbin:/sbin:/usr/bin:/bin`;

async function isThere(program: string): Promise<boolean> {
  const { success } = await new Deno.Command("/bin/sh", {
    args: ["-c", 'command -v "$1"', "sh", program],
    env: { PATH },
    stdout: "null",
  }).output();
  return success;
}

async function run(program: string, args: string[], env: Record<string, string>): Promise<void> {
  await new Deno.Command(program, { args, env, stdout: "null", stderr: "inherit" }).output();
}
