import { AT_FDCWD, O_DIRECTORY, O_PATH, O_WRONLY, SIGNALS } from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import type { Resources } from "../oci/spec.ts";
import { ContainerError } from "../errors.ts";
import { step } from "../trace.ts";
import { readIfThere, unlessGone, waitUntil, writeFile } from "./cgroupfs.ts";
import { createFolders } from "./create.ts";
import { type CgroupLayout, detectCgroups } from "./detect.ts";
import { type Freezer, freezeWhole, thawTree } from "./freezer.ts";
import { applyLimits, limitDevices, type Maker, updateLimits } from "./limits.ts";
import { controllerHint, type Optional } from "./missing.ts";
import { warnOfMissing } from "./missing_controllers.ts";
import type { OomReport } from "./oom.ts";
import { ownFolder } from "./own.ts";
import { resolveCgroupsPath } from "./path.ts";
import { inOneWord } from "./in_one_word.ts";
import { type Place, placeOf, placesOf, v1Place, v2Place } from "./place.ts";
import { isBare, pidsBelow, signalMembers } from "./processes.ts";
import { removeFolders } from "./remove.ts";
import { freezer as freezerV1 } from "./v1/freezer.ts";
import { oomReport as oomReportV1 } from "./v1/oom.ts";
import { freezer as freezerV2 } from "./v2/freezer.ts";
import { killTree } from "./v2/kill.ts";
import { oomReport as oomReportV2 } from "./v2/oom.ts";
import { enableControllers, handsDown } from "./v2/subtree.ts";

export { MINIMUM_MEMORY } from "./memory_limits.ts";
export type { OomReport } from "./oom.ts";
export type { Optional } from "./missing.ts";

/**
 * The cgroup `cgroupsPath` of config-linux.md, in every hierarchy that is mounted. Makes nothing.
 *
 * @throws {ContainerError} InvalidSpec for an impossible path.
 */
export function planCgroup(cgroupsPath: string, layout: CgroupLayout = detectCgroups()): Cgroup {
  return new Cgroup(placesOf(resolveCgroupsPath(cgroupsPath), layout), layout);
}

/**
 * The cgroup that was made before in these folders, of which some or all may be gone.
 *
 * @param spared folders that were there before it and are not to be removed with it.
 */
export function openCgroup(
  folders: readonly string[],
  spared: readonly string[] = [],
  layout: CgroupLayout = detectCgroups(),
): Cgroup {
  const places = folders.map((folder) => placeOf(folder, layout)).filter((place) => !!place);
  return new Cgroup(places, layout, spared);
}

/** A cgroup that is open for processes to join it. */
export interface JoinableCgroup {
  /**
   * The `tasks` files of the v1 hierarchies, and `cgroup.procs` of a v2 cgroup that was there before. A process that
   * writes `0` to each moves itself into the cgroup, at a hundredth of what it costs to be moved from outside.
   */
  readonly tasks: readonly number[];
  /** The folder of a v2 cgroup that was made for this one, for clone3(2) with CLONE_INTO_CGROUP. */
  readonly folder: number | undefined;
}

const WITHOUT_CGROUP =
  "It was made without (--cgroup-manager disabled), or by a user who may make no cgroup there";

/**
 * A container's cgroup: one folder in each mounted hierarchy, named v1 hierarchies included, so that
 * a cgroup namespace made inside it has nothing of the host's in view (see cgroup_namespaces(7)).
 */
export class Cgroup {
  #places: readonly Place[];
  readonly #layout: CgroupLayout;
  #spared: readonly string[];
  #denied: readonly Place[] = [];
  /** Who has no right to more than what was given to him. */
  #maker: Maker | undefined;

  /** Use {@link planCgroup} or {@link openCgroup}. */
  constructor(places: readonly Place[], layout: CgroupLayout, spared: readonly string[] = []) {
    this.#places = places;
    this.#layout = layout;
    this.#spared = spared;
  }

  /** Where in the hierarchies it is. */
  get places(): readonly Place[] {
    return this.#places;
  }

  /** Every folder of the cgroup, absolute; known before any of them is made. */
  get folders(): readonly string[] {
    return this.#places.map(({ folder }) => folder);
  }

  /** The folders that {@link create} was not allowed to make. */
  get denied(): readonly string[] {
    return this.#denied.map(({ folder }) => folder);
  }

  /** The folders that {@link create} found in place: they are used, but not removed. */
  get spared(): readonly string[] {
    return this.#spared;
  }

