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
 * Finds a container by id or, while it runs, name, or by the beginning of an id that no other one shares.
 *
 * @param containersFolder as the user gave it
 * @throws {ContainerError} NotFound; Unsupported for one that was made from a bundle
 */
export function findRoot(containersFolder: string, wanted: string): ContainerRoot {
  const folder = findSafeFolder(containersFolder);
  const ended = folder === undefined ? [] : foldersIn(folder, wanted);
  const states = StateRoot.open().containers();
  const live = states.filter(({ record }) => record.id === wanted || record.name === wanted);
  if (live.length === 0 && ended.length === 1) {
    return rootIn(`${folder}/${ended[0]}`, ended[0]!, states);
  }
  if (ended.length > 1) {
    throw new ContainerError(`find container "${wanted}": ${ended.length} ids begin so`, {
      code: "InvalidArgument",
      hint: "Give more of the id, or the name",
    });
  }
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
    const ended = `One that has ended is found by its id: ls ${quote(containersFolder)}`;
    throw new ContainerError(error.message, {
      code: error.code,
      hint: `${error.hint}. ${ended}`,
      cause: error,
    });
  }
}

function foldersIn(folder: string, wanted: string): string[] {
  const names = [...Deno.readDirSync(folder)].filter(({ isDirectory }) => isDirectory)
    .map(({ name }) => name);
  if (names.includes(wanted)) return [wanted];
  return wanted === "" ? [] : names.filter((name) => name.startsWith(wanted));
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
