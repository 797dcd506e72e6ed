import { type Contender, ENVIRONMENT } from "../contender.ts";

/** The binary, and where it finds its image and keeps its containers. */
export interface Gocontainer {
  readonly binary: string;
  readonly image: string;
  readonly imagesFolder: string;
  readonly containersFolder: string;
}

/** The command line that runs /bin/true in a new container. */
export function runTrue(subject: Gocontainer, ...options: string[]): string[] {
  const { binary, image, imagesFolder, containersFolder } = subject;
  const folders = ["-i", imagesFolder, "-c", containersFolder];
  return [binary, ...folders, ...options, image, "/bin/true"];
}

/** gocontainer with all that it does by default, and without a network. */
export function gocontainer(subject: Gocontainer): Contender[] {
  const contender = (name: string, includes: string, ...options: string[]): Contender => ({
    name,
    title: ["gocontainer", ...options].join(" "),
    includes,
    command: { argv: runTrue(subject, ...options), env: ENVIRONMENT },
    every: 1,
    role: "subject",
  });
  return [
    contender("gocontainer", "overlay, cgroups, network"),
    contender("net-none", "overlay, cgroups", "-net", "none"),
  ];
}
