/** Standard input and output without a terminal of its own: pipes stay pipes, byte for byte. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

const MiB = 1024 * 1024;

function randomBytes(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  const ATONCE = 65536;
  for (let at = 0; at < size; at += ATONCE) crypto.getRandomValues(bytes.subarray(at, at + ATONCE));
  return bytes;
}

async function digest(bytes: Uint8Array): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(bytes)));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const run = ["-net=none", "alpine"];

Deno.test("16 MiB of random bytes go in and come out as they were", async () => {
  const bytes = randomBytes(16 * MiB);
  const { code, bytes: back, stderr } = await workspace.run([...run, "cat"], { stdin: bytes });
  assertEquals([code, stderr, back.length], [0, "", bytes.length]);
  assertEquals(await digest(back), await digest(bytes));
});

Deno.test("16 MiB arrive inside whole", async () => {
  const bytes = randomBytes(16 * MiB);
  const { stdout } = await workspace.run([...run, "sha256sum"], { stdin: bytes });
  assertEquals(stdout, `${await digest(bytes)}  -\n`);
});

Deno.test("every byte value passes, ends of lines and control characters too", async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  for (const options of [[], ["-t=false"]]) {
    const told = await workspace.run([...options, ...run, "cat"], { stdin: bytes });
    assertEquals(told.bytes, bytes);
  }
});

Deno.test("standard output and error are kept apart", async () => {
  const script = "for i in 1 2 3; do echo out $i; echo err $i >&2; done";
  const { stdout, stderr } = await workspace.run([...run, "/bin/sh", "-c", script]);
  assertEquals(stdout, "out 1\nout 2\nout 3\n");
  assertEquals(stderr, "err 1\nerr 2\nerr 3\n");
});

Deno.test("they are pipes inside too", async () => {
  const script = "for fd in 0 1 2; do stat -L -c %F /proc/self/fd/$fd; done";
  const { stdout } = await workspace.run([...run, "/bin/sh", "-c", script], { stdin: "x" });
  assertEquals(stdout, "fifo\nfifo\nfifo\n");
});

const USERS: readonly (readonly string[])[] = [
  [],
  ["-u", "99"],
  ["-userns", "auto"],
  ["-userns", "auto", "-u", "99"],
];

for (const options of USERS) {
  Deno.test(`they can be opened by name: ${options.join(" ") || "as root"}`, async () => {
    const script = "cat /dev/stdin > /dev/stdout; echo err > /dev/stderr";
    const { code, stdout, stderr } = await workspace.run(
      [...options, ...run, "/bin/sh", "-c", script],
      { stdin: "in\n" },
    );
    assertEquals([code, stdout, stderr], [0, "in\n", "err\n"]);
  });
}

Deno.test("files and devices stay their owner's", async () => {
  const [input, output] = ["mine", "mine too"].map((name) => workspace.path(name));
  await Deno.writeTextFile(input, "in\n");
  const through = ["sh", "-c", '"$@" < "$0" > "$OUTPUT" 2> /dev/null', input];
  const owner = (path: string) => Deno.statSync(path).uid;
  for (const options of USERS) {
    const told = await workspace.run([...options, ...run, "cat"], {
      through,
      env: { OUTPUT: output },
    });
    assertEquals([told.code, await Deno.readTextFile(output)], [0, "in\n"]);
    assertEquals([input, output, "/dev/null"].map(owner), [0, 0, 0]);
  }
});

Deno.test("the end of input arrives, before anything and in between", async () => {
  assertEquals((await workspace.run([...run, "wc", "-c"])).stdout, "0\n");
  const running = workspace.start([...run, "/bin/sh", "-c", "read a; echo $a; wc -c"], {
    stdin: "piped",
  });
  const writer = running.stdin.getWriter();
  await writer.write(new TextEncoder().encode("first\n"));
  await running.says(/^first\n$/);
  await writer.write(new TextEncoder().encode("12345"));
  await writer.close();
  assertEquals((await running.end()).stdout, "first\n5\n");
});

Deno.test("a closed standard input is an empty one", async () => {
  const through = ["sh", "-c", 'exec "$@" <&-', "sh"];
  const { code, stdout } = await workspace.run([...run, "wc", "-c"], { through });
  assertEquals([code, stdout], [0, "0\n"]);
});

Deno.test("a file as input goes on where the caller has left it", async () => {
  await Deno.writeTextFile(workspace.path("lines"), "one\ntwo\nthree\n");
  const through = [
    "sh",
    "-c",
    '{ read a; echo "caller: $a"; "$@"; } < "$0"',
    workspace.path("lines"),
  ];
  const { stdout } = await workspace.run([...run, "cat"], { through });
  assertEquals(stdout, "caller: one\ntwo\nthree\n");
});

Deno.test("a program that does not read its input does not hang", async () => {
  const { code, stdout } = await workspace.run([...run, "echo", "done"], {
    stdin: randomBytes(4 * MiB),
  });
  assertEquals([code, stdout], [0, "done\n"]);
});

Deno.test("a reader that goes away ends the program", async () => {
  const script = '{ "$@"; echo $? >&2; } | head -n 1';
  const told = await workspace.run([...run, "/bin/sh", "-c", "yes 2>/dev/null; exit $?"], {
    through: ["sh", "-c", script, "sh"],
  });
  // The kernel spares the first process of a pid namespace SIGPIPE, not the ones below it.
  assertEquals([told.stdout, told.stderr], ["y\n", `${128 + 13}\n`]);
});

Deno.test("all output of a short-lived program arrives, 60 times", async () => {
  const lines = Array.from({ length: 5000 }, (_, i) => `${i + 1}\n`).join("");
  for (let i = 0; i < 60; i++) {
    const { stdout, stderr } = await workspace.run([
      ...run,
      "/bin/sh",
      "-c",
      "seq 1 5000; echo last >&2",
    ]);
    assert(stdout === lines, `run ${i}: ${stdout.length} of ${lines.length} bytes`);
    assertEquals(stderr, "last\n");
  }
});

Deno.test("output comes while the program runs, not only at its end", async () => {
  const running = workspace.start([...run, "/bin/sh", "-c", "echo early; read go; echo late"], {
    stdin: "piped",
  });
  await running.says(/^early\n$/);
  await running.feed("go\n");
  assertMatch((await running.end()).stdout, /^early\nlate\n$/);
});
