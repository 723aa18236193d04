import { describe, expect, it } from 'vitest';
import { SEED } from './random.js';
import { mixedFaults } from './scenarios/mixed/mixed.js';
import { LONG, MINUTES, OPTIONS, useFaults } from './use-faults.js';

describe('faults', OPTIONS, () => {
  const faults = useFaults();

  it('32: mixed faults by seeds', async () => {
    const until = performance.now() + MINUTES * 60_000;
    const isOver = (done: number): boolean => (LONG ? performance.now() > until : done >= 5);
    expect(await faults.after((it) => mixedFaults(it, SEED, isOver))).toEqual([]);
  });
});
