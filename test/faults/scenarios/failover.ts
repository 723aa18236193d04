import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { FaultProxy } from '../../support/fault-proxy.js';
import { withClient } from '../../support/server.js';
import { until } from '../../support/wait.js';
import { happened, now, type Worker } from '../../support/worker.js';
import { FaultServer } from '../fault-server.js';
import { LONG_LEASE_MS, SPARE_MS, SWEEP_MS, type World } from '../world.js';

/** A primary, its standby, and the address by which everybody finds the one that is in charge. */
export interface Pair {
  readonly primary: FaultServer;
  readonly standby: FaultServer;
  /** By which the standby gets what the primary commits. */
  readonly wire: FaultProxy;
  readonly address: FaultProxy;
}

const RECOVERY_MS = 10_000;
const READ_ONLY = /cannot work for the moment: .*read-only transaction/;

/** Ends with the test. Asynchronous at first. */
export async function startPair(): Promise<Pair> {
  const primary = await FaultServer.forTest({ wal_keep_size: '256MB' });
  const wire = await FaultProxy.forTest(primary.url);
  return { primary, standby: await primary.standbyForTest(wire.url), wire, address: await FaultProxy.forTest(primary.url) };
}

/** From now on a commit is acknowledged when the standby has it, too. */
export async function makeSynchronous({ primary }: Pair, level: 'on' | 'remote_apply'): Promise<void> {
  await primary.set('synchronous_commit', level);
  await primary.set('synchronous_standby_names', '*');
}

/**
 * The primary dies under load and never comes back; the standby takes over. For so long before that, the
 * address leads to a standby that is still read-only.
 */
export async function failover(world: World, { primary, standby, address }: Pair, readOnlyMs: number): Promise<void> {
  const workers = [await world.startWorker(), await world.startWorker(), await world.startWorker()];
  const producing = world.produce(8, () => ({ ms: world.random.integer(60), failures: world.random.integer(8) === 0 ? 1 : 0 }));
  await sleep(world.random.between(800, 1_600));
  await primary.kill();
  if (readOnlyMs > 0) {
    address.leadTo(standby.url);
    await sleep(readOnlyMs);
  }
  await standby.promote();
  const promotedAt = now();
  address.leadTo(standby.url);
  const again = await Promise.all(workers.map((worker) => worker.waitFor(startedAfter(promotedAt), { timeout: RECOVERY_MS + SPARE_MS })));
  const what = readOnlyMs > 0 ? `a standby that was read-only for ${readOnlyMs} ms` : 'a standby';
  world.recovered(`30: all workers work again on ${what}`, Math.max(...again.map(({ at }) => at)) - promotedAt, RECOVERY_MS);
  // That the server is read-only is told once by each, at most; by somebody it is.
  const told = workers.map(({ events }) => events.filter((event) => event.type === 'log:written' && event.level === 'warn' && READ_ONLY.test(event.message)).length);
  expect(Math.max(...told)).toBe(readOnlyMs > 0 ? 1 : 0);
  await sleep(500);
  await producing.stop();
  await world.settled();
}

/**
 * The standby is asynchronous and does not get what a worker reserves. When it has taken over, the worker goes on
 * with a reservation that never happened, and another one is given the job under the same number.
 */
export async function lostReservation(world: World, { primary, standby, wire, address }: Pair): Promise<void> {
  const options = { lease: LONG_LEASE_MS, sweepInterval: SWEEP_MS, queues: { default: { concurrency: 1 } } };
  const first = await world.startWorker({ options });
  const second = await world.startWorker({ options });
  second.kill('SIGSTOP');
  const { id } = await world.producer.queue.enqueue('work', { ms: 4_000 }, { delay: 1_000 });
  await caughtUp(primary);
  wire.hold();
  await first.waitFor(happened('job:started', id));
  await primary.kill();
  await standby.promote();
  address.leadTo(standby.url);
  second.kill('SIGCONT');
  await second.waitFor(happened('job:started', id));
  await first.waitFor(happened('job:returned', id));
  await world.settled();
}

function startedAfter(at: number): Parameters<Worker['waitFor']>[0] {
  return (event) => event.type === 'job:started' && event.at > at;
}

/** Resolves when the standby has everything that is there now. */
async function caughtUp(primary: FaultServer): Promise<void> {
  await withClient(primary.url, async (client) => {
    const { rows } = await client.query('SELECT pg_current_wal_lsn() AS now');
    const sql = 'SELECT FROM pg_stat_replication WHERE replay_lsn >= $1';
    await until(async () => (await client.query(sql, [rows[0].now])).rows.length > 0);
  });
}
