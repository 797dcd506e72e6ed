/** The same for options of `run`; loaded for who has typed one that there is not. */

import type { OptionSpec } from "./arguments.ts";
import { DOCKER_COMMANDS, NOTHING_PUBLISHED } from "./docker.ts";
import { OTHER_RUN_OPTIONS } from "./registry/docker_options.ts";

/** What a bundle's config.json can say, and no option of `run`. */
const byBundle = (field: string) =>
  `No option says so, a bundle's config.json can (${field}): gocontainer run --bundle FOLDER NAME`;

/** With their names, and what to do instead. */
export const DOCKER_OPTIONS: readonly OptionSpec[] = [
  ...OTHER_RUN_OPTIONS,
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
    alias: ["volumes-from", "volume-driver"],
    instead: "Use -v SRC:DST[:ro]; SRC is a file or folder of the host",
  },
  { name: "tmpfs", instead: "Show a folder that is in the host's memory: -v /dev/shm/FOLDER:DST" },
  { name: "shm-size", instead: "It has 64 MiB; show a folder in its place: -v FOLDER:/dev/shm" },
  { name: "env-file", instead: "Give -e KEY=VALUE for each of its lines" },
  { name: "group-add", instead: byBundle("process.user.additionalGids") },
  { name: "ip", instead: "Use -container-addr CIDR, as in 10.10.10.9/24" },
  {
    name: "dns",
    alias: ["dns-search", "dns-option", "dns-opt"],
    instead: "Show a file of your own: -v FILE:/etc/resolv.conf",
  },
  {
    name: "add-host",
    instead:
      "host.docker.internal leads to the host by itself; for other names show a file of your own: " +
      "-v FILE:/etc/hosts",
  },
  { name: "link", instead: "Use -net container:ID to share the network of another container" },
  {
    name: "network-alias",
    alias: "net-alias",
    instead: "Containers reach each other by address: choose it with -container-addr CIDR",
  },
  { name: "domainname", instead: byBundle("domainname") },
  { name: "pid", alias: ["ipc", "uts", "cgroupns"], instead: byBundle("linux.namespaces") },
  { name: "sysctl", instead: byBundle("linux.sysctl") },
  { name: "cpu-quota", alias: "cpu-period", instead: "Use -cpus NUMBER" },
  {
    name: "cpuset-cpus",
    alias: ["cpuset-mems", "cpu-rt-period", "cpu-rt-runtime"],
    instead: byBundle("linux.resources.cpu"),
  },
  {
    name: "blkio-weight",
    alias: [
      "blkio-weight-device",
      "device-read-bps",
      "device-read-iops",
      "device-write-bps",
      "device-write-iops",
    ],
    instead: byBundle("linux.resources.blockIO"),
  },
  { name: "device-cgroup-rule", instead: byBundle("linux.resources.devices") },
  { name: "cgroup-parent", instead: byBundle("linux.cgroupsPath") },
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
    alias: ["l", "label-file", "annotation"],
    instead: "Images have labels, containers their names: -name NAME",
  },
  { name: "cidfile", instead: "Give it a name to find it by: -name NAME" },
  { name: "log-driver", alias: "log-opt", instead: DOCKER_COMMANDS.logs },
  { name: "attach", alias: "a", instead: "Output is always shown, and input always passed" },
  { name: "sig-proxy", instead: "Signals are always handed on" },
  { name: "stop-signal", alias: "stop-timeout", instead: DOCKER_COMMANDS.stop },
  {
    name: "health-cmd",
    alias: [
      "health-interval",
      "health-retries",
      "health-start-interval",
      "health-start-period",
      "health-timeout",
      "no-healthcheck",
    ],
    instead: "No health checks are made",
  },
  { name: "quiet", alias: "q", instead: "Use -progress none" },
  { name: "restart", instead: "Run it as a service of systemd, which restarts it" },
];
