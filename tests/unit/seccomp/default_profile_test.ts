import { assertEquals } from "@std/assert";
import { CAPABILITIES } from "../../../lib/oci/capabilities.ts";
import type { Seccomp } from "../../../lib/oci/spec.ts";
import { Place } from "../../../lib/oci/validate/place.ts";
import { seccomp } from "../../../lib/oci/validate/seccomp.ts";
import { compileSeccomp, type Machine } from "../../../lib/seccomp/compile.ts";
import { defaultProfile } from "../../../lib/seccomp/default_profile.ts";
import { resolveProfile } from "../../../lib/seccomp/docker_profile.ts";
import { defaultFilter, precompiledFilter, seccompFilter } from "../../../lib/seccomp/filter.ts";
import { type Abi, isSyscallName, syscallNumbers } from "../../../lib/seccomp/tables.ts";
import { AUDIT_ARCH } from "../../../lib/seccomp/values.ts";
import { Filter } from "./interpreter.ts";
import { ABIS, syscallNumber } from "./policies.ts";

const ALLOW = 0x7fff_0000;
const EPERM = 0x0005_0001;
const ENOSYS = 0x0005_0026;

/** What docker gives a container. */
const USUAL = [
  ..."CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP".split(" "),
  ..."NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE".split(" "),
].map((name) => `CAP_${name}`);

function filterOf(capabilities: readonly string[], machine: Machine): Filter {
  return new Filter(compileSeccomp(defaultProfile(capabilities, machine), machine).program);
}

function decision(filter: Filter, name: string, abi: Abi, ...args: bigint[]): number {
  return filter.run({ nr: syscallNumber(name, abi)!, arch: AUDIT_ARCH[abi], args });
}

for (const machine of ["x86_64", "aarch64"] as const) {
  const usual = filterOf(USUAL, machine);

  Deno.test(`${machine}: every name of the profile is a system call`, () => {
    const { syscalls } = defaultProfile(Object.keys(CAPABILITIES), machine);
    for (const { names } of syscalls!) {
      assertEquals(names.filter((name) => !isSyscallName(name)), []);
      assertEquals(new Set(names).size, names.length);
    }
  });

  Deno.test(`${machine}: what containers break out with fails on every ABI`, () => {
    const dangerous = [
      ..."keyctl add_key request_key bpf userfaultfd perf_event_open unshare setns mount".split(
        " ",
      ),
      ..."umount2 pivot_root swapon reboot init_module finit_module kexec_load acct".split(" "),
      ..."open_by_handle_at io_uring_setup io_uring_enter io_uring_register fsopen".split(" "),
      ..."open_tree move_mount mount_setattr quotactl settimeofday kcmp process_madvise".split(" "),
      ..."pidfd_getfd lookup_dcookie mbind migrate_pages move_pages syslog sethostname".split(" "),
    ];
    for (const abi of ABIS[machine]) {
      for (const name of dangerous) {
        if (!syscallNumbers(abi).has(name)) continue;
        assertEquals(decision(usual, name, abi), EPERM, `${name} on ${abi}`);
      }
    }
  });

  Deno.test(`${machine}: clone may make no namespaces, clone3 is not there`, () => {
    const namespaces = [0x2_0000n, 0x200_0000n, 0x400_0000n, 0x800_0000n];
    namespaces.push(0x1000_0000n, 0x2000_0000n, 0x4000_0000n);
    for (const abi of ABIS[machine]) {
      assertEquals(decision(usual, "clone", abi, 0x3d_0f00n), ALLOW);
      assertEquals(decision(usual, "clone3", abi), ENOSYS);
      for (const flag of namespaces) {
        assertEquals(decision(usual, "clone", abi, flag | 0x11n), EPERM, `${abi} ${flag}`);
      }
    }
    const admin = filterOf([...USUAL, "CAP_SYS_ADMIN"], machine);
    for (const abi of ABIS[machine]) {
      for (const name of ["clone3", "unshare", "setns", "mount", "fsopen", "bpf"]) {
        assertEquals(decision(admin, name, abi), ALLOW, `${name} on ${abi}`);
      }
      assertEquals(decision(admin, "clone", abi, 0x1000_0011n), ALLOW);
    }
  });

  Deno.test(`${machine}: sockets may be of any family but AF_ALG and AF_VSOCK`, () => {
    for (const abi of ABIS[machine]) {
      for (let family = 0n; family < 64n; family++) {
        const expected = family === 38n || family === 40n ? EPERM : ALLOW;
        assertEquals(decision(usual, "socket", abi, family), expected, `${abi} ${family}`);
      }
    }
  });

  Deno.test(`${machine}: personality may be set to harmless ones and be asked for`, () => {
    const allowed = new Set([0n, 8n, 0x2_0000n, 0x2_0008n, 0xffff_ffffn]);
    for (const value of [...allowed, 1n, 0x4_0000n, 0x40_0000n, 0xffff_fffen]) {
      const expected = allowed.has(value) ? ALLOW : EPERM;
      assertEquals(decision(usual, "personality", machine, value), expected, `${value}`);
    }
  });

  Deno.test(`${machine}: each capability adds what it is for and nothing else`, () => {
    const added: Record<string, string[]> = {
      CAP_BPF: ["bpf"],
      CAP_DAC_READ_SEARCH: ["open_by_handle_at"],
      CAP_PERFMON: ["perf_event_open"],
      CAP_SYSLOG: ["syslog"],
      CAP_SYS_BOOT: ["reboot"],
      CAP_SYS_CHROOT: ["chroot"],
      CAP_SYS_MODULE: ["delete_module", "finit_module", "init_module"],
      CAP_SYS_NICE: ["get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"],
      CAP_SYS_PACCT: ["acct"],
      CAP_SYS_PTRACE: ["kcmp", "pidfd_getfd", "process_madvise"],
      CAP_SYS_RAWIO: machine === "x86_64" ? ["ioperm", "iopl"] : [],
      CAP_SYS_TIME: ["clock_settime", "settimeofday"],
      CAP_SYS_TTY_CONFIG: ["vhangup"],
    };
    const without = filterOf([], machine);
    for (const capability of Object.keys(CAPABILITIES)) {
      if (capability === "CAP_SYS_ADMIN") continue;
      const filter = filterOf([capability], machine);
      const more = [...syscallNumbers(machine).keys()].filter((name) =>
        decision(filter, name, machine) !== decision(without, name, machine)
      );
      assertEquals(more.sort(), added[capability] ?? [], capability);
    }
  });

  Deno.test(`${machine}: the filter of usual capabilities is ready made`, async () => {
    for (const capabilities of [USUAL, [], ["CAP_NET_ADMIN", "CAP_SYS_CHROOT"]]) {
      const config = defaultProfile(capabilities, machine);
      const hint = "run `deno run -A lib/seccomp/precompile.ts`";
      assertEquals(precompiledFilter(config, machine), compileSeccomp(config, machine), hint);
      assertEquals(defaultFilter(capabilities, machine), compileSeccomp(config, machine), hint);
    }
    assertEquals(defaultFilter(["CAP_SYS_ADMIN"], machine), undefined);
    const others: Seccomp[] = [
      defaultProfile(["CAP_SYS_ADMIN"], machine),
      { ...defaultProfile(USUAL, machine), flags: [] },
      { defaultAction: "SCMP_ACT_ALLOW" },
    ];
    for (const config of others) {
      assertEquals(precompiledFilter(config, machine), undefined);
      assertEquals(await seccompFilter(config, machine), compileSeccomp(config, machine));
    }
  });
}

