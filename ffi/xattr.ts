import { cstring, type Name } from "./cstring.ts";
import { errnoName, SysError } from "./errno.ts";
import { errno, syscall, trySyscall } from "./libc.ts";
import { quote } from "./file.ts";
import { alloc } from "./struct.ts";

/** fsetxattr(2): sets the extended attribute `name`, such as `user.mime_type`, of an open file. */
export function fsetxattr(fd: number, name: Name, value: Uint8Array<ArrayBuffer>): void {
  syscall("fsetxattr", () => quote(name), fd, cstring(name), value, value.length, 0);
}

/**
 * fgetxattr(2): the value of an extended attribute of an open file; undefined when it has none of that
 * name, or its file system keeps none.
 */
export function fgetxattr(fd: number, name: Name): Uint8Array<ArrayBuffer> | undefined {
  const text = cstring(name);
  const value = answer();
  const length = trySyscall("fgetxattr", fd, text, value, value.length);
  if (length !== -1) return value.slice(0, length);
  const number = errno();
  const code = errnoName(number);
  if (code === "ENODATA" || code === "EOPNOTSUPP") return undefined;
  throw new SysError("fgetxattr", number, quote(name));
}

/** flistxattr(2): the names of an open file's extended attributes, each with its closing NUL. */
export function flistxattr(fd: number): Uint8Array<ArrayBuffer>[] {
  const names = answer();
  const length = trySyscall("flistxattr", fd, names, names.length);
  if (length === -1) {
    if (errnoName(errno()) === "EOPNOTSUPP") return [];
    throw new SysError("flistxattr", errno(), `${fd}`);
  }
  const found: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < length;) {
    const end = names.indexOf(0, at) + 1;
    found.push(names.slice(at, end));
    at = end;
  }
  return found;
}

/** The most bytes of a value, and of a list of names (xattr(7)). */
const VALUE_LIMIT = 65536;

let memory: Uint8Array<ArrayBuffer> | undefined;

/** Memory for one answer at a time: most are asked for in vain. */
function answer(): Uint8Array<ArrayBuffer> {
  return memory ??= alloc(VALUE_LIMIT);
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
