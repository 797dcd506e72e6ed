const PATIENCE_MS = 5_000;
const PAUSE_MS = 20;

/**
 * Removes the cgroup `/NAME` with all below it from every hierarchy, wherever it is. Waits for ended
 * processes that are still in it to be reaped.
 *
 * @throws {Error} when it is still in use after five seconds
 */
export function removeCgroups(name: string): void {
  const deadline = performance.now() + PATIENCE_MS;
  for (const mountpoint of hierarchies()) {
    for (const folder of foldersBelow(`${mountpoint}/${name}`)) remove(folder, deadline);
  }
}

/** Where cgroups of either version are mounted (proc_pid_mounts(5)). */
function hierarchies(): string[] {
  return Deno.readTextFileSync("/proc/self/mounts").split("\n")
    .map((line) => line.split(" "))
    .filter(([, , type]) => type === "cgroup" || type === "cgroup2")
    .map(([, mountpoint]) => mountpoint);
}

/** A folder with all below it, the innermost first; nothing when there is none. */
function foldersBelow(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)]
      .filter((entry) => entry.isDirectory)
      .flatMap((entry) => foldersBelow(`${folder}/${entry.name}`))
      .concat(folder);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function remove(folder: string, deadline: number): void {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    try {
      return Deno.removeSync(folder);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      if (performance.now() > deadline) throw error;
      Atomics.wait(clock, 0, 0, PAUSE_MS);
    }
  }
}
