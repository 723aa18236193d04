import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_DURATION_MS, parseDuration } from '../../../lib/core/duration.js';

describe('parseDuration', () => {
  it.each([
    [0, 0], [250, 250], [1.5, 1.5], ['15s', 15_000], ['5m', 300_000], ['1.5h', 5_400_000], ['7 days', 604_800_000], ['10', 10],
    // Of less than a microsecond PostgreSQL says that it is out of range.
    [5e-324, 0], [0.0004, 0], [0.0015, 0.002], ['0.0000001ms', 0],
  ])('reads %j as %d ms', (value, expected) => expect(parseDuration(value)).toBe(expected));

  it.each([
    [-1], [NaN], [Infinity], [1e20], ['soon'], [''], [' '], ['-5s'], ['5 parsecs'], ['1e3s'], [null], [undefined], [{}], [[5]], [5n], ['9'.repeat(200)], ['11 years'],
  ])('refuses %s', (value) => expect(parseDuration(value)).toBeUndefined());

  it('never gives anything but a length of time that the database can add', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const parsed = parseDuration(value);
        expect(parsed === undefined || (parsed >= 0 && parsed <= MAX_DURATION_MS)).toBe(true);
      }),
    );
  });
});
