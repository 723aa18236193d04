import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  AbandonJobError,
  defineJob,
  JobHandler,
  Retry,
  SnoozeJobError,
  type BatchOptions,
  type Job,
  type JobEvent,
  type NotifyQueueOptions,
} from '../../lib/index.js';
import { useApps } from '../support/apps.js';
import { useTestDatabase } from '../support/database.js';
import { deferred, until } from '../support/wait.js';

type Jobs = ReadonlyArray<Job<{ n: number }>>;

const Index = defineJob<{ n: number }, unknown>('index', { queue: 'search' });
const Checked = defineJob('checked', { queue: 'search', schema: z.object({ n: z.number().transform((n) => n * 10) }) });

/** What the handlers do, and the numbers that each call was given. */
let work: (jobs: Jobs) => any;
let calls: number[][];
let singles: number[];

const numbers = (jobs: Jobs): number[] => jobs.map(({ payload }) => payload.n);
const payloads = (count: number, from = 0): Array<{ n: number }> => Array.from({ length: count }, (_, n) => ({ n: from + n }));

function handlers(batch: BatchOptions) {
  @Injectable()
  class Search {
    @JobHandler(Index, { batch })
    async index(jobs: Jobs) {
      calls.push(numbers(jobs));
      return (await work(jobs)) as unknown[];
    }
    @JobHandler(Checked, { batch })
    async checked(jobs: Jobs) {
      calls.push(numbers(jobs));
      return numbers(jobs);
    }
    @JobHandler('single', { queue: 'search' })
    single({ payload }: Job<{ n: number }>) {
      singles.push(payload.n);
    }
  }
  return Search;
}

