import { assert, assertEquals, fail } from "@std/assert";
import { CAPABILITIES } from "../../../lib/oci/capabilities.ts";
import { SECCOMP_OPERATORS, type SeccompOperator } from "../../../lib/oci/seccomp_names.ts";
import { ContainerError } from "../../../lib/errors.ts";
import { compileSeccomp } from "../../../lib/seccomp/compile.ts";
import { defaultProfile } from "../../../lib/seccomp/default_profile.ts";
import { multiplexed } from "../../../lib/seccomp/multiplexed.ts";
import { type Abi, syscallNumbers, X32_BIT } from "../../../lib/seccomp/tables.ts";
import { AUDIT_ARCH, returnValue } from "../../../lib/seccomp/values.ts";
import { type Call, Filter } from "./interpreter.ts";
import { Libseccomp, type Reference } from "./libseccomp.ts";
import {
  ABIS,
  abisOf,
  fallback,
  generate,
  isNewer,
  matches,
  plainRules,
  probes,
  Random,
  syscallNumber,
  type Task,
} from "./policies.ts";

/*
 * What the compiler decides is held against what libseccomp decides. The differences that are meant:
 *
 * 1. A call beyond the newest one that the policy names fails with ENOSYS. libseccomp has no such rule.
 * 2. A rule for a call that an ABI does not have cannot contradict another one there. libseccomp keeps
 *    such rules, and refuses the policy.
 * 3. libseccomp joins rules for a call so that one may be asked for the conditions of another, and at times
 *    forgets which word is loaded and how it is masked. Some of its filters for rules that compare by order,
 *    by inequality and something else, or by several masks return what no matching rule asks for, or ask the
 *    rules in another order. The compiler's filters never do: they return what a matching rule asks for.
 *    Of contradictions, too, libseccomp overlooks some few where it has lost a rule.
 */

const ENOSYS = returnValue("SCMP_ACT_ERRNO", 38);
const EQUALITIES: SeccompOperator[] = ["SCMP_CMP_EQ", "SCMP_CMP_MASKED_EQ"];

const libseccomp = Libseccomp.build();
Deno.test.afterAll(() => libseccomp?.remove());

/** A test that is skipped, in sight, where libseccomp cannot be asked. */
function test(name: string, run: (libseccomp: Libseccomp) => Promise<void>): void {
  const suffix = libseccomp === undefined ? " (needs gcc and libseccomp-dev)" : "";
  Deno.test({
    name: name + suffix,
    ignore: libseccomp === undefined,
    fn: () => run(libseccomp!),
  });
}

/** A call about which the two filters differ. */
interface Difference {
  task: Task;
  abi: Abi;
  call: Call;
  /** What the compiler's filter returns. */
  ours: number;
  /** What the rules return whose conditions hold. */
  asked: number[];
}

interface Comparison {
  /** Policies that both make a filter of. */
  filters: number;
  probes: number;
  differences: Difference[];
  /** Policies that only libseccomp refuses, with the rule. */
  refusedThere: { task: Task; rule: number }[];
  refusedHere: Task[];
}

/** Puts calls to the filters of both for each policy. */
function compare(tasks: Task[], references: Reference[], random: Random): Comparison {
  const result: Comparison = {
    filters: 0,
    probes: 0,
    differences: [],
    refusedThere: [],
    refusedHere: [],
  };
  tasks.forEach((task, i) => {
    const reference = references[i];
    if (reference === "lost") return;
    const filter = compiled(task);
    if (filter === undefined) {
      if (reference instanceof Filter) result.refusedHere.push(task);
      return;
    }
    if (!(reference instanceof Filter)) {
      result.refusedThere.push({ task, rule: reference.refused });
      return;
    }
    result.filters++;
    compareFilters(task, filter, reference, random, result);
  });
  return result;
}

