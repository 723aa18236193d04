import { expect } from 'vitest';
import { withClient } from '../../support/server.js';
import { LEASE_MS, LONG_LEASE_MS, type World } from '../world.js';

const ROUNDS = 3;
const BULK = 10_000;
const OPTIONS = { lease: LONG_LEASE_MS, sweepInterval: '1m', shutdownGrace: LEASE_MS } as const;

/** Jobs pass with and without a transaction that may still see all of them, in turns; so many with it. */
export async function heldSnapshot(world: World, jobs: number, atLeast: number): Promise<void> {
  // Their many changes would be all that is measured.
  for (const table of ['jobs', 'job_history']) await world.query(`ALTER TABLE notify_queue.${table} DISABLE TRIGGER record`);
  await world.startWorker({ options: OPTIONS });
  const perRound = Math.ceil(jobs / ROUNDS);
  await passed(world, perRound);
  const rates = { held: [] as number[], free: [] as number[] };
  for (let i = 0; i < ROUNDS; i++) {
    rates.free.push(await passed(world, perRound));
    await withClient(world.url, async (client) => {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
      rates.held.push(await passed(world, perRound));
      await client.query('COMMIT');
    });
    await world.query('VACUUM notify_queue.jobs');
  }
  const [held, free] = [median(rates.held), median(rates.free)];
  console.log(`26: ${Math.round(held)} jobs a second beside a held snapshot, ${Math.round(free)} without: ${(held / free).toFixed(2)}`);
  expect(held / free).toBeGreaterThan(atLeast);
}

/** Jobs a second, from when all may start. */
async function passed(world: World, jobs: number): Promise<number> {
  const { queue } = world.producer;
  await queue.suspend();
  for (let left = jobs; left > 0; left -= BULK) {
    await queue.enqueueMany('quiet', Array.from({ length: Math.min(BULK, left) }, () => null));
  }
  const last = await queue.enqueue('quiet', null, { priority: 10 });
  const startedAt = performance.now();
  await queue.resume();
  await queue.result(last, { timeout: '2m' });
  return jobs / ((performance.now() - startedAt) / 1_000);
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
