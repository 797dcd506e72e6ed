import { syscall } from "./libc.ts";
import { cstring } from "./cstring.ts";

/** unshare(2). `flags` is CLONE_NEW* bits. */
export function unshare(flags: number): void {
  syscall("unshare", `0x${flags.toString(16)}`, flags);
}

/** setns(2). `type` is the CLONE_NEW* bit that the descriptor has to be of, or 0 for any. */
export function setns(fd: number, type: number): void {
  syscall("setns", `${fd}`, fd, type);
}

/** sethostname(2). */
export function sethostname(name: string): void {
  const bytes = cstring(name);
  syscall("sethostname", JSON.stringify(name), bytes, bytes.length - 1);
}

/** setdomainname(2). */
export function setdomainname(name: string): void {
  const bytes = cstring(name);
  syscall("setdomainname", JSON.stringify(name), bytes, bytes.length - 1);
}

/** ioctl_ns(2) NS_GET_NSTYPE: the CLONE_NEW* bit of an open namespace file. */
export function namespaceType(fd: number): number {
  const NS_GET_NSTYPE = 0xb703;
  return syscall("ioctl", "NS_GET_NSTYPE", fd, NS_GET_NSTYPE, 0);
}
