import { cstring, type Name } from "./cstring.ts";
import { errnoName, SysError } from "./errno.ts";
import { errno, syscall, trySyscall } from "./libc.ts";
import { quote } from "./file.ts";

/** fsetxattr(2): sets the extended attribute `name`, such as `user.mime_type`, of an open file. */
export function fsetxattr(fd: number, name: Name, value: Uint8Array<ArrayBuffer>): void {
  syscall("fsetxattr", quote(name), fd, cstring(name), value, value.length, 0);
}

/**
 * Removes a folder's default access control list, which new files in it take over (acl(5)), by
 * lremovexattr(2). None there, or none possible, is fine.
 */
export function removeDefaultAcl(path: Name): void {
  if (trySyscall("lremovexattr", cstring(path), cstring("system.posix_acl_default")) !== -1) return;
  const number = errno();
  const code = errnoName(number);
  if (code !== "ENODATA" && code !== "EOPNOTSUPP") {
    throw new SysError("lremovexattr", number, quote(path));
  }
}
