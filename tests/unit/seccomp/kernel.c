/*
 * Puts system calls to the kernel under a filter: `kernel FILTER FLAGS CALL…`, where FILTER is a file of
 * struct sock_filter, and a CALL is `ENTRY:NUMBER[:ARGUMENT…]` with the entry `syscall` or `int80`. Each is
 * made by a process of its own; what came of it is printed, a line each: `returned VALUE` or `killed SIGNAL`.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long by_int80(long number, const unsigned long *a) {
#ifdef __x86_64__
  long result;
  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "a"(number), "b"(a[0]), "c"(a[1]), "d"(a[2])
                   : "memory", "r8", "r9", "r10", "r11");
  return (int)result;
#else
  (void)number;
  (void)a;
  return -ENOSYS;
#endif
}

int main(int argc, char **argv) {
  static struct sock_filter instructions[4096];
  FILE *file = argc > 2 ? fopen(argv[1], "r") : NULL;
  if (!file) return 2;
  size_t count = fread(instructions, sizeof *instructions, 4096, file);
  struct sock_fprog program = {.len = count, .filter = instructions};
  unsigned long flags = strtoul(argv[2], NULL, 0);
  volatile long *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  for (int i = 3; i < argc; i++) {
    char *entry = strtok(argv[i], ":");
    long number = strtoul(strtok(NULL, ":"), NULL, 0);
    unsigned long a[6] = {0};
    char *argument;
    for (int j = 0; j < 6 && (argument = strtok(NULL, ":")); j++) a[j] = strtoul(argument, NULL, 0);
    shared[0] = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
      if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) _exit(3);
      if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program)) _exit(4);
      long result;
      if (!strcmp(entry, "int80")) {
        result = by_int80(number, a);
      } else {
        result = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
        if (result == -1) result = -errno;
      }
      shared[1] = result;
      shared[0] = 1;
      for (;;) syscall(SYS_exit_group, 0), __builtin_trap();
    }
    int status;
    waitpid(child, &status, 0);
    if (shared[0]) printf("returned %ld\n", shared[1]);
    else if (WIFSIGNALED(status)) printf("killed %d\n", WTERMSIG(status));
    else printf("exited %d\n", WEXITSTATUS(status));
  }
  return 0;
}
