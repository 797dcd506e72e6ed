import { CStringArray } from "../../ffi/cstring.ts";
import { AT_FDCWD, O_DIRECTORY, O_PATH, O_WRONLY } from "../../ffi/constants.ts";
import { close, Fd, openat } from "../../ffi/file.ts";
import { isInherited, pidfd_getfd } from "../../ffi/process.ts";
import { ptyNumber } from "../../ffi/tty.ts";
import { ProgramFile } from "../../ffi/program_file.ts";
import { launch, LAUNCHES_INTO_CGROUPS } from "../../ffi/launch.ts";
import { SYSCALLS } from "../../ffi/syscalls.ts";
import type { Executing, Failed, Refused } from "../init/channel.ts";
import type { InitContext } from "../init/context.ts";
import {
  BEGINNING,
  type Beginning,
  beginningImage,
  ENDING,
  endingImage,
} from "../init/launcher/init.ts";
import type { Failure } from "../init/launcher/program.ts";
import type { Step, StepKind, StepOf } from "../init/plan.ts";
import { giveAwayPipes } from "../init/steps/credentials.ts";
import { environmentOf } from "../init/steps/exec.ts";
import { reasonsOf } from "../init/steps/exec_failure.ts";
import { launchedHooks } from "../init/steps/hooks.ts";
import { allows } from "../seccomp/allows.ts";
import { SysError } from "../errors.ts";
import { step } from "../trace.ts";
import { build, InsideNamespaces } from "./inside_namespaces.ts";
import { forkFailure } from "./failure.ts";
import { type NamespaceChoice, namespaceFlags } from "./namespaces.ts";
import { limitedUser } from "./ordinary_user.ts";
import { ownStatus } from "./own_status.ts";
import type { SpawnOptions } from "./spawn.ts";

/** The terminal of a process, and its name in the container. */
interface Terminal {
  readonly master: Fd;
  readonly slave: Fd;
  readonly path: string;
}

/**
 * A process of a container that is the launcher from its beginning on (lib/init/launcher/init.ts), and what this
 * process does for it inside of the container's namespaces: for the first one it builds the root.
 */
export class LaunchedProcess implements Disposable {
  readonly #options: SpawnOptions;
  readonly #channel: number;
  readonly #next = new ProgramFile("gocontainer");
  readonly #context: InitContext;
  readonly #procs: number[] = [];
  readonly #own = new Fd(openat(AT_FDCWD, "/proc/self/fd", O_PATH | O_DIRECTORY));
  readonly #status = ownStatus();
  #inside?: InsideNamespaces;
  readonly #failures: Failure[] = [];
  #begun = false;
  #terminal?: Terminal;

