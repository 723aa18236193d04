import { describe, expect, it } from 'vitest';
import { failover, lostReservation, makeSynchronous, startPair } from './scenarios/failover.js';
import { OPTIONS, useWorlds } from './use-faults.js';

describe('faults', OPTIONS, () => {
  const after = useWorlds();

  it.each([
    ['remote_apply', 0],
    ['on', 2_000],
  ] as const)('30: a synchronous standby (%s) takes over, found by clients %i ms before', async (level, readOnlyMs) => {
    const pair = await startPair();
    await makeSynchronous(pair, level);
    expect(await after(pair.primary, (it) => failover(it, pair, readOnlyMs), { address: pair.address.url })).toEqual([]);
  });
  it('30: an asynchronous standby takes over without the last reservation', async () => {
    const pair = await startPair();
    expect(await after(pair.primary, (it) => lostReservation(it, pair), { address: pair.address.url })).toEqual([]);
  });
});
