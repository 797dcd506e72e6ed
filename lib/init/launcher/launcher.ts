/**
 * The launcher: a program of 150 bytes and a table of system calls, which stands between this one and the container's.
 *
 * At the moment of `execve` a process is still what it was, and its /proc/self/exe leads to that file on
 * the host. An image whose program is a script of the interpreter `/proc/self/exe` would so run this
 * very runtime inside the container, and could write over it (CVE-2019-5736). What it finds instead is the
 * launcher, which only memory holds (ffi/program_file.ts): no writing reaches it, and no file of the host is behind it.
 *
 * A process that joins a container with others in it is seen by them from the moment on that it is in their
 * pid namespace, and one that may trace (CAP_SYS_PTRACE) could take it over with all that it still is
 * (CVE-2016-9962). So it stays outside for all the work, becomes the launcher there, with the rights of the
 * program and its filter, and only what the launcher forks is inside.
 *
 * The same goes for a container's first process that waits for a later `start`, and is met there by what `exec`
 * runs before that: all of its plan is done by then, and what waits is the launcher. And for its startContainer
 * hooks, which are files of the container: the launcher runs them, and is all that they meet there.
 *
 * The launcher does, in this order, with nothing else in between:
 *
 *     openat2("self/attr/exec"); write(label)               with a label for SELinux
 *     prctl(PR_SET_DUMPABLE, 0)                             when it waits, or has hooks
 *     fcntl(channel, F_SETFD, FD_CLOEXEC)
 *     clone(CLONE_PARENT)                                   when it joins; the first one tells the number
 *         write(channel, {born, pid}); exit_group(0)        and ends
 *     setsid(); ioctl(0, TIOCSCTTY)                         the other one: with a terminal
 *     prctl(PR_SET_PDEATHSIG, SIGKILL)                      when it is to end with gocontainer
 *     write(channel, {ready}); accept4(listener)            when `start` is another process: the connection
 *     dup3(connection, channel); close(listener)            becomes the channel; one that joins was told before
 *     read(channel, word, 4)                                waits for the start, if it waits
 *     clone(SIGCHLD)                                        for each startContainer hook; the child does what
 *         memfd_create("state"); dup3; write; lseek         follows, and becomes the hook, whose standard input
 *         wait4(child); write(channel, {status}); read      is the state; the launcher hears whether to go on
 *     prlimit64(0, resource, &limit)                        for each limit
 *     seccomp(SECCOMP_SET_MODE_FILTER, flags, &filter)      with a filter that is not loaded yet
 *     execve(path, argv, envp)
 *     write(channel, {refused, errno}); exit_group(127)     when one of these fails
 */
import { CStringArray } from "../../../ffi/cstring.ts";
import { SysError } from "../../../ffi/errno.ts";
import { close, openat } from "../../../ffi/file.ts";
import { AT_FDCWD, O_PATH } from "../../../ffi/constants.ts";
import { errno } from "../../../ffi/libc.ts";
import { preparedExecve, preparedFexecve } from "../../../ffi/process.ts";
import { ProgramFile } from "../../../ffi/program_file.ts";
import { fstatfsType } from "../../../ffi/statfs.ts";
import { PROC_SUPER_MAGIC } from "../procfs.ts";
import { type Launch, type LaunchedProgram, launcherImage } from "./image.ts";

/** The launcher in its file, with what it takes to become the program by it. */
export class Launcher {
  readonly #exec: () => number;

  /** @param launch its channel has to go through an `execve` by then. */
  constructor(launch: Launch, program: LaunchedProgram) {
    const file = new ProgramFile("gocontainer");
    file.write(launcherImage(launch, program));
    const image = file.number;
    const words = new CStringArray(["gocontainer-init"]);
    const envp = new CStringArray([]);
    // The /proc of a container does not have who is outside of its pid namespace.
    this.#exec = launch.sibling === undefined && hasRealProc()
      ? preparedExecve(`/proc/self/fd/${image}`, words, envp)
      : preparedFexecve(image, words, envp);
  }

  /**
   * Becomes the launcher, and so the program: by execve(2) where /proc is there to name the memfd, as a
   * seccomp filter that is loaded by now may not know execveat(2). Takes no memory.
   *
   * @throws {SysError} when the launcher itself cannot be run.
   */
  launch(): never {
    this.#exec();
    throw new SysError("execve", errno(), "of the launcher");
  }
}

function hasRealProc(): boolean {
  try {
    const proc = openat(AT_FDCWD, "/proc", O_PATH);
    const isReal = fstatfsType(proc) === PROC_SUPER_MAGIC;
    close(proc);
    return isReal;
  } catch (error) {
    if (error instanceof SysError) return false;
    throw error;
  }
}
