import { ContainerError } from "../errors.ts";
import type { Seccomp, SeccompRule } from "../oci/spec.ts";
import { checkSeccomp, notifies } from "./check.ts";
import { type Condition, condition } from "./decision.ts";
import { dispatch, overlay, type Span } from "./dispatch.ts";
import { Policy } from "./policy.ts";
import { ARCH, NR, Program } from "./program.ts";
import { MAX_INSTRUCTIONS, ProgramSizeError } from "./size.ts";
import { type Abi, ARM_PRIVATE, isSyscallName, X32_BIT } from "./tables.ts";
import {
  ARCHITECTURES,
  AUDIT_ARCH,
  FLAGS,
  NEW_LISTENER,
  returnValue,
  TSYNC_ESRCH,
} from "./values.ts";

/** A machine that programs are compiled for, as `Deno.build.arch` names it. */
export type Machine = "x86_64" | "aarch64";

/** What seccomp(2) is called with. */
export interface CompiledSeccomp {
  /** The array of struct sock_filter, 8 bytes each. */
  readonly program: Uint8Array<ArrayBuffer>;
  /** SECCOMP_FILTER_FLAG_*; with NEW_LISTENER when `notify` is set. */
  readonly flags: number;
  /** Whether seccomp(2) returns a descriptor that belongs to `listenerPath`. */
  readonly notify: boolean;
  /** Sentences to warn of: system calls that were left out as no architecture has them. */
  readonly warnings: string[];
}

/** The ABIs whose calls a kernel of the machine serves; the first one always, others when listed. */
const FAMILIES: Readonly<Record<Machine, readonly [Abi, ...Abi[]]>> = {
  x86_64: ["x86_64", "x86", "x32"],
  aarch64: ["aarch64", "arm"],
};

const KILL_THREAD = returnValue("SCMP_ACT_KILL_THREAD");
const ENOSYS = returnValue("SCMP_ACT_ERRNO", 38);

/** How many pairs of a call and a rule with arguments are taken: far more than fit into a program. */
const MAX_CONDITIONAL = 100_000;

/** More warnings nobody reads. */
const MAX_WARNINGS = 100;

/**
 * Compiles `linux.seccomp` (config-linux.md, "Seccomp") to a filter for seccomp(2).
 *
 * It decides as the filter that libseccomp makes of the same configuration: for rules that overlap see
 * {@link Decision}; a call of an architecture that is not listed kills the thread; on a 32-bit ABI the
 * lower half of an argument is compared. A rule that tests one argument twice stands for a rule for
 * each test, as it does in other runtimes. Two things are different:
 *
 * - A call newer than the newest one that the profile names fails with ENOSYS rather than with the
 *   default action (unless that one lets calls go on), so that programs fall back to older calls.
 * - Architectures that the machine cannot run take no room in the program.
 *
 * @param config as it is after validation.
 * @throws {ContainerError} InvalidSpec, naming the field, also for rules that contradict each other and
 * for a profile that is too large for the kernel.
 */
export function compileSeccomp(
  config: Seccomp,
  machine: Machine = Deno.build.arch,
): CompiledSeccomp {
  checkSeccomp(config);
  const { defaultAction, architectures: listed = [], syscalls: rules = [] } = config;
  const [native, ...others] = FAMILIES[machine];
  const policies = [native, ...others.filter((abi) => listed.includes(ARCHITECTURES[abi]))]
    .map((abi) => new Policy(abi));
  const fallback = returnValue(defaultAction, config.defaultErrnoRet);
  const permissive = ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"].includes(defaultAction);
  try {
    const warnings = addRules(policies, rules, fallback);
    const program = assemble(policies, fallback, permissive ? fallback : ENOSYS);
    return { program, flags: flagsOf(config), notify: notifies(config), warnings };
  } catch (error) {
    if (!(error instanceof ProgramSizeError)) throw error;
    throw new ContainerError(
      `config.json: linux.seccomp: takes more than the ${MAX_INSTRUCTIONS} instructions of a filter`,
      { code: "InvalidSpec", hint: "Shorten linux.seccomp.syscalls", cause: error },
    );
  }
}

