import { assertEquals } from "@std/assert";
import { keepDisposals } from "../../../tools/build/bundle.ts";

Deno.test("no use of what is to be disposed of follows its declaration", () => {
  const text = `function f() {
  using file = open(1);
  return file.size;
}
async function g() {
  try {
    await using answer = await ask({
      how: () => {
        return 1;
      }
    });
    return answer.status;
  } finally {
    using last = open(2);
  }
}
var using = "using x = 1;";
`;
  assertEquals(
    keepDisposals(text),
    `function f() {
  using file = open(1);
  using kept_1 = null;
  return file.size;
}
async function g() {
  try {
    await using answer = await ask({
      how: () => {
        return 1;
      }
    });
    using kept_2 = null;
    return answer.status;
  } finally {
    using last = open(2);
    using kept_3 = null;
  }
}
var using = "using x = 1;";
`,
  );
});
