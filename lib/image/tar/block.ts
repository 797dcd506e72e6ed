/** Everything in an archive comes in blocks of this many bytes. */
export const BLOCK = 512;

/** Rounds up to whole blocks. */
export function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}
