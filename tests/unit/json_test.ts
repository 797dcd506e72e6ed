import { assert, assertEquals, assertMatch, assertStrictEquals, assertThrows } from "@std/assert";
import { ContainerError } from "../../lib/errors.ts";
import { memberPath, parseJSON, stringifyJSON } from "../../lib/json.ts";
import { Random } from "./oci/random.ts";

const what = "thing.json";
const parse = (text: string | Uint8Array) => parseJSON(text, { what });

function refusal(
  text: string | Uint8Array,
  options: { maxBytes?: number; maxDepth?: number } = {},
) {
  const error = assertThrows(() => parseJSON(text, { what, ...options }), ContainerError);
  assertEquals(error.code, "InvalidSpec");
  return error.message;
}

Deno.test("parseJSON() reads what JSON.parse reads", () => {
  const texts = [
    "null",
    " true\t",
    "\r\nfalse\n",
    "0",
    "-0",
    "-1.5e-3",
    "1E+2",
    "0.1",
    "1e999",
    "9007199254740991",
    "-9007199254740991",
    '""',
    '"a\\u0000b\\n\\"\\\\\\/\\ud83d\\ude00"',
    '"\\ud800"',
    '"é 😀 \u2028"',
    "[]",
    "[ ]",
    "[[[]],{}]",
    "{}",
    '{ "a" : [ 1 , { "b" : null } ] , "" : "" }',
    '{"constructor":1,"toString":2,"hasOwnProperty":3}',
  ];
  for (const text of texts) assertEquals(parse(text), JSON.parse(text), text);
  assert(Object.is(parse("-0"), -0));
});

Deno.test("parseJSON() keeps integers beyond 2^53 exact, and other numbers numbers", () => {
  assertStrictEquals(parse("9007199254740992"), 9007199254740992n);
  assertStrictEquals(parse("9007199254740993"), 9007199254740993n);
  assertStrictEquals(parse("18446744073709551615"), 2n ** 64n - 1n);
  assertStrictEquals(parse("-9223372036854775808"), -(2n ** 63n));
  assertStrictEquals(parse("1e20"), 1e20);
  assertStrictEquals(parse("9007199254740993.0"), 9007199254740992);
});

Deno.test("stringifyJSON() writes bigint exactly, so that what is read can be written", () => {
  const text = '{"soft":18446744073709551615,"list":[-9223372036854775808,1,"1n",null,true]}';
  assertEquals(stringifyJSON(parse(text)), text);
  assertEquals(stringifyJSON({ a: 2n ** 64n }, 2), '{\n  "a": 18446744073709551616\n}');
  assertEquals(stringifyJSON({ a: undefined, b: 5n }), '{"b":5}');
});

Deno.test("parseJSON() refuses a name that stands twice, naming the member", () => {
  assertEquals(
    refusal('{"a":{"b":[{},{"c d":1,"x":2,"c d":3}]}}'),
    'thing.json: a.b[1]["c d"]: the name stands twice in one object',
  );
  assertEquals(
    refusal('{"a":1,"\\u0061":2}'),
    "thing.json: a: the name stands twice in one object",
  );
  assertMatch(refusal('{"__proto__":1,"__proto__":2}'), /__proto__: the name stands twice/);
  assertEquals(parse('[{"a":1},{"a":2}]'), [{ a: 1 }, { a: 2 }]);
});

Deno.test("parseJSON() takes __proto__ for a name like any other", () => {
  const value = parse('{"__proto__":{"polluted":true},"a":1}') as Record<string, unknown>;
  assertEquals(Object.keys(value), ["__proto__", "a"]);
  assertStrictEquals(Object.getPrototypeOf(value), Object.prototype);
  assertStrictEquals(value["polluted"], undefined);
  assertStrictEquals(({} as Record<string, unknown>)["polluted"], undefined);
  assertEquals(stringifyJSON(value), '{"__proto__":{"polluted":true},"a":1}');
});

