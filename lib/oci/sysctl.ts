import type { NamespaceType } from "./namespaces.ts";

/**
 * The file of a kernel parameter below /proc/sys. As in sysctl(8) the first separator of the name
 * tells which one it uses; the other one stands for a character of a part, as in
 * `net.ipv4.conf.eth0/100.forwarding` and `net/ipv4/conf/eth0.100/forwarding`.
 */
export function sysctlPath(name: string): string {
  const separator = /[./]/.exec(name)?.[0];
  if (separator !== ".") return name;
  return name.replace(/[./]/g, (char) => char === "." ? "/" : ".");
}

const IPC_PARAMETERS: readonly string[] = [
  "kernel/msgmax",
  "kernel/msgmnb",
  "kernel/msgmni",
  "kernel/sem",
  "kernel/shm_rmid_forced",
  "kernel/shmall",
  "kernel/shmmax",
  "kernel/shmmni",
];

/**
 * Whose property a kernel parameter is: the namespace that has a value of its own. Null for those of
 * the whole machine, and for those that only seem to be others.
 *
 * @param path as {@link sysctlPath} gives it.
 */
export function sysctlNamespace(path: string): NamespaceType | null {
  if (IPC_PARAMETERS.includes(path) || path.startsWith("fs/mqueue/")) return "ipc";
  if (path.startsWith("net/")) return "network";
  if (path === "kernel/domainname" || path === "kernel/hostname") return "uts";
  if (path.startsWith("user/")) return "user";
  return null;
}

/** Whether a path is made of plain names: nothing that another reader could take apart differently. */
export function isPlainSysctlPath(path: string): boolean {
  return /^[^\s+=/\0]+(\/[^\s+=/\0]+)+$/.test(path) &&
    path.split("/").every((part) => part !== "." && part !== "..");
}
