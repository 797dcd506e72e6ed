import { cstring, type CStringArray } from "./cstring.ts";
import { SysError } from "./errno.ts";

let libc: ReturnType<typeof open> | undefined;

/** Only where it is needed, for it takes its time. */
function open() {
  return Deno.dlopen("libc.so.6", {
    // int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *file_actions,
    //   const posix_spawnattr_t *attrp, char *const argv[], char *const envp[]);
    posix_spawn: {
      parameters: ["buffer", "buffer", "pointer", "pointer", "buffer", "buffer"],
      result: "i32",
    },
  });
}

/**
 * posix_spawn(3) without file actions and attributes: runs a program in a new process, whose number it returns. It
 * gets no copy of this one's memory, is born into the namespaces that this process has for its children, and
 * inherits the descriptors that are not close-on-exec.
 */
export function posix_spawn(path: string, argv: CStringArray, envp: CStringArray): number {
  libc ??= open();
  const pid = new Int32Array(new ArrayBuffer(4));
  const error = libc.symbols.posix_spawn(
    new Uint8Array(pid.buffer),
    cstring(path),
    null,
    null,
    argv.bytes,
    envp.bytes,
  );
  if (error !== 0) throw new SysError("posix_spawn", error, JSON.stringify(path));
  return pid[0];
}
