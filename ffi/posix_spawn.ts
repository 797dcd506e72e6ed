import { cstring, type CStringArray } from "./cstring.ts";
import { SysError } from "./errno.ts";
import { inheritedFrom } from "./process.ts";

let libc: ReturnType<typeof open> | undefined;
let more: ReturnType<typeof openMore> | undefined;

/** Only where it is needed, for it takes its time; as does {@link openMore}. */
function open() {
  return Deno.dlopen("libc.so.6", {
    // int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *file_actions,
    //   const posix_spawnattr_t *attrp, char *const argv[], char *const envp[]);
    posix_spawn: {
      parameters: ["buffer", "buffer", "buffer", "buffer", "buffer", "buffer"],
      result: "i32",
    },
  });
}

function openMore() {
  return Deno.dlopen("libc.so.6", {
    // int posix_spawn_file_actions_init(posix_spawn_file_actions_t *);
    posix_spawn_file_actions_init: { parameters: ["buffer"], result: "i32" },
    posix_spawn_file_actions_destroy: { parameters: ["buffer"], result: "i32" },
    // int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *, int, int);
    posix_spawn_file_actions_adddup2: { parameters: ["buffer", "i32", "i32"], result: "i32" },
    // int posix_spawn_file_actions_addclose(posix_spawn_file_actions_t *, int);
    posix_spawn_file_actions_addclose: { parameters: ["buffer", "i32"], result: "i32" },
    // int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int); since glibc 2.34
    posix_spawn_file_actions_addclosefrom_np: {
      parameters: ["buffer", "i32"],
      result: "i32",
      optional: true,
    },
    // int posix_spawnattr_init(posix_spawnattr_t *);
    posix_spawnattr_init: { parameters: ["buffer"], result: "i32" },
    // int posix_spawnattr_setflags(posix_spawnattr_t *, short);
    posix_spawnattr_setflags: { parameters: ["buffer", "i16"], result: "i32" },
    // int posix_spawnattr_setsigdefault(posix_spawnattr_t *, const sigset_t *);
    posix_spawnattr_setsigdefault: { parameters: ["buffer", "buffer"], result: "i32" },
    posix_spawnattr_setsigmask: { parameters: ["buffer", "buffer"], result: "i32" },
  });
}

/**
 * posix_spawn(3): runs a program in a new process, whose number it returns. It gets no copy of this one's memory, is
 * born into the namespaces that this process has for its children, and inherits the descriptors that are not
 * close-on-exec.
 *
 * @param options.stdin makes it one that has nothing of this process: this descriptor is its standard input,
 * signals have their default actions and none is blocked, and it has no descriptor from 3 on.
 * @throws {SysError} also when the program cannot be run.
 */
export function posix_spawn(
  path: string,
  argv: CStringArray,
  envp: CStringArray,
  { stdin }: { readonly stdin?: number } = {},
): number {
  libc ??= open();
  using afresh = stdin === undefined ? undefined : new Afresh(stdin);
  const pid = new Int32Array(new ArrayBuffer(4));
  const error = libc.symbols.posix_spawn(
    new Uint8Array(pid.buffer),
    cstring(path),
    afresh?.actions ?? null,
    afresh?.attributes ?? null,
    argv.bytes,
    envp.bytes,
  );
  if (error !== 0) throw new SysError("posix_spawn", error, JSON.stringify(path));
  return pid[0];
}

/** The two structs of posix_spawn(3) for a process that has nothing of this one. */
class Afresh implements Disposable {
  // They are the C library's own, of 80 and 336 bytes in glibc.
  readonly actions = new Uint8Array(new ArrayBuffer(256));
  readonly attributes = new Uint8Array(new ArrayBuffer(1024));

  constructor(stdin: number) {
    const POSIX_SPAWN_SETSIGDEF = 4, POSIX_SPAWN_SETSIGMASK = 8;
    more ??= openMore();
    const { symbols } = more;
    const all = new Uint8Array(new ArrayBuffer(128)).fill(0xff);
    const none = new Uint8Array(new ArrayBuffer(128));
    const flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    done(symbols.posix_spawn_file_actions_init(this.actions));
    done(symbols.posix_spawn_file_actions_adddup2(this.actions, stdin, 0));
    if (symbols.posix_spawn_file_actions_addclosefrom_np !== null) {
      done(symbols.posix_spawn_file_actions_addclosefrom_np(this.actions, 3));
    } else {
      for (const fd of inheritedFrom(3)) {
        done(symbols.posix_spawn_file_actions_addclose(this.actions, fd));
      }
    }
    done(symbols.posix_spawnattr_init(this.attributes));
    done(symbols.posix_spawnattr_setsigdefault(this.attributes, all));
    done(symbols.posix_spawnattr_setsigmask(this.attributes, none));
    done(symbols.posix_spawnattr_setflags(this.attributes, flags));
  }

  [Symbol.dispose](): void {
    more!.symbols.posix_spawn_file_actions_destroy(this.actions);
  }
}

/** These return the error's number. */
function done(error: number): void {
  if (error !== 0) throw new SysError("posix_spawn", error, "its actions and attributes");
}
