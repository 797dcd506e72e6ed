import { SYSCALLS } from "../../../ffi/syscalls.ts";
import { host, isInstalled } from "./project.ts";

/** Whether C programs can be made for a test. */
export const HAS_COMPILER = isInstalled("gcc");

/**
 * Compiles a C program that needs no library, so that it runs in any image.
 *
 * @param path where to put the program.
 */
export async function compile(path: string, source: string): Promise<void> {
  await Deno.writeTextFile(`${path}.c`, source);
  await host("gcc", "-static", "-O1", "-Wall", "-Werror", "-o", path, `${path}.c`);
}

/** Puts itself under a seccomp filter that answers the calls of given numbers with an error, and becomes a command. */
const REFUSE = `
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct sock_filter filter[64] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
  struct sock_fprog program = {1, filter};
  for (char *number = strtok(argv[2], ","); number; number = strtok(0, ",")) {
    struct sock_filter is = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, atoi(number), 0, 1);
    struct sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | atoi(argv[1]));
    filter[program.len++] = is;
    filter[program.len++] = refuse;
  }
  filter[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) return 99;
  execvp(argv[3], argv + 3);
  return 98;
}
`;

/**
 * A command for `through` that answers system calls with an error, as the filter of a container does that this is
 * run in.
 *
 * @param folder where to put the program that does it.
 */
export async function refusing(
  folder: string,
  errno: number,
  ...calls: (keyof typeof SYSCALLS)[]
): Promise<string[]> {
  const path = `${folder}/refuse`;
  await compile(path, REFUSE);
  return [path, String(errno), calls.map((call) => SYSCALLS[call]).join()];
}
