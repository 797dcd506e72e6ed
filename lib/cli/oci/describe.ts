import { AT_FDCWD } from "../../../ffi/constants.ts";
import { tryStatx } from "../../../ffi/file.ts";
import { configOf, statusOf } from "../../runtime/container.ts";
import { numberHere } from "../../runtime/process_identity.ts";
import type { ContainerState } from "../../runtime/state.ts";
import { resolve } from "@std/path/posix/resolve";

/** A container as `state` and `list -f json` have it: what engines read, with the members that runc adds. */
export interface Described {
  readonly ociVersion: string;
  readonly id: string;
  /** Where the user gave one. */
  readonly name?: string;
  readonly pid: number;
  readonly status: string;
  readonly bundle: string;
  readonly rootfs: string;
  readonly created: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly owner: string;
}

/** What is to be told of a container; undefined for one that has been deleted meanwhile. */
export function describe(state: ContainerState): Described | undefined {
  const { record } = state;
  const owner = ownerOf(state);
  if (owner === undefined) return undefined;
  const status = statusOf(state);
  const alive = status !== "stopped" && status !== "creating";
  return {
    ociVersion: record.ociVersion,
    id: record.id,
    ...record.name !== record.id && { name: record.name },
    pid: alive ? numberHere(record.init!) ?? 0 : 0,
    status,
    bundle: record.bundle,
    rootfs: rootfsOf(state),
    created: record.created,
    annotations: record.annotations,
    owner,
  };
}

/** The name of whose container it is, or the number of a user without one, as runc has them. */
function ownerOf({ folder }: ContainerState): string | undefined {
  const uid = tryStatx(AT_FDCWD, folder)?.uid;
  if (uid === undefined) return undefined;
  if (uid === 0) return "root";
  const account = accounts().find((fields) => fields[2] === `${uid}`);
  return account?.[0] ?? `#${uid}`;
}

/** The fields of passwd(5); none on a host that keeps its accounts elsewhere. */
function accounts(): string[][] {
  try {
    return Deno.readTextFileSync("/etc/passwd").split("\n").map((line) => line.split(":"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Empty while a container is being made and has no config yet. */
function rootfsOf(state: ContainerState): string {
  try {
    return resolve(state.record.bundle, configOf(state).root?.path ?? "");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
