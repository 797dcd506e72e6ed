import { assertEquals, assertThrows } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import { checkImageName } from "../../../lib/image/name.ts";
import { nearest } from "../../../lib/nearest.ts";

Deno.test("image names that are taken", () => {
  for (const name of ["alpine", "Debian12", "a", "0", "_x", "alpine-3.20_a+b", "x".repeat(128)]) {
    checkImageName(name);
  }
});

Deno.test("image names that would be paths, options of a mount or switches are refused", () => {
  const cases: Record<string, string> = {
    "": "the name is empty",
    "a/b": 'the name has "/" in it',
    "/etc": 'the name has "/" in it',
    "..": 'the name begins with "."',
    ".": 'the name begins with "."',
    ".hidden": 'the name begins with "."',
    "a..b": 'the name has ".." in it',
    "-rf": 'the name begins with "-"',
    "a,upperdir=b": 'the name has "," in it',
    "a:b": 'the name has ":" in it',
    "a\\b": 'the name has "\\\\" in it',
    "a b": 'the name has " " in it',
    "a\nb": 'the name has "\\n" in it',
    "a\0b": 'the name has "\\u0000" in it',
    "ä": 'the name has "ä" in it',
    "💩": 'the name has "💩" in it',
    ["x".repeat(129)]: "the name is longer than 128 characters",
  };
  for (const [name, reason] of Object.entries(cases)) {
    const error = assertThrows(() => checkImageName(name), ContainerError);
    assertEquals(error.message, `use image ${JSON.stringify(name)}: ${reason}`);
    assertEquals(error.code, "InvalidArgument");
  }
});

Deno.test("the nearest of some words", () => {
  const words = ["alpine", "busybox", "debian", "ubuntu"];
  const cases: Record<string, string | undefined> = {
    alpin: "alpine",
    alpnie: "alpine",
    Alpine: "alpine",
    "alpine.tar.gz": "alpine",
    "alpine-3.20": "alpine",
    busibox: "busybox",
    deb: "debian",
    fedora: undefined,
    "": undefined,
  };
  for (const [word, expected] of Object.entries(cases)) {
    assertEquals(nearest(word, words), expected, word);
  }
  assertEquals(nearest("x", []), undefined);
  assertEquals(nearest("bda", ["abc", "bad"]), "bad");
});
