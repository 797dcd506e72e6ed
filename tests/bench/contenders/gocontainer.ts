import { type Contender, ENVIRONMENT } from "../contender.ts";

/** The binary, and where it finds its image and keeps its containers. */
export interface Gocontainer {
  readonly binary: string;
  readonly image: string;
  readonly imagesFolder: string;
  /** In memory, where there is such a place. */
  readonly containersFolder: string;
  /** On a disk; undefined where the other one is. */
  readonly containersOnDisk?: string;
}

/** The command line that runs /bin/true in a new container. */
export function runTrue(subject: Gocontainer, ...options: string[]): string[] {
  const { binary, image, imagesFolder, containersFolder } = subject;
  const folders = ["-i", imagesFolder, "-c", containersFolder];
  return [binary, ...folders, ...options, image, "/bin/true"];
}

/** gocontainer with all that it does by default, without a network, and with its containers on the disk. */
export function gocontainer(subject: Gocontainer): Contender[] {
  const contender = (
    name: string,
    title: string,
    includes: string,
    ...options: string[]
  ): Contender => ({
    name,
    title,
    includes,
    command: { argv: runTrue(subject, ...options), env: ENVIRONMENT },
    every: 1,
    role: "subject",
  });
  const { containersOnDisk } = subject;
  return [
    contender("gocontainer", "gocontainer", "overlay, cgroups, network"),
    contender("net-none", "gocontainer -net none", "overlay, cgroups", "-net", "none"),
    ...containersOnDisk === undefined ? [] : [
      contender(
        "on-disk",
        "gocontainer on disk",
        "overlay, cgroups, network",
        "-c",
        containersOnDisk,
      ),
    ],
  ];
}
