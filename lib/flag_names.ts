/** Bits as a C program writes them: the names of those that are set, and what is left as a number. */
export function flagNames(bits: number, names: Readonly<Record<string, number>>): string {
  const set = Object.entries(names).filter(([, bit]) => (bits & bit) === bit);
  const left = set.reduce((rest, [, bit]) => rest & ~bit, bits);
  const words = set.map(([name]) => name);
  return [...words, ...left !== 0 || words.length === 0 ? [`0x${left.toString(16)}`] : []]
    .join(" | ");
}
