/** What hands that know docker type and is none of this program's: told with what does the same here. */

import type { OptionSpec } from "./arguments.ts";

const NOTHING_PUBLISHED =
  "No ports are published: the host reaches a container at its own address (-container-addr)";

/** Commands. An image of such a name that is here is run all the same. */
export const DOCKER_COMMANDS: Readonly<Record<string, string>> = {
  attach: "A container's input and output are those of the gocontainer that runs it; " +
    "gocontainer exec NAME COMMAND runs one more program in it",
  build: "Images are built by other programs: gocontainer load and import take what they made, " +
    "and commit makes an image of a container",
  container: "The commands for containers stand alone: gocontainer list, exec, kill, ps, commit",
  cp:
    "The files of a running container are in /proc/PID/root on the host, what it has changed is in " +
    "containers/ID/upper; -v shows files of the host inside",
  diff: "What a container has changed is in containers/ID/upper",
  help: "gocontainer -h tells of all, gocontainer COMMAND -h of a command",
  image:
    "The commands for images stand alone: gocontainer images, inspect, history, tag, rmi, prune",
  info: "gocontainer -version tells the version, gocontainer df what is on the disk",
  logs:
    "What a program writes goes where gocontainer's own output goes, and is kept nowhere else: " +
    "send that to a file (gocontainer … > FILE)",
  network:
    "There is one bridge; -net chooses the network of a container, -bridge-addr the addresses",
  port: NOTHING_PUBLISHED,
  rename: "A container gets its name when it is made: -name NAME",
  restart: "Run it anew: gocontainer -name NAME IMAGE COMMAND; kill NAME KILL ends the present one",
  rm:
    "A container is gone with its end; what it has changed stays in its folder, containers/ID, until " +
    "that is removed (rm -r), or with -rm goes at the end",
  stats: "gocontainer events --stats NAME tells what a container uses",
  stop: "gocontainer kill NAME sends SIGTERM, gocontainer kill NAME KILL ends it for certain",
  system: "gocontainer df tells what is on the disk, gocontainer prune removes what nobody needs",
  top: "gocontainer ps NAME lists the processes of a container",
  unpause: "gocontainer resume NAME lets a paused container go on",
  version: "gocontainer -version tells it",
  volume: "Volumes are folders of the host: -v /folder:/inside",
  wait: "gocontainer stays until its container ends, and ends with the exit code of that",
};

/** What a bundle's config.json can say, and no option of `run`. */
const byBundle = (field: string) =>
  `No option says so, a bundle's config.json can (${field}): gocontainer run --bundle FOLDER NAME`;

/** Options of `run`. */
export const DOCKER_OPTIONS: readonly OptionSpec[] = [
  {
    name: "detach",
    alias: ["d", "dit", "itd", "dti", "tid", "di", "id", "dt", "td"],
    instead:
      "gocontainer stays as long as its container: begin it in the background (&), or as a " +
      "service (systemd-run gocontainer …)",
  },
  {
    name: "publish",
    alias: ["p", "publish-all", "P", "dp", "expose"],
    instead: NOTHING_PUBLISHED,
  },
  {
    name: "mount",
    alias: "volumes-from",
    instead: "Use -v SRC:DST[:ro]; SRC is a file or folder of the host",
  },
  { name: "tmpfs", instead: "Show a folder that is in the host's memory: -v /dev/shm/FOLDER:DST" },
  { name: "shm-size", instead: "It has 64 MiB; show a folder in its place: -v FOLDER:/dev/shm" },
  { name: "env-file", instead: "Give -e KEY=VALUE for each of its lines" },
  { name: "group-add", instead: byBundle("process.user.additionalGids") },
  { name: "ip", instead: "Use -container-addr CIDR, as in 10.10.10.9/24" },
  { name: "dns", instead: "Show a file of your own: -v FILE:/etc/resolv.conf" },
  {
    name: "add-host",
    instead:
      "host.docker.internal leads to the host by itself; for other names show a file of your own: " +
      "-v FILE:/etc/hosts",
  },
  { name: "link", instead: "Use -net container:ID to share the network of another container" },
  { name: "pid", alias: ["ipc", "uts", "cgroupns"], instead: byBundle("linux.namespaces") },
  { name: "sysctl", instead: byBundle("linux.sysctl") },
  { name: "cpu-quota", alias: "cpu-period", instead: "Use -cpus NUMBER" },
  { name: "cpuset-cpus", alias: "cpuset-mems", instead: byBundle("linux.resources.cpu") },
  {
    name: "memory-swap",
    alias: ["memory-reservation", "memory-swappiness", "oom-kill-disable"],
    instead: byBundle("linux.resources.memory"),
  },
  { name: "oom-score-adj", instead: byBundle("process.oomScoreAdj") },
  { name: "ulimit", instead: "Its limits are the caller's: call ulimit in the shell before" },
  {
    name: "device",
    alias: "gpus",
    instead: "-privileged gives all devices; one of them cannot be given",
  },
  {
    name: "init",
    instead: "The command is the first process itself: let it be one that reaps, such as tini",
  },
  {
    name: "label",
    alias: ["l", "annotation"],
    instead: "Images have labels, containers their names: -name NAME",
  },
  { name: "cidfile", instead: "Give it a name to find it by: -name NAME" },
  { name: "log-driver", alias: "log-opt", instead: DOCKER_COMMANDS.logs },
  { name: "attach", alias: "a", instead: "Output is always shown, and input always passed" },
  { name: "sig-proxy", instead: "Signals are always handed on" },
  { name: "stop-signal", alias: "stop-timeout", instead: DOCKER_COMMANDS.stop },
  { name: "health-cmd", alias: "no-healthcheck", instead: "No health checks are made" },
  { name: "quiet", alias: "q", instead: "Use -progress none" },
  { name: "restart", instead: "Run it as a service of systemd, which restarts it" },
];
