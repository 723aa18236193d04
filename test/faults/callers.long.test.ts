import { describe, expect, it } from 'vitest';
import { heldSnapshot } from './scenarios/held-snapshot.js';
import { OPTIONS, useFaults } from './use-faults.js';

describe('faults', OPTIONS, () => {
  const faults = useFaults();

  it('26: a transaction at repeatable read is open while many jobs pass', async () =>
    expect(await faults.after((it) => heldSnapshot(it, 200_000, 0.8))).toEqual([]));
});
