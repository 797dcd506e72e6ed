/** A sample in three numbers, in the sample's unit. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/**
 * The middle value, or the mean of the two middle ones.
 *
 * @throws {RangeError} when there are no values
 */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("Cannot take the median of no values");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Median and extremes.
 *
 * @throws {RangeError} when there are no values
 */
export function summarize(values: readonly number[]): Summary {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** Values by round; undefined where a contender sat the round out. */
export type Series = readonly (number | undefined)[];

/** The values without the rounds sat out. */
export function valuesOf(series: Series): number[] {
  return series.filter((value) => value !== undefined);
}

/**
 * The median of what `compare` makes of the two values of each round that both took part in. What
 * slows the machine for a while slows both runs of a round, so this is steadier than a comparison
 * of two medians.
 *
 * @returns undefined when there is no such round
 */
export function pairedMedian(
  a: Series,
  b: Series,
  compare: (a: number, b: number) => number,
): number | undefined {
  const results: number[] = [];
  a.forEach((value, round) => {
    const other = b[round];
    if (value !== undefined && other !== undefined) results.push(compare(value, other));
  });
  return results.length === 0 ? undefined : median(results);
}
