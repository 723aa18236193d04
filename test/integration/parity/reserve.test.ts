import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Retry, type Job } from '../../../lib/index.js';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';
import { until } from '../../support/wait.js';

describe('reserving', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '500ms' });

  it('goes by priority, then due time, then insertion', async () => {
    const order: string[] = [];
    const { queue } = await start({
      providers: [handle({ note: (job: Job<string>) => void order.push(job.payload) })],
      queue: { defaults: { concurrency: 1 } },
    });
    await queue.suspend();
    const past = (ms: number) => new Date(Date.now() - ms);
    await queue.enqueue('note', 'later of two', { priority: 5 });
    await queue.enqueue('note', 'inserted third', { runAt: past(60_000) });
    await queue.enqueue('note', 'due earliest', { runAt: past(120_000) });
    await queue.enqueue('note', 'urgent', { priority: -1 });
    await queue.enqueueMany('note', ['bulk 1', 'bulk 2', 'bulk 3']);
    await queue.enqueue('note', 'most urgent', { priority: -32_768 });
    await queue.resume();
    await until(() => order.length === 8);
    expect(order).toEqual(['most urgent', 'urgent', 'due earliest', 'inserted third', 'bulk 1', 'bulk 2', 'bulk 3', 'later of two']);
  });

  it('lets retries keep their place', async () => {
    const order: string[] = [];
    // Slow enough that nothing is fetched ahead while the failure is written.
    const note = async (job: Job<string>): Promise<void> => {
      order.push(job.payload);
      await sleep(5);
      if (job.payload === 'fails twice' && job.attempt <= 2) throw new Error('again');
    };
    const { queue } = await start({
      providers: [handle({ note })],
      queue: { defaults: { concurrency: 1, failureMode: Retry({ times: 2, delay: 0 }) } },
    });
    await queue.suspend();
    await queue.enqueueMany('note', ['fails twice', ...Array.from({ length: 100 }, (_, n) => `job ${n}`)]);
    await queue.resume();
    await until(() => order.length === 103);
    // What was fetched ahead meanwhile goes first; nearly everything comes later.
    expect(order.lastIndexOf('fails twice')).toBeLessThan(80);
    expect(order.filter((name) => name !== 'fails twice')).toEqual(Array.from({ length: 100 }, (_, n) => `job ${n}`));
  });

  it('takes many in one trip', async () => {
    const { queue } = await start({
      providers: [handle({ bulk: () => null })],
      queue: { defaults: { concurrency: 50 } },
    });
    await queue.suspend();
    await queue.enqueueMany('bulk', Array.from({ length: 50 }, (_, n) => n));
    await queue.resume();
    await until(async () => (await queue.status('default')).count === 0);
    const trips = await database.query(`SELECT count(*)::int AS jobs FROM notify_queue.job_history WHERE name = 'bulk' GROUP BY reserved_at`);
    expect(Math.max(...trips.map(({ jobs }) => jobs))).toBe(50);
  });

  it('passes over a row that somebody has locked, and takes it later', async () => {
    const seen: unknown[] = [];
    const { queue } = await start({ providers: [handle({ note: (job) => void seen.push(job.payload) })] });
    await queue.suspend();
    await queue.enqueueMany('note', [1, 2, 3, 4, 5]);
    const locker = await database.client();
    await locker.query('BEGIN');
    await locker.query('SELECT FROM notify_queue.jobs ORDER BY id LIMIT 1 FOR UPDATE');
    await queue.resume();
    await until(() => seen.length === 4);
    expect(seen).toEqual([2, 3, 4, 5]);
    await locker.query('COMMIT');
    await until(() => seen.length === 5);
    expect(seen.at(-1)).toBe(1);
  });

  it('takes what this process can run, and leaves the rest to others', async () => {
    const { queue } = await start({ providers: [handle({ known: () => 'ran' })] });
    const strange = await queue.enqueue('strange', {}, { priority: -5 });
    const known = await queue.enqueue('known', {});
    expect(await queue.result(known.id)).toBe('ran');
    expect(await queue.get(strange.id)).toMatchObject({ state: 'available', attempt: 0 });
    await start({ providers: [handle({ strange: () => 'ran elsewhere' })] });
    expect(await queue.result(strange.id)).toBe('ran elsewhere');
  });
});
