import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { AbandonJobError, Retry, SnoozeJobError, type Job } from '../../../lib/index.js';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle, type Handle } from '../../support/handlers.js';
import { untilListening } from '../../support/notifications.js';
import { until } from '../../support/wait.js';

describe('under stress', { timeout: 60_000 }, () => {
  const database = useTestDatabase();
  const start = useApps(database, { lease: '1.5s', sweepInterval: '500ms' });

  /** A handler that counts the runs of each payload. */
  function counter(runs: Map<unknown, number>): Handle {
    return (job) => void runs.set(job.payload, (runs.get(job.payload) ?? 0) + 1);
  }

  it('1,000 parallel enqueues all run', async () => {
    const runs = new Map<unknown, number>();
    const { queue } = await start({ providers: [handle({ count: counter(runs) })] });
    const jobs = await Promise.all(Array.from({ length: 1_000 }, (_, n) => queue.enqueue('count', n)));
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1_000);
    await until(() => runs.size === 1_000, { timeout: 20_000 });
    await until(async () => (await queue.status('default')).count === 0);
    expect([...runs.values()].every((count) => count === 1)).toBe(true);
  });

  it('2,000 jobs on several workers, each exactly once', async () => {
    const runs = new Map<unknown, number>();
    const by = new Map<string, number>();
    const count = counter(runs);
    const worker = (name: string) =>
      handle({
        shared: async (job: Job) => {
          by.set(name, (by.get(name) ?? 0) + 1);
          await sleep(1);
          await count(job);
        },
      });
    const { queue } = await start({ queue: { role: 'producer' } });
    await queue.suspend();
    await Promise.all(['one', 'two', 'three', 'four'].map((name) => start({ providers: [worker(name)] })));
    for (let n = 0; n < 2_000; n += 500) await queue.enqueueMany('shared', Array.from({ length: 500 }, (_, i) => n + i));
    await queue.resume();
    await until(() => runs.size === 2_000, { timeout: 30_000 });
    await until(async () => (await queue.status('default')).count === 0);
    expect([...runs.values()].every((times) => times === 1)).toBe(true);
    expect([...by.keys()].sort()).toEqual(['four', 'one', 'three', 'two']);
    const outcomes = await database.query(
      `SELECT state, attempt, count(*)::int AS jobs FROM notify_queue.job_history WHERE name = 'shared' GROUP BY state, attempt`,
    );
    expect(outcomes).toEqual([{ state: 'completed', attempt: 1, jobs: 2_000 }]);
  });

  it('a storm of throwing and dying jobs leaves the queue alive', async () => {
    const kinds: Record<string, (job: Job) => unknown> = {
      throws: () => { throw new Error('thrown'); },
      rejects: () => Promise.reject(new Error('rejected')),
      'throws nothing': () => { throw undefined; },
      abandons: () => { throw new AbandonJobError('abandoned'); },
      snoozes: (job) => { if (job.id) throw new SnoozeJobError(5); },
      hangs: () => new Promise(() => {}),
      'returns rubbish': () => ({ big: 1n }),
      'rejects later, too': () => { setTimeout(() => undefined, 5); throw new Error('twice'); },
      'reports rubbish': (job) => job.progress(() => 1),
    };
    let snoozes = 0;
    const storm = (job: Job): unknown => {
      const kind = job.payload as string;
      if (kind === 'snoozes' && ++snoozes > 200) return 'awake';
      return kinds[kind]!(job);
    };
    const failureMode = Retry({ times: 2, delay: 1 });
    const { queue } = await start({
      providers: [handle({ storm }), handle({ calm: () => 'alive' })],
      queue: { defaults: { concurrency: 100, maxJobTime: 300, failureMode } },
    });
    const stray = setInterval(() => void database.query(`SELECT pg_notify('notify_queue.jobs', 'default'), pg_notify('notify_queue.signals', 'stray')`), 20);
    const names = Object.keys(kinds);
    const jobs = await Promise.all(Array.from({ length: 801 }, (_, n) => queue.enqueue('storm', names[n % names.length])));
    const calm = await queue.enqueueMany('calm', Array.from({ length: 20 }, (_, n) => n));
    for (const { id } of calm) expect(await queue.result(id, { timeout: '30s' })).toBe('alive');
    await until(async () => (await queue.status('default')).count === 0, { timeout: 40_000 });
    clearInterval(stray);
    const states = await Promise.all(jobs.map(async ({ id }, n) => [names[n % names.length], (await queue.get(id))?.state]));
    expect(states.filter(([kind, state]) => state !== (kind === 'snoozes' ? 'completed' : 'abandoned'))).toEqual([]);
    const { id } = await queue.enqueue('calm', {});
    expect(await queue.result(id)).toBe('alive');
  });

  it('501 sequential jobs leak nothing', async () => {
    const { queue, configs } = await start({ providers: [handle({ ping: (job) => job.signal.aborted })] });
    const run = async (): Promise<void> => {
      const { id } = await queue.enqueue('ping', {});
      await queue.result(id);
    };
    const connections = async (): Promise<number> =>
      (await database.query(`SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database()`))[0].n;
    for (let n = 0; n < 50; n++) await run();
    const before = { connections: await connections(), resources: process.getActiveResourcesInfo().length, listeners: listeners() };
    for (let n = 0; n < 501; n++) {
      await run();
      configs.config$.subscribe().unsubscribe();
    }
    expect(await connections()).toBeLessThanOrEqual(before.connections + 1);
    expect(process.getActiveResourcesInfo().length).toBeLessThan(before.resources + 20);
    expect(listeners()).toBe(before.listeners);
    expect(await queue.status('default')).toMatchObject({ count: 0, reserved: 0 });
  });

  it('an idle worker misses no commit: 48 writers, some slow to commit, with the sweep off', async () => {
    const startedAt = new Map<string, number>();
    const worker = await start({
      providers: [handle({ raced: (job: Job) => void startedAt.set(job.id, performance.now()) })],
      queue: { sweepInterval: '10m', lease: '15s', queues: { default: { concurrency: 200 } } },
    });
    const { queue, dataSource } = await start({ queue: { role: 'producer', sweepInterval: '10m' }, typeorm: { extra: { max: 48 } } });
    await untilListening(database, 2);
    const committedAt = new Map<string, number>();
    const write = async (index: number): Promise<void> => {
      const ids: string[] = [];
      await dataSource.transaction(async (manager) => {
        ids.push((await queue.enqueue('raced', { index }, { manager })).id);
        if (index % 3 === 0) await sleep(Math.random() * 30);
        if (index % 16 === 0) ids.push((await queue.enqueue('raced', { index }, { manager })).id);
      });
      for (const id of ids) committedAt.set(id, performance.now());
    };
    // A burst, then silence: no later notification makes good what an earlier one missed.
    for (let round = 0; round < 40; round++) {
      await Promise.all(Array.from({ length: 48 }, (_, index) => write(index)));
      await until(() => startedAt.size === committedAt.size, {
        timeout: 1_500,
        message: () => `${committedAt.size - startedAt.size} jobs of round ${round} were left behind`,
      });
    }
    const waits = [...committedAt].map(([id, at]) => startedAt.get(id)! - at).sort((a, b) => a - b);
    expect(waits).toHaveLength(40 * 51);
    expect(waits.at(-1)).toBeLessThan(1_500);
    expect(await worker.queue.status('default')).toMatchObject({ available: 0 });
  });

  function listeners(): number {
    return process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
  }
});