/** Adds all rules to the policies of all ABIs. Returns warnings. */
function addRules(policies: Policy[], rules: SeccompRule[], fallback: number): string[] {
  const warnings: string[] = [];
  let conditional = 0;
  rules.forEach((rule, index) => {
    const { names } = rule;
    conditional += (rule.args?.length ?? 0) * names.length;
    if (conditional > MAX_CONDITIONAL) throw new ProgramSizeError();
    const field = `config.json: linux.seccomp.syscalls[${index}]`;
    const action = returnValue(rule.action, rule.errnoRet);
    // A rule that says what holds anyway has no say in what others decide.
    const alternatives = action === fallback ? [] : conditionsOf(rule);
    const known = new Uint8Array(names.length);
    for (const policy of policies) policy.add({ field, names, alternatives, action }, known);
    for (let i = known.indexOf(0); i >= 0; i = known.indexOf(0, i + 1)) {
      if (isSyscallName(names[i]) || warnings.length === MAX_WARNINGS) continue;
      warnings.push(`${field}.names[${i}]: ignored ${JSON.stringify(names[i])}, no system call`);
    }
  });
  return warnings;
}

/** The conditions of a rule; a list for each of the rules that it stands for. */
function conditionsOf({ args = [] }: SeccompRule): Condition[][] {
  const conditions = args.map(({ index, op, value, valueTwo = 0 }) =>
    condition(index, op, BigInt(value), BigInt(valueTwo))
  );
  const repeated = new Set(args.map(({ index }) => index)).size < args.length;
  return repeated ? conditions.map((condition) => [condition]) : [conditions];
}

/** The whole program: the architecture, then the number, then the arguments. */
function assemble(policies: Policy[], fallback: number, unknown: number): Uint8Array<ArrayBuffer> {
  const program = new Program();
  let start = program.ret(KILL_THREAD);
  const x32 = policies.find(({ abi }) => abi === "x32");
  // The last one added comes first in the program: the native one.
  for (const policy of policies.toReversed()) {
    if (policy.abi === "x32") continue;
    const isX86 = policy.abi === "x86_64";
    const background = isX86
      ? x86Background(policy, x32, fallback, unknown)
      : ownBackground(policy, fallback, unknown);
    if (isX86 && x32) x32.calls.forEach((decision, number) => policy.calls.set(number, decision));
    const search = program.load(NR, dispatch(program, overlay(background, policy.calls), fallback));
    start = program.branch("=", AUDIT_ARCH[policy.abi], search, start);
  }
  program.load(ARCH, start);
  return program.encode();
}

/** What holds for calls that no rule is about: beyond the newest named one they are unknown. */
function ownBackground({ abi, newest }: Policy, fallback: number, unknown: number): Span[] {
  const spans: Span[] = [{ from: 0, decision: fallback }];
  if (newest === 0) return spans;
  spans.push({ from: newest + 1, decision: unknown });
  if (abi === "arm") spans.push({ from: ARM_PRIVATE, decision: fallback });
  return spans;
}

/**
 * The same for x86_64 and x32, which share an architecture: numbers with the x32 bit belong to x32 and
 * kill the thread when that is not listed. -1 is what a tracer leaves of a call that it has skipped.
 */
function x86Background(
  own: Policy,
  x32: Policy | undefined,
  fallback: number,
  unknown: number,
): Span[] {
  const beyond = (policy: Policy) => policy.newest ? unknown : fallback;
  const spans: Span[] = [{ from: 0, decision: fallback }];
  if (own.newest) spans.push({ from: own.newest + 1, decision: unknown });
  spans.push({ from: X32_BIT, decision: x32 ? fallback : KILL_THREAD });
  if (x32?.newest) spans.push({ from: x32.newest + 1, decision: unknown });
  spans.push({ from: 2 * X32_BIT, decision: beyond(own) });
  spans.push({ from: 3 * X32_BIT, decision: x32 ? beyond(x32) : KILL_THREAD });
  if (!x32) spans.push({ from: 4 * X32_BIT - 1, decision: fallback });
  return spans;
}

/** Where nothing is said of flags, a filter does not switch speculation off, as in other runtimes. */
function flagsOf(config: Seccomp): number {
  const names = config.flags ?? ["SECCOMP_FILTER_FLAG_SPEC_ALLOW" as const];
  const flags = names.reduce((sum, name) => sum | FLAGS[name], 0);
  if (!notifies(config)) return flags;
  return flags | NEW_LISTENER | (flags & FLAGS.SECCOMP_FILTER_FLAG_TSYNC ? TSYNC_ESRCH : 0);
}
