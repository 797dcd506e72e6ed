import type { Command, Measurement, Stopwatch } from "../spawn.ts";
import type { Sample } from "./sample.ts";

/** A program, or two of them, that pull an image and extract it. */
export interface Puller {
  readonly name: string;
  /** Programs that it takes. */
  readonly programs: readonly string[];
  /** What it runs, one after another, to get an image into a new folder. */
  commands(reference: string, folder: string): readonly (readonly string[])[];
  /** Whether it is to be had at all; all images unless told. */
  fits?(sample: Sample): boolean;
  /** What has to be undone before the folder can be removed. */
  afterwards?(folder: string): void;
}

/** Those that are compared, by what they leave: a root file system that a container can be run from. */
export function pullers(binary: string): Puller[] {
  return [
    {
      name: "gocontainer pull",
      programs: [binary],
      commands: (reference, folder) => [[binary, "pull", "-i", `${folder}/images`, reference]],
    },
    {
      name: "skopeo + umoci",
      programs: ["skopeo", "umoci"],
      commands: (reference, folder) => [
        [
          "skopeo",
          "--insecure-policy",
          "copy",
          "-q",
          "--src-tls-verify=false",
          `docker://${reference}`,
          `oci:${folder}/layout:image`,
        ],
        ["umoci", "unpack", "--image", `${folder}/layout:image`, `${folder}/bundle`],
      ],
    },
    podman("overlay"),
    podman("vfs"),
  ];
}

/** Bytes that a disk is to take for one image. */
const MOST_COPIED = 3e9;

function podman(driver: string): Puller {
  return {
    name: `podman, ${driver}`,
    // Without overlays each layer is a copy of all below it.
    fits: ({ files, size, layers }) => driver !== "vfs" || files * size * layers <= MOST_COPIED,
    programs: ["podman"],
    commands: (reference, folder) => [[
      "podman",
      "--root",
      `${folder}/root`,
      "--runroot",
      runroot(folder),
      "--storage-driver",
      driver,
      "pull",
      "-q",
      "--tls-verify=false",
      reference,
    ]],
    afterwards(folder) {
      // It leaves its store mounted on itself.
      new Deno.Command("umount", { args: ["-l", `${folder}/root/overlay`], stderr: "null" })
        .outputSync();
      Deno.removeSync(runroot(folder), { recursive: true });
    },
  };
}

/** It takes no longer path than one of 50 characters. */
function runroot(folder: string): string {
  return `/run/${folder.slice(-12)}`;
}

/** Pulls once, into a new folder. */
export function pullOnce(
  puller: Puller,
  reference: string,
  folder: string,
  stopwatch: Stopwatch,
): Measurement {
  const total = { wall: 0, cpu: 0 };
  for (const [program = "", ...args] of puller.commands(reference, folder)) {
    const command: Command = {
      argv: [pathOf(program) ?? program, ...args],
      env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: folder },
    };
    const { wall, cpu } = stopwatch.prepare(command).run();
    total.wall += wall;
    total.cpu += cpu;
  }
  puller.afterwards?.(folder);
  return total;
}

/** Where a program is; undefined when it is not installed. */
export function pathOf(program: string): string | undefined {
  if (program.startsWith("/")) return program;
  for (const folder of ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"]) {
    try {
      if (Deno.statSync(`${folder}/${program}`).isFile) return `${folder}/${program}`;
    } catch {
      // It may be in the next one.
    }
  }
  return undefined;
}
