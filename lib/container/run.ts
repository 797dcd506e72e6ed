import { SIGNALS } from "../../ffi/constants.ts";
import { umask } from "../../ffi/file.ts";
import type { ExitStatus } from "../../ffi/process.ts";
import { type Cgroup, planCgroup } from "../cgroup/cgroup.ts";
import { writableCgroups } from "../cgroup/detect.ts";
import { ContainerError, UsageError } from "../errors.ts";
import { findSafeFolder, safeFolder } from "../folder.ts";
import { resolveUser } from "../image/user.ts";
import { watchRules } from "../network/nftables.ts";
import type { Wire } from "../network/veth.ts";
import { create } from "../runtime/create.ts";
import type { ChildObserver } from "../runtime/spawn.ts";
import { formatBytes } from "../runtime/format.ts";
import { hostIdsOf } from "../runtime/id_mappings.ts";
import { identify } from "../runtime/process_identity.ts";
import { checkId, type ContainerRecord, type ContainerState, StateRoot } from "../runtime/state.ts";
import { OCI_VERSION_MAX } from "../oci/version.ts";
import type { IDMapping, Resources, Spec } from "../oci/spec.ts";
import { step } from "../trace.ts";
import { randomUUID } from "../uuid.ts";
import { containerCapabilities } from "./capabilities.ts";
import { makeConfig } from "./config.ts";
import { ContainerFolder } from "./folder.ts";
import { collectGarbage, tellFailures } from "./gc.ts";
import { type ImageDefaults, obtainImage, type ReadyImage } from "./image.ts";
import { leaveTerminalToFront } from "./job.ts";
import { follow, holdSignals } from "./monitor.ts";
import { type Network, prepareNetwork } from "./network.ts";
import type { RunOptions } from "./options.ts";
import { chooseSeccomp, type SeccompChoice } from "./seccomp.ts";
import { TerminalRelay } from "./terminal.ts";
import { chooseMappings } from "./userns.ts";

/** How a container ended. */
export interface RunResult {
  /** The program's own code, or 128+n for a signal. */
  readonly exitCode: number;
  /** What was killed for want of memory: `killed: out of memory (limit 64 MiB)`, or `1 process killed: …`. */
  readonly outOfMemory?: string;
}

/**
 * Runs a container from an image to its end: the whole way of `gocontainer IMAGE COMMAND`.
 *
 * What is done between the making of the first process and its start is synchronous, in this one thread: it
 * may be inside of the container's namespaces meanwhile, or fork.
 *
 * @throws {ContainerError} when it could not be started; nothing but the image is left then.
 */
export async function run(options: RunOptions, observer?: ChildObserver): Promise<RunResult> {
  // Modes are given in full from here on: a stricter umask would keep users out of their own root.
  umask(0o022);
  if (options.name !== undefined) checkId(options.name, "name");
  const present = findSafeFolder(options.containersFolder);
  const capabilities = containerCapabilities(options);
  const seccomp = await chooseSeccomp(options, capabilities);
  using image = await obtainImage(options);
  const command = commandOf(options, image.defaults);
  // Nothing is made before it is known that there is something to run.
  const containersFolder = present ?? safeFolder(options.containersFolder, { create: 0o700 });
  return await runFrom(
    { image, command, containersFolder, capabilities, seccomp },
    options,
    observer,
  );
}

/** What was found out for a container before anything of it is made. */
interface Prepared {
  readonly image: ReadyImage;
  /** The program with its arguments. */
  readonly command: readonly string[];
  readonly containersFolder: string;
  readonly capabilities: readonly string[];
  readonly seccomp?: SeccompChoice;
}

/** A command takes the place of the image's; an entrypoint takes that of both. */
function commandOf(
  { entrypoint, command }: RunOptions,
  defaults: ImageDefaults,
): readonly string[] {
  const args = entrypoint !== undefined
    ? [...entrypoint === "" ? [] : [entrypoint], ...command]
    : [...defaults.entrypoint, ...command.length > 0 ? command : defaults.command];
  if (args.length > 0) return args;
  throw new UsageError("run a container: a command is missing", {
    hint: "Give one, such as /bin/sh: the image names none",
    allOptions: true,
  });
}