Deno.test("parseJSON() holds its limits", () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  assertEquals(parse(nested(64)), JSON.parse(nested(64)));
  assertEquals(refusal(nested(65)), "thing.json: [0][0][0][0]: nested deeper than 64 levels");
  assertMatch(refusal(nested(1_000_000)), /nested deeper than 64 levels/);
  assertMatch(refusal('{"a":'.repeat(4) + nested(1), { maxDepth: 3 }), /a\.a\.a: nested deeper/);
  assertEquals(parseJSON("[1]", { what, maxBytes: 3 }), [1]);
  assertEquals(refusal("[12]", { maxBytes: 3 }), "thing.json: larger than 3 bytes");
  assertMatch(refusal(new Uint8Array(4 * 1024 * 1024 + 1)), /larger than 4194304 bytes/);
  assertMatch(refusal(`{"n":${"9".repeat(100_000)}}`), /n: a number of more than 400 digits/);
});

Deno.test("parseJSON() reads bytes as UTF-8 and nothing else", () => {
  assertEquals(parse(new TextEncoder().encode('{"é":"😀"}')), { "é": "😀" });
  for (
    const bytes of [
      [0x22, 0xff, 0x22],
      [0x22, 0xc0, 0x80, 0x22], // NUL, overlong
      [0x22, 0xed, 0xa0, 0x80, 0x22], // half of a surrogate pair
      [0x22, 0xe2, 0x82], // cut short
      [0xff, 0xfe, 0x31, 0x00], // UTF-16
    ]
  ) assertEquals(refusal(new Uint8Array(bytes)), "thing.json: not UTF-8 text");
  assertMatch(refusal(new Uint8Array([0xef, 0xbb, 0xbf, 0x31])), /line 1, column 1: expected/);
});

Deno.test("parseJSON() says where the mistake is and what was expected", () => {
  const cases: [string, string][] = [
    ["", "line 1, column 1: expected a value, got the end"],
    ["{", "line 1, column 2: expected a name in quotes, got the end"],
    ['{\n  "a": 1,\n}', 'line 3, column 1: expected a name in quotes, got "}"'],
    ['{"a" 1}', 'line 1, column 6: expected ":", got "1"'],
    ['{"a":1 "b":2}', 'line 1, column 8: expected "," or "}", got "\\""'],
    ["[1 2]", 'line 1, column 4: expected "," or "]", got "2"'],
    ["[1,]", 'line 1, column 4: expected a value, got "]"'],
    ["1 2", 'line 1, column 3: expected the end, got "2"'],
    ["nul", 'line 1, column 1: expected a value, got "n"'],
    ["NaN", 'line 1, column 1: expected a value, got "N"'],
    ["01", 'line 1, column 2: expected the end, got "1"'],
    ["+1", 'line 1, column 1: expected a value, got "+"'],
    ["-", "line 1, column 2: expected a digit, got the end"],
    ["1.", "line 1, column 3: expected a digit, got the end"],
    [".5", 'line 1, column 1: expected a value, got "."'],
    ["1e+", "line 1, column 4: expected a digit, got the end"],
    ["'a'", 'line 1, column 1: expected a value, got "\'"'],
    ["// a", 'line 1, column 1: expected a value, got "/"'],
    [
      '"a\nb"',
      'line 1, column 3: expected a string without raw control characters, closed by a quote, got "\\n"',
    ],
    [
      '"a\\x41"',
      'line 1, column 2: expected a string with the escapes \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX, got "a"',
    ],
  ];
  for (const [text, message] of cases) assertEquals(refusal(text), `thing.json: ${message}`);
});

Deno.test("parseJSON() uses the code it is given", () => {
  const error = assertThrows(
    () => parseJSON("{", { what, code: "InvalidArchive" }),
    ContainerError,
  );
  assertEquals(error.code, "InvalidArchive");
});

Deno.test("memberPath() shows names as they would be written", () => {
  assertEquals(memberPath([]), "");
  assertEquals(memberPath(["linux", "devices", 2, "path"]), "linux.devices[2].path");
  assertEquals(memberPath(["sysctl", "net.core"]), 'sysctl["net.core"]');
  assertEquals(memberPath([0, ""]), '[0][""]');
});

/** A random value of JSON with what is hard in it. */
function randomValue(random: Random, depth: number): unknown {
  switch (random.below(depth > 0 ? 9 : 6)) {
    case 0:
      return random.pick([null, true, false]);
    case 1:
      return random.below(1000) - 500;
    case 2:
      return (random.below(2 ** 31) - 2 ** 30) / random.pick([1, 3, 1024, 1e-7, 1e12]);
    case 3:
    case 4:
    case 5:
      return randomText(random);
    case 6:
    case 7:
      return Array.from({ length: random.below(5) }, () => randomValue(random, depth - 1));
  }
  const members: [string, unknown][] = [];
  for (let i = random.below(6); i > 0; i--) {
    members.push([randomText(random), randomValue(random, depth - 1)]);
  }
  return Object.fromEntries(members);
}

