/** Reads a share from 0 to 1; throws on anything else, like every `parse` of a config row. */
export function parseRate(text: string): number {
  const rate = text.trim() === '' ? Number.NaN : Number(text);
  if (!(rate >= 0 && rate <= 1)) {
    throw new RangeError(`'${text}' is not a rate, expected a number from 0 to 1`);
  }
  return rate;
}
