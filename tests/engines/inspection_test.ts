/**
 * The same podman commands with the binary under test and with runc: the containers are looked at from
 * inside, side by side, and only the differences that are listed here may be found.
 */

import { assertEquals } from "@std/assert";
import { ON_SHARED_HOST } from "../integration/support/host.ts";
import { BINARY, isInstalled } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { HAS_PODMAN, IMAGE, Podman } from "./support/podman.ts";
import { testWith } from "./support/skip.ts";

const workspace = Workspace.ofThisFile();
const podman = new Podman(workspace);

/** Prints what a program finds around it, a section after another. */
const SCRIPT = String.raw`
section() { echo "## $1"; }
section mounts; cat /proc/self/mountinfo
section status; grep -E '^(Umask|Uid|Gid|Groups|NSsid|Sig|Shd|Cap|NoNew|Seccomp|Spec|Cpus|Mems)' /proc/self/status
section limits; cat /proc/1/limits
section namespaces; for n in /proc/self/ns/*; do echo "$n $(readlink $n)"; done
section devices; ls -lAR --color=never /dev | grep -v ^total
section environment; tr '\0' '\n' </proc/1/environ
section cgroup; cat /proc/1/cgroup
section identity; id; pwd; hostname; cut -d' ' -f4,7,18,19 /proc/1/stat; cat /proc/1/oom_score_adj
  cat /proc/1/coredump_filter /proc/1/timerslack_ns /proc/1/timens_offsets /proc/1/personality
section descriptors; for n in 0 1 2; do readlink /proc/1/fd/$n; done
section parameters; for k in net/ipv4/ping_group_range net/ipv4/ip_forward kernel/msgmax kernel/shmmax kernel/sem
  do echo "$k $(cat /proc/sys/$k)"; done
section paths
for f in /proc/acpi /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/scsi /sys/firmware \
  /sys/fs/selinux /sys/dev/block /sys/dev /proc/asound /proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger
do stat -c '%n %F %t,%T' $f; ls $f | head -n 1; (: >$f/x); done 2>&1
section limits of the cgroup
for f in memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes memory/memory.soft_limit_in_bytes \
  memory/memory.swappiness memory/memory.oom_control pids/pids.max cpu/cpu.shares cpu/cpu.cfs_quota_us \
  cpu/cpu.cfs_period_us cpuset/cpuset.cpus cpuset/cpuset.mems devices/devices.list blkio/blkio.weight \
  memory.max memory.low memory.swap.max pids.max cpu.weight cpu.max cpuset.cpus cpuset.mems cgroup.controllers
do echo "$f: $(cat /sys/fs/cgroup/$f 2>&1 | tr '\n' ';')"; done
section root; stat -c '%A %u %g %n' / /*
section network; ip -o link; ip -o address; ip route`;

/** The runtime that podman uses everywhere else. */
const PEER = ["runc", "crun"].find(isInstalled) ?? "runc";

const needs = { podman: HAS_PODMAN, "runc or crun": isInstalled(PEER) };

for (
  const [name, options] of Object.entries<readonly string[]>({
    "as podman does it": [],
    "a terminal": ["-t"],
    "a read-only root without capabilities": ["--read-only", "--cap-drop", "ALL"],
    "another user": [
      ...["--user", "1000:1001", "--group-add", "2000", "--umask", "077", "-w", "/tmp"],
      ...["--security-opt", "no-new-privileges", "-e", "X=y", "--oom-score-adj", "100"],
    ],
    "limits": [
      ...["--memory", "64m", "--memory-swap", "128m", "--memory-reservation", "32m"],
      ...["--pids-limit", "99", "--cpus", "0.5", "--cpu-shares", "512", "--cpuset-cpus", "0"],
      ...["--ulimit", "nofile=77:99", "--ulimit", "nproc=55:66", "--ulimit", "core=0:0"],
    ],
    "mounts and devices": [
      ...["--tmpfs", "/t:size=1m,mode=700", "-v", "/usr/share:/v:ro,nosuid,rslave"],
      ...["-v", "volume:/vol", "--device", "/dev/full:/dev/mine:r", "--shm-size", "1m"],
      ...["--sysctl", "kernel.msgmax=1000"],
    ],
    "a volume that is shared": ["-v", "/usr/share:/v:rshared", "-v", "/usr/lib:/w:rprivate"],
    "all privileges": ["--privileged"],
    "an init process": ["--init"],
    "the host's namespaces": [
      ...["--network", "host", "--pid", "host", "--ipc", "host", "--uts", "host"],
    ],
    "a cgroup namespace": ["--cgroupns", "private"],
    "other paths hidden": [
      ...["--security-opt", "mask=/proc/version", "--security-opt", "unmask=/proc/keys"],
    ],
    "no seccomp policy": ["--security-opt", "seccomp=unconfined"],
    "a bridge": ["--network", "podman"],
  })
) {
  // Programs of the host's pid namespace would be looked at otherwise.
  const script = options.includes("host")
    ? SCRIPT.replaceAll("/proc/1/", "/proc/self/").replace("|NSsid", "").replace("-f4,7,", "-f7,")
    : SCRIPT;
  const init: Record<string, boolean> = options.includes("--init")
    ? { catatonit: isInstalled("catatonit") }
    : {};
  testWith(
    { ...needs, ...init },
    `podman: inside is what ${PEER} makes of it: ${name}`,
    async () => {
      await podman.prepare();
      try {
        const [ours, theirs] = [
          await look(BINARY, options, script),
          await look(PEER, options, script),
        ];
        assertEquals(ours, theirs);
      } finally {
        await podman.clear();
      }
    },
  );
}

