import { readFile } from "../../ffi/file.ts";
import type { Resources } from "../oci/spec.ts";
import { ContainerError } from "../errors.ts";
import { step, warn } from "../trace.ts";
import { readIfThere, writeFile } from "./cgroupfs.ts";
import { deviceRules } from "./devices.ts";
import { type Optional, tellMissing, whyMissing } from "./missing.ts";
import { pids } from "./pids.ts";
import { inOneWord } from "./in_one_word.ts";
import { type Place, v1Place, v2Place } from "./place.ts";
import { rdma } from "./rdma.ts";
import type { Controller, Current, Impossible, Setting } from "./setting.ts";
import { blkio } from "./v1/blkio.ts";
import { cpu as cpuV1 } from "./v1/cpu.ts";
import { cpuset as cpusetV1 } from "./v1/cpuset.ts";
import { deviceSettings } from "./v1/devices.ts";
import { hugetlb as hugetlbV1 } from "./v1/hugetlb.ts";
import { memory as memoryV1 } from "./v1/memory.ts";
import { netCls } from "./v1/net_cls.ts";
import { netPrio } from "./v1/net_prio.ts";
import { cpu as cpuV2 } from "./v2/cpu.ts";
import { cpuset as cpusetV2 } from "./v2/cpuset.ts";
import { compileDeviceFilter } from "./v2/device_filter.ts";
import { attachDeviceFilter } from "./v2/devices.ts";
import { hugetlb as hugetlbV2 } from "./v2/hugetlb.ts";
import { io } from "./v2/io.ts";
import { memory as memoryV2 } from "./v2/memory.ts";
import { haveControllers } from "./v2/subtree.ts";
import { controllerOf, unifiedSettings } from "./v2/unified.ts";
import { writeSettings } from "./write.ts";

/** The controllers that have the form of files, each in the versions in which it exists. */
const CONTROLLERS: readonly { readonly v1: Controller; readonly v2?: Controller }[] = [
  { v1: cpusetV1, v2: cpusetV2 },
  { v1: cpuV1, v2: cpuV2 },
  { v1: memoryV1, v2: memoryV2 },
  { v1: pids, v2: pids },
  { v1: blkio, v2: io },
  { v1: hugetlbV1, v2: hugetlbV2 },
  { v1: netCls },
  { v1: netPrio },
  { v1: rdma, v2: rdma },
];

/** What one controller, or the unified hierarchy as a whole, is to be set to. */
interface Group {
  readonly controller: string;
  /** Undefined when no mounted hierarchy has the controller. */
  readonly place: Place | undefined;
  readonly settings: readonly (Setting | Impossible)[];
}

/** Who makes a cgroup without root's rights. */
export interface Maker {
  /** His number on the host. */
  readonly user: number;
  /** Whether he has named the cgroup: then it is that one which he wants to be limited. */
  readonly named: boolean;
}

/** Places that may not be made, and who has tried to. */
export interface Denied {
  readonly places: readonly Place[];
  readonly maker: Maker;
}

/** Writes the limits of a cgroup that nothing has joined yet. */
export function applyLimits(
  places: readonly Place[],
  resources: Resources,
  optional: Optional,
  denied?: Denied,
): void {
  const there = denied === undefined ? groups(places, resources) : withoutDenied(
    groups([...places, ...denied.places], resources),
    places.length === 0,
    denied,
  );
  for (const group of there) writeGroup(group, optional);
}

/**
 * The limits less those for places that may not be made: they are a warning, as with crun, for engines give some of
 * their own accord.
 *
 * @param none whether there is no other place.
 * @throws {ContainerError} NotAllowed when the cgroup was named.
 */
function withoutDenied(all: readonly Group[], none: boolean, { places, maker }: Denied): Group[] {
  const isDenied = ({ place }: Group) => none || place !== undefined && places.includes(place);
  const refused = all.filter(isDenied);
  if (refused.length === 0) return [...all];
  const fields = refused.map(({ settings }) => `linux.resources.${settings[0]!.field}`);
  const { folder } = refused[0].place ?? places[0];
  const why = `user ${maker.user} may not make the cgroup ${JSON.stringify(folder)}`;
  if (maker.named) {
    throw new ContainerError(`apply ${fields[0]}: ${why}`, {
      code: "NotAllowed",
      hint: "Leave linux.resources out, name a cgroup of the user's own in linux.cgroupsPath, " +
        "or run as root",
    });
  }
  warn(`the container goes without ${fields.join(" and ")}: ${why}`);
  return all.filter((group) => !isDenied(group));
}

/**
 * Writes the limits that are given to a cgroup in use. A failure puts the old ones back.
 *
 * @param later gets what puts them back when something else fails afterwards.
 */
export function updateLimits(
  places: readonly Place[],
  resources: Resources,
  later?: DisposableStack,
): void {
  using undo = new DisposableStack();
  for (const group of groups(places, resources)) writeGroup(group, new Set(), undo);
  if (resources.devices) updateDevices(places, resources, undo);
  const done = undo.move();
  later?.use(done);
}

