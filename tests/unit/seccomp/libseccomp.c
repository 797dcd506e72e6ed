/*
 * The reference: makes filters with libseccomp from policies on standard input and writes them to
 * standard output, one line each, as hexadecimal struct sock_filter, or as `error RULE ERRNO`, or as
 * `lost` where libseccomp crashes or comes to no end.
 *
 *   policy DEFAULT_ACTION
 *   arch TOKEN                                    the first one is the native one of the policy
 *   rule ACTION NAME COUNT [INDEX OPERATOR A B]…  numbers are decimal, OPERATOR is enum scmp_compare
 *   end
 *   names TOKEN NAME…                             answers with the names' numbers, `-` for none
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static char *word(void) {
  char *next = strtok(NULL, " \n");
  if (!next) exit(2);
  return next;
}

static void export(scmp_filter_ctx filter) {
  static unsigned char program[8 * 65536];
  int memory = memfd_create("program", 0);
  int status = seccomp_export_bpf(filter, memory);
  if (status < 0) {
    printf("error -1 %d\n", -status);
    return;
  }
  ssize_t size = pread(memory, program, sizeof program, 0);
  for (ssize_t i = 0; i < size; i++) printf("%02x", program[i]);
  putchar('\n');
}

/* Makes one filter; leaves the process. */
static void policy(char *text) {
  scmp_filter_ctx filter = NULL;
  int archs = 0, rules = 0;
  for (char *line; (line = strsep(&text, "\n")) && *line;) {
    char *verb = strtok(line, " \n");
    if (!strcmp(verb, "policy")) {
      filter = seccomp_init(strtoul(word(), NULL, 10));
      if (!filter) exit(3);
    } else if (!strcmp(verb, "arch")) {
      uint32_t token = strtoul(word(), NULL, 10);
      if (seccomp_arch_exist(filter, token) && seccomp_arch_add(filter, token)) exit(4);
      if (archs++ == 0 && token != seccomp_arch_native()) {
        if (seccomp_arch_remove(filter, SCMP_ARCH_NATIVE)) exit(5);
      }
    } else if (!strcmp(verb, "rule")) {
      uint32_t action = strtoul(word(), NULL, 10);
      int number = seccomp_syscall_resolve_name(word());
      struct scmp_arg_cmp args[6];
      int count = atoi(word());
      for (int i = 0; i < count; i++) {
        args[i].arg = atoi(word());
        args[i].op = atoi(word());
        args[i].datum_a = strtoull(word(), NULL, 10);
        args[i].datum_b = strtoull(word(), NULL, 10);
      }
      if (number == __NR_SCMP_ERROR) continue;
      int status = seccomp_rule_add_array(filter, action, number, count, args);
      if (status < 0) {
        printf("error %d %d\n", rules, -status);
        exit(0);
      }
      rules++;
    }
  }
  /* The other way of laying out a filter forgets to load the number before some first calls. */
  if (rules && seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2)) exit(6);
  export(filter);
  exit(0);
}

static void names(void) {
  uint32_t token = strtoul(word(), NULL, 10);
  for (char *name; (name = strtok(NULL, " \n"));) {
    int number = seccomp_syscall_resolve_name_arch(token, name);
    if (number == __NR_SCMP_ERROR || number < 0) printf("- ");
    else printf("%u ", (unsigned)number);
  }
  putchar('\n');
}

int main(void) {
  char *line = NULL, *text = NULL;
  size_t capacity = 0, size = 0, length = 0;
  while (getline(&line, &capacity, stdin) > 0) {
    if (!strncmp(line, "names ", 6)) {
      strtok(line, " \n");
      names();
    } else if (strcmp(line, "end\n")) {
      size_t more = strlen(line);
      if (length + more + 1 > size && !(text = realloc(text, size = 2 * (length + more + 1)))) exit(7);
      memcpy(text + length, line, more + 1);
      length += more;
    } else {
      length = 0;
      fflush(stdout);
      pid_t child = fork();
      if (child == 0) {
        alarm(1);
        policy(text);
      }
      int status;
      if (waitpid(child, &status, 0) != child) exit(8);
      if (WIFSIGNALED(status)) puts("lost");
      else if (WEXITSTATUS(status)) exit(WEXITSTATUS(status));
    }
  }
  return 0;
}
