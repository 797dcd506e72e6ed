import type { Seccomp, SeccompCondition, SeccompRule } from "../oci/spec.ts";
import type { Machine } from "./compile.ts";
import { wordsOf } from "./words.ts";

/**
 * What the default policy of docker and its kin lets every container do. What is in no list here fails
 * with EPERM: among others keyctl, bpf, userfaultfd, io_uring, kexec, mount, and the making of namespaces.
 */
const ALLOWED = `
_llseek _newselect accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir
chmod chown chown32 clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime
clock_gettime64 clock_nanosleep clock_nanosleep_time64 close close_range connect copy_file_range
creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2
epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2
fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32
fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat
fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64
futex_wait futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu getcwd getdents
getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer
getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid
getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getuid32
getxattr getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel
io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl ioprio_get
ioprio_set ipc kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown
lchown32 lgetxattr link linkat listen listmount listxattr listxattrat llistxattr lremovexattr
lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier memfd_create memfd_secret
mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr
mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap
name_to_handle_at nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe
pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2
prlimit64 process_mrelease pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead
readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages
removexattr removexattrat rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction
rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min
sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler
sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile
sendfile64 sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address setfsgid
setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority
setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit
setsid setsockopt setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown
sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat stat64
statfs statfs64 statmount statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill
time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime
timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64
times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime utimensat
utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev
`;

/** What a capability in the bounding set allows besides, as the kernel asks for that capability anyway. */
const ALLOWED_WITH = {
  CAP_BPF: "bpf",
  CAP_DAC_READ_SEARCH: "open_by_handle_at",
  CAP_PERFMON: "perf_event_open",
  CAP_SYSLOG: "syslog",
  CAP_SYS_ADMIN:
    "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr " +
    "lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open " +
    "quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare",
  CAP_SYS_BOOT: "reboot",
  CAP_SYS_CHROOT: "chroot",
  CAP_SYS_MODULE: "delete_module finit_module init_module",
  CAP_SYS_NICE: "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
  CAP_SYS_PACCT: "acct",
  CAP_SYS_PTRACE: "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
  CAP_SYS_RAWIO: "ioperm iopl",
  CAP_SYS_TIME: "clock_settime clock_settime64 settimeofday stime",
  CAP_SYS_TTY_CONFIG: "vhangup",
} as const;

/** The capabilities that the policy depends on. */
export const DECIDING_CAPABILITIES: readonly string[] = Object.keys(ALLOWED_WITH);

/** What only some machines have. */
const ALLOWED_ON = {
  x86_64: "arch_prctl modify_ldt",
  aarch64: "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2",
} as const satisfies Record<Machine, string>;

/**
 * What was for tracing only with a capability before Linux 4.8, when a tracer could get past a filter: this
 * program needs a later one.
 */
const ALLOWED_SINCE_4_8 = "process_vm_readv process_vm_writev ptrace";

const ARCHITECTURES = {
  x86_64: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  aarch64: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
} as const satisfies Record<Machine, string[]>;

const EPERM = 1;
const ENOSYS = 38;

/** Address families, include/linux/socket.h. */
const AF_ALG = 38;
const AF_VSOCK = 40;

/** NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET of clone(2). */
const CLONE_NAMESPACES = 0x7e02_0000;

/** Personalities that are harmless: LINUX, LINUX32, each with UNAME26 or without, and the question for the present one. */
const PERSONALITIES = [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/**
 * The policy that a container gets unless told otherwise: docker's, as it is of mid-2026. It lists what is
 * allowed; the rest fails with EPERM. New namespaces cannot be made without CAP_SYS_ADMIN: clone(2) is let
 * through when its flags ask for none, and clone3(2), whose flags a filter cannot see, fails with ENOSYS,
 * so that the C library falls back to clone(2). Sockets may be of any family but AF_ALG and AF_VSOCK;
 * that cannot be told of socketcall(2) of i386, which has its arguments in memory.
 *
 * @param capabilities the bounding set, names as `CAP_CHOWN`.
 */
export function defaultProfile(
  capabilities: readonly string[],
  machine: Machine = Deno.build.arch,
): Seccomp {
  const names = wordsOf(ALLOWED);
  const add = (list: string) => {
    for (const name of list.split(" ")) if (!names.includes(name)) names.push(name);
  };
  for (const [capability, list] of Object.entries(ALLOWED_WITH)) {
    if (capabilities.includes(capability)) add(list);
  }
  add(ALLOWED_ON[machine]);
  add(ALLOWED_SINCE_4_8);
  const syscalls: SeccompRule[] = [
    { names, action: "SCMP_ACT_ALLOW" },
    allow("socket", { index: 0, value: AF_ALG, op: "SCMP_CMP_LT" }),
    allow("socket", { index: 0, value: AF_ALG + 1, op: "SCMP_CMP_EQ" }),
    allow("socket", { index: 0, value: AF_VSOCK, op: "SCMP_CMP_GT" }),
    ...PERSONALITIES.map((value) => allow("personality", { index: 0, value, op: "SCMP_CMP_EQ" })),
  ];
  if (!capabilities.includes("CAP_SYS_ADMIN")) {
    const flags: SeccompCondition = {
      index: 0,
      value: CLONE_NAMESPACES,
      valueTwo: 0,
      op: "SCMP_CMP_MASKED_EQ",
    };
    syscalls.push(
      allow("clone", flags),
      { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS },
    );
  }
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: EPERM,
    architectures: [...ARCHITECTURES[machine]],
    syscalls,
  };
}

function allow(name: string, arg: SeccompCondition): SeccompRule {
  return { names: [name], action: "SCMP_ACT_ALLOW", args: [arg] };
}
