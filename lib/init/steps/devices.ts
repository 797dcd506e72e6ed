import { AT_SYMLINK_NOFOLLOW, S_IFMT } from "../../../ffi/constants.ts";
import { SysError } from "../../../ffi/errno.ts";
import {
  close,
  fchownat,
  type FileStatus,
  mknodat,
  readlinkat,
  statx,
  symlinkat,
  unlinkat,
} from "../../../ffi/file.ts";
import { move_mount } from "../../../ffi/mount.ts";
import { closeMount, type InitContext, InitError } from "../context.ts";
import { openMountPoint, Parents } from "../inside.ts";
import type { DeviceNode, StepOf } from "../plan.ts";
import { cloneSource } from "./mounts.ts";

/** Makes device nodes; every one relative to the descriptor of the folder that it lies in. */
export function makeDeviceNodes(context: InitContext, step: StepOf<"device nodes">): void {
  using parents = new Parents(context.root);
  for (const node of step.nodes) {
    const { parent, name } = parents.of(node.path);
    const tree = node.tree ?? cloneNode(context, node);
    if (tree !== undefined) {
      bindNode(context.root, node.path, tree);
      closeMount(context, tree, node.tree);
      continue;
    }
    makeNode(parent, name, node);
    if (node.uid !== 0 || node.gid !== 0) {
      fchownat(parent, name, node.uid, node.gid, AT_SYMLINK_NOFOLLOW);
    }
  }
}

/** The host's own node over an empty file: in a user namespace mknod(2) is refused. */
function bindNode(root: number, path: string, tree: number): void {
  const target = openMountPoint(root, path, false);
  move_mount(tree, target, JSON.stringify(path));
  close(target);
}

function cloneNode(context: InitContext, node: DeviceNode): number | undefined {
  const { path, spread, mode } = node;
  if (spread === undefined) return undefined;
  const tree = cloneSource(context, path, { recursive: false, spread });
  if (isSameNode(statx(tree), node)) return tree;
  throw new InitError(
    `device "${path}": the host has another one there than linux.devices says, type and numbers ` +
      `${mode.toString(8)} ${node.major}:${node.minor}`,
  );
}

function isSameNode({ mode, rdev }: FileStatus, node: DeviceNode): boolean {
  return (mode & S_IFMT) === (node.mode & S_IFMT) &&
    rdev.major === node.major && rdev.minor === node.minor;
}

function makeNode(parent: number, name: string, node: DeviceNode): void {
  try {
    mknodat(parent, name, node.mode, node.major, node.minor);
  } catch (error) {
    if (!(error instanceof SysError && error.code === "EEXIST")) throw error;
    if (!isSameNode(statx(parent, name, AT_SYMLINK_NOFOLLOW), node)) {
      throw new InitError(`device "${node.path}": something else is there already`);
    }
  }
}

/** Makes the symbolic links of /dev; a link that is there already is replaced, anything else is left as it is. */
export function makeLinks(context: InitContext, step: StepOf<"links">): void {
  using parents = new Parents(context.root);
  for (const [path, target] of step.links) {
    const { parent, name } = parents.of(path);
    try {
      symlinkat(target, parent, name);
    } catch (error) {
      if (!(error instanceof SysError && error.code === "EEXIST")) throw error;
      replaceLink(parent, name, target);
    }
  }
}

function replaceLink(parent: number, name: string, target: string): void {
  try {
    if (readlinkat(parent, name) === target) return;
  } catch (error) {
    if (error instanceof SysError && error.code === "EINVAL") return;
    throw error;
  }
  unlinkat(parent, name);
  symlinkat(target, parent, name);
}
