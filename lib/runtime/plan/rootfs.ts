/** The part of the plan that makes the root file system. */

import { resolve } from "@std/path/posix/resolve";
import { MOUNT_ATTR_RDONLY, MS_BIND, MS_REC, MS_SLAVE } from "../../../ffi/mount_flags.ts";
import type { MountStep, Step } from "../../init/plan.ts";
import { parseMountOptions } from "../../oci/mount_options.ts";
import { ROOTFS_PROPAGATION } from "../../oci/propagation.ts";
import type { Mount, Spec } from "../../oci/spec.ts";
import { sysctlPath } from "../../oci/sysctl.ts";
import { cgroupMounts } from "../cgroup_mounts.ts";
import { containerNodes, deviceLinks, isFifo } from "../devices.ts";
import { mountStep } from "../mount_step.ts";
import { rootOverlay } from "../trees.ts";
import { terminalStep } from "./steps.ts";
import { containerHooks, type PlanOptions } from "./container.ts";

/** From the first mount to the new root, in the order of the config's mounts. */
export function rootfs(spec: Spec, options: PlanOptions): Step[] {
  const linux = spec.linux ?? {};
  const { namespaces, trees } = options;
  const plan: Step[] = [];
  const own = namespaces.has("mount");
  const mounts = spec.mounts ?? [];
  if (own) {
    // Slave at first even for a private root: a mount made private at once would pin the host's mounts.
    // And for a shared one: what is mounted here is not to be seen on the host.
    plan.push({
      do: "propagation",
      label: "stop mounts from spreading to the host",
      flags: MS_SLAVE | MS_REC,
    });
  }

  if (!trees.byChild) plan.push(...sources(spec, options));
  const path = resolve(options.bundle, spec.root.path);
  const overlay = rootOverlay(mounts);
  plan.push({
    do: "root",
    label: overlay
      ? `mount the overlay of image and changes on "${path}"`
      : `make "${path}" a mount of its own`,
    path,
    ...(overlay ? { overlay: mountStep(overlay, trees.mounts.get(overlay)) } : {}),
    ...(trees.root === undefined ? {} : { tree: trees.root }),
    ...(trees.attached ? { attached: true } : {}),
    ...(trees.byChild && !overlay ? { spread: trees.byChild.spread } : {}),
  });

  const readOnlyLater: string[] = [];
  const targets = mounts.map(({ destination }) => resolve("/", destination));
  for (const [i, mount] of mounts.entries()) {
    if (mount === overlay) continue;
    if (mount.type === "cgroup") {
      plan.push(cgroupMounts(mount, options.layout, trees.cgroups, trees.byChild?.cgroups));
      continue;
    }
    const step = mountStep(mount, trees.mounts.get(mount), linux.mountLabel);
    if (step.set & MOUNT_ATTR_RDONLY && takesMore(step, targets.slice(i + 1))) {
      readOnlyLater.push(step.target);
      plan.push({
        ...step,
        set: step.set & ~MOUNT_ATTR_RDONLY,
        options: step.options.filter(([key]) => key !== "ro"),
      });
    } else plan.push(step);
  }

  // A /dev that is the host's has all it needs, and is not the container's to change.
  if (!mounts.some(isHostDev)) {
    const nodes = containerNodes(linux.devices ?? []).map((node) => {
      const tree = trees.devices.get(node.path);
      if (trees.byChild && !isFifo(node)) return { ...node, spread: trees.byChild.spread };
      return tree === undefined ? node : { ...node, tree };
    });
    plan.push({ do: "device nodes", label: "make the device nodes in /dev", nodes });
    plan.push({ do: "links", label: "make the links in /dev", links: deviceLinks() });
  }
  if (spec.process?.terminal) {
    const controlling = !options.fromOutside;
    plan.push(terminalStep(spec.process, { controlling, console: true }));
  }
  for (const destination of readOnlyLater) {
    const change = mountStep({ destination, options: ["remount", "bind", "ro"] });
    plan.push({ ...change, label: `make ${destination} read-only` });
  }
  if (linux.sysctl && Object.keys(linux.sysctl).length > 0) {
    const values = Object.entries(linux.sysctl)
      .map(([key, value]) => [sysctlPath(key), value] as const);
    plan.push({ do: "sysctl", label: "set linux.sysctl", values });
  }
  if (spec.process) {
    const path = spec.process.cwd;
    if (path !== "/") {
      plan.push({ do: "make working folder", label: `make the working folder "${path}"`, path });
    }
  }
  if (linux.readonlyPaths?.length) {
    const paths = linux.readonlyPaths;
    plan.push({ do: "read-only paths", label: "make paths of /proc read-only", paths });
  }
  if (linux.maskedPaths?.length) {
    const paths = linux.maskedPaths;
    plan.push({ do: "masked paths", label: "hide paths of /proc and /sys", paths });
  }
  if (options.parentActs) {
    plan.push({ do: "wait for parent", label: "wait for the hooks and devices of the host" });
  }
  // Files of the host, whose root is still the root.
  const hooks = containerHooks(spec.hooks?.createContainer, "creating", options);
  if (hooks) {
    const label = "run the createContainer hooks";
    plan.push({ do: "container hooks", label, folder: options.bundle, ...hooks });
  }
  if (own) {
    const way = options.noPivot ? "move root" : "pivot root";
    plan.push({ do: way, label: "make the container's root the root" });
    plan.push({
      do: "root propagation",
      label: "settle how mounts spread",
      // Of the root alone: each mount has what it asks for.
      flag: ROOTFS_PROPAGATION[linux.rootfsPropagation ?? "private"] & ~MS_REC,
    });
  } else plan.push({ do: "change root", label: "make the container's root the root" });
  if (spec.root.readonly) plan.push({ do: "read-only root", label: "make the root read-only" });
  return plan;
}

/** Whether something is yet to be made in a new mount: nodes in /dev, and in a tmpfs places for later mounts. */
function takesMore({ kind, fstype, target }: MountStep, later: readonly string[]): boolean {
  if (kind !== "new") return false;
  if (target === "/dev") return true;
  // One that is covered could not be found again.
  return fstype === "tmpfs" && !later.includes(target) &&
    later.some((path) => path.startsWith(`${target}/`));
}

/** What the child opens of the host, before there is anything of the container's. */
export function sources(spec: Spec, { bundle, trees }: PlanOptions): Step[] {
  const mounts = spec.mounts ?? [];
  const paths = mounts.map((mount) => trees.mounts.get(mount)?.source)
    .filter((source) => source !== undefined);
  if (trees.byChild) {
    if (!rootOverlay(mounts)) paths.push(resolve(bundle, spec.root.path));
    if (!mounts.some(isHostDev)) {
      const nodes = containerNodes(spec.linux?.devices ?? []).filter((node) => !isFifo(node));
      paths.push(...nodes.map(({ path }) => path));
    }
    if (mounts.some(({ type }) => type === "cgroup")) paths.push(...trees.byChild.cgroups.values());
  }
  if (paths.length === 0) return [];
  return [{ do: "open sources", label: "open what bind mounts are to show", paths }];
}

/** Whether a mount brings the host's own devices, as for privileged containers. */
function isHostDev(mount: Mount): boolean {
  return (parseMountOptions(mount.options).flags & MS_BIND) !== 0 &&
    resolve("/", mount.destination) === "/dev";
}
