import { AT_EMPTY_PATH, O_NOCTTY, O_RDWR } from "../../../ffi/constants.ts";
import { close, fchownat, openat, openInRoot } from "../../../ffi/file.ts";
import { move_mount, open_tree_clone } from "../../../ffi/mount.ts";
import { dup2 } from "../../../ffi/process.ts";
import { fstatfsType } from "../../../ffi/statfs.ts";
import { openPtyPeer, setControllingTerminal, setWindowSize, unlockPty } from "../../../ffi/tty.ts";
import { tell } from "../channel.ts";
import { type InitContext, InitError } from "../context.ts";
import { openMountPoint } from "../inside.ts";
import type { StepOf } from "../plan.ts";

const DEVPTS_SUPER_MAGIC = 0x1cd1;

/**
 * A pty out of the container's own devpts: its slave becomes standard input and output, the
 * controlling terminal and /dev/console; its master goes to the parent. The slave is had from the
 * master (TIOCGPTPEER) and bound by descriptor, never looked up by a name that could have been
 * swapped (CVE-2025-52565).
 */
export function openTerminal(context: InitContext, step: StepOf<"terminal">): void {
  const master = openMaster(context);
  unlockPty(master);
  const slave = openPtyPeer(master);
  if (step.size) setWindowSize(slave, step.size);
  fchownat(slave, "", step.uid, -1, AT_EMPTY_PATH);

  if (step.console) bindConsole(context.root, slave);
  if (context.takeTerminal !== undefined) return context.takeTerminal(master, slave);
  tell(context.channel, { type: "console" }, [master]);
  close(master);
  if (step.controlling) setControllingTerminal(slave);
  for (const fd of [0, 1, 2]) dup2(slave, fd);
  close(slave);
}

/** What is no terminal is not opened, for to open a device may be to set it going; see regular.ts. */
function openMaster({ root, own }: InitContext): number {
  const path = "dev/pts/ptmx";
  const flags = O_RDWR | O_NOCTTY;
  const place = openInRoot(root, path);
  if (fstatfsType(place) !== DEVPTS_SUPER_MAGIC) {
    throw new InitError(`/dev/pts/ptmx is not a devpts file: mount devpts on "/dev/pts"`);
  }
  const master = own === undefined ? openInRoot(root, path, flags) : openat(own, `${place}`, flags);
  close(place);
  return master;
}

function bindConsole(root: number, slave: number): void {
  const target = openMountPoint(root, "/dev/console", false);
  const mount = open_tree_clone(slave, "", false);
  move_mount(mount, target, `"/dev/console"`);
  close(mount);
  close(target);
}
