import { resolve } from "@std/path/posix/resolve";
import { ContainerError, reasonOf } from "../../errors.ts";
import { BUNDLE_HINT } from "../../oci/load.ts";
import { formatBytes } from "../../runtime/format.ts";
import { createFromBundle, startContainer } from "../../runtime/bundle.ts";
import { deleteContainer } from "../../runtime/container.ts";
import { identify } from "../../runtime/process_identity.ts";
import { follow, holdSignals } from "../../container/monitor.ts";
import { TerminalRelay } from "../../container/terminal.ts";
import { randomUUID } from "../../uuid.ts";
import type { Arguments, OptionSpec } from "../arguments.ts";
import { type GlobalOptions, openRoot, tidyUp } from "./global.ts";
import { onlyId } from "./only_id.ts";
import { passedFds } from "./passed_fds.ts";
import { tell } from "../../trace.ts";

/** The options of `create`, as runc has them. */
export const CREATE_OPTIONS: readonly OptionSpec[] = [
  { name: "bundle", alias: "b", value: "FOLDER", help: "the bundle (default the current folder)" },
  { name: "console-socket", value: "PATH", help: "unix socket that gets the terminal" },
  { name: "pid-file", value: "FILE", help: "file to write the process's number to" },
  { name: "no-pivot", help: "put the root on top of the host's, for a host in an initramfs" },
  { name: "no-new-keyring", help: "keep the caller's session keyring" },
  { name: "preserve-fds", value: "N", help: "pass N more descriptors, from 3 on" },
  // docker's `create` takes an image.
  {
    name: "name",
    alias: ["i", "t", "it", "ti", "e", "env", "v", "volume", "p", "u", "w", "net", "network", "rm"],
    instead: BUNDLE_HINT,
  },
];

/** The options of the runtime's `run`. */
export const RUN_BUNDLE_OPTIONS: readonly OptionSpec[] = [
  ...CREATE_OPTIONS,
  { name: "detach", alias: "d", help: "do not wait for its end" },
  { name: "keep", help: "keep the state after its end" },
  { name: "no-subreaper", help: "accepted; there is none" },
];

/** `create [--bundle FOLDER] ID` */
export async function createCommand(args: Arguments, global: GlobalOptions): Promise<number> {
  using made = await make(args, global, true);
  writePidFile(args, made.container.pid);
  made.detach();
  return 0;
}

/** `start ID` */
export function startCommand(args: Arguments, global: GlobalOptions): number {
  startContainer(openRoot(global), onlyId(args));
  return 0;
}

/** `run [--bundle FOLDER] [-d] ID`: returns the program's exit code. */
export async function runBundleCommand(args: Arguments, global: GlobalOptions): Promise<number> {
  if (args.flag("detach")) {
    using made = await make(args, global, false);
    made.start();
    writePidFile(args, made.container.pid);
    made.detach();
    return 0;
  }
  using signals = holdSignals();
  using made = await make(args, global, false);
  const { container, state, cgroup } = made;
  using relay = container.master === undefined || args.text("console-socket") !== undefined
    ? undefined
    : new TerminalRelay(container.master);
  writePidFile(args, container.pid);
  made.start();
  const status = await follow(container, signals, { relay, job: cgroup });
  const { kills, limit } = cgroup.oom();
  const code = "code" in status ? status.code : 128 + status.signal;
  if (code === 137 && kills > 0 && limit !== undefined) {
    tell(`gocontainer: killed: out of memory (limit ${formatBytes(limit)})`);
  }
  if (args.flag("keep")) made.detach();
  else {
    made.detach();
    deleteContainer(state);
  }
  return code;
}

async function make(args: Arguments, global: GlobalOptions, later: boolean) {
  await tidyUp(global);
  const fds = passedFds(args);
  const detached = later || args.flag("detach") === true;
  const isKept = detached || args.flag("keep") === true;
  return await createFromBundle({
    root: openRoot(global),
    id: onlyId(args, BUNDLE_HINT),
    bundle: bundleFolder(args),
    consoleSocket: args.text("console-socket"),
    passedFds: fds.count,
    env: fds.env,
    noPivot: args.flag("no-pivot") ?? false,
    keepKeyring: args.flag("no-new-keyring") ?? false,
    owner: isKept ? undefined : identify(Deno.pid),
    cgroupManager: global.cgroupManager,
    startedLater: later,
    detached,
  });
}

function bundleFolder(args: Arguments): string {
  const path = resolve(args.text("bundle") ?? ".");
  try {
    return Deno.realPathSync(path);
  } catch (cause) {
    throw new ContainerError(`use the bundle ${JSON.stringify(path)}: ${reasonOf(cause)}`, {
      code: cause instanceof Deno.errors.NotFound ? "NotFound" : "Failed",
      hint: BUNDLE_HINT,
      cause,
    });
  }
}

/**
 * Writes the pid file, whole or not at all. It may lie in another user's folder: what he has put there beforehand is
 * not written to.
 *
 * @throws {ContainerError} when it cannot be written.
 */
export function writePidFile(args: Arguments, pid: number): void {
  const file = args.text("pid-file");
  if (file === undefined) return;
  const fresh = `${file}.${randomUUID()}`;
  try {
    Deno.writeTextFileSync(fresh, String(pid), { createNew: true, mode: 0o644 });
    Deno.renameSync(fresh, file);
  } catch (cause) {
    try {
      Deno.removeSync(fresh);
    } catch {
      // It was never made.
    }
    throw new ContainerError(`write the pid file ${JSON.stringify(file)}: ${reasonOf(cause)}`, {
      hint: "Name a file in a folder that is there with --pid-file",
      cause,
    });
  }
}
