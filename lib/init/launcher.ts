/**
 * The launcher: a program of some hundred bytes that stands between this one and the container's.
 *
 * At the moment of `execve` a process is still what it was, and its /proc/self/exe leads to that file on
 * the host. An image whose program is a script of the interpreter `/proc/self/exe` would so run this
 * very runtime inside the container, and could write over it (CVE-2019-5736). What it finds instead is the
 * launcher, which lies in a sealed memfd: no writing reaches it, and no file of the host is behind it.
 *
 * It does, in this order, with nothing else in between:
 *
 *     fcntl(channel, F_SETFD, FD_CLOEXEC)
 *     seccomp(SECCOMP_SET_MODE_FILTER, flags, &filter)      only with a filter
 *     execve(argv[0], &argv[1], envp)
 *     write(channel, &errno, 4); exit_group(127)            when one of these fails
 *
 * The machine code is written out here for the two architectures, with the listing beside it.
 */
import { CStringArray } from "../../ffi/cstring.ts";
import { SysError } from "../../ffi/errno.ts";
import { close, fstatfsType, openat, writeAll } from "../../ffi/file.ts";
import { AT_FDCWD, O_PATH } from "../../ffi/constants.ts";
import {
  clearCloseOnExec,
  execve,
  fexecve,
  memfd_create_program,
  sealWhole,
} from "../../ffi/process.ts";
import { alloc } from "../../ffi/struct.ts";
import type { SeccompFilter } from "./plan.ts";
import { PROC_SUPER_MAGIC } from "./procfs.ts";

/** A machine that the launcher is written for, as `Deno.build.arch` names it. */
export type Machine = "x86_64" | "aarch64";

/** What the launcher is made for. */
export interface Launch {
  /** The socket that hears of a failure; close-on-exec for the program. */
  readonly channel: number;
  readonly filter?: SeccompFilter;
}

/** Where the file lies in memory: low enough for four bytes, above what mmap(2) refuses. */
const BASE = 0x400000;
const ELF_HEADER = 64;
const PROGRAM_HEADER = 56;
const CODE = ELF_HEADER + PROGRAM_HEADER;
/** struct sock_fprog: the length in instructions, and from byte 8 on the address of the first. */
const SOCK_FPROG = 16;

/** The launcher as a static ELF file, elf(5). */
export function launcherImage(
  { channel, filter }: Launch,
  machine: Machine = Deno.build.arch,
): Uint8Array<ArrayBuffer> {
  const write = machine === "x86_64" ? codeOfX86 : codeOfArm;
  // The length does not depend on the address, so it is asked for with any.
  const length = write(channel, filter, 0).length;
  const fprog = align(CODE + length, 8);
  const size = fprog + (filter ? SOCK_FPROG + filter.program.length : 0);
  const image = alloc(size);
  const view = new DataView(image.buffer);
  image.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // ELF, 64 bits, little-endian, version 1
  view.setUint16(16, 2, true); // e_type: ET_EXEC
  view.setUint16(18, machine === "x86_64" ? 62 : 183, true); // e_machine
  view.setUint32(20, 1, true); // e_version
  view.setBigUint64(24, BigInt(BASE + CODE), true); // e_entry
  view.setBigUint64(32, BigInt(ELF_HEADER), true); // e_phoff
  view.setUint16(52, ELF_HEADER, true); // e_ehsize
  view.setUint16(54, PROGRAM_HEADER, true); // e_phentsize
  view.setUint16(56, 1, true); // e_phnum
  view.setUint32(ELF_HEADER, 1, true); // p_type: PT_LOAD
  view.setUint32(ELF_HEADER + 4, 5, true); // p_flags: readable, executable
  view.setBigUint64(ELF_HEADER + 16, BigInt(BASE), true); // p_vaddr
  view.setBigUint64(ELF_HEADER + 24, BigInt(BASE), true); // p_paddr
  view.setBigUint64(ELF_HEADER + 32, BigInt(size), true); // p_filesz
  view.setBigUint64(ELF_HEADER + 40, BigInt(size), true); // p_memsz
  view.setBigUint64(ELF_HEADER + 48, 0x10000n, true); // p_align: the largest page of both
  image.set(write(channel, filter, BASE + fprog), CODE);
  if (filter) {
    view.setUint16(fprog, filter.program.length / 8, true);
    view.setBigUint64(fprog + 8, BigInt(BASE + fprog + SOCK_FPROG), true);
    image.set(filter.program, fprog + SOCK_FPROG);
  }
  return image;
}

/** The launcher in its memfd, with what it takes to become the program by it. */
export class Launcher {
  readonly #image: number;
  readonly #argv: CStringArray;
  readonly #envp: CStringArray;
  readonly #byPath: boolean;

