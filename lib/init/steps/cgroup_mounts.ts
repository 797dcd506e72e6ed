import { close, mkdirat, symlinkat } from "../../../ffi/file.ts";
import { mount_setattr, move_mount } from "../../../ffi/mount.ts";
import {
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
} from "../../../ffi/mount_flags.ts";
import { closeMount, type InitContext } from "../context.ts";
import { openDirectory } from "../inside.ts";
import type { HierarchyMount, StepOf } from "../plan.ts";
import { cloneSource, makeFileSystem, propagate } from "./mounts.ts";

const ATTRIBUTES = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

/**
 * The container's own view of its cgroups. On v1 that is one mount for each hierarchy below a small
 * tmpfs, on v2 one mount. Each begins at the container: by its cgroup namespace, or where it has none
 * because its own folder is what is bound.
 */
export function mountCgroups(context: InitContext, step: StepOf<"cgroup mounts">): void {
  const attributes = ATTRIBUTES | (step.readonly ? MOUNT_ATTR_RDONLY : 0);
  const [first] = step.hierarchies;
  const target = openDirectory(context.root, step.target);
  if (first?.name === "") {
    const fd = hierarchy(context, first, attributes);
    move_mount(fd, target, JSON.stringify(step.target));
    for (const flags of step.propagation) propagate(fd, flags);
    close(target);
    return closeMount(context, fd, first.tree);
  }
  const tmpfs = makeFileSystem(
    "tmpfs",
    [["source", "tmpfs"], ["mode", "755"], ["size", "64k"]],
    ATTRIBUTES,
  );
  move_mount(tmpfs, target, JSON.stringify(step.target));
  close(target);
  for (const one of step.hierarchies) {
    mkdirat(tmpfs, one.name, 0o755);
    const fd = hierarchy(context, one, attributes);
    move_mount(fd, tmpfs, JSON.stringify(`${step.target}/${one.name}`), one.name);
    for (const flags of step.propagation) propagate(fd, flags);
    closeMount(context, fd, one.tree);
  }
  for (const [name, target] of step.links) symlinkat(target, tmpfs, name);
  for (const flags of step.propagation) propagate(tmpfs, flags);
  if (step.readonly) mount_setattr(tmpfs, { set: MOUNT_ATTR_RDONLY });
  close(tmpfs);
}

function hierarchy(
  context: InitContext,
  { options, tree: own, source }: HierarchyMount,
  attributes: number,
): number {
  const tree = own ?? (source && cloneSource(context, source, { recursive: false }));
  if (typeof tree === "number") {
    mount_setattr(tree, { set: attributes });
    return tree;
  }
  if (options === undefined) return makeFileSystem("cgroup2", [["source", "cgroup2"]], attributes);
  const pairs = options.map((option) => option.split("=") as [string, string?]);
  return makeFileSystem("cgroup", [["source", "cgroup"], ...pairs], attributes);
}
