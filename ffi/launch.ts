import { AT_EMPTY_PATH, CLONE_INTO_CGROUP, SIGNALS } from "./constants.ts";
import type { CStringArray } from "./cstring.ts";
import { SysError } from "./errno.ts";
import { errno, syscall, trySyscall } from "./libc.ts";
import { posix_spawn } from "./posix_spawn.ts";
import { clearCloseOnExec, clone_args, setCloseOnExec } from "./process.ts";

/** Whether {@link launch} makes a process in a cgroup v2 folder. */
export const LAUNCHES_INTO_CGROUPS = Deno.build.arch === "x86_64";

/** How a program is run. */
export interface LaunchOptions {
  readonly argv: CStringArray;
  readonly envp: CStringArray;
  /** Descriptors, none of them 0, that it gets although they are close-on-exec. */
  readonly passed: readonly number[];
  /** A cgroup v2 folder to be born in: to join it later takes the kernel's wait for all processors (10 ms). */
  readonly cgroup?: number;
}

/**
 * Runs the program that is open as `fd` in a new process, whose number it returns. The process gets no copy of this
 * one's memory, is born into the namespaces that this one has for its children, and inherits the descriptors that
 * are not close-on-exec.
 */
export function launch(fd: number, options: LaunchOptions): number {
  return LAUNCHES_INTO_CGROUPS ? cloneForExec(fd, options) : spawn(fd, options);
}

function spawn(fd: number, { argv, envp, passed }: LaunchOptions): number {
  passed.forEach(clearCloseOnExec);
  try {
    return posix_spawn(`/proc/self/fd/${fd}`, argv, envp);
  } finally {
    passed.forEach(setCloseOnExec);
  }
}

/** clone3(2) of a child that shares this process's memory, while this one waits, until its execveat(2). */
function cloneForExec(fd: number, { argv, envp, passed, cgroup }: LaunchOptions): number {
  const CLONE_VM = 0x100n;
  const CLONE_VFORK = 0x4000n;
  using memory = new ChildMemory(passed);
  const args = clone_args.encode({
    flags: CLONE_VM | CLONE_VFORK | (cgroup === undefined ? 0n : CLONE_INTO_CGROUP),
    exit_signal: SIGNALS.SIGCHLD,
    stack: memory.stack,
    stack_size: memory.stackSize,
    cgroup: cgroup ?? 0,
  });
  // The third argument and those after it are none of clone3(2): the child finds them in its registers.
  const pid = trySyscall(
    "clone3",
    args,
    clone_args.size,
    argv.bytes,
    envp.bytes,
    AT_EMPTY_PATH,
    fd,
  );
  if (pid === -1) throw new SysError("clone3", errno(), `for the program of descriptor ${fd}`);
  return pid;
}

/** What the child does, and the registers as syscall(2) of the C library has left them; a list follows that ends with 0. */
const CODE = new Uint8Array([
  ...[0x49, 0x89, 0xd4], //                          mov  r12, rdx    the arguments
  ...[0x48, 0x8d, 0x1d, 0x36, 0x00, 0x00, 0x00], //  lea  rbx, [list]
  ...[0x8b, 0x3b], //                          next: mov  edi, [rbx]
  ...[0x85, 0xff], //                                test edi, edi
  ...[0x74, 0x14], //                                jz   exec
  ...[0xbe, 0x02, 0x00, 0x00, 0x00], //              mov  esi, 2      F_SETFD
  ...[0x31, 0xd2], //                                xor  edx, edx
  ...[0xb8, 0x48, 0x00, 0x00, 0x00], //              mov  eax, 72     fcntl
  ...[0x0f, 0x05], //                                syscall
  ...[0x48, 0x83, 0xc3, 0x04], //                    add  rbx, 4
  ...[0xeb, 0xe6], //                                jmp  next
  ...[0x44, 0x89, 0xcf], //                    exec: mov  edi, r9d    the program's descriptor
  ...[0x48, 0x89, 0xe6], //                          mov  rsi, rsp    "", for there are zeros
  ...[0x4c, 0x89, 0xe2], //                          mov  rdx, r12    r10, r8: the environment, flags
  ...[0xb8, 0x42, 0x01, 0x00, 0x00], //              mov  eax, 322    execveat
  ...[0x0f, 0x05], //                                syscall
  ...[0xbf, 0x7f, 0x00, 0x00, 0x00], //              mov  edi, 127
  ...[0xb8, 0xe7, 0x00, 0x00, 0x00], //              mov  eax, 231    exit_group
  ...[0x0f, 0x05], //                                syscall
  //                                           list:
]);

/**
 * Code and stack of a child that shares this process's memory and must leave its stack alone. It returns from
 * clone3(2) into the C library's syscall(2), and from there to where the top of its own stack says: to the code.
 */
class ChildMemory implements Disposable {
  static readonly #PAGE = 4096;
  readonly #address: number;
  /** Room above the stack's first word, of zeros. */
  static readonly #ABOVE = 64;

  /** @param passed what the child lets through its execve. */
  constructor(passed: readonly number[]) {
    const PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4;
    const MAP_PRIVATE = 2, MAP_ANONYMOUS = 0x20, MAP_32BIT = 0x40;
    const page = ChildMemory.#PAGE;
    const list = new Uint32Array([...passed, 0]);
    if (CODE.length + list.byteLength > page) {
      throw new RangeError(
        `Launch with ${passed.length} descriptors: there is no room for so many`,
      );
    }
    // Below 2 GiB, for what syscall(2) returns is read as 32 bits here.
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT;
    const size = 2 * page;
    this.#address = syscall("mmap", "", 0, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    const pointer = Deno.UnsafePointer.create(BigInt(this.#address))!;
    const bytes = new Uint8Array(new Deno.UnsafePointerView(pointer).getArrayBuffer(size));
    bytes.set(CODE);
    bytes.set(new Uint8Array(list.buffer), CODE.length);
    new DataView(bytes.buffer, bytes.byteOffset)
      .setBigUint64(page + this.stackSize, BigInt(this.#address), true);
    syscall("mprotect", "", this.#address, page, PROT_READ | PROT_EXEC);
  }

  get stack(): number {
    return this.#address + ChildMemory.#PAGE;
  }

  get stackSize(): number {
    return ChildMemory.#PAGE - ChildMemory.#ABOVE;
  }

  [Symbol.dispose](): void {
    syscall("munmap", "", this.#address, 2 * ChildMemory.#PAGE);
  }
}
