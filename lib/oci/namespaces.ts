import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
} from "../../ffi/constants.ts";

/**
 * The namespaces of config-linux.md, "Namespaces": each with its clone(2) flag and the name of its
 * file in /proc/<pid>/ns, namespaces(7).
 */
export const NAMESPACES = {
  cgroup: { flag: CLONE_NEWCGROUP, file: "cgroup" },
  ipc: { flag: CLONE_NEWIPC, file: "ipc" },
  mount: { flag: CLONE_NEWNS, file: "mnt" },
  network: { flag: CLONE_NEWNET, file: "net" },
  pid: { flag: CLONE_NEWPID, file: "pid" },
  time: { flag: CLONE_NEWTIME, file: "time" },
  user: { flag: CLONE_NEWUSER, file: "user" },
  uts: { flag: CLONE_NEWUTS, file: "uts" },
} as const;

/** What config.json calls a namespace. */
export type NamespaceType = keyof typeof NAMESPACES;
