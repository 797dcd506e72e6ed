/**
 * Descriptors of this process, besides 0 to 2, that lead to the same pipes, sockets or files as its
 * standard input, output and error: Deno has copies of its own. A process that lives on after this one
 * must not hold them, or who reads from the other end waits for ever.
 *
 * @param from the first descriptor that counts.
 */
export function copiesOfStandardStreams(from: number): number[] {
  const folder = "/proc/self/fd";
  const standard = [0, 1, 2].map((fd) => linkOf(`${folder}/${fd}`));
  const copies: number[] = [];
  for (const { name } of Deno.readDirSync(folder)) {
    const target = linkOf(`${folder}/${name}`);
    if (Number(name) >= from && target !== undefined && standard.includes(target)) {
      copies.push(Number(name));
    }
  }
  return copies;
}

/** Undefined for a descriptor that is closed by now, such as the one that reads the folder. */
function linkOf(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