async function runFrom(
  { image, command, containersFolder, capabilities, seccomp }: Prepared,
  options: RunOptions,
  observer?: ChildObserver,
): Promise<RunResult> {
  using undo = new DisposableStack();
  const imageRoot = undo.use(image.openRoot());
  const user = resolveUser(imageRoot.number, options.user ?? image.defaults.user);
  const signals = undo.use(holdSignals());

  const root = StateRoot.open();
  const { state, network, mappings } = register(root, containersFolder, options);
  const { record } = state;
  image.keepFor(record.name);
  const parts = new DisposableStack();
  // The record goes last, and stays when a part of the container does: `gc` takes both back then.
  undo.defer(() => {
    parts.dispose();
    step(
      () => ({
        label: "remove the container's record, with its name and address",
        call: `renameat2("${state.folder}"); unlinkat() of all that is in it`,
        check: `ls -d "${state.folder}"   # gone`,
      }),
      () => state.remove(),
    );
  });

  const folder = ContainerFolder.make(containersFolder, record.id);
  parts.defer(() => {
    if (options.remove || !record.started) folder.remove();
  });
  // Whatever happens, nothing that was begun goes on when this is over.
  using begun = new DisposableStack();
  let wire: Wire | undefined;
  begun.defer(() => wire?.[Symbol.dispose]());
  const { keep } = network;
  using rules = keep && watchRules(async (changed) => {
    if (changed) keep();
    await wire?.lookOutside();
  });
  // With a user namespace, the network's has to belong to that one.
  if (mappings === undefined) wire = network.connect?.();
  const hostname = options.hostname ?? defaultHostname(record);
  const spec = makeConfig(options, {
    id: record.id,
    name: record.name,
    hostname,
    folder: folder.path,
    lowerdirs: image.lowerdirs,
    defaults: image.defaults,
    args: command,
    user,
    networkNamespace: network.join,
    volumes: image.makeVolumes(
      folder,
      imageRoot.number,
      options.volumes.map(({ destination }) => destination),
    ),
    files: network.files(folder, hostname),
    capabilities,
    seccomp: seccomp?.config,
    mappings,
  });
  imageRoot[Symbol.dispose]();
  folder.writeConfig(spec);

  const cgroup = makeCgroup(spec, options, parts);
  if (!options.terminal) leaveTerminalToFront();
  const container = parts.use(create({
    state,
    spec,
    cgroup,
    dieWithParent: true,
    netns: wire?.namespace?.number,
    observer,
    seccomp: seccomp?.filter,
    // Its network namespace is reached through it.
    readyLater: mappings === undefined,
  }));
  using relay = container.master === undefined ? undefined : new TerminalRelay(container.master);
  container.whileAlive(() => {
    wire ??= network.connect?.(`/proc/${container.pid}/ns/net`);
    wire?.finish();
  });
  container.start(() => wire?.lookAround());
  const status = await follow(container, signals, { relay, job: cgroup, rules });
  // What it lacked may have been the network.
  if (exitCode(status) !== 0 && rules?.hasLooked === false) await rules.act();
  return { exitCode: exitCode(status), outOfMemory: outOfMemory(status, cgroup, options) };
}

/**
 * Under the lock: takes back what others left, chooses an address that nobody has, and writes both
 * into the container's record before anything else of it is made.
 */
function register(
  root: StateRoot,
  containersFolder: string,
  options: RunOptions,
): { state: ContainerState; network: Network; mappings?: readonly IDMapping[] } {
  using _lock = root.lock();
  const { live, failures } = collectGarbage(root);
  tellFailures(failures);
  const id = randomUUID();
  const namesake = live.find(({ record }) => record.name === options.name);
  if (namesake !== undefined) {
    throw new ContainerError(`name the container "${options.name}": the name is in use`, {
      code: "Exists",
      hint: `Container ${namesake.record.id} has it: end it first, or choose another name`,
    });
  }
  const network = prepareNetwork(root, id, options, live);
  const mappings = chooseMappings(options.userns, live);
  const state = root.register({
    ociVersion: OCI_VERSION_MAX,
    id,
    name: options.name ?? id,
    bundle: `${containersFolder}/${id}`,
    config: `${containersFolder}/${id}/config.json`,
    created: new Date().toISOString(),
    owner: identify(Deno.pid),
    cgroups: planCgroup(`/go_containers/${id}`, writableCgroups()).folders,
    network: network.lease,
    hostIds: hostIdsOf(mappings),
    removeBundle: options.remove,
  });
  return { state, network, mappings };
}

/** The name; the id where that is longer than the kernel takes (HOST_NAME_MAX). */
function defaultHostname({ id, name }: ContainerRecord): string {
  return name.length <= 64 ? name : id;
}

function makeCgroup(spec: Spec, { pids }: RunOptions, undo: DisposableStack): Cgroup {
  const cgroup = planCgroup(spec.linux!.cgroupsPath!, writableCgroups());
  cgroup.create();
  undo.defer(() => cgroup.remove());
  const resources: Resources = spec.linux!.resources!;
  // What nobody has asked for is told of by one warning for all of it.
  const unasked = pids === undefined ? ["devices", "pids"] : ["devices"];
  cgroup.apply(resources, new Set(["memory.swap", ...unasked]));
  cgroup.tellMissing();
  return cgroup;
}

function exitCode(status: ExitStatus): number {
  return "code" in status ? status.code : 128 + status.signal;
}

function outOfMemory(
  status: ExitStatus,
  cgroup: Cgroup,
  { memory }: RunOptions,
): string | undefined {
  const isOwn = exitCode(status) === 128 + SIGNALS.SIGKILL;
  // Without a limit it is the machine that has no memory, and the program has gone on.
  if (!isOwn && memory === undefined) return undefined;
  const { kills, limit } = cgroup.oom();
  if (kills === 0) return undefined;
  const who = isOwn ? "" : kills === 1 ? "1 process " : `${kills} processes `;
  const why = limit === undefined ? "" : ` (limit ${formatBytes(limit)})`;
  return `${who}killed: out of memory${why}`;
}
