import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { useApps } from '../support/apps.js';
import { useTestDatabase } from '../support/database.js';
import { until } from '../support/wait.js';
import { startWorker, type Worker } from '../support/worker.js';

describe('globalConcurrency', () => {
  const database = useTestDatabase();
  const start = useApps(database);

  /** The most runs at once, and each run as from and to. */
  async function overlap(workers: readonly Worker[]): Promise<number> {
    const steps: Array<[number, number]> = [];
    for (const worker of workers) {
      const endedAt = worker.hasExited ? (await worker.exited).at : Infinity;
      const open = new Set<string>();
      for (const event of worker.events) {
        if (event.type === 'job:started') {
          steps.push([event.at, 1]);
          open.add(event.run!);
        } else if ((event.type === 'job:returned' || event.type === 'job:threw') && open.delete(event.run!)) steps.push([event.at, -1]);
      }
      for (const _ of open) steps.push([endedAt, -1]);
    }
    steps.sort(([a, x], [b, y]) => a - b || x - y);
    let running = 0;
    let most = 0;
    for (const [, by] of steps) most = Math.max(most, (running += by));
    return most;
  }

  it('holds over three processes that are killed and started again, and loses no slot', { timeout: 90_000 }, async () => {
    const options = { queues: { default: { concurrency: 4, globalConcurrency: 5 } }, sweepInterval: '300ms', lease: '2s', maxCrashes: 1_000 } as const;
    const all: Worker[] = [];
    const begin = async () => (all.push(await startWorker({ url: database.url, options })), all.at(-1)!);
    const workers = await Promise.all([begin(), begin(), begin()]);
    const { queue } = await start({ queue: { queues: { nothing: {} } } });
    await queue.enqueueMany('work', Array.from({ length: 700 }, (_, n) => ({ ms: n % 40, failures: n % 9 === 0 ? 1 : 0 })));
    for (let n = 0; n < 4; n++) {
      await pause(500 + Math.random() * 500);
      workers[n % 3]!.kill(n === 2 ? 'SIGTERM' : 'SIGKILL');
      workers[n % 3] = await begin();
    }
    await until(async () => (await queue.status('default')).count === 0, { timeout: 60_000, interval: 50, message: 'jobs are left' });
    const most = await overlap(all);
    expect(most).toBeLessThanOrEqual(5);
    // All slots can still be used.
    const from = Math.max(...all.flatMap(({ events }) => events.map(({ at }) => at)));
    await queue.enqueueMany('work', Array.from({ length: 100 }, () => ({ ms: 50 })));
    await until(async () => (await queue.status('default')).count === 0, { timeout: 20_000, interval: 50 });
    const to = Math.max(...all.flatMap(({ events }) => events.map(({ at }) => at)));
    expect(to - from).toBeLessThan(2_500);
  });

  it('starves nobody while the limit changes, without a sweep', { timeout: 60_000 }, async () => {
    await database.query('TRUNCATE notify_queue.jobs, notify_queue.job_instances, notify_queue.job_slots');
    const options = { queues: { default: { concurrency: 10, globalConcurrency: 2 } }, sweepInterval: '10m' } as const;
    await Promise.all([1, 2, 3].map(() => startWorker({ url: database.url, options })));
    const { queue, configs } = await start({ queue: { queues: { nothing: {} } } });
    const allDone = () => until(async () => (await queue.status('default')).count === 0, { timeout: 5_000, interval: 20, message: 'jobs are left' });
    for (let n = 0; n < 25; n++) {
      if (n % 5 === 0) await configs.set('default_global_concurrency', ['1', '7', '2', 'none', '3'][(n / 5) % 5]!);
      await queue.enqueueMany('work', Array.from({ length: 1 + (n * 7) % 20 }, () => ({ ms: 5 })));
      await pause((n * 37) % 120);
      if (n % 4 === 0) await allDone();
    }
    await allDone();
    expect(await database.query('SELECT FROM notify_queue.jobs')).toEqual([]);
  });
});
