import { AT_EMPTY_PATH, O_NOCTTY, O_RDWR } from "../../../ffi/constants.ts";
import { close, fchownat, fstatfsType, openInRoot } from "../../../ffi/file.ts";
import { move_mount, open_tree_clone } from "../../../ffi/mount.ts";
import { dup2 } from "../../../ffi/process.ts";
import {
  openPtyPeer,
  ptyNumber,
  setControllingTerminal,
  setWindowSize,
  unlockPty,
} from "../../../ffi/tty.ts";
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
  const master = openInRoot(context.root, "dev/pts/ptmx", O_RDWR | O_NOCTTY);
  if (fstatfsType(master) !== DEVPTS_SUPER_MAGIC) {
    throw new InitError(`/dev/pts/ptmx is not a devpts file: mount devpts on "/dev/pts"`);
  }
  unlockPty(master);
  const slave = openPtyPeer(master);
  if (step.size) setWindowSize(slave, step.size);
  fchownat(slave, "", step.uid, -1, AT_EMPTY_PATH);

  if (step.console) bindConsole(context.root, slave);
  if (context.takeMaster !== undefined) {
    // The container's first process is another one, which opens it by its name.
    context.takeMaster(master, `/dev/pts/${ptyNumber(master)}`);
    return close(slave);
  }
  tell(context.channel, { type: "console" }, [master]);
  close(master);
  if (step.controlling) setControllingTerminal(slave);
  for (const fd of [0, 1, 2]) dup2(slave, fd);
  close(slave);
}

function bindConsole(root: number, slave: number): void {
  const target = openMountPoint(root, "/dev/console", false);
  const mount = open_tree_clone(slave, "", false);
  move_mount(mount, target, `"/dev/console"`);
  close(mount);
  close(target);
}
