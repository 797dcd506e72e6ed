import { assertEquals, assertThrows } from "@std/assert";
import { parseArguments } from "../../../lib/cli/arguments.ts";
import { describeOptions } from "../../../lib/cli/usage.ts";
import { UsageError } from "../../../lib/errors.ts";

const OPTIONS = [
  { name: "mem", value: "SIZE", help: "memory" },
  { name: "container-addr", value: "CIDR", help: "address" },
  { name: "e", value: "KEY=VALUE", many: true, help: "variable" },
  { name: "rm", help: "remove" },
  { name: "t", help: "terminal" },
  { name: "no-new-privileges", help: "no setuid" },
  { name: "hidden" },
];

const parse = (...words: string[]) => parseArguments(OPTIONS, words);

for (const form of [["-mem", "500M"], ["-mem=500M"], ["--mem", "500M"], ["--mem=500M"]]) {
  Deno.test(`an option may be written ${form.join(" ")}`, () => {
    const args = parse(...form, "alpine", "sh");
    assertEquals(args.text("mem"), "500M");
    assertEquals(args.rest, ["alpine", "sh"]);
  });
}

Deno.test("what follows the image is the command's, dashes and all", () => {
  const args = parse("-rm", "alpine", "ls", "-rm", "--mem=1", "--", "-t");
  assertEquals(args.rest, ["alpine", "ls", "-rm", "--mem=1", "--", "-t"]);
  assertEquals(args.flag("rm"), true);
  assertEquals(args.text("mem"), undefined);
});

Deno.test("options end at --", () => {
  assertEquals(parse("-rm", "--", "-odd-image", "sh").rest, ["-odd-image", "sh"]);
});

Deno.test("a value may begin with a dash or hold an equals sign", () => {
  assertEquals(parse("-mem", "-5", "i").text("mem"), "-5");
  assertEquals(parse("-e", "A=b=c", "-e=D==", "i").texts("e"), ["A=b=c", "D=="]);
});

Deno.test("of a value given twice the last one counts", () => {
  assertEquals(parse("-mem", "1", "--mem=2", "i").text("mem"), "2");
});

Deno.test("numbers stay text", () => {
  assertEquals(parse("-mem", "007", "i").text("mem"), "007");
});

Deno.test("switches take true and false", () => {
  assertEquals(parse("-t", "i").flag("t"), true);
  assertEquals(parse("-t=false", "i").flag("t"), false);
  for (const word of ["1", "t", "T", "TRUE", "true", "True"]) {
    assertEquals(parse(`-t=${word}`, "i").flag("t"), true);
  }
  for (const word of ["0", "f", "F", "FALSE", "false", "False"]) {
    assertEquals(parse(`-t=${word}`, "i").flag("t"), false);
  }
  assertThrows(() => parse("-t=tRUE", "i").flag("t"), UsageError, `"-t=tRUE"`);
  assertThrows(() => parse("-t=", "i").flag("t"), UsageError, `"-t="`);
  assertEquals(parse("i").flag("t"), undefined);
  assertThrows(() => parse("-t=maybe", "i").flag("t"), UsageError, `"-t=maybe"`);
});

Deno.test("a name may begin with no- or have a dot in it", () => {
  assertEquals(parse("-no-new-privileges", "i").flag("no-new-privileges"), true);
  assertEquals(parse("--no-new-privileges=false", "i").flag("no-new-privileges"), false);
  const dotted = [{ name: "a.b", value: "X" }];
  assertEquals(parseArguments(dotted, ["-a.b", "1"]).text("a.b"), "1");
});

Deno.test("an unknown option names the nearest known one", () => {
  const error = assertThrows(() => parse("-memm", "1", "i"), UsageError, `"-memm"`);
  assertEquals(error.hint, "Did you mean -mem?");
  assertThrows(() => parse("--containr-addr=1", "i"), UsageError);
});

Deno.test("a missing value is told", () => {
  assertThrows(() => parse("-mem"), UsageError, "needs a value, SIZE");
});

Deno.test("the usage shows every option but hidden ones", () => {
  assertEquals(describeOptions(OPTIONS).split("\n").length, 6);
});

Deno.test("the usage shows the shorter names of an option too", () => {
  const options = [{ name: "tty", alias: ["t", "it"], help: "terminal" }, OPTIONS[0]];
  assertEquals(describeOptions(options), "  -tty, -t, -it  terminal\n  -mem SIZE      memory");
});

Deno.test("where they may stand anywhere, options end at -- all the same", () => {
  const options = [{ name: "f" }, { name: "i", value: "FOLDER" }];
  const args = parseArguments(options, ["a", "-f", "b", "-i", "x", "--", "-f", "c"], "anywhere");
  assertEquals(args.rest, ["a", "b", "-f", "c"]);
  assertEquals([args.flag("f"), args.text("i")], [true, "x"]);
  assertEquals(parseArguments(options, ["a", "-f"]).rest, ["a", "-f"]);
  assertEquals(parseArguments(options, ["-", "-f"], "anywhere").rest, ["-"]);
});
