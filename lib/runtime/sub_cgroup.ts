import { AT_FDCWD } from "../../ffi/constants.ts";
import { tryStatx } from "../../ffi/file.ts";
import { type CgroupLayout, detectCgroups } from "../cgroup/detect.ts";
import { inOneWord } from "../cgroup/in_one_word.ts";
import { placeOf } from "../cgroup/place.ts";
import { ContainerError } from "../errors.ts";

/**
 * The cgroup folders of a process that is to be below a container's own: `PATH` for all hierarchies, or
 * `CONTROLLER[,CONTROLLER]:PATH` for those of cgroup v1 that have one of these controllers.
 *
 * @param folders the container's own.
 * @throws {ContainerError} InvalidArgument for a path that leads elsewhere, or a controller that is in none.
 */
export function subFolders(
  folders: readonly string[],
  words: readonly string[],
  layout: CgroupLayout = detectCgroups(),
): string[] {
  const paths = new Map<string, string>();
  for (const word of words) {
    const colon = word.lastIndexOf(":");
    const controllers = colon < 0 ? undefined : word.slice(0, colon).split(",");
    const path = relativePath(word, word.slice(colon + 1));
    const chosen = folders.filter((folder) =>
      controllers === undefined || controllers.some((name) => controllersOf(folder).includes(name))
    );
    if (chosen.length === 0) {
      throw refused(word, "the container has no hierarchy with such a controller");
    }
    for (const folder of chosen) paths.set(folder, path);
  }
  return folders.map((folder) => folder + (paths.get(folder) ?? ""));

  function controllersOf(folder: string): readonly string[] {
    const { controllers = [], name } = placeOf(folder, layout)?.hierarchy ?? {};
    return name === undefined ? controllers : [...controllers, name, `name=${name}`];
  }
}

/** As {@link subFolders}; @throws {ContainerError} NotFound as well, where one of them has not been made. */
export function existingSubFolders(
  own: readonly string[],
  words: readonly string[],
): readonly string[] {
  const folders = subFolders(own, words);
  const missing = folders.filter((folder) => tryStatx(AT_FDCWD, folder) === undefined);
  if (missing.length === 0) return folders;
  const what = words.map((word) => JSON.stringify(word)).join(", ");
  throw new ContainerError(
    `use the cgroup ${what} below the container's: there is no ${JSON.stringify(missing[0])}`,
    { code: "NotFound", hint: `--cgroup takes one that is there: mkdir -p ${inOneWord(missing)}` },
  );
}

/** Begins with a slash, unless it is nothing. */
function relativePath(word: string, path: string): string {
  const components = path.split("/").filter((part) => part !== "" && part !== ".");
  if (components.includes("..")) throw refused(word, "it leads out of the container");
  return components.map((part) => `/${part}`).join("");
}

function refused(word: string, why: string): ContainerError {
  return new ContainerError(
    `use the cgroup ${JSON.stringify(word)} below the container's: ${why}`,
    {
      code: "InvalidArgument",
    },
  );
}
