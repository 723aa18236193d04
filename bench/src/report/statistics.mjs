/**
 * The value below which this share of a sorted list lies.
 *
 * @param {number[]} sorted
 * @param {number} share
 */
export function quantile(sorted, share) {
  if (sorted.length === 0) return undefined;
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)];
  const above = sorted[Math.ceil(position)];
  return below + (above - below) * (position - Math.floor(position));
}

/** @param {Array<number | undefined>} values @returns {{ median: number, min: number, max: number } | undefined} */
export function summarise(values) {
  const sorted = values.filter((value) => Number.isFinite(value)).sort((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  return { median: quantile(sorted, 0.5), min: sorted[0], max: sorted.at(-1) };
}