async function look(
  runtime: string,
  options: readonly string[],
  script: string,
): Promise<Record<string, string[]>> {
  const network = options.includes("--network") ? [] : ["--network", "none"];
  const uts = options.includes("--uts") ? [] : ["--hostname", "inspected"];
  const run = ["run", "--rm", "--name", "inspected", ...uts, ...network, ...options, IMAGE];
  const command = [...podman.arguments(runtime), ...run, "sh", "-c", script];
  const told = await workspace.run(command, { ...podman.options, through: ON_SHARED_HOST });
  assertEquals(told.code, 0, told.stderr);
  const sections = told.stdout.replaceAll("\r", "").split(/^## /m).slice(1);
  return Object.fromEntries(sections.map((section) => {
    const [name = "", ...lines] = section.trimEnd().split("\n");
    return [name, lines.flatMap(rules).map(alike).filter((line) => line !== "").sort()];
  }));
}

/** The rules of the devices, whose order says nothing here, each a line of its own. */
function rules(line: string): string[] {
  const list = line.match(/^devices\/devices\.list: (.*;)$/)?.[1];
  return list === undefined ? [line] : list.split(/(?<=;)/);
}

/** A line without what differs each time, and without the known differences; empty when nothing of it counts. */
function alike(line: string): string {
  return [...EACH_TIME, ...KNOWN].reduce((text, [from, to]) => text.replace(from, to), line);
}

/** What is another in each container. */
const EACH_TIME: readonly (readonly [RegExp, string])[] = [
  [/[0-9a-f]{64}/g, "<id>"],
  [/^\d+ \d+ \d+:\d+ /, ""],
  [/(shared|master|propagate_from):\d+/g, "$1"],
  [/:\[\d+\]/, ""],
  [/^SigQ:.*/, ""],
  [/ [A-Z][a-z]{2} +\d+ +[\d:]+ /, " "],
  [/\b10\.\d+\.\d+\.\d+/g, "<address>"],
  [/(link\/ether |inet6 fe80::)\S*/, "$1"],
  [/eth0@if\d+/, "eth0"],
];

/** The differences that are meant, each with its reason. */
const KNOWN: readonly (readonly [RegExp, string])[] = [
  // runc before 1.2 lets every container use /dev/net/tun; here /dev/console is among the allowed.
  [/c (?:10:200|5:1) rwm;/g, ""],
  // Signals that are ignored where podman was started: here a program begins with none.
  [/^SigIgn:.*/, ""],
  // How the root spreads: runc has it hear the host by default, and be private where it is to be shared.
  [/ (\/ (?:rw|ro),\S+)(?: shared)?(?: master)? - /, " $1 - "],
  // Whether the folder above the hierarchies of cgroup v1 is read-only itself: here it is.
  [/^\/ \/sys\/fs\/cgroup .* - tmpfs .*/, "<cgroup folder>"],
  // The unified hierarchy of a hybrid host is there too, so that /proc/self/cgroup is right about it.
  [/.* - cgroup2 cgroup2? .*/, ""],
  // The names of what has none, and a mode that is written where it is the folder's own.
  [/ - cgroup (?:cgroup|systemd) /, " - cgroup "],
  [/^(\/ \/run .* - tmpfs tmpfs rw),mode=755$/, "$1"],
  // What hides a file is bound read-only, and what hides a folder has the modes of one.
  [/^(\/null) (\/proc\/\S+) .*/, "$1 $2 hidden"],
  [/^\/ (\/(?:proc|sys)\/\S+) ro,relatime - tmpfs .*/, "/ $1 hidden"],
];
