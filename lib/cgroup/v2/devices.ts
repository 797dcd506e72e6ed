import { AT_FDCWD, O_DIRECTORY, O_RDONLY, RLIM_INFINITY } from "../../../ffi/constants.ts";
import { SysError } from "../../../ffi/errno.ts";
import { Fd, openat } from "../../../ffi/file.ts";
import {
  BPF_CGROUP_DEVICE,
  BPF_F_ALLOW_MULTI,
  BPF_F_REPLACE,
  bpf_prog_attach,
  bpf_prog_detach,
  bpf_prog_get_fd_by_id,
  bpf_prog_load,
  bpf_prog_query,
  BPF_PROG_TYPE_CGROUP_DEVICE,
} from "../../../ffi/bpf.ts";
import { getrlimit, setrlimit } from "../../../ffi/process.ts";
import { RLIMITS } from "../../oci/rlimits.ts";
import { ContainerError } from "../../errors.ts";

/**
 * Binds a compiled device filter to a cgroup, in the place of the ones that it has. The filters of
 * the cgroups above it, those of systemd for example, keep their say. The kernel lets go of the
 * program when the cgroup is removed.
 *
 * @throws {ContainerError} Unsupported where the kernel has no such programs.
 */
export function attachDeviceFilter(folder: string, program: Uint8Array<ArrayBuffer>): void {
  using cgroup = new Fd(openat(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY));
  using filter = new Fd(load(program));
  const before = bpf_prog_query(cgroup.number, BPF_CGROUP_DEVICE);
  if (before.length !== 1) {
    attach(cgroup.number, filter.number);
    before.forEach((id) => detach(cgroup.number, id));
    return;
  }
  using old = new Fd(bpf_prog_get_fd_by_id(before[0]!));
  try {
    const flags = BPF_F_ALLOW_MULTI | BPF_F_REPLACE;
    bpf_prog_attach(cgroup.number, filter.number, BPF_CGROUP_DEVICE, flags, old.number);
  } catch (error) {
    // BPF_F_REPLACE is younger than the rest, and needs an old program that allowed others.
    if (!(error instanceof SysError && error.code === "EINVAL")) throw error;
    attach(cgroup.number, filter.number);
    bpf_prog_detach(cgroup.number, old.number, BPF_CGROUP_DEVICE);
  }
}

function attach(cgroup: number, filter: number): void {
  bpf_prog_attach(cgroup, filter, BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI);
}

function detach(cgroup: number, id: number): void {
  using program = new Fd(bpf_prog_get_fd_by_id(id));
  bpf_prog_detach(cgroup, program.number, BPF_CGROUP_DEVICE);
}

function load(program: Uint8Array<ArrayBuffer>): number {
  try {
    return bpf_prog_load(BPF_PROG_TYPE_CGROUP_DEVICE, program);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    if (error.code === "EPERM") return loadWithMemory(program, error);
    throw unsupported(error);
  }
}

/**
 * Before Linux 5.11 programs count against RLIMIT_MEMLOCK, and the refusal is EPERM. The limit is
 * lifted for this one call: the container inherits it.
 */
function loadWithMemory(program: Uint8Array<ArrayBuffer>, refusal: SysError): number {
  const { RLIMIT_MEMLOCK } = RLIMITS;
  const { soft, hard } = getrlimit(0, RLIMIT_MEMLOCK);
  try {
    setrlimit(0, RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY);
  } catch (error) {
    if (error instanceof SysError) throw unsupported(refusal);
    throw error;
  }
  try {
    return bpf_prog_load(BPF_PROG_TYPE_CGROUP_DEVICE, program);
  } catch (error) {
    if (error instanceof SysError) throw unsupported(error);
    throw error;
  } finally {
    setrlimit(0, RLIMIT_MEMLOCK, soft, hard);
  }
}

function unsupported(cause: SysError): ContainerError {
  return new ContainerError(`load the device filter of the container: ${cause.message}`, {
    code: "Unsupported",
    hint: "cgroup v2 guards devices by eBPF: the kernel needs CONFIG_CGROUP_BPF, this program " +
      "CAP_SYS_ADMIN or CAP_BPF, and RLIMIT_MEMLOCK some room before Linux 5.11",
    cause,
  });
}
