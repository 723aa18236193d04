import { describe, expect, it } from 'vitest';
import { modelled } from './scenarios/model/modelled.js';
import { LONG, MINUTES, OPTIONS, useFaults } from './use-faults.js';

describe('faults', OPTIONS, () => {
  const faults = useFaults();

  it('15: random calls leave what a model says', async () =>
    expect(await faults.after((it) => modelled(it, LONG ? MINUTES * 10_000 : 4_000, LONG ? 40 : 20))).toEqual([]));
});
