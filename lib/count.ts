/** So many of something, as people write it: `1 image`, `2 images`. The word has a plural with an s. */
export function counted(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}
