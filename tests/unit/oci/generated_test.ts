/**
 * Generated configurations, the same ones in every run: valid ones in which something is missing, of
 * another type, out of range, huge, deeply nested, doubled, or put where it does not belong.
 */
import { assert, assertEquals } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import { parseJSON, stringifyJSON } from "../../../lib/json.ts";
import { validateSpec } from "../../../lib/oci/validate/mod.ts";
import { damage, damageText } from "./damage.ts";
import { fullSpec, smallSpec } from "./full_spec.ts";
import { Random } from "./random.ts";
import { misfits } from "./structure.ts";

const SEED = 1_003_000;
const COUNT = 12_000;

/** What an error of the parser says: where in the text, or which member. */
const UNREADABLE =
  /^config\.json: (line \d+, column \d+: expected |.*: (the name stands twice|nested deeper than|a number of more))/s;

/** What an error of the validator names: a member that config.json has at the top, or one below it. */
const REFUSED =
  /^config\.json: (ociVersion|root|mounts|process|hostname|domainname|hooks|annotations|linux)\b.*: ./s;

Deno.test(`${COUNT} generated configurations are taken or refused, and never let a wrong type through`, () => {
  const random = new Random(SEED);
  const seen = { taken: 0, refused: 0, unreadable: 0 };
  for (let i = 0; i < COUNT; i++) {
    const document: unknown = random.once(4) ? smallSpec() : fullSpec();
    for (let n = 1 + random.below(3); n > 0; n--) damage(document, random);
    let text = stringifyJSON(document);
    if (random.once(6)) text = damageText(text, random);
    let isRead = false;
    try {
      const value = parseJSON(text, { what: "config.json" });
      isRead = true;
      const { spec } = validateSpec(value);
      assertEquals(misfits(spec), [], `configuration ${i}: ${text}`);
      assert(!hasKnownNull(spec), `configuration ${i}: ${text}`);
      seen.taken++;
    } catch (error) {
      assert(error instanceof ContainerError, `configuration ${i}: ${error}\n${text}`);
      assertEquals(error.code, "InvalidSpec");
      const form = isRead ? REFUSED : UNREADABLE;
      assert(form.test(error.message), `configuration ${i}: ${error.message}`);
      assert(error.message.length < 2000, `configuration ${i}: ${error.message.length} characters`);
      seen[isRead ? "refused" : "unreadable"]++;
    }
  }
  // The test would be worth nothing if nearly all of them fared alike.
  for (const [fate, count] of Object.entries(seen)) {
    assert(count > COUNT / 20, `only ${count} were ${fate}: ${JSON.stringify(seen)}`);
  }
});

/** Whether one of the members that are known is null: those should be gone. */
function hasKnownNull(spec: object): boolean {
  return ["root", "mounts", "process", "hooks", "annotations", "linux", "hostname"]
    .some((name) => (spec as Record<string, unknown>)[name] === null);
}

Deno.test("what is no object at all is refused", () => {
  for (const value of [null, true, 0, "x", [], [{}], 5n]) {
    try {
      validateSpec(value);
      throw new Error(`${value} was taken`);
    } catch (error) {
      assert(error instanceof ContainerError, `${error}`);
      assert(error.message.startsWith("config.json: expected an object, got "), error.message);
    }
  }
});

Deno.test("huge lists are judged in a short time", () => {
  const length = 50_000;
  const times = (item: unknown) => Array.from({ length }, () => structuredClone(item));
  const cases: [name: string, value: unknown][] = [
    ["devices", times({ type: "c", path: "/dev/a", major: 1, minor: 3 })],
    ["namespaces", times({ type: "pid" })],
    ["uidMappings", times({ containerID: 0, hostID: 0, size: 1 })],
    ["memoryPolicy", { mode: "MPOL_BIND", nodes: "0-8191,".repeat(length) + "0" }],
    ["resources", { cpu: { cpus: "0-8191,".repeat(9000) + "0" } }],
    ["resources", { devices: times({ allow: true, access: "rwm" }) }],
    ["resources", { devices: [{ allow: true, access: allLetters() }] }],
    ["maskedPaths", times("/proc/kcore")],
    ["seccomp", {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: times({ names: ["x"], action: "SCMP_ACT_LOG" }),
    }],
  ];
  for (const [name, value] of cases) {
    const spec = { ...smallSpec(), linux: { ...smallSpec().linux, [name]: value } };
    const start = performance.now();
    try {
      validateSpec(spec);
    } catch (error) {
      assert(error instanceof ContainerError, `${error}`);
    }
    const time = performance.now() - start;
    assert(time < 5000, `${name} took ${time} ms`);
  }
});

function allLetters(): string {
  return Array.from({ length: 60_000 }, (_, i) => String.fromCharCode(i)).join("");
}
