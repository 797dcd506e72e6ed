import { sock_fprog } from "../../../ffi/seccomp.ts";
import { struct } from "../../../ffi/struct.ts";
import type { SeccompFilter } from "../plan.ts";
import type { Data } from "./data.ts";
import type { Limit } from "./image.ts";

/** struct rlimit64. */
const rlimit64 = struct("struct rlimit64", 16, { rlim_cur: [0, "u64"], rlim_max: [8, "u64"] });

const INSTRUCTION_SIZE = 8;

/** Adds a struct rlimit64. */
export function limitIn(data: Data, { soft, hard }: Limit): number {
  return data.add(rlimit64.encode({ rlim_cur: soft, rlim_max: hard }));
}

/** Adds a filter, and the struct sock_fprog that seccomp(2) takes. */
export function filterIn(data: Data, { program }: SeccompFilter): number {
  const filter = data.add(program);
  return data.add(sock_fprog.encode({ len: program.length / INSTRUCTION_SIZE, filter }));
}