  /**
   * @param channel the socket that hears of a failure; from now on it goes through an `execve`.
   * @param path the program.
   */
  constructor(
    channel: number,
    path: string,
    argv: readonly string[],
    env: readonly string[],
    filter?: SeccompFilter,
  ) {
    this.#image = memfd_create_program("gocontainer");
    writeAll(this.#image, launcherImage({ channel, filter }));
    sealWhole(this.#image);
    this.#argv = new CStringArray([path, ...argv]);
    this.#envp = new CStringArray(env);
    this.#byPath = hasRealProc();
    clearCloseOnExec(channel);
  }

  /**
   * Becomes the launcher, and so the program: by execve(2) where /proc is there to name the memfd, as a
   * seccomp filter that is loaded by now may not know execveat(2).
   *
   * @throws {SysError} when the launcher itself cannot be run.
   */
  launch(): never {
    if (this.#byPath) execve(`/proc/self/fd/${this.#image}`, this.#argv, this.#envp);
    return fexecve(this.#image, this.#argv, this.#envp);
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

function codeOfX86(channel: number, filter: SeccompFilter | undefined, fprog: number): number[] {
  const fail: number[] = [
    ...[0xf7, 0xd8], //                                neg  eax
    0x50, //                                           push rax
    ...[0xbf, ...le32(channel)], //                    mov  edi, channel
    ...[0x48, 0x89, 0xe6], //                          mov  rsi, rsp
    ...[0xba, ...le32(4)], //                          mov  edx, 4
    ...[0xb8, ...le32(1), 0x0f, 0x05], //              mov  eax, SYS_write; syscall
    ...[0xbf, ...le32(127)], //                        mov  edi, 127
    ...[0xb8, ...le32(231), 0x0f, 0x05], //            mov  eax, SYS_exit_group; syscall
  ];
  const exec: number[] = [
    ...[0x48, 0x8b, 0x7b, 0x08], //                    mov  rdi, [rbx+8]        argv[0]
    ...[0x48, 0x8d, 0x73, 0x10], //                    lea  rsi, [rbx+16]       &argv[1]
    ...[0x48, 0x8b, 0x03], //                          mov  rax, [rbx]          argc
    ...[0x48, 0x8d, 0x54, 0xc3, 0x10], //              lea  rdx, [rbx+rax*8+16] envp
    ...[0xb8, ...le32(59), 0x0f, 0x05], //             mov  eax, SYS_execve; syscall
  ];
  const orFail = (after: number) => [
    ...[0x85, 0xc0], //                                test eax, eax
    ...[0x0f, 0x88, ...le32(after)], //                js   fail
  ];
  const load: number[] = filter === undefined ? [] : [
    ...[0xbf, ...le32(1)], //                          mov  edi, SECCOMP_SET_MODE_FILTER
    ...[0xbe, ...le32(filter.flags)], //               mov  esi, flags
    ...[0xba, ...le32(fprog)], //                      mov  edx, &fprog
    ...[0xb8, ...le32(317), 0x0f, 0x05], //            mov  eax, SYS_seccomp; syscall
    ...orFail(exec.length),
  ];
  return [
    ...[0x48, 0x89, 0xe3], //                          mov  rbx, rsp
    ...[0xbf, ...le32(channel)], //                    mov  edi, channel
    ...[0xbe, ...le32(2)], //                          mov  esi, F_SETFD
    ...[0xba, ...le32(1)], //                          mov  edx, FD_CLOEXEC
    ...[0xb8, ...le32(72), 0x0f, 0x05], //             mov  eax, SYS_fcntl; syscall
    ...orFail(load.length + exec.length),
    ...load,
    ...exec,
    ...fail,
  ];
}

function codeOfArm(channel: number, filter: SeccompFilter | undefined, fprog: number): number[] {
  const SVC = 0xd4000001; //                           svc  #0
  const mov = (register: number, value: number) => [
    0x52800000 | ((value & 0xffff) << 5) | register, // movz wN, #low
    0x72a00000 | ((value >>> 16) << 5) | register, //   movk wN, #high, lsl #16
  ];
  const fail = [
    0x4b0003e0, //                                     neg  w0, w0
    0xb81f0fe0, //                                     str  w0, [sp, #-16]!
    0x910003e1, //                                     mov  x1, sp
    ...[...mov(0, channel), ...mov(2, 4), ...mov(8, 64), SVC], //   write
    ...[...mov(0, 127), ...mov(8, 94), SVC], //                     exit_group
  ];
  const exec = [
    0xf9400660, //                                     ldr  x0, [x19, #8]       argv[0]
    0x91004261, //                                     add  x1, x19, #16        &argv[1]
    0xf9400262, //                                     ldr  x2, [x19]           argc
    0x8b020e62, //                                     add  x2, x19, x2, lsl #3
    0x91004042, //                                     add  x2, x2, #16         envp
    ...[...mov(8, 221), SVC], //                                    execve
  ];
  const orFail = (after: number) => 0x37f80000 | ((after + 1) << 5); // tbnz w0, #31, fail
  const load = filter === undefined ? [] : [
    ...[...mov(0, 1), ...mov(1, filter.flags), ...mov(2, fprog), ...mov(8, 277), SVC], // seccomp
    orFail(exec.length),
  ];
  const words = [
    0x910003f3, //                                     mov  x19, sp
    ...[...mov(0, channel), ...mov(1, 2), ...mov(2, 1), ...mov(8, 25), SVC], //           fcntl
    orFail(load.length + exec.length),
    ...load,
    ...exec,
    ...fail,
  ];
  return words.flatMap(le32);
}

function le32(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff];
}

function align(offset: number, to: number): number {
  return Math.ceil(offset / to) * to;
}
