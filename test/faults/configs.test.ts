import { describe, expect, it } from 'vitest';
import { followedConfigs } from './scenarios/followed-configs.js';
import { LONG, OPTIONS, useFaults } from './use-faults.js';

describe('faults', OPTIONS, () => {
  const faults = useFaults();

  it('14: many write the configuration while listeners are killed and a subscriber throws', async () =>
    expect(await faults.after((it) => followedConfigs(it, 200, LONG ? 30_000 : 2_000))).toEqual([]));
});
