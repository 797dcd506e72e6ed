/**
 * Generated configurations, the same in every run, put to the built binary: each is taken, or refused with the field
 * named; and whatever comes of it, nothing is left on the host. What is refused by the rules alone is put to the
 * validator by the thousand in tests/unit/oci.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseJSON, stringifyJSON } from "../../lib/json.ts";
import { validateSpec } from "../../lib/oci/validate/mod.ts";
import { damage, damageText } from "../unit/oci/damage.ts";
import { fullSpec } from "../unit/oci/full_spec.ts";
import { Random } from "../unit/oci/random.ts";
import { Bundles } from "./support/bundle.ts";
import { assertHostIsAsBefore, lookAtHost } from "./support/host.ts";
import { entriesOf } from "./support/project.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

const SEED = 20_261_128;
const COUNT = 300;

/** Members that would run, change or wait for something outside of the container, or take for ever. */
const LEFT_OUT = ["hooks"];

/** A config that this machine can make a container of: what the full one has, as far as it goes here. */
function config(ready: Record<string, unknown>, random: Random): Record<string, unknown> {
  const full = fullSpec() as unknown as Record<string, unknown>;
  const spec = structuredClone(ready);
  // Some of the members that few configurations have, each right by itself.
  for (const name of ["annotations", "domainname"]) if (random.once(2)) spec[name] = full[name];
  const process = spec.process as Record<string, unknown>;
  const fullProcess = full.process as Record<string, unknown>;
  for (const name of Object.keys(fullProcess)) {
    if (!(name in process) && random.once(15)) process[name] = fullProcess[name];
  }
  const linux = spec.linux as Record<string, unknown>;
  const fullLinux = full.linux as Record<string, unknown>;
  for (const name of Object.keys(fullLinux)) {
    if (!(name in linux) && random.once(15)) linux[name] = fullLinux[name];
  }
  return spec;
}

/** Whether the rules alone refuse it. */
function refusalOf(text: string): string | undefined {
  try {
    validateSpec(parseJSON(text, { what: "config.json" }));
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

Deno.test(`${COUNT} generated configurations: taken or refused in words, and nothing left`, async () => {
  await workspace.sh("true");
  const bundle = await bundles.make("exit 0");
  const file = `${bundle}/config.json`;
  const ready = JSON.parse(await Deno.readTextFile(file));
  ready.process.cwd = "/";
  const random = new Random(SEED);
  const before = lookAtHost();
  const seen = { taken: 0, refused: 0, failed: 0 };
  for (let i = 0; i < COUNT; i++) {
    const document = config(ready, random);
    for (let n = random.below(2); n > 0; n--) damage(document, random);
    for (const name of LEFT_OUT) delete document[name];
    let text = stringifyJSON(document);
    if (random.once(10)) text = damageText(text, random);
    await Deno.writeTextFile(file, text);
    const refusal = refusalOf(text);
    // What could be run is made and taken back: a program of chance need not end.
    const id = bundles.id();
    const { code, stderr } = await bundles.command(["create", "-b", bundle, id], {
      through: ["sh", "-c", 'timeout -k 1 20 "$@" >/dev/null 2>"$0" </dev/null', `${bundle}/told`],
    });
    const told = await Deno.readTextFile(`${bundle}/told`);
    const what = `configuration ${i}: exit code ${code}\n${told}${stderr}\n${text.slice(0, 3000)}`;
    if (refusal !== undefined) {
      assertEquals(code, 1, what);
      assert(told.includes(`gocontainer: ${refusal.slice(0, 60)}`), what);
      seen.refused++;
    } else if (code === 0) {
      seen.taken++;
      const removed = await bundles.command(["delete", "--force", id]);
      assertEquals(removed.code, 0, `${removed.stderr}\n${what}`);
    } else {
      assertEquals(code, 1, what);
      assertMatch(told, /^(gocontainer: warning: .*\n)*gocontainer: [^\n]*\S: \S[^\n]*/, what);
      assert(!/\n\s+at |TypeError|RangeError|SyntaxError|undefined/.test(told), what);
      seen.failed++;
    }
    assertEquals(entriesOf(workspace.path("state")).filter((entry) => entry.isDirectory), [], what);
  }
  await assertHostIsAsBefore(before);
  for (const [fate, count] of Object.entries(seen)) {
    assert(count > COUNT / 30, `only ${count} were ${fate}: ${JSON.stringify(seen)}`);
  }
});
