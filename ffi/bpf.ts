import { addressOf } from "./cstring.ts";
import { syscall } from "./libc.ts";
import { alloc, struct } from "./struct.ts";

const BPF_PROG_LOAD = 5;
const BPF_PROG_ATTACH = 8;
const BPF_PROG_DETACH = 9;
const BPF_PROG_GET_FD_BY_ID = 13;
const BPF_PROG_QUERY = 16;

/** enum bpf_prog_type, linux/bpf.h: a filter of device accesses by cgroup. */
export const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
/** enum bpf_attach_type, linux/bpf.h. */
export const BPF_CGROUP_DEVICE = 6;
/** Flags of BPF_PROG_ATTACH: more than one program may be there, each of them must agree. */
export const BPF_F_ALLOW_MULTI = 2;
/** Flags of BPF_PROG_ATTACH: takes the place of another program (since Linux 5.5). */
export const BPF_F_REPLACE = 4;

/** union bpf_attr for BPF_PROG_LOAD, bpf(2): the fields that are used. */
export const bpf_prog_load_attr = struct("bpf_attr", 64, {
  prog_type: [0, "u32"],
  insn_cnt: [4, "u32"],
  insns: [8, "u64"],
  license: [16, "u64"],
});

/** union bpf_attr for BPF_PROG_ATTACH and BPF_PROG_DETACH. */
export const bpf_attach_attr = struct("bpf_attr", 20, {
  target_fd: [0, "u32"],
  attach_bpf_fd: [4, "u32"],
  attach_type: [8, "u32"],
  attach_flags: [12, "u32"],
  replace_bpf_fd: [16, "u32"],
});

/** union bpf_attr for BPF_PROG_QUERY. */
export const bpf_query_attr = struct("bpf_attr", 32, {
  target_fd: [0, "u32"],
  attach_type: [4, "u32"],
  query_flags: [8, "u32"],
  attach_flags: [12, "u32"],
  prog_ids: [16, "u64"],
  prog_cnt: [24, "u32"],
});

/** union bpf_attr for BPF_PROG_GET_FD_BY_ID. */
export const bpf_get_fd_attr = struct("bpf_attr", 12, { prog_id: [0, "u32"] });

/**
 * bpf(2), BPF_PROG_LOAD: the verifier reads the program and the kernel keeps it. The descriptor is
 * close-on-exec by itself.
 *
 * @param insns instructions of 8 bytes each.
 * @throws {SysError} EPERM also when RLIMIT_MEMLOCK is too low (before Linux 5.11).
 */
export function bpf_prog_load(type: number, insns: Uint8Array<ArrayBuffer>): number {
  // One block for all, so that what the attribute points to lives as long as the attribute.
  const block = alloc(bpf_prog_load_attr.size + LICENSE_SIZE + insns.length);
  const license = bpf_prog_load_attr.size;
  const program = license + LICENSE_SIZE;
  block.set(insns, program);
  bpf_prog_load_attr.set(block, "prog_type", type);
  bpf_prog_load_attr.set(block, "insn_cnt", insns.length / 8);
  bpf_prog_load_attr.set(block, "insns", addressOf(block) + BigInt(program));
  bpf_prog_load_attr.set(block, "license", addressOf(block) + BigInt(license));
  return syscall("bpf", "BPF_PROG_LOAD", BPF_PROG_LOAD, block, bpf_prog_load_attr.size);
}

/** An empty string: the license matters only to programs that call the kernel's functions. */
const LICENSE_SIZE = 8;

/** bpf(2), BPF_PROG_ATTACH: binds a program to a cgroup. `replaced` goes with BPF_F_REPLACE. */
export function bpf_prog_attach(
  target: number,
  program: number,
  type: number,
  flags: number,
  replaced = 0,
): void {
  const attr = bpf_attach_attr.encode({
    target_fd: target,
    attach_bpf_fd: program,
    attach_type: type,
    attach_flags: flags,
    replace_bpf_fd: replaced,
  });
  syscall("bpf", "BPF_PROG_ATTACH", BPF_PROG_ATTACH, attr, attr.length);
}

/** bpf(2), BPF_PROG_DETACH. */
export function bpf_prog_detach(target: number, program: number, type: number): void {
  const attr = bpf_attach_attr.encode({
    target_fd: target,
    attach_bpf_fd: program,
    attach_type: type,
  });
  syscall("bpf", "BPF_PROG_DETACH", BPF_PROG_DETACH, attr, attr.length);
}

/** bpf(2), BPF_PROG_QUERY: the ids of at most 64 programs that a cgroup itself has of this type. */
export function bpf_prog_query(target: number, type: number): number[] {
  const most = 64;
  const block = alloc(bpf_query_attr.size + 4 * most);
  bpf_query_attr.set(block, "target_fd", target);
  bpf_query_attr.set(block, "attach_type", type);
  bpf_query_attr.set(block, "prog_ids", addressOf(block) + BigInt(bpf_query_attr.size));
  bpf_query_attr.set(block, "prog_cnt", most);
  syscall("bpf", "BPF_PROG_QUERY", BPF_PROG_QUERY, block, bpf_query_attr.size);
  const count = bpf_query_attr.get(block, "prog_cnt");
  return [...new Uint32Array(block.buffer, bpf_query_attr.size, count)];
}

/** bpf(2), BPF_PROG_GET_FD_BY_ID: a descriptor for a loaded program, close-on-exec. */
export function bpf_prog_get_fd_by_id(id: number): number {
  const attr = bpf_get_fd_attr.encode({ prog_id: id });
  return syscall("bpf", `BPF_PROG_GET_FD_BY_ID ${id}`, BPF_PROG_GET_FD_BY_ID, attr, attr.length);
}
