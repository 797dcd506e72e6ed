import { ContainerError, reasonOf } from "../errors.ts";
import { findSafeFolder } from "../folder.ts";
import type { BaseImage } from "../image/base.ts";
import { parseJSON } from "../json.ts";
import { quote } from "../quote.ts";
import type { Spec } from "../oci/spec.ts";
import { unescapedLayers } from "../runtime/overlay_options.ts";
import { type ContainerState, StateRoot } from "../runtime/state.ts";
import { rootOverlay } from "../runtime/trees.ts";
import { baseImageOf } from "./base_image.ts";
import { nameIn } from "./config.ts";
import { findContainer } from "./find.ts";

/** The root of a container that was made from an image: running, or ended and not removed. */
export interface ContainerRoot {
  readonly id: string;
  /** Undefined when it has ended. */
  readonly running?: ContainerState;
  readonly spec: Spec;
  /** The folder with its changes, absolute. */
  readonly upper: string;
  /** The folders of the layers below, the uppermost first. */
  readonly below: readonly string[];
  /** The image that those are of, where that was noted. */
  readonly image?: BaseImage;
}

/**
 * Finds a container by id or name, or by the beginning of an id that no other one shares. Of several of a name it is
 * the one that runs.
 *
 * @param containersFolder as the user gave it
 * @throws {ContainerError} NotFound; InvalidArgument where several are meant; Unsupported for one that was made from a
 *   bundle
 */
export function findRoot(containersFolder: string, wanted: string): ContainerRoot {
  const states = StateRoot.open().containers();
  const isLive = states.some(({ record }) => record.id === wanted || record.name === wanted);
  const folder = isLive ? undefined : findSafeFolder(containersFolder);
  const id = folder === undefined ? undefined : findFolder(folder, wanted);
  if (id !== undefined) return rootIn(`${folder}/${id}`, id, states);
  const { record } = findRunning(states, wanted, containersFolder);
  return rootIn(record.bundle, record.id, states);
}

/** Says also how one that has ended is found. */
function findRunning(
  states: readonly ContainerState[],
  wanted: string,
  containersFolder: string,
): ContainerState {
  try {
    return findContainer(states, wanted);
  } catch (error) {
    if (!(error instanceof ContainerError) || error.code !== "NotFound") throw error;
    const ended = `The ids of those that have ended: ls ${quote(containersFolder)}`;
    throw new ContainerError(
      `find container "${wanted}": no container, running or ended, is called so`,
      {
        code: error.code,
        hint: `${error.hint}. ${ended}`,
        cause: error,
      },
    );
  }
}

/** The folder of a container, which is called as its id; undefined where there is none that is meant. */
function findFolder(folder: string, wanted: string): string | undefined {
  const ids = [...Deno.readDirSync(folder)].filter(({ isDirectory }) => isDirectory)
    .map(({ name }) => name);
  if (wanted === "" || ids.includes(wanted)) return wanted || undefined;
  const named = ids.filter((id) => nameOf(`${folder}/${id}`) === wanted);
  if (named.length > 1) {
    throw new ContainerError(`find container "${wanted}": ${named.length} had this name`, {
      code: "InvalidArgument",
      hint: `Give the id, the latest first: ${latestFirst(folder, named).join(", ")}`,
    });
  }
  const meant = named.length === 1 ? named : ids.filter((id) => id.startsWith(wanted));
  if (meant.length > 1) {
    throw new ContainerError(`find container "${wanted}": ${meant.length} ids begin so`, {
      code: "InvalidArgument",
      hint: "Give more of the id, or the name",
    });
  }
  return meant[0];
}

/** Undefined also where there is no config that can be read, and so nothing to be found. */
function nameOf(folder: string): string | undefined {
  try {
    return nameIn(readConfig(`${folder}/config.json`, folder));
  } catch (error) {
    if (error instanceof ContainerError) return undefined;
    throw error;
  }
}

/** By when their configs were written. */
function latestFirst(folder: string, ids: readonly string[]): string[] {
  const time = (id: string) => Deno.statSync(`${folder}/${id}/config.json`).mtime?.getTime() ?? 0;
  return ids.map((id) => [id, time(id)] as const).sort((a, b) => b[1] - a[1]).map(([id]) => id);
}

function rootIn(folder: string, id: string, states: readonly ContainerState[]): ContainerRoot {
  const spec = readConfig(`${folder}/config.json`, id);
  const overlay = rootOverlay(spec.mounts ?? []);
  const option = (name: string) =>
    overlay?.options?.find((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);
  const [lower, upper] = [option("lowerdir"), option("upperdir")];
  if (lower === undefined || upper === undefined) {
    throw new ContainerError(`read the root of container "${id}": it was not made from an image`, {
      code: "Unsupported",
    });
  }
  const running = states.find(({ record }) => record.id === id);
  const image = baseImageOf(spec);
  return {
    id,
    ...image === undefined ? {} : { image },
    ...running === undefined ? {} : { running },
    spec,
    upper: unescapedLayers(upper.replaceAll(":", "\\:"))[0]!,
    below: unescapedLayers(lower),
  };
}

function readConfig(path: string, id: string): Spec {
  try {
    return parseJSON(Deno.readFileSync(path), { what: path }) as Spec;
  } catch (error) {
    throw new ContainerError(`read the config of container "${id}": ${reasonOf(error)}`, {
      cause: error,
    });
  }
}