/** What Debian's packages have of it, and how they are known to differ. */
const REFERENCES = [
  {
    path: "/usr/share/gocode/src/github.com/docker/docker/profiles/seccomp/default.json",
    from: "golang-github-docker-docker-dev 20.10",
    alsoAllowed: "io_uring_setup io_uring_enter io_uring_register",
    notAllowed: "name_to_handle_at process_vm_readv process_vm_writev pkey_mprotect pkey_alloc " +
      "pkey_free uretprobe cachestat fchmodat2 map_shadow_stack futex_wake futex_wait " +
      "futex_requeue statmount listmount mseal setxattrat getxattrat listxattrat removexattrat",
  },
  {
    path: "/usr/share/containers/seccomp.json",
    from: "golang-github-containers-common 0.50",
    alsoAllowed:
      "syslog pivot_root mount umount2 reboot mbind set_mempolicy get_mempolicy keyctl " +
      "unshare setns open_tree move_mount fsopen fsconfig fsmount fspick clone3 pidfd_getfd " +
      "mount_setattr",
    notAllowed:
      "vmsplice io_pgetevents uretprobe futex_waitv cachestat fchmodat2 map_shadow_stack " +
      "futex_wake futex_wait futex_requeue statmount listmount mseal setxattrat getxattrat " +
      "listxattrat removexattrat",
  },
];

for (const { path, from, alsoAllowed, notAllowed } of REFERENCES) {
  const text = read(path);
  Deno.test({
    name: `the policy is that of ${from} but for known calls${text ? "" : ` (needs ${path})`}`,
    ignore: text === undefined,
    fn() {
      const circumstances = { capabilities: USUAL, machine: "x86_64", kernel: "6.1.0" } as const;
      const profile = resolveProfile(JSON.parse(text!), circumstances, path);
      const config = seccomp(profile, new Place(path));
      const theirs = new Filter(compileSeccomp(config, "x86_64").program);
      const ours = filterOf(USUAL, "x86_64");
      const names = [...syscallNumbers("x86_64").keys()];
      const allow = (filter: Filter, name: string) => decision(filter, name, "x86_64") === ALLOW;
      assertEquals(
        names.filter((name) => allow(theirs, name) && !allow(ours, name)).sort(),
        alsoAllowed.split(" ").sort(),
      );
      assertEquals(
        names.filter((name) => allow(ours, name) && !allow(theirs, name)).sort(),
        notAllowed.split(" ").sort(),
      );
      for (let family = 0n; family < 64n; family++) {
        const differs = decision(theirs, "socket", "x86_64", family) !==
          decision(ours, "socket", "x86_64", family);
        assertEquals(differs, family === 38n || family === 40n, `socket family ${family}`);
      }
      for (const value of [0n, 1n, 8n, 0x2_0000n, 0x2_0008n, 0xffff_ffffn, 0x40_0000n]) {
        const asked = [theirs, ours].map((filter) =>
          decision(filter, "personality", "x86_64", value)
        );
        assertEquals(asked[0] === ALLOW, asked[1] === ALLOW, `personality ${value}`);
      }
    },
  });
}

function read(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