describe('a batch handler', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });
  const boot = async (batch: BatchOptions, queue: NotifyQueueOptions = {}) => {
    const app = await start({ providers: [handlers(batch)], queue: { queues: { search: { concurrency: 2 } }, ...queue } });
    const events: JobEvent[] = [];
    app.queue.events$.subscribe((event) => events.push(event));
    return { ...app, events, kinds: (id: string) => events.filter(({ jobId }) => jobId === id).map(({ kind }) => kind) };
  };
  const states = async (): Promise<string[]> =>
    (await database.query('SELECT state FROM notify_queue.all_jobs ORDER BY id')).map(({ state }) => String(state));

  beforeEach(async () => {
    calls = [];
    singles = [];
    work = () => undefined;
    await database.query('TRUNCATE notify_queue.jobs, notify_queue.job_history');
  });

  it('is given jobs up to its size, each once, and completes them when it returns nothing', async () => {
    const { queue, events } = await boot({ size: 100, wait: '1s' });
    const jobs = await queue.enqueueMany(Index, payloads(450));
    await until(async () => (await states()).every((state) => state === 'completed'), { timeout: 5_000 });
    expect(calls.flat().sort((a, b) => a - b)).toEqual(payloads(450).map(({ n }) => n));
    expect(calls.map(({ length }) => length).sort()).toEqual([100, 100, 100, 100, 50]);
    await until(() => events.length === 450 * 3);
    expect(new Set(events.map(({ kind }) => kind))).toEqual(new Set(['job:enqueued', 'job:started', 'job:completed']));
    expect(await queue.get(jobs[7]!.id)).toMatchObject({ state: 'completed', attempt: 1, result: null });
  });

  it('runs as many batches at once as there are slots', async () => {
    const { queue } = await boot({ size: 10, wait: '1s' });
    const gate = deferred();
    work = () => gate.promise;
    await queue.enqueueMany(Index, payloads(40));
    await until(() => calls.length === 2);
    await sleep(300);
    expect(calls.map(({ length }) => length)).toEqual([10, 10]);
    expect((await queue.status('search')).reserved).toBeLessThanOrEqual(20);
    gate.resolve();
    await until(() => calls.flat().length === 40);
  });

  it('waits for a batch to fill, and not for longer than it may', async () => {
    const { queue } = await boot({ size: 3, wait: '400ms' });
    const startedAt = performance.now();
    await queue.enqueue(Index, { n: 1 });
    await sleep(100);
    const { id } = await queue.enqueue(Index, { n: 2 });
    expect(calls).toEqual([]);
    await queue.result(id);
    expect(calls).toEqual([[1, 2]]);
    expect(performance.now() - startedAt).toBeGreaterThan(390);
    // A full one does not wait.
    const fullAt = performance.now();
    const last = [await queue.enqueue(Index, { n: 3 }), await queue.enqueue(Index, { n: 4 }), await queue.enqueue(Index, { n: 5 })].at(-1)!;
    await queue.result(last);
    expect(performance.now() - fullAt).toBeLessThan(390);
    expect(calls[1]).toEqual([3, 4, 5]);
  });

  it('without a wait takes what there is', async () => {
    const { queue } = await boot({ size: 50, wait: 0 }, { queues: { search: { concurrency: 1 } } });
    const gate = deferred();
    work = () => gate.promise;
    await queue.enqueue(Index, { n: 0 });
    await until(() => calls.length === 1);
    await queue.enqueueMany(Index, payloads(30, 1));
    gate.resolve();
    await until(async () => (await states()).every((state) => state === 'completed'));
    expect(calls.map(({ length }) => length)).toEqual([1, 30]);
  });

  it.each([
    ['an array', (outcomes: unknown[]) => outcomes],
    ['an array of promises', (outcomes: unknown[]) => outcomes.map(async (one) => (one instanceof Error ? Promise.reject(one) : one))],
    ['what Promise.allSettled gives', (outcomes: unknown[]) => Promise.allSettled(outcomes.map(async (one) => (one instanceof Error ? Promise.reject(one) : one)))],
    ['a map by job', (outcomes: unknown[], jobs: Jobs) => new Map(jobs.map((job, index) => [job, outcomes[index]]))],
    ['a map by id', (outcomes: unknown[], jobs: Jobs) => new Map(jobs.map((job, index) => [job.id, outcomes[index]]))],
  ])('says of each job what became of it, by %s', async (_, answer) => {
    const { queue, kinds } = await boot({ size: 5, wait: '1s' }, { queues: { search: { failureMode: Retry({ times: 1, delay: '1h' }) } } });
    work = (jobs) => answer([{ done: 1 }, undefined, new Error('no'), new AbandonJobError('never'), new SnoozeJobError('1h')], jobs);
    const jobs = await queue.enqueueMany(Index, payloads(5));
    await until(async () => (await states()).join() === 'completed,completed,scheduled,abandoned,scheduled');
    const found = await Promise.all(jobs.map(({ id }) => queue.get(id)));
    expect(found).toMatchObject([
      { result: { done: 1 }, attempt: 1 },
      { result: null, attempt: 1 },
      { failure: { message: 'no' }, attempt: 1 },
      { failure: { message: 'never' }, attempt: 1 },
      { failure: null, attempt: 0 },
    ]);
    await until(() => kinds(jobs[4]!.id).length === 3);
    expect(jobs.map(({ id }) => kinds(id).at(-1))).toEqual(['job:completed', 'job:completed', 'job:retried', 'job:abandoned', 'job:released']);
  });

  it('that throws fails all of its jobs, each by its own failure mode', async () => {
    const { queue } = await boot({ size: 3, wait: '300ms' });
    work = () => {
      throw new Error('all of them');
    };
    await Promise.all([
      queue.enqueue(Index, { n: 0 }),
      queue.enqueue(Index, { n: 1 }, { failureMode: Retry({ times: 1, delay: '1h' }) }),
      queue.enqueue(Index, { n: 2 }),
    ]);
    await until(async () => (await states()).sort().join() === 'abandoned,abandoned,scheduled');
    expect(calls).toHaveLength(1);
    for (const job of (await queue.find()).jobs) expect(job.failure).toMatchObject({ message: 'all of them' });
  });

  it.each([
    ['a map without them', (jobs: Jobs) => new Map([[jobs[0], 'first']]), ['completed', 'abandoned', 'abandoned'], 'returned a Map without job'],
    ['too few outcomes', () => ['first'], ['abandoned', 'abandoned', 'abandoned'], 'returned 1 outcomes for 3 jobs'],
    ['something else', () => 'done', ['abandoned', 'abandoned', 'abandoned'], "returned 'done'"],
  ])('that forgets jobs, by %s, has failed for them', async (_, answer, expected, text) => {
    const { queue } = await boot({ size: 3, wait: '1s' });
    work = answer;
    const jobs = await queue.enqueueMany(Index, payloads(3));
    await until(async () => (await states()).join() === expected.join());
    expect((await queue.get(jobs[2]!.id))!.failure).toMatchObject({ code: 'JOB_FORGOTTEN', message: expect.stringContaining(text) });
  });

  it('is told by a signal of its own when one job is cancelled, and goes on for the others', async () => {
    const { queue, kinds } = await boot({ size: 3, wait: '1s' });
    const started = deferred<Jobs>();
    work = async (jobs) => {
      started.resolve(jobs);
      await new Promise((resolve) => jobs[1]!.signal.addEventListener('abort', resolve));
      return jobs.map(({ signal }) => signal.aborted);
    };
    const jobs = await queue.enqueueMany(Index, payloads(3));
    const running = await started.promise;
    await queue.cancel(jobs[1]!.id, { abort: true });
    await until(async () => (await states()).join() === 'completed,cancelled,completed');
    expect(running.map(({ signal }) => signal.aborted)).toEqual([false, true, false]);
    expect((await queue.get(jobs[0]!.id))!.result).toBe(false);
    await until(() => kinds(jobs[1]!.id).includes('job:cancelled'));
  });

  it('settles a job that takes too long without the others, whose slot it does not give up', async () => {
    const { queue } = await boot({ size: 3, wait: '200ms' }, { queues: { search: { concurrency: 1 } } });
    const gate = deferred();
    work = async (jobs) => {
      if (numbers(jobs)[0] === 0) await gate.promise;
    };
    const [slow] = await Promise.all([queue.enqueue(Index, { n: 0 }), queue.enqueue(Index, { n: 1 }, { maxJobTime: 100 }), queue.enqueue(Index, { n: 2 })]);
    await until(async () => (await states()).includes('abandoned'));
    await queue.enqueue(Index, { n: 3 });
    await sleep(500);
    expect(calls).toHaveLength(1);
    gate.resolve();
    await queue.result(slow);
    await until(() => calls.length === 2);
  });

  it('takes back what a job that waits for others was cancelled for', async () => {
    const { queue } = await boot({ size: 10, wait: '3s' });
    const { id } = await queue.enqueue(Index, { n: 1 });
    await until(async () => (await queue.get(id))?.state === 'reserved');
    expect(await queue.cancel(id, { abort: true })).toBe('in_progress');
    await expect(queue.result(id, { timeout: '2s' })).rejects.toMatchObject({ code: 'JOB_CANCELLED' });
    expect(calls).toEqual([]);
  });

  it('is cut short by a shutdown, and what has not ended is put back with its attempt', async () => {
    const { queue, close } = await boot({ size: 2, wait: '1s' }, { queues: { search: { concurrency: 1 } }, shutdownGrace: 100 });
    const started = deferred();
    work = async ([job]) => {
      started.resolve();
      await new Promise((resolve) => job!.signal.addEventListener('abort', resolve));
      throw job!.signal.reason;
    };
    await queue.enqueueMany(Index, payloads(3));
    await started.promise;
    await close();
    const rows = await database.query('SELECT state, attempt::int FROM notify_queue.jobs');
    expect(rows.map(({ state, attempt }) => [state, Number(attempt)])).toEqual([['available', 0], ['available', 0], ['available', 0]]);
  });

  it('leaves jobs alone that wait for others when the queue is suspended, or the application stops', async () => {
    const { queue, close } = await boot({ size: 10, wait: '5s' });
    const { id } = await queue.enqueue(Index, { n: 1 });
    await until(async () => (await queue.get(id))?.state === 'reserved');
    await queue.suspend('search');
    await until(async () => (await queue.get(id))?.state === 'available');
    await queue.resume('search');
    await until(async () => (await queue.get(id))?.state === 'reserved');
    await close();
    expect(await states()).toEqual(['available']);
    expect(calls).toEqual([]);
  });

  it('is not given a job whose payload is refused; the others run', async () => {
    const { queue } = await boot({ size: 3, wait: '1s' });
    await queue.enqueueMany(Checked, payloads(2, 1));
    await database.query(`INSERT INTO notify_queue.jobs (id, queue, name, payload, notify) VALUES (gen_random_uuid(), 'search', 'checked', '{"n": "three"}', true)`);
    await until(async () => (await states()).sort().join() === 'abandoned,completed,completed');
    expect(calls).toEqual([[10, 20]]);
  });

  it('shares a queue with other jobs, and the process with other queues', async () => {
    const { queue } = await boot({ size: 20, wait: '100ms' }, { queues: { search: { concurrency: 2 }, other: { concurrency: 1 } } });
    const jobs = await Promise.all([
      ...payloads(60).flatMap((payload) => [queue.enqueue(Index, payload), queue.enqueue('single', payload), queue.enqueue(Checked, payload)]),
      queue.enqueueMany(Index, payloads(30, 100), { queue: 'other' }).then((all) => all.at(-1)!),
    ]);
    await Promise.all(jobs.map((job) => queue.result(job, { timeout: '10s' })));
    expect(singles.sort((a, b) => a - b)).toEqual(payloads(60).map(({ n }) => n));
    const given = calls.flat();
    expect(given).toHaveLength(150);
    expect(new Set(given.filter((n) => n < 60 && n % 10 !== 0)).size).toBe(54);
    // No call has jobs of two names or two queues: the payloads of one are tens, those of the other queue come from 100.
    for (const call of calls) expect(new Set(call.map((n) => n >= 100 && n < 130)).size === 1 || call.every((n) => n % 10 === 0)).toBe(true);
    expect(Math.max(...calls.map(({ length }) => length))).toBeLessThanOrEqual(20);
  });

  it('has no more jobs of a group at once than may run', async () => {
    const { queue } = await boot({ size: 10, wait: '100ms' });
    const jobs = await Promise.all([
      queue.enqueueMany(Index, payloads(4), { group: 'a' }),
      queue.enqueueMany(Index, payloads(4, 10), { group: 'b' }),
    ]);
    await Promise.all(jobs.flat().map((job) => queue.result(job, { timeout: '10s' })));
    for (const call of calls) expect([call.filter((n) => n < 10).length, call.filter((n) => n >= 10).length].every((count) => count <= 1)).toBe(true);
    expect(calls.flat().filter((n) => n < 10)).toEqual([0, 1, 2, 3]);
  });

  it('is given a job alone whose processes have died at its runs', async () => {
    const { queue } = await boot({ size: 10, wait: '100ms' });
    await database.query(
      `INSERT INTO notify_queue.jobs (id, queue, name, payload, crashes, notify)
       SELECT gen_random_uuid(), 'search', 'index', jsonb_build_object('n', n), CASE n WHEN 2 THEN 2 ELSE 0 END, n = 5 FROM generate_series(1, 5) n`,
    );
    await until(async () => (await states()).every((state) => state === 'completed'));
    expect(calls.find((call) => call.includes(2))).toEqual([2]);
    expect(calls.flat().sort()).toEqual([1, 2, 3, 4, 5]);
    expect((await queue.find({ name: 'index' })).jobs).toHaveLength(5);
  });
});