function randomText(random: Random): string {
  const letters = [
    "a",
    "b",
    " ",
    '"',
    "\\",
    "/",
    "\n",
    "\0",
    "é",
    "😀",
    "\ud800",
    "__proto__",
    "1",
  ];
  return Array.from({ length: random.below(5) }, () => random.pick(letters)).join("");
}

/** JSON text of a value with the freedom that the grammar leaves: white space and escapes. */
function randomWriting(value: unknown, random: Random): string {
  const space = () => random.once(3) ? random.pick([" ", "\n", "\t", "\r\n  "]) : "";
  const escaped = (text: string) =>
    JSON.stringify(text).replace(
      /[ab1/]/g,
      (char) => random.once(4) ? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}` : char,
    );
  const write = (value: unknown): string => {
    if (Array.isArray(value)) return `[${value.map((item) => space() + write(item) + space())}]`;
    if (typeof value === "object" && value !== null) {
      const members = Object.entries(value)
        .map(([name, member]) => `${space()}${escaped(name)}${space()}:${space()}${write(member)}`);
      return `{${members}${space()}}`;
    }
    return typeof value === "string" ? escaped(value) : JSON.stringify(value);
  };
  return space() + write(value) + space();
}

/** The value as JSON.parse would have read it, with integers rounded. */
function rounded(value: unknown): string {
  return JSON.stringify(
    value,
    (_name, member) => typeof member === "bigint" ? Number(member) : member,
  );
}

Deno.test("parseJSON() agrees with JSON.parse on 5000 generated documents", () => {
  const random = new Random(20240229);
  for (let i = 0; i < 5000; i++) {
    const text = randomWriting(randomValue(random, 5), random);
    assertEquals(rounded(parse(text)), JSON.stringify(JSON.parse(text)), text);
  }
});

Deno.test("parseJSON() agrees with JSON.parse on what is garbage in 20000 damaged documents", () => {
  const random = new Random(77);
  const pieces = [
    ..."{}[],:\"\\ \n\0-+.eE019tfnu'",
    "null",
    "1e5",
    "\\u12",
    "😀",
    '"a":',
    "//",
    '{"a":1,"a":2}',
  ];
  let garbage = 0;
  let twice = 0;
  for (let i = 0; i < 20_000; i++) {
    let text = randomWriting(randomValue(random, 3), random);
    for (let n = 1 + random.below(2); n > 0; n--) {
      const at = random.below(text.length + 1);
      text = text.slice(0, at) + (random.once(3) ? "" : random.pick(pieces)) +
        text.slice(at + random.below(2));
    }
    let expected: unknown;
    let isGarbage = false;
    try {
      expected = JSON.parse(text);
    } catch {
      isGarbage = true;
    }
    try {
      const value = parse(text);
      assert(!isGarbage, `accepted ${JSON.stringify(text)}`);
      assertEquals(rounded(value), JSON.stringify(expected), text);
    } catch (error) {
      assert(error instanceof ContainerError, `${error} for ${JSON.stringify(text)}`);
      assertMatch(error.message, /^thing\.json: /);
      if (isGarbage) garbage++;
      else {
        assertMatch(error.message, /twice/, `refused ${JSON.stringify(text)}`);
        twice++;
      }
    }
  }
  assert(garbage > 5000, `only ${garbage} were garbage`);
  assert(twice > 0, "no name stood twice");
});

Deno.test("parseJSON() reads a configuration of 10 KB in well under a millisecond", () => {
  const names = Array.from({ length: 350 }, (_, i) => `system_call_${i}`);
  const text = JSON.stringify({ linux: { seccomp: { syscalls: [{ names }] } } }, null, 2);
  assert(text.length > 10_000);
  const times = Array.from({ length: 200 }, () => {
    const start = performance.now();
    parse(text);
    return performance.now() - start;
  });
  const median = times.sort((a, b) => a - b)[100]!;
  assert(median < 1, `it took ${median} ms`);
});