  /** @param channel the launcher's end of its channel. */
  constructor(options: SpawnOptions, channel: number) {
    this.#options = options;
    this.#channel = channel;
    this.#context = {
      channel,
      root: -1,
      sources: new Map(),
      procs: this.#procs,
      own: this.#own.number,
      keepsTrees: true,
      actAsParent: () => this.#inside!.outside(() => options.onBuilt?.(this.#context.pid!)),
      takeTerminal: (master, slave) => {
        const path = `/dev/pts/${ptyNumber(master)}`;
        this.#terminal = { master: new Fd(master), slave: new Fd(slave), path };
      },
    };
  }

  /** Makes the process, which begins at once; returns its number. */
  spawn(): number {
    // One that joins a running container does so by itself; for the first one this process makes the namespaces.
    if (this.#options.fromOutside) this.#openTerminal();
    else {
      const { namespaces } = this.#options;
      step(
        () => ({
          label: "make the container's namespaces, and go there",
          call: enteringCalls(namespaces),
          check: "ls -l /proc/<pid>/ns /proc/self/ns   # what differs is the container's own",
        }),
        () => this.#enter(namespaces),
      );
      // Who is made here begins with it.
      this.#takeOwnRoot();
    }
    using opened = new DisposableStack();
    const steps = this.#beginning(opened);
    const { plan } = this.#options;
    const listener = plan.find(isOf(["launcher"]))!.listener ??
      plan.find(isOf(["wait for start"]))?.listener;
    const passed = [
      this.#channel,
      this.#next.number,
      ...listener === undefined ? [] : [listener],
      ...this.#terminal === undefined ? [] : [this.#terminal.slave.number],
      ...steps.flatMap((step) =>
        step.do === "join cgroups" ? step.fds : step.do === "join namespace" ? [step.fd] : []
      ),
    ];
    const image = beginningImage(steps, {
      channel: this.#channel,
      next: this.#next.number,
      listener,
      terminal: this.#terminal?.slave.number,
      procs: plan.filter(isNewProc).length,
      failures: this.#failures,
      ignored: this.#status.ignored,
    });
    using file = new ProgramFile("gocontainer");
    file.write(image);
    try {
      return this.#context.pid = launch(file.number, {
        argv: new CStringArray(["gocontainer-init"]),
        envp: new CStringArray([]),
        passed,
        cgroup: this.#options.cgroup,
      });
    } catch (error) {
      throw error instanceof SysError ? forkFailure(error) : error;
    }
  }

  #enter(namespaces: Pick<NamespaceChoice, "clone" | "join">): void {
    try {
      this.#inside = new InsideNamespaces(namespaces);
    } catch (error) {
      throw error instanceof SysError ? forkFailure(error) : error;
    }
  }

  /**
   * Opens the terminal of a process that joins a running container. The launcher gets it as it is: of those who are
   * in there, somebody could have put another thing where its name leads.
   */
  #openTerminal(): void {
    const { plan, namespaces } = this.#options;
    if (!plan.some(isOf(["terminal"]))) return;
    this.#enter(onlyMounts(namespaces));
    this.#carryOut(isOf(OPENING));
    // Out again: where posix_spawn(3) makes the launcher, it finds that by the host's /proc.
    this.#inside![Symbol.dispose]();
  }

  #takeOwnRoot(): void {
    const { plan, observer } = this.#options;
    const steps = plan.filter(isOf(["own root"]));
    build({ plan: steps, isMine: () => true, before: () => {}, context: this.#context, observer });
  }

  #carryOut(isMine: (step: Step) => boolean, before: (step: Step) => void = () => {}): void {
    const { plan, observer } = this.#options;
    build({ plan, isMine, before, context: this.#context, observer });
  }

  /** What of the plan the launcher does before it waits. */
  #beginning(opened: DisposableStack): Beginning[] {
    const { plan, cgroup, namespaces, fromOutside } = this.#options;
    const unified = cgroup === undefined || LAUNCHES_INTO_CGROUPS
      ? []
      : [opened.use(new Fd(openat(cgroup, "cgroup.procs", O_WRONLY))).number];
    const [first, ...others] = plan.filter(isOf(BEGINNING));
    const steps = [first, { ...JOIN_UNIFIED, fds: unified }, ...others];
    if (!fromOutside) return steps.filter((step) => step.do !== "join namespace");
    const joins = namespaces.join.map(({ type, fd, flag }) => ({
      do: "join namespace" as const,
      label: `join the ${type} namespace`,
      fd,
      flag,
    }));
    return [...joins, ...steps];
  }

  /** The master of the container's terminal, where it has one. */
  get master(): Fd | undefined {
    return this.#terminal?.master;
  }

  /** Takes a context of procfs over from the first process; false where that has ended since it told of it. */
  take(pidfd: number, fd: number): boolean {
    try {
      this.#procs.push(pidfd_getfd(pidfd, fd));
      return true;
    } catch (error) {
      if (!(error instanceof SysError && error.code === "ESRCH")) throw error;
      return false;
    }
  }

  /** The launcher has its cgroups, and waits. */
  begun(): void {
    this.#begun = true;
    const { plan, fromOutside } = this.#options;
    // A first process is born in the namespaces that this one has joined.
    const isOwn = (step: Step) => fromOutside || step.do !== "join namespace";
    this.#tell(plan.filter(isOf(BEGINNING)).filter(isOwn));
  }

  /**
   * Builds the root, or finds in one that is there what the program is; and writes the launcher's second program.
   *
   * @param hear waits for what the launcher says next.
   * @returns what the program is, and why it could be refused.
   */
  build(pidfd: number, hear: () => void): Executing {
    const { plan, fromOutside } = this.#options;
    const awaitBegun = () => {
      while (!this.#begun) hear();
      // It has made its cgroup namespace where its cgroup begins.
      this.#inside?.joinCgroups(pidfd);
    };
    if (fromOutside) {
      awaitBegun();
      this.#enter(onlyMounts(this.#options.namespaces));
    }
    // Up to there both are at work at the same time.
    const before = (step: Step) => {
      if (isNewProc(step)) { while (this.#procs.length === 0) hear(); }
      if (showsCgroups(step) || step.do === "wait for parent") awaitBegun();
    };
    const elsewhere: readonly StepKind[] = [...BEGINNING, ...ENDING, "own root", "launcher"];
    const opened = fromOutside && this.#terminal !== undefined ? OPENING : [];
    const [isOfBoth, isOpened] = [isOf(BOTH), isOf(opened)];
    const isMine = (step: Step) => isOfBoth(step) || !elsewhere.includes(step.do);
    this.#carryOut((step) => isMine(step) && !isOpened(step), before);
    while (!this.#begun) hear();
    const user = plan.find(isOf(["become user"]))!;
    if (user.uid !== 0 && this.#terminal === undefined) giveAwayPipes(user.uid);
    const path = this.#context.program!;
    const reasons = reasonsOf(path, this.#context);
    const launcher = plan.find(isOf(["launcher"]))!;
    // The folder is entered once, by whom was found out here.
    const { isFolderDenied } = this.#context;
    const unused = isFolderDenied ? "enter working folder" : "enter working folder as user";
    const ending = plan.filter(isOf(ENDING)).filter((step) => step.do !== unused);
    const image = endingImage(ending, {
      channel: this.#channel,
      path,
      reasons,
      argv: launcher.argv,
      env: environmentOf(this.#context, launcher),
      launcher,
      hooks: launcher.hooks && launchedHooks(this.#context, launcher.hooks),
      terminal: fromOutside ? undefined : this.#terminal?.path,
      bounding: this.#status.bounding,
      failures: this.#failures,
    });
    this.#next.write(image);
    return { type: "exec", path, reasons };
  }

  /** What has failed, of which the launcher has told the number and the error. */
  failure({ failure, errno }: Refused): Failed | undefined {
    const failed = failure === undefined ? undefined : this.#failures[failure];
    return failed && { type: "failed", ...failed, errno, detail: "" };
  }

  /** The first process has said that it is ready: so all is done that comes before. */
  ready(): void {
    const steps = this.#ending();
    this.#tell(steps.slice(0, steps.findIndex((step) => step.do === "tell ready") + 1));
  }

  /** It is the program. */
  started(): void {
    const steps = this.#ending();
    this.#tell(steps.slice(steps.findIndex((step) => step.do === "tell ready") + 1));
  }

  #ending(): Step[] {
    return this.#options.plan.filter(isOf(ENDING))
      .filter((step) => !isOf(BOTH)(step));
  }

  /** Of steps of the first process, which has no clock, is told when they were heard to be done. */
  #tell(steps: readonly Step[]): void {
    const { observer } = this.#options;
    if (observer === undefined) return;
    const now = performance.now();
    for (const step of steps) observer.done(step, now, now);
  }

  /** Back to the host. */
  [Symbol.dispose](): void {
    this.#inside?.[Symbol.dispose]();
    this.#terminal?.slave[Symbol.dispose]();
    this.#next[Symbol.dispose]();
    this.#own[Symbol.dispose]();
    for (const fd of this.#procs.splice(0)) close(fd);
    // The root is not this process's own where it was opened before.
    const { root } = this.#context;
    const opened = this.#options.plan.find(isOf(["root"]))?.tree;
    if (root >= 0 && root !== opened) close(root);
    this.#context.root = -1;
  }
}

/**
 * Whether a process is of the kind that is made by way of the launcher alone. A first one: with a mount and a pid
 * namespace of its own, but in this process's user namespace, which it could not come back to. Or one more that
 * joins namespaces of those kinds. And with nothing to be done on the way by the process itself that takes more than
 * system calls.
 */
export function canBeLaunched({ plan, namespaces, fromOutside }: SpawnOptions): boolean {
  const has = (kind: StepKind) => plan.some((step) => step.do === kind);
  const joined = namespaces.join.map(({ type }) => type);
  const fits = fromOutside
    ? namespaces.clone === 0 && !has("change root") &&
      namespaces.affinity === undefined &&
      joined.includes("mount") && !joined.includes("time")
    : !namespaces.needsJoiner && namespaces.isNew("mount") && namespaces.isNew("pid");
  // Root in a user namespace would not come back into the host's namespaces.
  return fits && !namespaces.has("user") && limitedUser() === undefined && has("exec") &&
    plan.every(stepCanBeLaunched);
}

/** What this process has to join to look for files as they are in a container. */
function onlyMounts({ join }: NamespaceChoice): Pick<NamespaceChoice, "clone" | "join"> {
  return { clone: 0, join: join.filter(({ type }) => type === "mount") };
}

function stepCanBeLaunched(step: Step): boolean {
  switch (step.do) {
    case "seccomp":
      return !step.notify && allows(step.filter.program, SYSCALLS.capset) &&
        allows(step.filter.program, SYSCALLS.execve);
    case "mount":
      // The root would be another one from then on; and what is copied is to be the container's own memory.
      return (step.tree === undefined || step.target !== "/") && !step.copyUp;
    case "terminal":
      return step.controlling === step.console;
    case "start afresh":
      return areInherited(step.keep);
    default:
      return HERE.includes(step.do);
  }
}

/** Whether the caller has handed over so many descriptors from 3 on; any number may be asked for (LISTEN_FDS). */
function areInherited(count: number): boolean {
  for (let fd = 3; fd < 3 + count; fd++) if (!isInherited(fd)) return false;
  return true;
}

/** A cgroup of v2, where nobody is born in it. */
const JOIN_UNIFIED = { do: "join cgroups", label: "join the cgroup" } as const;

/** Of these a part is done by each: the terminal is opened here, and whether there is such a folder is found out. */
const BOTH = [
  "terminal",
  "enter working folder",
  "enter working folder as user",
] as const satisfies readonly StepKind[];

/** What is done for a process that joins a container before there is one. */
const OPENING = ["take root", "terminal"] as const satisfies readonly StepKind[];

const HERE: readonly StepKind[] = [
  ...BEGINNING,
  ...ENDING,
  "take root",
  "lo up",
  "own root",
  "propagation",
  "open sources",
  "root",
  "cgroup mounts",
  "device nodes",
  "links",
  "sysctl",
  "make working folder",
  "read-only paths",
  "masked paths",
  "wait for parent",
  "container hooks",
  "pivot root",
  "root propagation",
  "read-only root",
  "hostname",
  "domainname",
  "find home",
  "find program",
  "launcher",
];

function isOf<const K extends StepKind>(kinds: readonly K[]): (step: Step) => step is StepOf<K> {
  return (step): step is StepOf<K> => (kinds as readonly StepKind[]).includes(step.do);
}

function isNewProc(step: Step): boolean {
  return step.do === "mount" && step.kind === "new" && step.fstype === "proc" &&
    step.legacy === undefined;
}

/** Its root is that of the cgroup namespace of who mounts it. */
function showsCgroups(step: Step): boolean {
  return step.do === "cgroup mounts" ||
    (step.do === "mount" && step.kind === "new" && step.fstype === "cgroup2");
}

function enteringCalls({ clone, join }: Pick<NamespaceChoice, "clone" | "join">): string {
  const made = clone === 0 ? [] : [`unshare(${namespaceFlags(clone)})`];
  return [...made, ...join.map(({ flag }) => `setns(fd, ${namespaceFlags(flag)})`)].join("; ");
}
