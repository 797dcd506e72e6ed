import { assert, assertEquals } from "@std/assert";
import { AT_FDCWD, O_CREAT, O_RDONLY, O_WRONLY } from "../../../ffi/constants.ts";
import { addressOf, cstring } from "../../../ffi/cstring.ts";
import { exists } from "../../../tools/project.ts";
import { whySlow } from "../../../tools/build/code_cache.ts";
import { type Modules, play } from "../../../tools/build/rehearsal/actor.ts";
import { Props } from "../../../tools/build/rehearsal/props.ts";
import { type SyscallName, SYSCALLS } from "../../../ffi/syscalls.ts";

type Arg = number | Uint8Array<ArrayBuffer>;

/** A program that calls the kernel as the product does: by the one symbol. */
function program(body: (call: (name: SyscallName, ...args: Arg[]) => number) => void): Modules {
  return {
    common: [() => {
      const { syscall } = Deno.dlopen("libc.so.6", {
        syscall: { parameters: ["i64", "i64", "i64", "i64", "i64", "i64", "i64"], result: "i32" },
      }).symbols;
      body((name, ...args) => {
        const words = args.map((arg) => arg instanceof Uint8Array ? addressOf(arg) : arg);
        const [a, b, c, d, e, f] = [0, 1, 2, 3, 4, 5].map((index) =>
          BigInt(words[index] as 0 ?? 0)
        );
        return syscall(BigInt(SYSCALLS[name]), a, b, c, d, e, f);
      });
      Deno.exit(0);
    }],
  };
}

Deno.test("rehearsals that fail are told, but for ip, of which the build has told", () => {
  const failures = "embedded true (v2): exit 125\nrun true (v2): exit 125";
  assertEquals(whySlow(failures, "/usr/sbin/ip"), `because rehearsals failed\n${failures}`);
  const why = whySlow(failures, undefined);
  assertEquals([why.includes("without `ip`"), why.includes("\n")], [true, false]);
});

const ALONE = { words: [], said: [] };

async function onStage(run: (props: Props) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await run(await Props.make(`${folder}/stage`, "v2"));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("on the stage only the stage's own folder is written to", () =>
  onStage(async (props) => {
    const outside = Deno.makeTempDirSync();
    const inside = `${props.containers}/made`;
    const results: number[] = [];
    await play(
      program((call) => {
        for (const path of [`${outside}/made`, inside]) {
          results.push(call("mkdirat", AT_FDCWD, cstring(path), 0o755));
          Deno.writeTextFileSync(`${path}.txt`, "text");
        }
        results.push(call("unlinkat", AT_FDCWD, cstring(outside), 0x200));
        Deno.removeSync(outside, { recursive: true });
        results.push(call("mount", 0, cstring("/"), 0, 0x40000, 0));
        results.push(call("kill", Deno.pid, 9));
      }),
      props,
      ALONE,
    );
    assertEquals(results, [0, 0, 0, 0, 0]);
    assert(exists(outside) && !exists(`${outside}/made`) && !exists(`${outside}/made.txt`));
    assert(exists(inside));
    assertEquals(Deno.readTextFileSync(`${inside}.txt`), "text");
    Deno.removeSync(outside);
  }));

Deno.test("what is only pretended to be made can be opened afterwards", () =>
  onStage(async (props) => {
    const results: number[] = [];
    await play(
      program((call) => {
        const path = cstring(`/proc/made-by-${Deno.pid}`);
        results.push(call("openat", AT_FDCWD, path, O_RDONLY));
        const fd = call("openat", AT_FDCWD, path, O_WRONLY | O_CREAT, 0o644);
        results.push(call("write", fd, cstring("text"), 4));
        results.push(Math.sign(call("openat", AT_FDCWD, path, O_RDONLY)));
        results.push(call("close", 1));
      }),
      props,
      ALONE,
    );
    assertEquals(results, [-1, 4, 1, 0]);
    // Standard output is not the program's to close.
    Deno.stdout.writeSync(new Uint8Array());
  }));

Deno.test("the first end of an act is its end, whatever the program does about it", () =>
  onStage(async (props) => {
    const { curtain } = await play(
      program((call) => {
        try {
          call("execve", cstring("/bin/true"), 0, 0);
        } finally {
          call("exit_group", 125);
        }
      }),
      props,
      ALONE,
    );
    assertEquals([curtain.call, curtain.code], ["execve", 0]);
  }));

Deno.test("one that builds makes what is relative to its folders, and nothing by a link or a way up", () =>
  onStage(async (props) => {
    const outside = Deno.makeTempDirSync();
    Deno.symlinkSync(outside, `${props.containers}/link`);
    Deno.symlinkSync(`${outside}/file`, `${props.containers}/file`);
    const write = (call: (name: SyscallName, ...args: Arg[]) => number, name: string) => {
      const folder = call("openat", AT_FDCWD, cstring(props.containers), O_RDONLY);
      call("mkdirat", folder, cstring(name), 0o755);
      call("openat", folder, cstring(name), O_WRONLY | O_CREAT, 0o644);
      call("fchownat", folder, cstring(name), 1, 1, 0);
    };
    for (const builds of [false, true]) {
      await play(
        program((call) => {
          for (const name of ["made", "link/made", "file", "../made"]) write(call, name);
        }),
        props,
        { ...ALONE, builds },
      );
      assertEquals(exists(`${props.containers}/made`), builds);
      assertEquals([...Deno.readDirSync(outside)], []);
      assert(!exists(`${props.folder}/made`));
    }
    assertEquals(Deno.statSync(`${props.containers}/made`).uid, Deno.uid());
    Deno.removeSync(outside);
  }));

Deno.test("the stage is gone after the act", () =>
  onStage(async (props) => {
    const before = [Deno, console];
    const { printed } = await play(program(() => console.log("on stage")), props, ALONE);
    assertEquals(printed, ["on stage"]);
    assertEquals([Deno, console], before);
  }));
