import { CLONE_NEWIPC } from "../../ffi/constants.ts";
import {
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_STRICTATIME,
  MS_PRIVATE,
  MS_REC,
  MS_SHARED,
  MS_SLAVE,
  MS_UNBINDABLE,
} from "../../ffi/mount_flags.ts";
import { counted } from "../count.ts";
import { flagNames } from "../flag_names.ts";
import { shellWord } from "../folder.ts";
import type { MountStep, Step, StepOf } from "../init/plan.ts";
import { namespaceFlags } from "../runtime/namespaces.ts";
import { FLAGS, NEW_LISTENER, TSYNC_ESRCH } from "../seccomp/values.ts";

const PROPAGATION = { MS_REC, MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE };

const ATTRIBUTES = {
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_STRICTATIME,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOSYMFOLLOW,
};

const FILTER_FLAGS = {
  ...FLAGS,
  SECCOMP_FILTER_FLAG_NEW_LISTENER: NEW_LISTENER,
  SECCOMP_FILTER_FLAG_TSYNC_ESRCH: TSYNC_ESRCH,
};

/** What a step inside of the container's namespaces is made of, be it the first process's or gocontainer's own. */
export interface StepExplanation {
  /** The system calls behind it. */
  readonly call: string;
  /**
   * A line for a shell that shows the result while the container runs: inside of it, where it does not begin with
   * `on the host:`. It succeeds, unless a comment at its end says that something is refused or gone.
   */
  readonly check?: string;
}

