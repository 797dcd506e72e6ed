/** What is known of a cgroup's memory after its processes ended. */
export interface OomReport {
  /** How many processes of it the kernel killed because memory ran out. */
  readonly kills: number;
  /** The limit in bytes; undefined for none. */
  readonly limit?: bigint;
  /** The most that it ever used, in bytes, where the kernel tells. */
  readonly peak?: bigint;
}

/** The number behind a key in a file of lines `key number`; 0 when it is not there. */
export function counter(text: string | undefined, key: string): number {
  const line = text?.split("\n").find((line) => line.startsWith(`${key} `));
  return line ? Number(line.slice(key.length + 1)) : 0;
}
