import { ContainerError, reasonOf } from "../errors.ts";
import type { IntelRdt } from "../oci/spec.ts";

/** Where the file system resctrl is mounted; undefined when it is not (kernel doc filesystems/resctrl). */
export function resctrlMount(
  mountinfo = Deno.readTextFileSync("/proc/self/mountinfo"),
): string | undefined {
  const line = mountinfo.split("\n").find((line) => line.includes(" - resctrl "));
  return line?.split(" ")[4];
}

/**
 * Puts a process into its class of service (config-linux.md, "IntelRdt"), making that when the config does
 * not name one that is there.
 *
 * @param id the container's, which is the name of a class and a monitoring group of its own.
 * @returns the folders that were made, to be removed with the container.
 * @throws {ContainerError} Unsupported without resctrl, InvalidSpec for what contradicts what is there.
 */
export function joinRdtGroup(
  pid: number,
  id: string,
  config: IntelRdt,
  mount: string | undefined = resctrlMount(),
): string[] {
  if (mount === undefined) throw notMounted("linux.intelRdt");
  const made: string[] = [];
  try {
    const lines = schemataOf(config);
    const folder = classFolder(mount, id, config);
    if (makeFolder(folder, config.closID !== undefined && lines.length === 0)) {
      // A class that the config names belongs to all that name it, and stays.
      if (config.closID === undefined) made.push(folder);
      if (lines.length > 0) write(`${folder}/schemata`, lines.map((line) => `${line}\n`).join(""));
    } else if (lines.length > 0) compareSchemata(`${folder}/schemata`, lines);
    write(`${folder}/tasks`, String(pid));
    if (config.enableMonitoring) {
      const group = `${folder}/mon_groups/${id}`;
      if (makeFolder(group, false)) made.push(group);
      write(`${group}/tasks`, String(pid));
    }
    return made;
  } catch (error) {
    removeRdtGroups(made);
    throw error;
  }
}

/** What of a class of service can be changed while it is in use. */
export type RdtSchemata = Pick<IntelRdt, "l3CacheSchema" | "memBwSchema">;

/**
 * Changes a container's class of service, and makes one of its own where it has none.
 *
 * @param config what it has so far; undefined for no class.
 * @param undo gets how to take the change back.
 * @returns the folders that were made. Throws as {@link joinRdtGroup} does.
 */
export function changeRdtGroup(
  pid: number,
  id: string,
  config: IntelRdt | undefined,
  schemata: RdtSchemata,
  undo: DisposableStack,
  mount: string | undefined = resctrlMount(),
): string[] {
  if (mount === undefined) throw notMounted(`linux.intelRdt.${Object.keys(schemata)[0]}`);
  if (config === undefined) {
    const made = joinRdtGroup(pid, id, schemata, mount);
    undo.defer(() => removeRdtGroups(made));
    return made;
  }
  const file = `${classFolder(mount, id, config)}/schemata`;
  const before = read(file);
  write(file, schemataOf(schemata).map((line) => `${line}\n`).join(""));
  undo.defer(() => write(file, before));
  return [];
}

/** Removes folders of resctrl, the last made first; their processes fall back to the class above. */
export function removeRdtGroups(folders: readonly string[]): void {
  for (const folder of folders.toReversed()) {
    try {
      Deno.removeSync(folder);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

function classFolder(mount: string, id: string, { closID = id }: IntelRdt): string {
  return closID === "/" ? mount : `${mount}/${closID}`;
}

/** In the order of the specification: l3CacheSchema, memBwSchema, schemata. */
function schemataOf({ l3CacheSchema, memBwSchema, schemata = [] }: IntelRdt): string[] {
  return [l3CacheSchema, memBwSchema, ...schemata].filter((line) => line !== undefined);
}

/** Whether the folder is new. */
function makeFolder(folder: string, mustExist: boolean): boolean {
  try {
    if (mustExist) Deno.statSync(folder);
    else Deno.mkdirSync(folder, { mode: 0o755 });
    return !mustExist;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw failure(`use "${folder}"`, error);
  }
}

function compareSchemata(file: string, lines: readonly string[]): void {
  const there = read(file).split("\n").map(normal);
  const missing = lines.find((line) => !there.includes(normal(line)));
  if (missing === undefined) return;
  throw new ContainerError(`apply linux.intelRdt: "${missing}" is not what "${file}" has`, {
    code: "InvalidSpec",
    hint: "The class of service is there already: choose another closID, or its own schemata",
  });
}

/** `L3:0=0f;1=f` and `L3: 0=f; 1=f` say the same. */
function normal(line: string): string {
  return line.replace(/\s/g, "").replace(/=0+(?=[0-9a-fA-F])/g, "=").toLowerCase();
}

function read(file: string): string {
  try {
    return Deno.readTextFileSync(file);
  } catch (error) {
    throw failure(`read "${file}"`, error);
  }
}

function write(file: string, text: string): void {
  try {
    Deno.writeTextFileSync(file, text, { create: false });
  } catch (error) {
    throw failure(`write ${JSON.stringify(text.trimEnd())} to "${file}"`, error);
  }
}

function notMounted(field: string): ContainerError {
  return new ContainerError(`apply ${field}: the file system resctrl is not mounted`, {
    code: "Unsupported",
    hint: "Where the CPU has it: mount -t resctrl resctrl /sys/fs/resctrl",
  });
}

function failure(action: string, cause: unknown): ContainerError {
  return new ContainerError(`apply linux.intelRdt: ${action}: ${reasonOf(cause)}`, {
    code: "InvalidSpec",
    hint: "See info/last_cmd_status of resctrl",
    cause,
  });
}