/** The calls behind a step of the plan, and how to check it by hand. */
export function explainStep(step: Step): StepExplanation {
  switch (step.do) {
    case "start afresh":
      return {
        call: "setsid(); rt_sigaction(…, SIG_DFL); umask(0); close_range(3, ~0, CLOEXEC)",
        check: "grep -E '^Sig|^NSsid' /proc/1/status",
      };
    case "die with parent":
      return {
        call: "prctl(PR_SET_PDEATHSIG, SIGKILL)",
        check: `on the host: kill -9 ${Deno.pid}   # the container goes with it`,
      };
    case "join cgroups":
      return {
        call: `write("0") to \`tasks\` of ${step.fds.length} hierarchies`,
        check: "on the host: cat /proc/<pid>/cgroup",
      };
    case "join namespace":
      return { call: `setns(fd, ${namespaceFlags(step.flag)})`, check: "ls -l /proc/self/ns" };
    case "unshare":
      return step.flags === CLONE_NEWIPC
        ? { call: "unshare(CLONE_NEWIPC)", check: "ls -ld /dev/mqueue   # root's" }
        : { call: "unshare(CLONE_NEWCGROUP)", check: "cat /proc/self/cgroup   # shows only /" };
    case "join session keyring":
      return {
        call: `keyctl(KEYCTL_JOIN_SESSION_KEYRING, "${step.name}")`,
        check:
          "on the host: cat /proc/keys   # it has this name; of a user namespace it is not shown",
      };
    case "lo up":
      return { call: "ioctl(SIOCSIFFLAGS, lo, IFF_UP)", check: "ip addr show lo" };
    case "own root":
      return {
        call: 'setns(open("/proc/self/ns/mnt")); only in a chroot: move_mount; pivot_root',
        check: "on the host: nsenter --mount=/proc/<pid>/ns/mnt ls /   # the container's",
      };
    case "propagation":
      return {
        call: `mount(NULL, "/", NULL, ${flagNames(step.flags, PROPAGATION)})`,
        check: "cat /proc/self/mountinfo   # no shared:",
      };
    case "open sources":
      return { call: step.paths.map((path) => `open("${path}", O_PATH)`).join("; ") };
    case "root":
      return {
        call: step.tree !== undefined
          ? "move_mount onto the folder, of what was made before"
          : step.overlay
          ? `${newMount(step.overlay)}; move_mount onto the folder`
          : `open_tree("${step.path}", OPEN_TREE_CLONE); move_mount`,
        check: "mount | grep ' / '   # what changes is in upper/ of the container's folder",
      };
    case "mount":
      return {
        call: mountCalls(step),
        check: `grep ${shellWord(` ${step.target} `)} /proc/self/mountinfo`,
      };
    case "cgroup mounts":
      return {
        call: cgroupCalls(step),
        check: step.readonly
          ? `ls ${shellWord(step.target)}; mkdir ${shellWord(`${step.target}/x`)}   # refused`
          : `ls ${shellWord(step.target)}`,
      };
    case "device nodes":
      return {
        call: step.nodes.map(({ path, major, minor, tree }) =>
          tree === undefined
            ? `mknodat("${path}", ${major}:${minor})`
            : `move_mount onto "${path}", of a clone of the host's`
        ).join("; "),
        check: "ls -l /dev",
      };
    case "links":
      return {
        call: step.links.map(([path, target]) => `symlinkat("${target}", "${path}")`).join("; "),
        check: "ls -l /dev",
      };
    case "terminal":
      return {
        call:
          `open("/dev/pts/ptmx"); ioctl(TIOCGPTPEER); open_tree(OPEN_TREE_CLONE); move_mount onto ` +
          `"/dev/console"; ioctl(TIOCSCTTY)`,
        check: "tty; ls -l /dev/console",
      };
    case "read-only paths":
      return {
        call:
          "open_tree(OPEN_TREE_CLONE); mount_setattr(MOUNT_ATTR_RDONLY); move_mount, for those " +
          `that are there of ${step.paths.join(", ")}`,
        check: "echo 1 > /proc/sys/kernel/panic   # refused",
      };
    case "masked paths":
      return {
        call: 'open_tree("/dev/null", OPEN_TREE_CLONE); move_mount over files; fsopen("tmpfs"); ' +
          "fsmount(MOUNT_ATTR_RDONLY); move_mount over folders; of those that are there of " +
          step.paths.join(", "),
        check: "cat /proc/keys; ls /sys/firmware   # empty",
      };
    case "sysctl":
      return {
        call: step.values.map(([file, value]) => `write("/proc/sys/${file}", "${value}")`)
          .join("; "),
        check: "sysctl -a",
      };
    case "make working folder":
      return { call: `mkdirat("${step.path}"), where it is missing` };
    case "move root":
      return {
        call: 'move_mount onto "/"; umount2(MNT_DETACH) of all others; chroot(".")',
        check: "cat /proc/self/mountinfo   # the container's alone",
      };
    case "pivot root":
      return {
        call:
          'fchdir(root); pivot_root(".", "."); fchdir(old); mount(NULL, ".", NULL, MS_SLAVE | MS_REC); ' +
          'umount2(".", MNT_DETACH); chdir("/")',
        check: "ls /; cat /proc/self/mountinfo   # the image's; nothing of the host's",
      };
    case "change root":
      return { call: `fchdir(root); chroot(".")`, check: "ls /   # the image's" };
    case "root propagation":
      return {
        call: `mount(NULL, "/", NULL, ${flagNames(step.flag, PROPAGATION)})`,
        check: "cat /proc/self/mountinfo",
      };
    case "read-only root":
      return { call: "mount_setattr(root, MOUNT_ATTR_RDONLY)", check: "touch /x   # refused" };
    case "hostname":
      return { call: `sethostname("${step.name}")`, check: "hostname" };
    case "domainname":
      return { call: `setdomainname("${step.name}")`, check: "cat /proc/sys/kernel/domainname" };
    case "rlimits":
      return {
        call: step.limits.map(({ resource, soft, hard }) =>
          `prlimit(${resource}, ${soft}, ${hard})`
        ).join("; "),
        check: "cat /proc/self/limits",
      };
    case "cpu affinity":
      return {
        call: `sched_setaffinity(0, ${step.cpus.join(",")})`,
        check: "grep Cpus_allowed_list /proc/self/status",
      };
    case "memory policy":
      return {
        call: `set_mempolicy(0x${step.mode.toString(16)}, ${step.nodes.join(",")})`,
        check: "cat /proc/self/numa_maps",
      };
    case "personality":
      return {
        call: `personality(0x${step.persona.toString(16)})`,
        check: "uname -m; cat /proc/self/personality",
      };
    case "security label":
      return {
        call: `write("/proc/self/attr/${step.file}", "${step.value}")`,
        check: "cat /proc/self/attr/current",
      };
    case "no new privileges":
      return {
        call: "prctl(PR_SET_NO_NEW_PRIVS, 1)",
        check: "grep NoNewPrivs /proc/self/status",
      };
    case "tell ready":
      return { call: "write() to a socket pair, of which gocontainer has the other end" };
    case "wait for start":
      return { call: "read() from the socket pair, until gocontainer says so" };
    case "wait for mappings":
      return {
        call: "recvmsg(), until /proc/<pid>/uid_map is written",
        check: "cat /proc/self/uid_map",
      };
    case "become root":
      return {
        call: `${step.keepsGroups ? "" : "setgroups([]); "}setresgid(0); setresuid(0)`,
        check: "id",
      };
    case "wait for parent":
      return { call: "recvmsg(), while the parent runs hooks and moves network devices" };
    case "container hooks":
      return { call: step.hooks.map(({ path }) => `clone3(); execve("${path}")`).join("; ") };
    case "take root":
      return { call: `openat("/", O_PATH)` };
    case "become user":
      return {
        call: `prctl(PR_CAPBSET_DROP);${
          step.groups === undefined ? "" : " setgroups;"
        } setresgid; setresuid; capset`,
        check: "id; grep Cap /proc/self/status",
      };
    case "enter working folder":
      return { call: `chdir("${step.path}"); getcwd()`, check: "pwd" };
    case "enter working folder as user":
      return { call: `chdir("${step.path}"); getcwd()   # root may not enter it`, check: "pwd" };
    case "seccomp":
      return {
        call: `seccomp(SECCOMP_SET_MODE_FILTER, ${flagNames(step.filter.flags, FILTER_FLAGS)}, ${
          step.filter.program.length / 8
        } instructions)`,
        check: "grep Seccomp /proc/self/status",
      };
    case "find home":
      return { call: `openat2("etc/passwd"), for the user ${step.uid}`, check: "echo $HOME" };
    case "find program":
      return {
        call: step.name.includes("/")
          ? `faccessat2("${step.name}", X_OK)`
          : `faccessat2(X_OK) in each of ${step.path.join(":")}`,
        check: `which ${shellWord(step.name)}`,
      };
    case "launcher": {
      const hooks = step.hooks?.hooks.map(({ path }) => `; clone(); execve("${path}")`) ?? [];
      return {
        call: `memfd_create; fcntl(F_ADD_SEALS)   # for ${counted(step.env.length, "variable")}${
          step.filter ? " and a seccomp filter" : ""
        }${hooks.join("")}`,
      };
    }
    case "hand over":
      return { call: "write() to the socket pair   # of a failure it tells errno alone" };
    case "exec":
      return {
        call: "execve() of what was found, by the launcher",
        check: "tr '\\0' ' ' < /proc/1/cmdline; tr '\\0' '\\n' < /proc/1/environ",
      };
  }
}

