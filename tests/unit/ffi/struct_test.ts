import { assert, assertEquals } from "@std/assert";
import { open_how, statx_struct } from "../../../ffi/file.ts";
import { nlmsghdr } from "../../../ffi/netlink.ts";
import { nfgenmsg } from "../../../ffi/nfnetlink.ts";
import { ifaddrmsg, ifinfomsg, rtmsg, tcmsg } from "../../../ffi/rtnetlink.ts";
import { mount_attr } from "../../../ffi/mount.ts";
import { clone_args, siginfo_child } from "../../../ffi/process.ts";
import { sock_fprog } from "../../../ffi/seccomp.ts";
import { sched_attr } from "../../../ffi/scheduling.ts";
import { signalfd_siginfo } from "../../../ffi/signal.ts";
import { cmsghdr, msghdr } from "../../../ffi/socket.ts";
import { statfs_struct } from "../../../ffi/statfs.ts";
import { struct } from "../../../ffi/struct.ts";
import { termios2 } from "../../../ffi/tty.ts";

interface Described {
  readonly layout: { size: number; fields: Readonly<Record<string, readonly [number, Kind]>> };
  readonly type: string;
}
type Kind = keyof typeof SIZES;

/** Each struct with the C type that it stands for and the headers that declare it. */
const STRUCTS: readonly Described[] = [
  { layout: open_how, type: "struct open_how" },
  { layout: statx_struct, type: "struct statx" },
  { layout: statfs_struct, type: "struct statfs" },
  { layout: mount_attr, type: "struct mount_attr" },
  { layout: clone_args, type: "struct clone_args" },
  { layout: siginfo_child, type: "siginfo_t" },
  { layout: signalfd_siginfo, type: "struct signalfd_siginfo" },
  { layout: sched_attr, type: "struct sched_attr" },
  { layout: msghdr, type: "struct msghdr" },
  { layout: cmsghdr, type: "struct cmsghdr" },
  { layout: sock_fprog, type: "struct sock_fprog" },
  { layout: termios2, type: "struct termios2" },
  { layout: nlmsghdr, type: "struct nlmsghdr" },
  { layout: ifinfomsg, type: "struct ifinfomsg" },
  { layout: ifaddrmsg, type: "struct ifaddrmsg" },
  { layout: rtmsg, type: "struct rtmsg" },
  { layout: tcmsg, type: "struct tcmsg" },
  { layout: nfgenmsg, type: "struct nfgenmsg" },
];

const HEADERS = `
#include <stddef.h>
#include <signal.h>
#include <sys/socket.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <linux/types.h>
#include <linux/filter.h>
#include <sys/signalfd.h>
#include <asm/termbits.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <asm/statfs.h>
`;

const SIZES = { u8: 1, u16: 2, u32: 4, i32: 4, u64: 8, i64: 8 } as const;

function assertions(): string {
  const lines: string[] = [];
  for (const { layout, type } of STRUCTS) {
    lines.push(`_Static_assert(sizeof(${type}) == ${layout.size}, "size of ${type}");`);
    for (const [field, [offset, kind]] of Object.entries(layout.fields)) {
      lines.push(
        `_Static_assert(offsetof(${type}, ${field}) == ${offset}, "offset of ${type}.${field}");`,
        `_Static_assert(sizeof(((${type} *)0)->${field}) == ${
          SIZES[kind]
        }, "size of ${type}.${field}");`,
      );
    }
  }
  return lines.join("\n") + "\n";
}

async function compile(compiler: string, source: string): Promise<{ ok: boolean; said: string }> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/structs.c`, source);
    const { success, stderr } = await new Deno.Command(compiler, {
      args: ["-fsyntax-only", `${folder}/structs.c`],
    }).output();
    return { ok: success, said: new TextDecoder().decode(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function isInstalled(program: string): Promise<boolean> {
  const { success } = await new Deno.Command("sh", {
    args: ["-c", `command -v ${program}`],
    stdout: "null",
  }).output();
  return success;
}

for (const compiler of ["gcc", "aarch64-linux-gnu-gcc"]) {
  const missing = !(await isInstalled(compiler));
  const name = `structs are laid out as ${compiler} has them${
    missing ? " (skipped: not installed)" : ""
  }`;
  Deno.test({ name, ignore: missing }, async () => {
    const { ok, said } = await compile(compiler, HEADERS + assertions());
    assert(ok, said);
    const wrong = assertions().replace(
      "sizeof(struct open_how) == 24",
      "sizeof(struct open_how) == 25",
    );
    assertEquals((await compile(compiler, HEADERS + wrong)).ok, false);
  });
}

Deno.test("struct fields are written and read at their offsets, in the machine's byte order", () => {
  const sample = struct("sample", 24, {
    a: [0, "u8"],
    b: [4, "i32"],
    c: [8, "u64"],
    d: [16, "i64"],
  });
  const bytes = sample.encode({ a: 255, b: -2, c: 2n ** 64n - 1n, d: -1n });
  assertEquals(bytes.slice(0, 8), new Uint8Array([255, 0, 0, 0, 254, 255, 255, 255]));
  assertEquals(sample.get(bytes, "a"), 255);
  assertEquals(sample.get(bytes, "b"), -2);
  assertEquals(sample.get(bytes, "c"), 2n ** 64n - 1n);
  assertEquals(sample.get(bytes, "d"), -1n);
});
