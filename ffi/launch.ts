import type { CStringArray } from "./cstring.ts";
import { errno, syscall, trySyscall } from "./libc.ts";
import { clone_args, posix_spawn } from "./process.ts";
import { SysError } from "./errno.ts";

/** Whether {@link launch} makes a process in a cgroup v2 folder. */
export const LAUNCHES_INTO_CGROUPS = Deno.build.arch === "x86_64";

/**
 * Runs the program that is open as `fd` in a new process, whose number it returns. The process gets no copy of this
 * one's memory, is born into the namespaces that this one has for its children, and inherits the descriptors that
 * are not close-on-exec.
 *
 * @param cgroup a cgroup v2 folder to be born in: to join it later takes the kernel's wait for all processors (10 ms).
 */
export function launch(
  fd: number,
  argv: CStringArray,
  envp: CStringArray,
  cgroup?: number,
): number {
  if (cgroup === undefined || !LAUNCHES_INTO_CGROUPS) {
    return posix_spawn(`/proc/self/fd/${fd}`, argv, envp);
  }
  const CLONE_VM = 0x100n;
  const CLONE_VFORK = 0x4000n;
  const CLONE_INTO_CGROUP = 0x200000000n;
  const SIGCHLD = 17;
  const AT_EMPTY_PATH = 0x1000;
  using memory = new ChildMemory();
  const args = clone_args.encode({
    flags: CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP,
    exit_signal: SIGCHLD,
    stack: memory.stack,
    stack_size: memory.stackSize,
    cgroup,
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
  if (pid === -1) throw new SysError("clone3", errno(), `into a cgroup, of descriptor ${fd}`);
  return pid;
}

/** What the child does, and the registers as syscall(2) of the C library has left them. */
const CODE = new Uint8Array([
  ...[0x44, 0x89, 0xcf], //                    mov  edi, r9d    the program's descriptor
  ...[0x48, 0x89, 0xe6], //                    mov  rsi, rsp    "", for there are zeros
  ...[0xb8, 0x42, 0x01, 0x00, 0x00], //        mov  eax, 322    execveat; rdx, r10, r8: argv, envp, flags
  ...[0x0f, 0x05], //                          syscall
  ...[0xbf, 0x7f, 0x00, 0x00, 0x00], //        mov  edi, 127
  ...[0xb8, 0xe7, 0x00, 0x00, 0x00], //        mov  eax, 231    exit_group
  ...[0x0f, 0x05], //                          syscall
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

  constructor() {
    const PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4;
    const MAP_PRIVATE = 2, MAP_ANONYMOUS = 0x20, MAP_32BIT = 0x40;
    const page = ChildMemory.#PAGE;
    // Below 2 GiB, for what syscall(2) returns is read as 32 bits here.
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT;
    const size = 2 * page;
    this.#address = syscall("mmap", "", 0, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    const pointer = Deno.UnsafePointer.create(BigInt(this.#address))!;
    const bytes = new Uint8Array(new Deno.UnsafePointerView(pointer).getArrayBuffer(size));
    bytes.set(CODE);
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
