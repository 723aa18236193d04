import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  AbandonJobError,
  defineJob,
  JobConfigs,
  JobHandler,
  JobQueue,
  Retry,
  SnoozeJobError,
  type Job,
  type JobEvent,
} from '../../lib/index.js';
import { useApps } from '../support/apps.js';
import { useTestDatabase } from '../support/database.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { deferred, until, type Deferred } from '../support/wait.js';

type Work = (job: Job<{ n: number }>, manager: EntityManager) => unknown;

const Book = defineJob<{ n: number }, unknown>('book', { queue: 'books' });
const Next = defineJob<{ n: number }>('next', { queue: 'elsewhere' });

/** What the handler does; each test says. */
let work: Work;

@Injectable()
class Books {
  @JobHandler(Book, { transactional: true })
  book(job: Job<{ n: number }>, manager: EntityManager) {
    return work(job, manager);
  }
}

const write = (manager: EntityManager, n: number): Promise<unknown> => manager.query('INSERT INTO bookings (n) VALUES ($1)', [n]);

describe('a transactional handler', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });
  const written = async (): Promise<number[]> => (await database.query('SELECT n FROM bookings ORDER BY n')).map(({ n }) => Number(n));
  const boot = async (queue = {}, url = database.url) => {
    const app = await start({ providers: [Books], queue, url });
    const events: JobEvent[] = [];
    app.queue.events$.subscribe((event) => events.push(event));
    return { ...app, events, kinds: (id: string) => events.filter(({ jobId }) => jobId === id).map(({ kind }) => kind) };
  };

  beforeEach(() => database.query('TRUNCATE notify_queue.jobs, notify_queue.job_history, notify_queue.job_configs; DROP TABLE IF EXISTS bookings; CREATE TABLE bookings (n int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)'));

  it('commits what it wrote, what it enqueued, configs and its completion together', async () => {
    const gate = deferred();
    const { app, queue, configs, kinds } = await boot();
    work = async (job, manager) => {
      await write(manager, job.payload.n);
      await app.get(JobQueue).enqueue(Next, { n: 2 }, { manager });
      await app.get(JobConfigs).set('booked', 'yes', { manager });
      job.progress({ done: 1 });
      await gate.promise;
      return { pages: 2 };
    };
    const { id } = await queue.enqueue(Book, { n: 1 });
    await until(async () => (await database.query(`SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'`)).length > 0);
    expect([await written(), (await queue.find({ name: 'next' })).jobs, await configs.list()]).toEqual([[], [], []]);
    gate.resolve();
    expect(await queue.result(id)).toEqual({ pages: 2 });
    expect(await written()).toEqual([1]);
    expect((await queue.find({ name: 'next' })).jobs).toHaveLength(1);
    expect((await configs.get('booked')).value).toBe('yes');
    expect(await queue.get(id)).toMatchObject({ state: 'completed', result: { pages: 2 }, progress: { done: 1 }, attempt: 1 });
    await until(() => kinds(id).includes('job:completed'));
    expect(kinds(id)).toEqual(['job:enqueued', 'job:started', 'job:completed']);
    // All of it has one transaction.
    const [row] = await database.query(
      `SELECT (SELECT xmin FROM bookings)::text AS row, (SELECT xmin FROM notify_queue.job_history)::text AS history,
        (SELECT xmin FROM notify_queue.jobs)::text AS job, (SELECT xmin FROM notify_queue.job_configs)::text AS config`,
    );
    expect(new Set(Object.values(row!))).toHaveLength(1);
  });

  it.each([
    ['fails', () => new Error('no'), 'scheduled', 1],
    ['gives up', () => new AbandonJobError('no'), 'abandoned', 1],
    ['snoozes', () => new SnoozeJobError('1h'), 'scheduled', 0],
  ])('rolls back when it %s, and settles the job as any other', async (_, error, state, attempt) => {
    const { app, queue } = await boot({ queues: { books: { failureMode: Retry({ times: 2, delay: '1h' }) } } });
    work = async (job, manager) => {
      await write(manager, job.payload.n);
      await app.get(JobQueue).enqueue(Next, { n: 2 }, { manager });
      throw error();
    };
    const { id } = await queue.enqueue(Book, { n: 1 });
    await until(async () => (await queue.get(id))?.state === state);
    expect(await written()).toEqual([]);
    expect((await queue.find({ name: 'next' })).jobs).toEqual([]);
    expect(await queue.get(id)).toMatchObject({ state, attempt });
  });

  it('rolls back a result that cannot be stored', async () => {
    const { queue } = await boot();
    work = async (job, manager) => {
      await write(manager, job.payload.n);
      return 1n;
    };
    const { id } = await queue.enqueue(Book, { n: 1 });
    await expect(queue.result(id)).rejects.toThrow('result cannot be stored');
    expect(await written()).toEqual([]);
  });

  it('fails with what the commit meets, and tries again', async () => {
    const { queue } = await boot({ queues: { books: { failureMode: Retry({ times: 1, delay: 0 }) } } });
    await database.query('INSERT INTO bookings VALUES (1)');
    work = async (job, manager) => {
      // The key is checked at the commit.
      await write(manager, job.attempt);
      return job.attempt;
    };
    const { id } = await queue.enqueue(Book, { n: 1 });
    expect(await queue.result(id)).toBe(2);
    expect(await written()).toEqual([1, 2]);
    expect((await queue.get(id))?.failure).toMatchObject({ message: expect.stringContaining('duplicate key') });
  });

  it('lets nothing in behind the rollback that it did not wait for', async () => {
    const { queue } = await boot();
    const late = deferred<unknown>();
    work = async (job, manager) => {
      const slow = manager.query('SELECT pg_sleep(0.1)').then(() => write(manager, job.payload.n));
      const next = Promise.resolve().then(() => write(manager, 7));
      late.resolve(Promise.allSettled([slow, next]));
      await Promise.all([slow, next, Promise.reject(new Error('early'))]);
    };
    const { id } = await queue.enqueue(Book, { n: 1 });
    await expect(queue.result(id)).rejects.toThrow('early');
    const [slow] = (await late.promise) as [PromiseRejectedResult];
    expect(slow.reason.name).toBe('QueryRunnerProviderAlreadyReleasedError');
    expect(await written()).toEqual([]);
  });

  it.each(['in the middle', 'as its last word'])('runs again when its connection is lost %s, with nothing half done', async (when) => {
    const { queue, logger } = await boot();
    work = async (job, manager) => {
      await write(manager, job.payload.n);
      if ((await queue.get(job.id))!.reservedAt && !logger.of('warn').some((text) => text.includes('lost the connection'))) {
        const [{ pid }] = (await manager.query('SELECT pg_backend_pid() AS pid')) as [{ pid: number }];
        await database.query('SELECT pg_terminate_backend($1)', [pid]);
        if (when === 'in the middle') await write(manager, 2);
      }
      return job.attempt;
    };
    const { id } = await queue.enqueue(Book, { n: 1 });
    // The run that was cut off is not counted: with the default failure mode the job would be gone.
    expect(await queue.result(id)).toBe(1);
    expect(await written()).toEqual([1]);
  });

  it.each([
    ['took place', (proxy: FaultProxy) => proxy.loseAnswerTo('COMMIT'), 1],
    ['took place, on a connection that stays open', (proxy: FaultProxy) => proxy.breakAfter('COMMIT'), 1],
    ['was never asked for', (proxy: FaultProxy) => proxy.loseAnswerTo('AS finished'), 2],
  ])('whose commit has no answer is found out about: it %s', async (_, lose, runs) => {
    const proxy = await FaultProxy.forTest(database.url);
    const { queue, kinds } = await boot({}, proxy.url);
    let run = 0;
    work = async (job, manager) => {
      await write(manager, job.payload.n);
      if (++run === 1) void lose(proxy);
      return { run };
    };
    await until(() => queue.stats().listening);
    const { id } = await queue.enqueue(Book, { n: 1 });
    expect(await queue.result(id)).toEqual({ run: runs });
    expect([run, await written()]).toEqual([runs, [1]]);
    await until(() => kinds(id).includes('job:completed'));
    expect(kinds(id)).toEqual(['job:enqueued', 'job:started', ...(runs > 1 ? ['job:released', 'job:started'] : []), 'job:completed']);
  });

  it('neither runs again nor is given up while nobody can tell whether it is committed', async () => {
    const proxy = await FaultProxy.forTest(database.url);
    const { queue } = await boot({ queues: { books: { maxJobTime: 300 } } }, proxy.url);
    let runs = 0;
    work = async (job, manager) => {
      await write(manager, job.payload.n);
      // As the statement does that ends it, which may not have begun when its connection is found broken.
      await manager.query('SELECT FROM notify_queue.jobs WHERE id = $1 FOR UPDATE', [job.id]);
      if (++runs === 1) void proxy.breakAfter('AS finished');
      return { runs };
    };
    await until(() => queue.stats().listening);
    const { id } = await queue.enqueue(Book, { n: 1 });
    // The server holds the transaction open, and with it the row.
    await sleep(2_000);
    expect([runs, (await queue.get(id))?.state]).toEqual([1, 'reserved']);
    proxy.heal();
    expect(await queue.result(id).catch((error: { failure: { name: string } }) => error.failure.name)).toBe('JobTimeoutError');
    expect([runs, await written()]).toEqual([1, []]);
  });

  it('fails when it loses its connection again and again', async () => {
    const { queue } = await boot();
    let runs = 0;
    work = async (_, manager) => {
      runs++;
      await manager.query('SELECT pg_terminate_backend(pg_backend_pid())');
    };
    const { id } = await queue.enqueue(Book, { n: 1 });
    await expect(queue.result(id)).rejects.toMatchObject({ code: 'JOB_ABANDONED' });
    expect(runs).toBe(4);
  });

  it('is rolled back and reported lost when somebody else has the job by now', async () => {
    const { queue, kinds, logger } = await boot();
    const signals: AbortSignal[] = [];
    work = async (job, manager) => {
      signals.push(job.signal);
      if (signals.length > 1) return 'second';
      await write(manager, job.payload.n);
      await database.query('UPDATE notify_queue.jobs SET reservation = reservation + 1 WHERE id = $1', [job.id]);
    };
    const { id } = await queue.enqueue(Book, { n: 1 });
    await until(() => kinds(id).includes('job:lost'));
    expect(await written()).toEqual([]);
    expect(signals[0]!.reason).toMatchObject({ code: 'LOST_RESERVATION' });
    expect(logger.of('warn').join()).toContain('was no longer held by this process');
    expect((await queue.get(id))?.state).toBe('reserved');
  });

  it('is rolled back at once when the job is cancelled', async () => {
    const { queue } = await boot();
    const signals: Array<Deferred<unknown>> = [deferred(), deferred()];
    work = async (job, manager) => {
      await write(manager, job.payload.n);
      signals[0]!.resolve(undefined);
      await new Promise((resolve) => job.signal.addEventListener('abort', resolve));
      // Who does not listen cannot write on.
      signals[1]!.resolve(write(manager, 2).catch((error: Error) => error.name));
      return 'all the same';
    };
    const { id } = await queue.enqueue(Book, { n: 1 });
    await signals[0]!.promise;
    await queue.cancel(id, { abort: true });
    await expect(queue.result(id)).rejects.toMatchObject({ code: 'JOB_CANCELLED' });
    expect(await signals[1]!.promise).toBe('QueryRunnerProviderAlreadyReleasedError');
    expect(await written()).toEqual([]);
  });

  it('is rolled back when it takes too long, though it never looks at its signal', async () => {
    const { queue } = await boot({ queues: { books: { maxJobTime: 100 } } });
    work = async (job, manager) => {
      await write(manager, job.payload.n);
      await sleep(300);
      return 'late';
    };
    const { id } = await queue.enqueue(Book, { n: 1 });
    await expect(queue.result(id)).rejects.toMatchObject({ failure: { name: 'JobTimeoutError' } });
    expect(await written()).toEqual([]);
  });

  it('is rolled back at a shutdown that it outlasts, and commits what ends in time', async () => {
    const { queue, close } = await boot({ shutdownGrace: 100 });
    const running = [deferred(), deferred()];
    work = async (job, manager) => {
      await write(manager, job.payload.n);
      running[job.payload.n - 1]!.resolve();
      if (job.payload.n === 1) await sleep(10_000, undefined, { ref: false });
      else await new Promise((resolve) => job.signal.addEventListener('abort', resolve));
    };
    const [first, second] = await queue.enqueueMany(Book, [{ n: 1 }, { n: 2 }]);
    await Promise.all(running.map(({ promise }) => promise));
    await close();
    const states = await database.query('SELECT id::text, state, attempt FROM notify_queue.all_jobs ORDER BY id');
    expect(states.map((row) => ({ ...row, attempt: Number(row.attempt) }))).toEqual([
      { id: first!.id, state: 'available', attempt: 0 },
      { id: second!.id, state: 'completed', attempt: 1 },
    ]);
    expect(await written()).toEqual([2]);
  });

  it('fails when it ends the transaction itself, or leaves one open inside', async () => {
    const { queue } = await boot();
    const uses = [
      async (manager: EntityManager) => void (await manager.queryRunner!.rollbackTransaction()),
      async (manager: EntityManager) => void (await manager.queryRunner!.startTransaction()),
      async (manager: EntityManager) => manager.transaction(async (inner) => void (await write(inner, 3))),
    ];
    const errors: unknown[] = [];
    for (const use of uses) {
      work = async (_, manager) => use(manager);
      const { id } = await queue.enqueue(Book, { n: 1 });
      errors.push(await queue.result(id).catch((error: { failure: { code: string } }) => error.failure.code));
    }
    expect(errors).toEqual(['TRANSACTION_ENDED', 'TRANSACTION_ENDED', undefined]);
    expect(await written()).toEqual([3]);
  });

  it('frees the slot of its group with its commit, or its rollback', async () => {
    const { queue } = await boot({ queues: { books: { failureMode: Retry({ times: 1, delay: 0 }) } } });
    const running = new Set<number>();
    const order: string[] = [];
    work = async (job, manager) => {
      running.add(job.payload.n);
      order.push(`${job.payload.n} of ${running.size}`);
      await write(manager, job.payload.n);
      await sleep(20);
      running.delete(job.payload.n);
      if (job.payload.n === 2 && job.attempt === 1) throw new Error('once more');
    };
    const jobs = await queue.enqueueMany(Book, [1, 2, 3].map((n) => ({ n })), { group: 'one' });
    await Promise.all(jobs.map((job) => queue.result(job, { timeout: '10s' })));
    expect(order.filter((text) => !text.endsWith('of 1'))).toEqual([]);
    expect(await written()).toEqual([1, 2, 3]);
  });

  it.each([
    ['none', []],
    ['forever', ['Infinity']],
    ['1d', [1]],
  ])('is kept for %s, as its queue says', async (completed, days) => {
    const { queue } = await boot({ queues: { books: { retention: { completed } } } });
    work = (job, manager) => write(manager, job.payload.n).then(() => undefined);
    const { id } = await queue.enqueue(Book, { n: 1 });
    await until(async () => (await written()).length > 0);
    await until(async () => (await queue.get(id))?.state !== 'reserved');
    const kept = await database.query(
      `SELECT CASE WHEN keep_until = 'infinity' THEN 'Infinity' ELSE round(extract(epoch FROM keep_until - finished_at) / 86400) END::float8 AS days
       FROM notify_queue.job_history`,
    );
    expect(kept.map((row) => row.days)).toEqual(days.map(Number));
  });
});
