import { CLONE_NEWNS } from "../../ffi/constants.ts";
import { close, Fd } from "../../ffi/file.ts";
import { clone3, waitid } from "../../ffi/process.ts";
import { socketpair } from "../../ffi/socket.ts";
import { ContainerError } from "../errors.ts";
import { hear } from "../init/channel.ts";
import { type OverlayMapping, runOverlayMaker } from "../init/mapped_overlay.ts";
import type { MountStep } from "../init/plan.ts";
import { step } from "../trace.ts";
import { stepFailure } from "./failure.ts";

/**
 * Makes an overlay, detached, whose files show through the mapping of a user namespace.
 *
 * @throws {ContainerError} with the call that failed: the file systems of the layers must take mappings.
 */
export function mountMappedOverlay(overlay: MountStep, mapping: OverlayMapping): Fd {
  return step(() => ({
    label: "make an overlay whose layers show their owners through the user namespace",
    call:
      "clone3(CLONE_NEWNS); open_tree(OPEN_TREE_CLONE) and mount_setattr(MOUNT_ATTR_IDMAP) of " +
      'each layer; fsopen("overlay"); fsmount',
    check: "cat /proc/<pid>/uid_map; ls -ln /proc/<pid>/root/   # the ids of the host",
  }), () => make(overlay, mapping));
}

function make(overlay: MountStep, mapping: OverlayMapping): Fd {
  const [ours, theirs] = socketpair();
  using channel = new Fd(ours);
  const { pid, pidfd } = clone3({ flags: CLONE_NEWNS });
  if (pid === 0) runOverlayMaker(overlay, mapping, theirs);
  close(theirs);
  using _pidfd = new Fd(pidfd);
  const heard = hear(channel.number);
  waitid(pid);
  if (heard?.message.type === "mounted") return new Fd(heard.fds[0]);
  if (heard?.message.type !== "failed") {
    throw new ContainerError(`${overlay.label}: the process that makes it ended early`);
  }
  const { call, errno } = heard.message;
  const EINVAL = 22;
  if (call !== "mount_setattr" || errno !== EINVAL) throw stepFailure(heard.message);
  throw new ContainerError(
    `${overlay.label}: a file system of its layers takes no mapping of ids`,
    {
      code: "Unsupported",
      cause: stepFailure(heard.message),
      hint: "Keep images and containers on ext4, xfs, btrfs or, since Linux 6.3, tmpfs",
    },
  );
}