function compareFilters(
  task: Task,
  filter: Filter,
  reference: Filter,
  random: Random,
  result: Comparison,
): void {
  for (const abi of abisOf(task)) {
    const rules = plainRules(task, abi);
    for (const nr of numbersToTry(abi)) {
      const own = rules.filter((rule) => rule.nr === nr);
      const newer = own.length === 0 && isNewer(task, abi, nr);
      for (const call of probes(nr, abi, own, own.length ? 300 : 1, random)) {
        result.probes++;
        const ours = filter.run(call);
        const asked = own.filter((rule) => matches(rule, call, abi)).map(({ action }) => action);
        if (asked.length === 0) asked.push(newer ? ENOSYS : fallback(task));
        const difference = { task, abi, call, ours, asked };
        if (!asked.includes(ours)) fail(brief(difference));
        const theirs = newer ? ENOSYS : reference.run(call);
        if (ours !== theirs) result.differences.push(difference);
      }
    }
  }
  for (const arch of [0, AUDIT_ARCH.arm ^ AUDIT_ARCH.x86, 0xc000_00f3, 0xffff_ffff]) {
    const call = { nr: 0, arch, args: [] };
    assertEquals(filter.run(call), reference.run(call), `architecture ${arch.toString(16)}`);
  }
}

/** All numbers that an ABI has, those around them, and where the bits of numbers change. */
function numbersToTry(abi: Abi): Set<number> {
  const bit = abi === "x32" ? X32_BIT : 0;
  const numbers = new Set<number>();
  for (const number of syscallNumbers(abi).values()) {
    numbers.add(number | bit).add(number + 1 | bit);
  }
  if (abi === "x86_64" || abi === "x32") return numbers;
  return numbers.add(0x3fff_ffff).add(0x4000_0000).add(0x8000_0000).add(0xffff_ffff);
}

function compiled({ config, machine }: Task): Filter | undefined {
  try {
    return new Filter(compileSeccomp(config, machine).program);
  } catch (error) {
    assert(error instanceof ContainerError, String(error));
    assert(error.message.includes("an earlier rule has another one"), error.message);
    return undefined;
  }
}

/** What stands in a message about a difference: the rules for the call, not the whole policy. */
function brief({ task, abi, call, ours, asked }: Difference): string {
  const rules = plainRules(task, abi).filter(({ nr }) => nr === call.nr).map(({ source }) =>
    source
  );
  return describe({ abi, call, ours: ours.toString(16), asked, rules });
}

function describe(value: unknown): string {
  return JSON.stringify(value, (_, v) => typeof v === "bigint" ? `0x${v.toString(16)}` : v);
}

/**
 * Asks libseccomp again about each difference, with nothing but the rules whose conditions hold: the others
 * should have had no say.
 *
 * @returns the differences that remain.
 */
async function remaining(libseccomp: Libseccomp, differences: Difference[]): Promise<Difference[]> {
  const tasks = differences.map(({ task, abi, call }) => {
    const syscalls = plainRules(task, abi)
      .filter((rule) => rule.nr === call.nr && matches(rule, call, abi))
      .map(({ source }) => source);
    return { ...task, config: { ...task.config, syscalls } };
  });
  const references = await libseccomp.compile(tasks);
  return differences.filter(({ call, ours }, i) => {
    const reference = references[i];
    return !(reference instanceof Filter) || reference.run(call) !== ours;
  });
}

/** Difference 2: the refused rule is for a call that an ABI of the policy lacks. */
function assertOnlyMissingCalls(refused: Comparison["refusedThere"]): void {
  for (const { task } of refused) {
    const names = new Set(task.config.syscalls!.flatMap((rule) => rule.names));
    const isMissing = abisOf(task).some((abi) =>
      [...names].some((name) => !syscallNumbers(abi).has(name))
    );
    assert(isMissing, describe(task));
  }
}

test("libseccomp has the same numbers", async (libseccomp) => {
  const abis = Object.values(ABIS).flat();
  const names = [...new Set(abis.flatMap((abi) => [...syscallNumbers(abi).keys()]))];
  for (const abi of abis) {
    const numbers = await libseccomp.numbers(abi, names);
    const different = names.filter((name, i) =>
      numbers[i] !== undefined && numbers[i] !== syscallNumber(name, abi)
    );
    assertEquals(different, [], abi);
    assert(numbers.filter((number) => number !== undefined).length > 300, abi);
  }
});

