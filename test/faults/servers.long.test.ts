import { describe, expect, it } from 'vitest';
import { SmallDisk } from '../support/small-disk.js';
import { FaultServer } from './fault-server.js';
import { failover, lostReservation, makeSynchronous, startPair } from './scenarios/failover.js';
import { fullDisk, fullDiskOfTheLog, noConnectionLeft } from './scenarios/full-server.js';
import { LONG, OPTIONS, useWorlds } from './use-faults.js';

const obstacle = await SmallDisk.obstacle();
if (obstacle) console.log(`The full disks of fault 31 are skipped: ${obstacle}`);

/** When a commit is acknowledged, and for how long clients find the standby before it is promoted. */
const FAILOVERS = [
  ['remote_apply', 0],
  ['on', 2_000],
] as const;
const MORE_FAILOVERS = [
  ['on', 0],
  ['remote_apply', 8_000],
] as const;

describe('faults', OPTIONS, () => {
  const after = useWorlds();

  it.each(LONG ? [...FAILOVERS, ...MORE_FAILOVERS] : FAILOVERS)('30: a synchronous standby (%s) takes over, found by clients %i ms before', async (level, readOnlyMs) => {
    const pair = await startPair();
    await makeSynchronous(pair, level);
    expect(await after(pair.primary, (it) => failover(it, pair, readOnlyMs), { address: pair.address.url })).toEqual([]);
  });
  it('30: an asynchronous standby takes over without the last reservation', async () => {
    const pair = await startPair();
    expect(await after(pair.primary, (it) => lostReservation(it, pair), { address: pair.address.url })).toEqual([]);
  });
  it.skipIf(obstacle).each([
    ['the disk is full', fullDisk],
    ['the disk is full and the server cannot write its log', fullDiskOfTheLog],
  ] as const)('31: %s', async (_, scenario) => {
    const disk = await SmallDisk.forTest(256);
    const server = await FaultServer.forTest({ max_wal_size: '64MB', min_wal_size: '32MB' }, disk.directory);
    expect(await after(server, (it) => scenario(it, disk))).toEqual([]);
  });
  it('31: all connections are taken', async () => {
    const server = await FaultServer.forTest({ max_connections: '30' });
    expect(await after(server, noConnectionLeft)).toEqual([]);
  });
});
