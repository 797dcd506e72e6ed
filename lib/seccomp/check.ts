import { ContainerError } from "../errors.ts";
import type { Seccomp } from "../oci/spec.ts";
import { MAX_ERRNO } from "./values.ts";

/**
 * Checks what the words of `linux.seccomp` mean together (config-linux.md, "Seccomp"). Each of them is
 * right by itself already.
 *
 * @throws {ContainerError} InvalidSpec, naming the field.
 */
export function checkSeccomp(config: Seccomp): void {
  const { defaultAction, defaultErrnoRet, syscalls = [], flags = [], listenerPath } = config;
  // Nobody can answer before the listener has been handed over, and nothing can be handed over
  // while every call waits for an answer. With write(2) the child says that the listener is there.
  if (defaultAction === "SCMP_ACT_NOTIFY") {
    refuse("defaultAction", "SCMP_ACT_NOTIFY cannot be the default");
  }
  checkErrno(defaultAction, defaultErrnoRet, "defaultErrnoRet");
  syscalls.forEach(({ names, action, errnoRet }, i) => {
    checkErrno(action, errnoRet, `syscalls[${i}].errnoRet`);
    if (action === "SCMP_ACT_NOTIFY" && names.includes("write")) {
      refuse(`syscalls[${i}].action`, 'SCMP_ACT_NOTIFY cannot be used for "write"');
    }
  });
  if (notifies(config)) {
    if (!listenerPath) refuse("listenerPath", "missing, but a rule has the action SCMP_ACT_NOTIFY");
    return;
  }
  if (flags.includes("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")) {
    refuse(
      "flags",
      "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV is of no use without a rule with SCMP_ACT_NOTIFY",
    );
  }
}

/** Whether any rule has a call answered by the process at `listenerPath`. */
export function notifies({ syscalls = [] }: Seccomp): boolean {
  return syscalls.some(({ action }) => action === "SCMP_ACT_NOTIFY");
}

function checkErrno(action: string, errno: number | undefined, field: string): void {
  if (errno === undefined) return;
  if (action === "SCMP_ACT_ERRNO" && errno > MAX_ERRNO) {
    refuse(field, `${errno} is beyond the largest error number, ${MAX_ERRNO}`);
  }
}

function refuse(field: string, sentence: string): never {
  throw new ContainerError(`config.json: linux.seccomp.${field}: ${sentence}`, {
    code: "InvalidSpec",
  });
}