test("the default profile decides every call as libseccomp has it", async (libseccomp) => {
  const all = Object.keys(CAPABILITIES);
  const sets = [["CAP_SYS_CHROOT"], [], all, ...all.map((name) => [name, "CAP_SYS_CHROOT"])];
  const unknown = await unknownNames(libseccomp);
  const tasks = sets.flatMap((capabilities) =>
    (["x86_64", "aarch64"] as const).map((machine): Task => {
      const config = defaultProfile(capabilities, machine);
      for (const rule of config.syscalls!) {
        rule.names = rule.names.filter((name) => !unknown.has(name));
      }
      return { config, machine };
    })
  );
  const references = await libseccomp.compile(tasks);
  const result = compare(tasks, references, new Random(1));
  assertEquals(result.filters, tasks.length);
  assertEquals(result.differences.map(brief), []);
  assert(result.probes > 100_000, `${result.probes} probes`);
});

/** Calls that this libseccomp is too old for, or has by another name only, on one ABI at least. */
async function unknownNames(libseccomp: Libseccomp): Promise<Set<string>> {
  const unknown = new Set<string>();
  for (const abi of Object.values(ABIS).flat()) {
    const names = [...syscallNumbers(abi).keys()]
      .filter((name) => abi !== "x86" || multiplexed(name) === undefined);
    const numbers = await libseccomp.numbers(abi, names);
    names.forEach((name, i) => numbers[i] === undefined && unknown.add(name));
  }
  return unknown;
}

for (
  const [what, shape] of [
    ["that compare for equality", { operators: EQUALITIES, conditions: 4 }],
    ["with one condition to a rule", { operators: SECCOMP_OPERATORS, conditions: 1 }],
  ] as const
) {
  test(`600 policies ${what} decide as libseccomp's`, async (libseccomp) => {
    const random = new Random(20260801);
    const generated = Array.from({ length: 600 }, () => generate(random, shape));
    const tasks = await known(libseccomp, generated);
    const result = compare(tasks, await libseccomp.compile(tasks), random);
    const differing = new Set(result.differences.map(({ task }) => task)).size;
    assert(differing < result.filters / 50, `${differing} of ${result.filters} policies differ`);
    // Difference 3: without the rules that do not match, libseccomp decides as the compiler.
    assertEquals((await remaining(libseccomp, result.differences)).map(brief), []);
    assertEquals(result.refusedHere, []);
    assertOnlyMissingCalls(result.refusedThere);
    assert(result.filters > 450, `${result.filters} filters`);
  });
}

test("600 policies of all kinds decide as a rule that matches asks for", async (libseccomp) => {
  const random = new Random(20260803);
  const shape = { operators: SECCOMP_OPERATORS, conditions: 4 };
  const tasks = await known(libseccomp, Array.from({ length: 600 }, () => generate(random, shape)));
  const result = compare(tasks, await libseccomp.compile(tasks), random);
  const differing = new Set(result.differences.map(({ task }) => task)).size;
  assert(differing < result.filters / 8, `${differing} of ${result.filters} policies differ`);
  // Difference 3 again; what remains are calls about which several rules ask for different actions.
  for (const difference of await remaining(libseccomp, result.differences)) {
    assert(new Set(difference.asked).size > 1, describe(difference));
  }
  assertEquals(result.refusedHere, []);
  assertOnlyMissingCalls(result.refusedThere);
  assert(result.filters > 450, `${result.filters} filters`);
});

/** Takes the calls out of policies that this libseccomp does not know. */
async function known(libseccomp: Libseccomp, tasks: Task[]): Promise<Task[]> {
  const unknown = await unknownNames(libseccomp);
  for (const { config } of tasks) {
    for (const rule of config.syscalls!) {
      rule.names = rule.names.filter((name) => !unknown.has(name));
    }
    config.syscalls = config.syscalls!.filter(({ names }) => names.length > 0);
  }
  return tasks;
}
