import type { Resources } from "../oci/spec.ts";

/** One value that goes into one file of a cgroup. */
export interface Setting {
  /** The field of `linux.resources` that asks for it, such as `memory.limit`. */
  readonly field: string;
  /** The file's name, or several of which the first that the kernel has is taken. */
  readonly file: string | readonly string[];
  readonly value: string;
  /** What to do when none of the files is there. */
  readonly missing?: string;
  /** What to do when the kernel refuses the value. */
  readonly refused?: string;
  /** Not asked for by the field itself: left out where the kernel has no such file. */
  readonly extra?: true;
  /**
   * The file holds one line for each device or interface, of which `value` is one: what to write
   * to take it back when there was none before. Or what it shows cannot be written: what to write instead.
   */
  readonly reset?: string;
}

/** Something asked for that this cgroup version cannot express. */
export interface Impossible {
  readonly field: string;
  /** Why not, as the rest of a sentence. */
  readonly impossible: string;
}

/** A file's present content, trimmed; undefined for a file that is not there. */
export type Current = (file: string) => string | undefined;

/** One controller in one cgroup version: what of an OCI `Resources` it is to write. */
export interface Controller {
  /** The kernel's name of it. */
  readonly name: string;
  /** The part of `linux.resources` that it serves. */
  readonly part: keyof Resources;
  /**
   * The settings in the order in which the kernel takes them.
   *
   * @param current what the cgroup has now: some orders and sums depend on it.
   * @throws {ContainerError} InvalidSpec for values that contradict each other.
   */
  settings(resources: Resources, current: Current): (Setting | Impossible)[];
}
