/**
 * The candidate that `word` was most likely meant to be: the one at the least distance by edits
 * (inserted, removed, changed and swapped characters, upper and lower case alike), where that is at
 * most a third of its length, or the one that `word` begins or is the beginning of.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Infinity;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    const bound = Math.max(1, Math.floor(candidate.length / 3));
    const extended = word !== "" && (candidate.startsWith(word) || word.startsWith(candidate));
    if ((distance <= bound || extended) && distance < least) {
      best = candidate;
      least = distance;
    }
  }
  return best;
}

/** The optimal string alignment distance of two words. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(row[j - 1]! + 1, last[j]! + 1, last[j - 1]! + changed);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, beforeLast[j - 2]! + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
