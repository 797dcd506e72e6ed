import { compile } from "../integration/support/program.ts";
import type { Workspace } from "../integration/support/workspace.ts";

/**
 * Makes each of the system calls on its command line, \`ABI:NUMBER[:ARGUMENT…]\`, in a process of its own, and
 * tells what came of it: an error's number, 0, or \`signal N\`. The ABI is 64 or x32 (syscall), or 32 (int 0x80).
 */
const CALLS = `
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static long wide(long nr, long a, long b, long c, long d, long e) {
  register long r10 __asm__("r10") = d, r8 __asm__("r8") = e;
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
  return result;
}

static long narrow(long nr, long a, long b, long c, long d, long e) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "r8", "r9", "r10", "r11", "memory");
  return (int)result;
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    pid_t child = fork();
    if (child < 0) return 1;
    if (child == 0) {
      long words[6] = {0};
      char *abi = strtok(argv[i], ":");
      for (int n = 0; n < 6; n++) {
        char *word = strtok(0, ":");
        if (word) words[n] = strtoul(word, 0, 0);
      }
      long nr = words[0];
      if (!strcmp(abi, "x32")) nr |= 0x40000000;
      long result = !strcmp(abi, "32") ? narrow(nr, words[1], words[2], words[3], words[4], words[5])
                                       : wide(nr, words[1], words[2], words[3], words[4], words[5]);
      _exit(result < 0 && result > -4096 ? -result : 0);
    }
    int status;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) printf("signal %d\\n", WTERMSIG(status));
    else printf("%d\\n", WEXITSTATUS(status));
    fflush(stdout);
  }
  return 0;
}
`;

/** Compiles the program into a workspace and returns its path. */
export async function systemCallProgram(workspace: Workspace): Promise<string> {
  const path = workspace.path("calls");
  await compile(path, CALLS);
  return path;
}
