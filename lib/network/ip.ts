import { Fd, writeAll } from "../../ffi/file.ts";
import { memfd_create } from "../../ffi/process.ts";
import { ContainerError } from "../errors.ts";
import { beginStep, isObserved, step, type StepInfo } from "../trace.ts";
import { findProgram, type Output, runProgram, startProgram } from "../program.ts";

/** One command of ip(8). */
export interface IpCommand {
  /** What it does, in words. */
  readonly label: string;
  /** The command without the leading `ip`, e.g. `link set lo up`. */
  readonly line: string;
  /** How to see the result. */
  readonly check: string;
}

/**
 * Runs commands of ip(8) in order in one process, `ip -batch`; the first that fails ends it. The
 * process starts in the network namespace of the calling thread.
 *
 * @param options come before `-batch`: `-4` keeps to IPv4.
 * @throws {ContainerError} naming the command that failed and what ip said of it; Unsupported when
 * iproute2 is not installed.
 */
export function runIp(commands: readonly IpCommand[], options: readonly string[] = []): void {
  const batch = new Batch(commands, options);
  step(batch.told, () => {
    using _batch = batch;
    batch.check(runProgram(batch.ip, batch.args));
  });
  tellEach(commands);
}

/** Commands of ip(8) at work. Disposing of them waits for their end. */
export interface RunningIp extends Disposable {
  /** Waits for their end; false when one has failed, which {@link runIp} has to find out again. */
  wait(): boolean;
}

/**
 * Starts what {@link runIp} does; the process is born into the namespaces that this one is in now.
 *
 * @throws {ContainerError} Unsupported when iproute2 is not installed.
 */
export function startIp(commands: readonly IpCommand[]): RunningIp {
  using undo = new DisposableStack();
  const batch = undo.use(new Batch(commands, []));
  const end = beginStep(batch.told);
  const program = undo.use(startProgram(batch.ip, batch.args));
  const running = undo.move();
  return {
    wait: () => {
      if (!program.wait()) return false;
      end();
      tellEach(commands);
      return true;
    },
    [Symbol.dispose]: () => running.dispose(),
  };
}

/** The commands in a file. It is reached through this process: it is close-on-exec and not inherited. */
class Batch implements Disposable {
  readonly ip = findIp();
  readonly args: readonly string[];
  readonly told: StepInfo;
  readonly #commands: readonly IpCommand[];
  readonly #file: Fd;

  constructor(commands: readonly IpCommand[], options: readonly string[]) {
    this.#commands = commands;
    const words = [...options, "-batch"];
    this.told = {
      label: `run ${count(commands.length)} of ip in one process`,
      call: `${this.ip} ${words.join(" ")} FILE`,
    };
    this.#file = new Fd(memfd_create("ip-batch"));
    this.args = [...words, `/proc/${Deno.pid}/fd/${this.#file.number}`];
    const text = commands.map(({ line }) => `${line}\n`).join("");
    writeAll(this.#file.number, new TextEncoder().encode(text));
  }

  /** @throws {ContainerError} when one of the commands has failed. */
  check(output: Output): void {
    if (!output.success) throw failure(this.#commands, output);
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}

function tellEach(commands: readonly IpCommand[]): void {
  if (!isObserved()) return;
  for (const { label, line, check } of commands) step({ label, call: `ip ${line}`, check }, done);
}

/** The command has run in the batch: its step only tells of it. */
function done(): void {}

function count(commands: number): string {
  return commands === 1 ? "this command" : `these ${commands} commands`;
}

function findIp(): string {
  const ip = findProgram("ip");
  if (ip !== undefined) return ip;
  throw new ContainerError("set up the network: the program ip is not installed", {
    code: "Unsupported",
    hint: 'Install the package iproute2 ("apt install iproute2", "dnf install iproute"), ' +
      "or use -net none or -net host",
  });
}

/** The error of a batch: ip ends its message with `Command failed FILE:LINE`. */
function failure(commands: readonly IpCommand[], { stdout, stderr }: Output): ContainerError {
  if (stderr.includes("BusyBox")) {
    return new ContainerError("set up the network: this ip is BusyBox's, which has no -batch", {
      code: "Unsupported",
      hint: 'Install the package iproute2 ("apk add iproute2")',
    });
  }
  const place = /Command failed .*:(\d+)\s*$/.exec(stderr);
  const said = (place ? stderr.slice(0, place.index) : stderr + stdout).split("\n")
    .map((line) => line.trim().replace(/^(RTNETLINK answers|Error): /, "").replace(/\.$/, ""))
    .filter((line) => line !== "").join("; ");
  const { line = "-batch" } = commands[Number(place?.[1] ?? 1) - 1] ?? {};
  const message = `run "ip ${line}": ${said || "it failed"}`;
  const [, kind] = / type (\w+)/.exec(line) ?? [];
  if (kind === undefined || !/Unknown device type|not supported/.test(said)) {
    return new ContainerError(message);
  }
  return new ContainerError(message, {
    code: "Unsupported",
    hint:
      `This kernel has no network devices of the type ${kind}: "modprobe ${kind}" may load it, ` +
      "-net none and -net host do without",
  });
}
