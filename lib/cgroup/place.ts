import type { CgroupLayout, Hierarchy } from "./detect.ts";

/** A container's folder in one hierarchy. */
export interface Place {
  readonly hierarchy: Hierarchy;
  /** Absolute. */
  readonly folder: string;
}

/** The places of the cgroup `path` in all hierarchies. */
export function placesOf(path: string, layout: CgroupLayout): Place[] {
  return layout.hierarchies.map((hierarchy) => ({
    hierarchy,
    folder: hierarchy.mountpoint + path,
  }));
}

/** The place of a recorded folder; undefined when its hierarchy is not mounted any more. */
export function placeOf(folder: string, layout: CgroupLayout): Place | undefined {
  const [hierarchy] = layout.hierarchies
    .filter(({ mountpoint }) => folder.startsWith(`${mountpoint}/`))
    .sort((one, other) => other.mountpoint.length - one.mountpoint.length);
  return hierarchy && { hierarchy, folder };
}

/** The v1 place that a controller governs. */
export function v1Place(places: readonly Place[], controller: string): Place | undefined {
  return places.find(({ hierarchy }) =>
    hierarchy.version === 1 && hierarchy.controllers.includes(controller)
  );
}

/** The v2 place: with a controller's name only when that controller is there. */
export function v2Place(places: readonly Place[], controller?: string): Place | undefined {
  return places.find(({ hierarchy }) =>
    hierarchy.version === 2 &&
    (controller === undefined || hierarchy.controllers.includes(controller))
  );
}
