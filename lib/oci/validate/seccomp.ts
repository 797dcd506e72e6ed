import {
  SECCOMP_ACTIONS,
  SECCOMP_ARCHITECTURES,
  SECCOMP_FLAGS,
  SECCOMP_OPERATORS,
  type SeccompAction,
} from "../seccomp_names.ts";
import type { Seccomp, SeccompCondition, SeccompRule } from "../spec.ts";
import { integer, uint64 } from "./integers.ts";
import type { Place } from "./place.ts";
import {
  listOf,
  nonEmptyListOf,
  object,
  oneOf,
  required,
  type Rule,
  unlessEmpty,
} from "./schema.ts";
import { absolutePath, anyText, nonEmptyText } from "./texts.ts";

/** The data of a filter's answer has 16 bits, seccomp(2). */
const errnoRet = integer(0, 0xffff, "an error number");

const action: Rule<SeccompAction> = oneOf(SECCOMP_ACTIONS);

const condition = object<SeccompCondition>(() => ({
  index: required(integer(0, 5, "the number of an argument")),
  value: required(uint64),
  valueTwo: uint64,
  op: required(oneOf(SECCOMP_OPERATORS)),
}));

const rule = object<SeccompRule>(() => ({
  names: required(nonEmptyListOf(nonEmptyText, "the name of a system call at least")),
  action: required(action),
  errnoRet,
  args: listOf(condition),
}), ({ action, errnoRet }, place) => refuseErrno(action, errnoRet, "errnoRet", place));

/** config-linux.md, "Seccomp": its form. What the rules mean together is for lib/seccomp to judge. */
export const seccomp = object<Seccomp>(() => ({
  defaultAction: required(action),
  defaultErrnoRet: errnoRet,
  architectures: listOf(oneOf(SECCOMP_ARCHITECTURES)),
  flags: listOf(oneOf(SECCOMP_FLAGS)),
  listenerPath: unlessEmpty(absolutePath),
  listenerMetadata: unlessEmpty(anyText),
  syscalls: listOf(rule),
}), (seccomp, place) => {
  refuseErrno(seccomp.defaultAction, seccomp.defaultErrnoRet, "defaultErrnoRet", place);
  if (seccomp.listenerMetadata !== undefined && seccomp.listenerPath === undefined) {
    place.refuse("of no use without listenerPath", "listenerMetadata");
  }
});

function refuseErrno(
  action: SeccompAction,
  errno: number | undefined,
  name: string,
  place: Place,
): void {
  if (errno === undefined || action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE") return;
  place.refuse(`"${action}" returns no error number`, name);
}