function cgroupCalls({ hierarchies }: StepOf<"cgroup mounts">): string {
  if (hierarchies[0]?.name === "") return 'fsopen("cgroup2"); fsmount; move_mount';
  const v1 = hierarchies.filter(({ options }) => options !== undefined).length;
  const v2 = hierarchies.length > v1 ? ' and fsopen("cgroup2")' : "";
  return `fsopen("tmpfs"), then fsopen("cgroup") for each of ${v1}${v2}; fsmount; move_mount`;
}

function mountCalls(step: MountStep): string {
  const { kind, tree, source, recursive, idmap } = step;
  const attributes = [
    attributeCall(step.set, step.clear, false),
    attributeCall(step.recursiveSet, step.recursiveClear, true),
  ].filter((call) => call !== undefined);
  if (kind === "remount") return [...attributes, "on what is mounted there"].join(", ");
  if (kind === "new" && tree === undefined) return `${newMount(step)}; move_mount`;
  const clone = tree !== undefined
    ? "take a clone that was made on the host"
    : `open_tree("${source}", OPEN_TREE_CLONE${recursive ? " | AT_RECURSIVE" : ""})`;
  const mapped = idmap === undefined ? [] : ["mount_setattr(MOUNT_ATTR_IDMAP)"];
  return [clone, ...mapped, ...attributes, "move_mount"].join("; ");
}

function attributeCall(set: number, clear: number, recursive: boolean): string | undefined {
  if ((set | clear) === 0) return undefined;
  const cleared = clear === 0 ? [] : [`cleared ${flagNames(clear, ATTRIBUTES)}`];
  return `mount_setattr(${
    [recursive ? "AT_RECURSIVE" : [], set === 0 ? [] : flagNames(set, ATTRIBUTES), ...cleared]
      .flat().join(", ")
  })`;
}

function newMount(step: MountStep): string {
  const options = step.options.map(([key, value]) => value === undefined ? key : `${key}=${value}`);
  return `fsopen("${step.fstype}"); fsconfig(${options.join(", ")}); fsmount(${
    step.set === 0 ? "" : flagNames(step.set, ATTRIBUTES)
  })`;
}