  /**
   * Makes the folders, mkdir(2) in each hierarchy. A failure leaves none of them.
   *
   * @param maker whoever does without those hierarchies that he has no right to.
   * @throws {ContainerError} InUse for a cgroup that has processes or is frozen, Unsupported where
   * cgroups are read-only.
   */
  create(maker?: Maker): void {
    this.#maker = maker;
    if (this.#places.length === 0) return;
    step(() => ({
      label: `make the container's cgroup in ${
        this.#places.length === 1 ? "the hierarchy" : `${this.#places.length} hierarchies`
      }`,
      call: `mkdir("${inOneWord(this.folders)}")`,
      check: "cat /proc/<pid>/cgroup",
    }), () => {
      const all = this.#layout.kind === "v2";
      const ifAllowed = maker !== undefined;
      const { before, denied } = createFolders(this.#places, { all, ifAllowed });
      this.#spared = before;
      this.#denied = denied;
      this.#places = this.#places.filter((place) => !denied.includes(place));
    });
  }

  /**
   * Writes the limits of an OCI `linux.resources` (config-linux.md) to the new cgroup, before any
   * process joins it. Devices are denied but for those listed and the default ones, also when
   * nothing is said of them: except by who is not root, who may not, and whose containers can make no node.
   *
   * @param optional what may be left out where it cannot be had.
   * @throws {ContainerError} NotAllowed for a named cgroup that {@link create} was not allowed to make, Unsupported
   * for what cannot be had here, InvalidSpec for what contradicts itself, InvalidArgument for what the kernel refuses.
   */
  apply(resources: Resources, optional: Optional = new Set()): void {
    const maker = this.#maker;
    const denied = maker && this.#denied.length > 0 ? { places: this.#denied, maker } : undefined;
    applyLimits(this.#places, resources, optional, denied);
    if (maker === undefined) limitDevices(this.#places, resources, optional);
  }

  /** Tells in one warning what the container cannot be limited by. */
  tellMissing(): void {
    warnOfMissing(this.#places);
  }

  /**
   * Changes the limits that are given, of a cgroup in use; a failure puts the old ones back.
   *
   * @param later gets what puts them back when something else fails afterwards.
   */
  update(resources: Resources, later?: DisposableStack): void {
    if (this.#places.length === 0 && this.#layout.kind !== "none") {
      throw new ContainerError("change the limits of the cgroup: the container has none", {
        code: "Unsupported",
        hint: WITHOUT_CGROUP,
      });
    }
    updateLimits(this.#places, resources, later);
  }

  /**
   * Opens what a process joins the cgroup by, close-on-exec.
   *
   * @param acquired what to close once the process is there.
   */
  openToJoin(acquired: DisposableStack): JoinableCgroup {
    const open = (path: string, flags: number) =>
      acquired.use(new Fd(openat(AT_FDCWD, path, flags))).number;
    const tasks = this.#places.filter(({ hierarchy }) => hierarchy.version === 1)
      .map(({ folder }) => open(`${folder}/tasks`, O_WRONLY));
    const unified = v2Place(this.#places)?.folder;
    if (unified === undefined) return { tasks, folder: undefined };
    // In a cgroup that was killed by cgroup.kill before, Linux 6.18 kills whatever clone3(2) makes there.
    if (this.#spared.includes(unified)) {
      return { tasks: [...tasks, open(`${unified}/cgroup.procs`, O_WRONLY)], folder: undefined };
    }
    return { tasks, folder: open(unified, O_PATH | O_DIRECTORY) };
  }

  /**
   * The cgroup for a process beside another one. It is this one, save where those in it have moved on to v2 cgroups
   * below it and handed controllers down to them, as systemd does: where that process is then, others may be.
   *
   * @param pid a process in the cgroup or below it.
   */
  beside(pid: number): Cgroup {
    const unified = v2Place(this.#places);
    if (unified === undefined || !handsDown(unified.folder)) return this;
    const folder = ownFolder(unified.hierarchy, readIfThere(`/proc/${pid}/cgroup`) ?? "");
    if (!folder?.startsWith(`${unified.folder}/`)) return this;
    const places = this.#places.map((place) => place === unified ? { ...place, folder } : place);
    return new Cgroup(places, this.#layout, this.#spared);
  }

  /** Moves a process into the cgroup from outside. In v1 that may take tens of milliseconds. */
  attach(pid: number): void {
    for (const folder of this.folders) writeFile(`${folder}/cgroup.procs`, `${pid}`);
  }

  /**
   * Moves in the process that stood in the v2 cgroup above, and has that one hand down all controllers, which no
   * cgroup does that has processes.
   */
  takeOver(pid: number): void {
    this.attach(pid);
    for (const { hierarchy, folder } of this.#places) {
      // What cannot be enabled is told when a limit needs it.
      enableControllers(hierarchy.mountpoint, folder, hierarchy.controllers);
    }
  }

  /**
   * The process ids in the cgroup and below it, as this process's pid namespace has them.
   *
   * @throws {ContainerError} InUse when more and more cgroups are made below it.
   */
  pids(): number[] {
    const ENOUGH = 10_000;
    return this.#pids(ENOUGH);
  }

  /** Whether there are processes in the cgroup or below it, be it of pid namespaces in which this process sees none. */
  isPopulated(): boolean {
    const unified = v2Place(this.#places)?.folder;
    const events = unified && readIfThere(`${unified}/cgroup.events`);
    if (events !== undefined) return /^populated 1$/m.test(events);
    // A zombie counts as well, which goes in a moment.
    const old = v1Place(this.#places, "pids")?.folder;
    return old !== undefined && Number(readIfThere(`${old}/pids.current`) ?? 0) > 0;
  }

  #pids(timeout?: number): number[] {
    return [...new Set(this.folders.flatMap((folder) => pidsBelow(folder, timeout)))];
  }

  /**
   * Kills every process in the cgroup and below it, also in a frozen one. They are children of
   * others and take a moment to end: this waits for neither. Nothing happens when it is gone.
   */
  kill(): void {
    step(() => ({
      label: "kill whatever is left in the cgroup",
      call: `write("cgroup.kill", "1"), or kill(2) of each in cgroup.procs`,
      check: `cat ${inOneWord(this.folders)}/cgroup.procs`,
    }), () => this.#kill());
  }

  #kill(): void {
    const unified = v2Place(this.#places)?.folder;
    // Before anything is looked for, which those that live could draw out.
    const killed = unified !== undefined && killTree(unified);
    if (this.folders.every(isBare)) return;
    const freezers = this.#freezers();
    const dying = new Set(killed ? pidsBelow(unified) : []);
    const others = () => this.#pids().filter((pid) => !dying.has(pid));
    try {
      if (killed && others().length === 0) return;
      // Frozen first, so that nothing forks away between the reading and the killing.
      for (const [freezer, folder] of freezers) unlessGone(() => freezer.freeze(folder));
      waitUntil(() => this.isFrozen(), 500);
      signalMembers(others, SIGNALS.SIGKILL);
    } finally {
      // Also what is dying, which v1 holds back.
      this.#thawTree(freezers);
    }
  }

  /**
   * Stops every process of the cgroup where it is, and waits until they stand still.
   *
   * @throws {ContainerError} Unsupported without a freezer; Failed when it takes over 5 seconds.
   */
  freeze(): void {
    const [chosen] = this.#freezers();
    if (this.#places.length === 0 && this.#layout.kind !== "none") {
      throw new ContainerError("freeze the cgroup: the container has none", {
        code: "Unsupported",
        hint: WITHOUT_CGROUP,
      });
    }
    if (!chosen) {
      throw new ContainerError("freeze the cgroup: no cgroup hierarchy has a freezer", {
        code: "Unsupported",
        hint: controllerHint("freezer"),
      });
    }
    const [freezer, folder] = chosen;
    step(() => ({
      label: "freeze the processes of the cgroup",
      ...freezer === freezerV2
        ? {
          call: `write("${folder}/cgroup.freeze", "1")`,
          check: `grep frozen ${folder}/cgroup.events`,
        }
        : {
          call: `write("${folder}/freezer.state", "FROZEN")`,
          check: `cat ${folder}/freezer.state`,
        },
    }), () => freezeWhole(freezer, folder));
  }

  /** Lets frozen processes go on. */
  thaw(): void {
    for (const [freezer, folder] of this.#freezers()) freezer.thaw(folder);
  }

  #thawTree(freezers = this.#freezers()): void {
    for (const [freezer, folder] of freezers) thawTree(freezer, folder);
  }

  /** Whether all of the cgroup stands still. */
  isFrozen(): boolean {
    return this.#freezers().some(([freezer, folder]) =>
      unlessGone(() => freezer.isFrozen(folder)) ?? false
    );
  }

  /** The freezers at hand, the v2 one first if the processes stand there too: it holds better. */
  #freezers(): [Freezer, string][] {
    const found: [Freezer, string][] = [];
    const unified = v2Place(this.#places)?.folder;
    if (unified !== undefined && readIfThere(`${unified}/cgroup.freeze`) !== undefined) {
      const populated = /^populated 1$/m.test(readIfThere(`${unified}/cgroup.events`) ?? "");
      if (populated || !v1Place(this.#places, "freezer")) found.push([freezerV2, unified]);
    }
    const old = v1Place(this.#places, "freezer")?.folder;
    if (old !== undefined) found.push([freezerV1, old]);
    return found;
  }

  /**
   * Removes the cgroup with all below it. A process that was killed just now keeps it busy for a
   * moment, so it is tried for a second.
   *
   * @throws {ContainerError} InUse when processes stay in it.
   */
  remove(): void {
    const folders = this.folders.filter((folder) => !this.#spared.includes(folder));
    if (folders.length === 0) return;
    step(() => ({
      label: "remove the container's cgroup",
      call: `rmdir("${inOneWord(folders)}")`,
      check: `ls -d ${inOneWord(folders)}   # gone`,
    }), () => removeFolders(folders, () => this.#thawTree()));
  }

  /** What happened to the cgroup's memory: to be asked after the program ended, before {@link remove}. */
  oom(): OomReport {
    const old = v1Place(this.#places, "memory");
    if (old) return oomReportV1(old.folder);
    const unified = v2Place(this.#places, "memory");
    return unified ? oomReportV2(unified.folder) : { kills: 0 };
  }
}