/** The v1 hierarchy of a controller counts where there is one: v2 cannot have the controller then. */
function groups(places: readonly Place[], resources: Resources): Group[] {
  const v2Only = !places.some(({ hierarchy }) => hierarchy.version === 1);
  const asked = CONTROLLERS.filter(({ v1 }) => resources[v1.part] !== undefined);
  const found = asked.map(({ v1, v2 }): Group => {
    const old = v1Place(places, v1.name);
    const place = old ?? (v2 && v2Place(places, v2.name));
    const controller = old || !(place || v2Only) ? v1 : v2 ?? v1;
    const settings = controller.settings(resources, currentIn(place));
    return { controller: controller.name, place, settings };
  });
  if (resources.unified) {
    const place = v2Only ? v2Place(places) : undefined;
    found.push({ controller: "unified", place, settings: unifiedSettings(resources.unified) });
  }
  return found.filter(({ settings }) => settings.length > 0);
}

function currentIn(place: Place | undefined): Current {
  return (file) => place && readIfThere(`${place.folder}/${file}`)?.trim();
}

function writeGroup(group: Group, optional: Optional, undo?: DisposableStack): void {
  const { controller, place, settings } = group;
  const writable = settings.filter((setting): setting is Setting => {
    if (!("impossible" in setting)) return true;
    tellMissing(setting.field, setting.impossible, undefined, optional);
    return false;
  });
  if (!place) {
    for (const { field } of writable) {
      if (controller === "unified") {
        const hint = "Give the limit as a field of its own, or boot with cgroup v2 alone";
        tellMissing(field, "the machine has cgroup v1 controllers", hint, optional);
      } else {
        const { why, hint } = whyMissing([controller]);
        tellMissing(field, why, hint, optional);
      }
    }
    return;
  }
  const { folder, hierarchy } = place;
  step(() => told(controller, folder, writable), () => {
    const ready = hierarchy.version === 2
      ? enabled(place, controller, writable, optional)
      : writable;
    writeSettings(folder, ready, ({ field, missing }, file) => {
      tellMissing(field, `the kernel has no ${file}`, missing, optional);
    }, undo);
  });
}

function told(controller: string, folder: string, settings: readonly Setting[]) {
  const values = settings.filter(({ extra }) => !extra)
    .map(({ file, value }) => ({ file: [file].flat()[0]!, value }));
  const files = [...new Set(values.map(({ file }) => `${folder}/${file}`))];
  return {
    label: `limit what the cgroup may use: ${controller}`,
    call: values.map(({ file, value }) => `write("${folder}/${file}", "${value}")`).join("; "),
    check: `grep . ${inOneWord(files)}`,
  };
}

/** Hands the v2 controllers down that the settings need; gives back the settings that can be had. */
function enabled(
  { hierarchy, folder }: Place,
  controller: string,
  settings: readonly Setting[],
  optional: Optional,
): Setting[] {
  const needed = (setting: Setting) =>
    controller === "unified" ? controllerOf([setting.file].flat()[0]!) : controller;
  const names = [...new Set(settings.map(needed))].filter((name) => name !== undefined);
  const refused = haveControllers(hierarchy.mountpoint, folder, names);
  if (refused.size === 0) return [...settings];
  return settings.filter((setting) => {
    const name = needed(setting);
    const refusal = name === undefined ? undefined : refused.get(name);
    if (!refusal) return true;
    const why = `the ${name} controller cannot be enabled, ${refusal.why}`;
    tellMissing(setting.field, why, refusal.hint, optional);
    return false;
  });
}

/** Denies all devices but those that are listed and the default ones. */
export function limitDevices(
  places: readonly Place[],
  { devices }: Resources,
  optional: Optional,
): void {
  const old = v1Place(places, "devices");
  if (old) {
    const settings = deviceSettings(devices);
    step(() => ({
      label: "let the cgroup use the listed devices only",
      call: `write("${old.folder}/devices.{deny,allow}", ${
        settings.map(({ value }) => `"${value}"`).join(" then ")
      })`,
      check: `cat ${old.folder}/devices.list`,
    }), () => writeSettings(old.folder, settings, () => {}));
    return;
  }
  const unified = v2Place(places);
  if (!unified) {
    const { why, hint } = whyMissing(["devices"]);
    return tellMissing("devices", why, hint, optional);
  }
  const program = compileDeviceFilter(deviceRules(devices));
  step(() => ({
    label: `let the cgroup use the listed devices only, by an eBPF program of ${
      program.length / 8
    } instructions`,
    call:
      `bpf(BPF_PROG_LOAD, BPF_PROG_TYPE_CGROUP_DEVICE); bpf(BPF_PROG_ATTACH, "${unified.folder}")`,
    check: `bpftool cgroup show ${unified.folder}`,
  }), () => attachDeviceFilter(unified.folder, program));
}

/** In v1 the rules are written one by one: a refused one must not leave half of them. */
function updateDevices(
  places: readonly Place[],
  resources: Resources,
  undo: DisposableStack,
): void {
  const folder = v1Place(places, "devices")?.folder;
  if (folder !== undefined) {
    const before = readFile(`${folder}/devices.list`);
    undo.defer(() => {
      if (readFile(`${folder}/devices.list`) !== before) restoreDevices(folder, before);
    });
  }
  limitDevices(places, resources, new Set());
}

function restoreDevices(folder: string, list: string): void {
  const lines = list.split("\n").filter(Boolean);
  const all = lines[0] === "a *:* rwm";
  writeFile(`${folder}/${all ? "devices.allow" : "devices.deny"}`, "a");
  if (!all) lines.forEach((line) => writeFile(`${folder}/devices.allow`, line));
}
