import { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } from "./constants.ts";
import { cstring } from "./cstring.ts";
import { errnoName, SysError } from "./errno.ts";
import { fchmod, Fd, openat, writeAll } from "./file.ts";
import { errno, syscall, trySyscall } from "./libc.ts";
import { fsconfig_create, fsmount, fsopen, mount_setattr } from "./mount.ts";
import { MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY } from "./mount_flags.ts";

/**
 * A program that only memory holds, and that nobody can change once it is written: a sealed memfd
 * (memfd_create(2)), or a file of a read-only tmpfs that is mounted nowhere, on machines that let no memfd be run
 * (Documentation/admin-guide/sysctl/vm.rst, memfd_noexec).
 */
export class ProgramFile implements Disposable {
  readonly #file: Fd;
  /** Where it is written, unless that is a memfd. */
  readonly #onTmpfs?: { readonly mount: Fd; readonly file: Fd };

  /**
   * @param name what the file is called.
   * @throws {SysError} where it can be neither.
   */
  constructor(name: string) {
    const memfd = memfd_create_program(name);
    if (memfd !== undefined) {
      this.#file = new Fd(memfd);
      return;
    }
    const mount = new Fd(mountTmpfs());
    const file = new Fd(openat(mount.number, name, O_RDWR | O_CREAT | O_EXCL));
    fchmod(file.number, 0o500);
    this.#onTmpfs = { mount, file };
    this.#file = new Fd(openat(mount.number, name, O_RDONLY));
  }

  /** To run it by, close-on-exec. */
  get number(): number {
    return this.#file.number;
  }

  /** Writes all of it, once. */
  write(program: Uint8Array<ArrayBuffer>): void {
    if (this.#onTmpfs === undefined) {
      writeAll(this.number, program);
      return sealWhole(this.number);
    }
    const { mount, file } = this.#onTmpfs;
    writeAll(file.number, program);
    // Nothing that is open for writing can be run, and no file system becomes read-only with such files.
    file[Symbol.dispose]();
    mount_setattr(mount.number, { set: MOUNT_ATTR_RDONLY });
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
    this.#onTmpfs?.file[Symbol.dispose]();
    this.#onTmpfs?.mount[Symbol.dispose]();
  }
}

function mountTmpfs(): number {
  try {
    using context = new Fd(fsopen("tmpfs"));
    fsconfig_create(context.number);
    return fsmount(context.number, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    throw new SysError("memfd_create", EACCES, "as the sysctl vm.memfd_noexec is 2");
  }
}

const EACCES = 13;

/** memfd_create(2), close-on-exec, of what can be run; undefined where nothing of the kind can. */
function memfd_create_program(name: string): number | undefined {
  const MFD_CLOEXEC = 1;
  const MFD_ALLOW_SEALING = 2;
  const MFD_EXEC = 0x10;
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const fd = trySyscall("memfd_create", cstring(name), flags | MFD_EXEC);
  if (fd !== -1) return fd;
  if (errnoName(errno()) === "EACCES") return undefined;
  // Before Linux 6.3 every one can be run, and the flag is unknown.
  return syscall("memfd_create", name, cstring(name), flags);
}

/** fcntl(2) F_ADD_SEALS: neither content, size nor seals of a memfd can be changed any more, by anybody. */
function sealWhole(fd: number): void {
  const F_ADD_SEALS = 1033;
  const F_SEAL_SEAL = 1, F_SEAL_SHRINK = 2, F_SEAL_GROW = 4, F_SEAL_WRITE = 8;
  const seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  syscall("fcntl", `${fd}`, fd, F_ADD_SEALS, seals);
}
