/** The machine's disk: a small Debian with systemd, made by mmdebstrap. */

import type { Kind } from "./kinds.ts";
import { PATH, Skipped } from "./programs.ts";

/** The files that a machine starts from. */
export interface Image {
  readonly kernel: string;
  readonly initrd: string;
  /** An ext4 file system without partitions. */
  readonly disk: string;
}

const MIRROR = "http://deb.debian.org/debian";

/**
 * kmod loads what the network needs, procps has pgrep, libpam-systemd gives users a systemd of their own,
 * busybox-static is the init of the initrd.
 */
const PACKAGES = [
  "systemd-sysv",
  "libpam-systemd",
  "kmod",
  "procps",
  "iproute2",
  "iputils-ping",
];
const INITRD_PACKAGES = ["busybox-static"];

/** Minutes. */
const TIMEOUT = 10;

/**
 * Makes the image in `folder`, or takes the one that is there if it was made by the same recipe.
 *
 * @param suite of Debian.
 * @throws {Skipped} when Debian's archive cannot be reached.
 */
export async function buildImage(folder: string, kind: Kind, suite: string): Promise<Image> {
  const image = {
    kernel: `${folder}/vmlinuz`,
    initrd: `${folder}/initrd`,
    disk: `${folder}/disk.ext4`,
  };
  const recipe = await makeRecipe(kind, suite);
  const note = `${folder}/recipe`;
  if (await readIfThere(note) === recipe) return image;
  await requireMirror(suite);
  console.log(`Making the virtual machine's disk from ${MIRROR}, once`);
  await Deno.remove(note).catch(ignoreMissing);
  await bootstrap(image, kind, suite);
  // Written last: half an image is never taken for a whole one.
  await Deno.writeTextFile(note, recipe);
  return image;
}

/** Everything that the image's content depends on. */
async function makeRecipe({ packages, size }: Kind, suite: string): Promise<string> {
  const files = ["customize.sh", "initrd.sh", "checks.service"];
  const texts = await Promise.all(files.map((name) => Deno.readTextFile(source(name))));
  return [suite, MIRROR, ...PACKAGES, ...packages, ...INITRD_PACKAGES, size, ...texts].join("\n");
}

function source(name: string): string {
  return new URL(`image/${name}`, import.meta.url).pathname;
}

/**
 * mmdebstrap needs no root: what its hooks write belongs to a user namespace, and `download` hands
 * it out of there.
 */
async function bootstrap(
  { kernel, initrd, disk }: Image,
  kind: Kind,
  suite: string,
): Promise<void> {
  const packages = [...PACKAGES, ...kind.packages, ...INITRD_PACKAGES];
  const args = [
    "--quiet",
    "--variant=minbase",
    `--include=${packages.join()}`,
    '--customize-hook=mkdir -p "$1/initrd" "$1/output"',
    `--customize-hook=upload ${source("initrd.sh")} /initrd/init`,
    `--customize-hook=upload ${source("checks.service")} /etc/systemd/system/checks.service`,
    `--customize-hook=size=${kind.size}M\n${await Deno.readTextFile(source("customize.sh"))}`,
    `--customize-hook=download /output/vmlinuz ${kernel}`,
    `--customize-hook=download /output/initrd ${initrd}`,
    `--customize-hook=download /output/disk ${disk}`,
    "--format=null",
    suite,
    "/dev/null",
    MIRROR,
  ];
  const { success, stderr, stdout } = await new Deno.Command("mmdebstrap", {
    args,
    env: { PATH, LC_ALL: "C.UTF-8" },
    signal: AbortSignal.timeout(TIMEOUT * 60_000),
  }).output();
  if (success) return await digHoles(disk);
  const said = new TextDecoder().decode(stderr) + new TextDecoder().decode(stdout);
  throw new Error(`mmdebstrap failed:\n${said.trimEnd().slice(0, 2000)}`);
}

/** What was empty arrived as zeros. A file system that keeps them is no reason to stop. */
async function digHoles(disk: string): Promise<void> {
  const args = ["--dig-holes", disk];
  await new Deno.Command("fallocate", { args, env: { PATH }, stderr: "null" }).output();
}

async function requireMirror(suite: string): Promise<void> {
  try {
    const url = `${MIRROR}/dists/${suite}/Release`;
    const answer = await fetch(url, { method: "HEAD", signal: AbortSignal.timeout(20_000) });
    if (!answer.ok) throw new Skipped(`${url} is not to be had: ${answer.status}`);
  } catch (error) {
    if (error instanceof Skipped) throw error;
    throw new Skipped(`${MIRROR} cannot be reached: ${(error as Error).message}`);
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  return await Deno.readTextFile(path).catch(ignoreMissing);
}

function ignoreMissing(error: unknown): undefined {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
