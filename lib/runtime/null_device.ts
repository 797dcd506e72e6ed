import { O_CLOEXEC, O_RDWR, S_IFCHR, S_IFMT } from "../../ffi/constants.ts";
import { fchmodat, Fd, mkdirat, mknodat, openat, statx } from "../../ffi/file.ts";
import { MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID } from "../../ffi/mount_flags.ts";
import { dup2 } from "../../ffi/process.ts";
import { ContainerError, SysError } from "../errors.ts";
import { makeFileSystem } from "../init/steps/mounts.ts";
import { step } from "../trace.ts";
import { mayMakeNodes } from "./devices.ts";
import { limitedUser } from "./ordinary_user.ts";

const STANDARD_STREAMS = [0, 1, 2];

/**
 * Gives this process, and so what it makes from now on, a null device of its own where its standard input or
 * output is one: by /proc/self/fd/0 root of a container could change mode and owner of the host's. Who may
 * make no node is not the owner of that one either, and what he makes has no rights over it.
 *
 * @throws {ContainerError} when it cannot be made.
 */
export function ownNullDevice(): void {
  const streams = STANDARD_STREAMS.filter(isNullDevice);
  if (streams.length === 0 || limitedUser() !== undefined || !mayMakeNodes()) return;
  step({
    label: "have a null device that is the container's own, for the one that was handed over",
    call: 'fsopen("tmpfs"); mknodat("null", S_IFCHR | 0666, 1:3); dup3()',
    check: `ls -lL ${streams.map((stream) => `/proc/<pid>/fd/${stream}`).join(" ")}`,
  }, () => {
    using device = makeNullDevice();
    for (const stream of streams) dup2(device.number, stream);
  });
}

function makeNullDevice(): Fd {
  try {
    using folder = new Fd(makeFileSystem("tmpfs", [], MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
    // Where programs that ask for its name have it.
    mkdirat(folder.number, "dev", 0o755);
    mknodat(folder.number, "dev/null", S_IFCHR | 0o666, 1, 3);
    // Whatever the umask of the caller is.
    fchmodat(folder.number, "dev/null", 0o666);
    return new Fd(openat(folder.number, "dev/null", O_RDWR | O_CLOEXEC));
  } catch (cause) {
    if (!(cause instanceof SysError)) throw cause;
    throw new ContainerError(`mount a tmpfs for a null device: ${cause.message}`, { cause });
  }
}

function isNullDevice(fd: number): boolean {
  const { mode, rdev } = statx(fd);
  return (mode & S_IFMT) === S_IFCHR && rdev.major === 1 && rdev.minor === 3;
}
