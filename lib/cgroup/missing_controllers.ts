import { warn } from "../trace.ts";
import { detectCgroups } from "./detect.ts";
import {
  controllerHint,
  isReadOnly,
  type Obstacle,
  theControllers,
  whyMissing,
} from "./missing.ts";
import { type Place, v1Place, v2Place } from "./place.ts";
import { haveControllers } from "./v2/subtree.ts";

/** What every container is limited by, or can be. */
const EVERYDAY = ["cpu", "memory", "pids", "devices"];

/** Tells in one warning what a container with these places cannot be limited by, so that nobody relies on it. */
export function warnOfMissing(places: readonly Place[]): void {
  const found = detectCgroups().kind === "none" ? [nothingMounted()] : obstacles(places);
  if (found.length === 0) return;
  const whys = found.map(({ why }) => why).join("; ");
  const hints = [...new Set(found.map(({ hint }) => hint))].join("; ");
  warn(`limit the container: ${whys} (${hints})`);
}

function nothingMounted(): Obstacle {
  const why = "no cgroup hierarchy is mounted, so nothing is limited or counted";
  return { why, hint: controllerHint("devices") };
}

function obstacles(places: readonly Place[]): Obstacle[] {
  const absent = EVERYDAY.filter((name) => !isPlaced(places, name));
  const groups = [absent.filter(isReadOnly), absent.filter((name) => !isReadOnly(name))];
  return [
    ...groups.filter((names) => names.length > 0).map(whyMissing),
    ...refusals(places, EVERYDAY.filter((name) => !absent.includes(name))),
  ];
}

function isPlaced(places: readonly Place[], controller: string): boolean {
  if (v1Place(places, controller)) return true;
  // There, devices are limited by a program.
  return v2Place(places, controller === "devices" ? undefined : controller) !== undefined;
}

/** What stands against controllers of v2 that its hierarchy has and the container's cgroup has not. */
function refusals(places: readonly Place[], controllers: readonly string[]): Obstacle[] {
  const unified = v2Place(places);
  // Beside v1, they are handed down where a limit needs them.
  if (unified === undefined || places.length > 1) return [];
  const { hierarchy, folder } = unified;
  const wanted = controllers.filter((name) => name !== "devices");
  const refused = [...haveControllers(hierarchy.mountpoint, folder, wanted)];
  if (refused.length === 0) return [];
  const [, { why, hint }] = refused[0];
  const names = theControllers(refused.map(([name]) => name));
  return [{ why: `${names} cannot be enabled, ${why}`, hint }];
}
