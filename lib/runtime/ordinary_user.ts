/**
 * Containers of who is not root. The user namespace of the container is what gives the rights to make it: its
 * first process, which is root in there, does what root's way has the parent do from outside (trees.ts). And
 * what takes rights on the host is gone without, or is an error here, before anything is made.
 */
import { readFile } from "../../ffi/file.ts";
import { ContainerError } from "../errors.ts";
import { isBind, parseMountOptions } from "../oci/mount_options.ts";
import type { NamespaceType, Spec } from "../oci/spec.ts";

/** The user's number; undefined for root. */
export function ordinaryUser(): number | undefined {
  own ??= Deno.uid() ?? 0;
  return own === 0 ? undefined : own;
}

/** Asked once, as the map below. */
let own: number | undefined;

/**
 * The number on the host of whoever makes containers without root's rights there: an ordinary user, or root in
 * a user namespace, such as rootless podman's. Undefined for root.
 */
export function limitedUser(): number | undefined {
  return ordinaryUser() ?? outsideOf(idMap ??= readFile("/proc/self/uid_map"));
}

/** Read once: it stays as it is. */
let idMap: string | undefined;

/**
 * The number that the first user of a user namespace has outside of it; undefined where it maps all ids to
 * themselves.
 *
 * @param map the text of proc(5)'s /proc/self/uid_map.
 */
export function outsideOf(map: string): number | undefined {
  const [inside, outside, size] = map.trim().split(" ").filter((word) => word !== "").map(Number);
  const ALL = 0xffff_ffff;
  return inside === 0 && outside === 0 && size === ALL ? undefined : outside;
}

/** File systems that belong to a namespace: only its owner may mount them. */
const OWNED: Readonly<Record<string, NamespaceType>> = {
  proc: "pid",
  sysfs: "network",
  mqueue: "ipc",
};

/** What to have in the place of such a file system. */
const INSTEAD: Readonly<Record<string, string>> = {
  sysfs: ', or bind the host\'s /sys, as the config of "gocontainer spec --rootless" does',
  proc: ", or bind the host's /proc",
};

/**
 * @throws {ContainerError} naming the field of a config that takes root's rights.
 */
export function checkUserSpec(spec: Spec): void {
  const { namespaces = [], gidMappings = [] } = spec.linux ?? {};
  const has = (type: NamespaceType) => namespaces.some((namespace) => namespace.type === type);
  if (!has("user")) {
    throw refusal(
      'linux.namespaces: there is no "user" namespace, without which only root can make containers',
      'Add {"type": "user"} there with linux.uidMappings and linux.gidMappings, as ' +
        '"gocontainer spec --rootless" does, or run as root',
    );
  }
  if (!namespaces.some(({ type, path }) => type === "mount" && path === undefined)) {
    throw refusal(
      'linux.namespaces: there is no new "mount" namespace, without which only root can mount',
      'Add {"type": "mount"} there, or run as root',
    );
  }
  if (!has("pid")) {
    throw refusal(
      'linux.namespaces: there is no "pid" namespace, without which only root can end all processes',
      'Add {"type": "pid"} there, or run as root',
    );
  }
  if (has("time")) {
    throw refusal('linux.namespaces: a "time" namespace takes root', "Leave it out");
  }
  const groups = spec.process?.user?.additionalGids ?? [];
  if (groups.length > 0 && gidMappings.length === 1 && gidMappings[0].size === 1) {
    throw refusal(
      "process.user.additionalGids: a user namespace of one group has no others",
      "Leave them out, or map more groups in linux.gidMappings",
    );
  }
  if (listens(spec)) {
    throw refusal(
      "linux.seccomp: only root can hand over the listener of SCMP_ACT_NOTIFY",
      "Choose another action",
    );
  }
  if (Object.keys(spec.linux?.netDevices ?? {}).length > 0) {
    throw refusal("linux.netDevices: only root can move devices of the host", "Leave them out");
  }
  for (const { type = "", destination, options, uidMappings } of spec.mounts ?? []) {
    if (uidMappings !== undefined || parseMountOptions(options).idmap !== undefined) {
      throw refusal(
        `mounts: only root can map the ids of the mount on "${destination}"`,
        "Leave out its mappings and the options idmap and ridmap",
      );
    }
    const owner = OWNED[type];
    if (owner === undefined || has(owner) || isBind(parseMountOptions(options))) continue;
    throw refusal(
      `mounts: ${type} on "${destination}" takes a "${owner}" namespace of the container's own`,
      `Add {"type": "${owner}"} to linux.namespaces${INSTEAD[type] ?? ""}`,
    );
  }
}

/** The listener is fetched out of a process that nobody but root may look into. */
function listens({ linux }: Spec): boolean {
  const { defaultAction, syscalls = [] } = linux?.seccomp ?? {};
  return [{ action: defaultAction }, ...syscalls].some(({ action }) =>
    action === "SCMP_ACT_NOTIFY"
  );
}

function refusal(what: string, hint: string): ContainerError {
  return new ContainerError(`apply ${what}`, { code: "NotAllowed", hint });
}
