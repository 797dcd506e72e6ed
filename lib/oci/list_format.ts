/** The kernel is never built for more CPUs (NR_CPUS, 8192) nor more memory nodes (MAX_NUMNODES, 1024). */
const LIMIT = 8192;

/**
 * The numbers of a CPU or memory node list in cpuset(7)'s list format, such as `0-3,7`: in order, each
 * once. Null when the text is no such list or names a number of 8192 or more; none for an empty text.
 */
export function parseList(text: string): number[] | null {
  // So long a text repeats itself; what it costs to read it is bounded this way.
  if (text.length > 8 * LIMIT) return null;
  if (text.trim() === "") return [];
  const isListed = new Uint8Array(LIMIT);
  for (const part of text.split(",")) {
    const match = /^\s*(\d+)(?:\s*-\s*(\d+))?\s*$/.exec(part);
    if (match === null) return null;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last < first || last >= LIMIT) return null;
    isListed.fill(1, first, last + 1);
  }
  const numbers: number[] = [];
  isListed.forEach((listed, number) => {
    if (listed) numbers.push(number);
  });
  return numbers;
}
