/** The machines that there are. */

import { ToolError } from "../../tools/report.ts";

/** A machine, and what is checked in it. */
export interface Kind {
  readonly name: string;
  /** Debian packages besides those that every machine has. */
  readonly packages: readonly string[];
  /** The size of its disk in MiB. */
  readonly size: number;
  /** Scripts of guest/, in their order. */
  readonly scripts: readonly string[];
}

/** The first one runs in CI. */
export const KINDS: readonly Kind[] = [
  {
    name: "plain",
    packages: [],
    size: 1200,
    scripts: ["checks.sh", "user.sh", "library.sh"],
  },
  {
    name: "engines",
    packages: ["podman", "crun", "conmon", "uidmap", "dbus-user-session", "catatonit"],
    size: 2000,
    scripts: ["podman.sh"],
  },
  {
    name: "docker",
    packages: ["docker.io", "docker-cli", "tini", "ca-certificates"],
    size: 2500,
    scripts: ["docker.sh"],
  },
];

/** @throws {ToolError} when there is none of that name. */
export function kindNamed(name: string): Kind {
  const kind = KINDS.find((kind) => kind.name === name);
  if (kind !== undefined) return kind;
  throw new ToolError(
    `start the machine "${name}": there are ${KINDS.map(({ name }) => name).join(", ")}`,
  );
}
