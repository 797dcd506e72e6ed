/** Machines that the product can be built for. */

import { ToolError } from "../report.ts";

/** One target of `deno compile`. */
export interface Target {
  /** Deno's name for it, for example `x86_64-unknown-linux-gnu`. */
  readonly triple: string;
  /** The architecture as Linux and Alpine call it: `x86_64` or `aarch64`. */
  readonly arch: string;
}

const TARGETS: readonly Target[] = [
  { triple: "x86_64-unknown-linux-gnu", arch: "x86_64" },
  { triple: "aarch64-unknown-linux-gnu", arch: "aarch64" },
];

/**
 * The target with this triple; without one, that of the machine.
 *
 * @throws ToolError when the product does not run there
 */
export function targetNamed(triple: string = Deno.build.target): Target {
  const target = TARGETS.find((known) => known.triple === triple);
  if (target === undefined) {
    const known = TARGETS.map((one) => `"${one.triple}"`).join(" or ");
    throw new ToolError(`build for "${triple}": the target must be ${known}`);
  }
  return target;
}

/** Whether programs for the target run on this machine. */
export function isNative(target: Target): boolean {
  return target.triple === Deno.build.target;
}
