import { SysError } from "../../ffi/errno.ts";
import { readFile } from "../../ffi/file.ts";
import type { NftChain } from "../../ffi/nfnetlink.ts";
import { ContainerError } from "../errors.ts";
import { BRIDGE } from "./bridge.ts";
import { findChain } from "./nftables.ts";
import { findProgram, runProgram, runTold } from "../program.ts";

/** Our chain in iptables' table `filter`. */
export const ACCEPT_CHAIN = "GOCONTAINER";
/** Rules in chains of others bear this comment. */
const COMMENT = "gocontainer";

/** The two that may both be in use on one host: rules as nftables, and the older rules of its own. */
type Backend = "nft" | "legacy";

/**
 * Where iptables' chain FORWARD drops by policy, as docker and ufw set it, lets the containers'
 * packets through: by a chain of our own, asked after all rules that are there, so that what they
 * drop stays dropped. iptables(8).
 *
 * The older kind of rules costs a process.
 *
 * @param chains all that nftables have.
 * @throws {ContainerError} when it is dropped and iptables cannot be run.
 */
export function acceptForwarding(chains: readonly NftChain[]): void {
  if (findChain(chains, "filter", "FORWARD")?.drops) {
    // Two rules and the jump from FORWARD: less means that somebody flushed one of the chains.
    const uses = findChain(chains, "filter", ACCEPT_CHAIN)?.use ?? 0;
    if (uses < 3) makeChain(iptables("nft"));
  }
  if (hasLegacyTable("filter")) {
    const program = iptables("legacy");
    const rules = runProgram(program, ["-w", "-S", "FORWARD"]).stdout;
    if (rules.startsWith("-P FORWARD DROP") && !rules.includes(`-j ${ACCEPT_CHAIN}\n`)) {
      makeChain(program);
    }
  }
}

/**
 * Masquerades a subnet where the kernel has no nftables. The rules cannot be asked for without a process, so
 * this is for want of something better.
 *
 * @throws {ContainerError} what iptables said.
 */
export function masquerade(program: string, subnet: string): void {
  const rules = ourRules(program, "nat", "POSTROUTING");
  const wanted = (rule: string[]) => rule.includes(subnet) && rule.includes("MASQUERADE");
  for (const rule of rules.filter((rule) => !wanted(rule))) {
    run(program, "forget another subnet's rule", ["-t", "nat", "-D", ...rule]);
  }
  if (rules.some(wanted)) return;
  const marked = ["-m", "comment", "--comment", COMMENT];
  run(
    program,
    `let packets from ${subnet} leave under the host's address`,
    ["-t", "nat", "-A", "POSTROUTING", "-s", subnet, "!", "-o", BRIDGE, ...marked].concat(
      ["-j", "MASQUERADE"],
    ),
  );
}

/** The path of iptables(8), of that backend if it is to be had, or undefined. */
export function findIptables(backend: Backend): string | undefined {
  return findProgram(`iptables-${backend}`) ?? findProgram("iptables");
}

function iptables(backend: Backend): string {
  const program = findIptables(backend);
  if (program !== undefined) return program;
  throw new ContainerError(
    "let packets of containers pass iptables' chain FORWARD, which drops them: " +
      "the program iptables is not installed",
    { code: "Unsupported" },
  );
}

function makeChain(program: string): void {
  if (!runProgram(program, ["-w", "-F", ACCEPT_CHAIN]).success) {
    run(program, "make a chain for the containers' packets", ["-N", ACCEPT_CHAIN]);
  }
  const accept = (packets: string) => `-A ${ACCEPT_CHAIN} ${packets} -j ACCEPT`.split(" ");
  run(program, "accept packets from containers", accept(`-i ${BRIDGE}`));
  const answers = `-o ${BRIDGE} -m conntrack --ctstate RELATED,ESTABLISHED`;
  run(program, "accept the answers to containers", accept(answers));
  if (!runProgram(program, ["-w", "-C", "FORWARD", "-j", ACCEPT_CHAIN]).success) {
    run(program, "ask our chain after all other rules", ["-A", "FORWARD", "-j", ACCEPT_CHAIN]);
  }
}

function run(program: string, label: string, args: readonly string[]): void {
  runTold({ label, check: `${program} -S` }, program, ["-w", ...args]);
}

/** The rules of a chain that bear our comment, as the arguments after `-A`. */
function ourRules(program: string, table: string, chain: string): string[][] {
  return runProgram(program, ["-w", "-t", table, "-S", chain]).stdout.split("\n")
    .map((line) => line.replaceAll('"', "").split(" "))
    .filter((words) => words[0] === "-A" && words[words.indexOf("--comment") + 1] === COMMENT)
    .map((words) => words.slice(1));
}

/** Whether the older iptables has that table in use, in the calling thread's network namespace. */
export function hasLegacyTable(table: string): boolean {
  try {
    const tables = readFile("/proc/thread-self/net/ip_tables_names");
    return tables.split("\n").includes(table);
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOENT") return false;
    throw error;
  }
}
