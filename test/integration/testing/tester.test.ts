import { Injectable, type Provider } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Registry } from 'prom-client';
import type { EntityManager } from 'typeorm';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { defineJob, encryption, InjectJobQueue, JobConfigs, JobHandler, JobQueue, Retry, type Job, type JobRecord } from '../../../lib/index.js';
import { getJobQueueTester, JobQueueTester, NotifyQueueTestingModule, type NotifyQueueTestingOptions } from '../../../lib/testing/index.js';
import { prometheusMetrics } from '../../../lib/prometheus/index.js';
import { CollectingLogger } from '../../support/app.js';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';

const Send = defineJob<{ to: string; lines: number[] }, { id: string }>('send', { queue: 'mail' });

/** Without any database. */
async function start(options: NotifyQueueTestingOptions, ...providers: Provider[]) {
  const logger = new CollectingLogger();
  const builder = Test.createTestingModule({ imports: [NotifyQueueTestingModule.forRoot(options)], providers });
  const app = await builder.setLogger(logger).compile();
  await app.init();
  return { app, logger, queue: app.get(JobQueue), jobs: getJobQueueTester(app) };
}

describe('mode fake', () => {
  it('records and runs nothing', async () => {
    const { app, queue, jobs } = await start({ mode: 'fake' }, handle({ send: () => expect.unreachable() }));
    await queue.enqueue(Send, { to: 'a', lines: [1, 2] }, { delay: '5m', priority: 7 });
    const job = await jobs.expectEnqueued(Send, { payload: { lines: [2] }, delay: '5m', priority: 7, queue: 'mail', state: 'scheduled' });
    expectTypeOf(job).toEqualTypeOf<JobRecord<{ to: string; lines: number[] }, { id: string }>>();
    expect(job.payload.to).toBe('a');
    await jobs.expectEnqueued('send', { count: 1 });
    await jobs.expectNotEnqueued('other');
    await jobs.expectNotEnqueued(Send, { payload: { to: 'b' } });
    await expect(jobs.drain()).rejects.toMatchObject({ code: 'JOB_STATE', message: expect.stringContaining("mode 'manual'") });
    await app.close();
  });

  it('has the numbers of a process that is well, and metrics', async () => {
    const register = new Registry();
    const { app, queue } = await start({ mode: 'fake', middleware: [prometheusMetrics({ register })] });
    await queue.enqueue(Send, { to: 'a', lines: [] });
    expect(queue.stats()).toMatchObject({ listening: true, notListeningMs: 0, sweepAgeMs: null, enqueueCalls: 1, enqueueInserts: 1 });
    expect(await queue.schemaVersion()).toEqual({ applied: 0, expected: 0 });
    expect(await register.metrics()).toContain('notify_queue_jobs{job_queue="default",queue="mail",state="available"} 1');
    await app.close();
  });

  it('finds by tags and group, and tells of them', async () => {
    const { app, queue, jobs } = await start({ mode: 'fake' });
    await queue.enqueue(Send, { to: 'a', lines: [] }, { tags: ['x', 'y'], group: 'ada' });
    await jobs.expectEnqueued(Send, { tags: 'x', group: 'ada' });
    await jobs.expectNotEnqueued(Send, { tags: ['x', 'z'] });
    await expect(jobs.expectEnqueued(Send, { group: 'bob' })).rejects.toThrow("tags x y, group 'ada', payload");
    await app.close();
  });

  it('says what it has when it is not what was expected', async () => {
    const { app, queue, jobs } = await start({ mode: 'fake' });
    await expect(jobs.expectEnqueued(Send)).rejects.toThrow("Expected a job 'send', found 0. Looked for: {}. The queue has no job.");
    await queue.enqueue(Send, { to: 'a', lines: [] });
    for (const expected of [{ payload: { to: 'b' } }, { delay: '1s' }, { priority: 1 }, { runAt: new Date(0) }, { count: 2 }, { queue: 'x' }] as const) {
      await expect(jobs.expectEnqueued(Send, expected)).rejects.toMatchObject({
        name: 'AssertionError',
        message: expect.stringMatching(/The queue has:\n {2}'send' available in queue 'mail', payload \{"to":"a","lines":\[\]\} \([0-9a-f-]{36}\)$/),
      });
    }
    await expect(jobs.expectNotEnqueued(Send)).rejects.toThrow("Expected no job 'send', found 1");
    app.close();
  });

  it('refuses options that it does not know, and bad ones', async () => {
    const { app, jobs } = await start({ mode: 'fake' });
    await expect(jobs.expectEnqueued(Send, { dealy: '5m' } as never)).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'expectEnqueued.dealy' });
    await expect(jobs.expectEnqueued(Send, { delay: 'soon' as '1s' })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await expect(jobs.expectEnqueued('' as 'x')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(jobs.advance(undefined as never)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await expect(jobs.waitFor(Send, 'done' as never)).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'waitFor.state' });
    await expect(jobs.expectEnqueued(Send, { runAt: new Date(NaN) })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    expect(() => getJobQueueTester(app, 'billing')).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('default') }));
    await expect(jobs.advance(-1)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    expect(() => NotifyQueueTestingModule.forRoot({ mode: 'quick' as 'fake' })).toThrow(/'testing.mode' is 'quick'; expected 'fake' or 'inline' or 'manual'/);
    expect(() => NotifyQueueTestingModule.forRoot({ name: '' })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    await expect(start({ maxCrashes: 0 })).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'maxCrashes' });
    await app.close();
  });
});

describe('mode manual', () => {
  it('runs one at a time, by order or by name', async () => {
    const ran: string[] = [];
    const { app, queue, jobs } = await start({}, handle({ a: ({ payload }: Job) => ran.push(`a${payload}`), b: () => ran.push('b') }));
    await queue.enqueueMany('a', [1, 2]);
    await queue.enqueue('b', {}, { priority: 1 });
    expect(ran).toEqual([]);
    expect(await jobs.runNext('b')).toMatchObject({ name: 'b', state: 'completed', result: 1 });
    expect(await jobs.runNext()).toMatchObject({ name: 'a', payload: 1 });
    expect(await jobs.runNext('b')).toBeUndefined();
    expect((await jobs.drain()).map(({ payload }) => payload)).toEqual([2]);
    expect(ran).toEqual(['b', 'a1', 'a2']);
    await app.close();
  });

  it('drains what jobs enqueue, delays and retries with the clock going on', async () => {
    let fails = 2;
    @Injectable()
    class Chain {
      constructor(@InjectJobQueue() private readonly queue: JobQueue) {}

      @JobHandler('first')
      async first() {
        await this.queue.enqueue('second', {});
        await this.queue.enqueue('second', {}, { delay: '3 days' });
      }

      @JobHandler('second', { failureMode: Retry({ times: 3, delay: '1h' }) })
      second() {
        if (fails-- > 0) throw new Error('not yet');
      }
    }
    const { app, queue, jobs, logger } = await start({}, Chain);
    const startedAt = jobs.now.getTime();
    await queue.enqueue('first', {});
    expect((await jobs.drain()).map(({ name, state }) => [name, state])).toEqual([['first', 'completed'], ['second', 'scheduled']]);
    expect((await jobs.drain({ scheduled: true })).map(({ state, attempt }) => [state, attempt])).toEqual([
      ['completed', 3],
      ['completed', 3],
      ['completed', 1],
    ]);
    expect(Math.round((jobs.now.getTime() - startedAt) / 3_600_000)).toBe(72);
    expect(logger.of('error').filter((text) => /^Job second failed on attempt \d and runs again: Error: not yet\n/.test(text))).toHaveLength(1);
    await app.close();
  });

  it('tells who is missing, and ends what has no end', async () => {
    const { app, queue, jobs } = await start({}, handle({ again: () => queue.enqueue('again', {}) }));
    await queue.enqueue('nobody', {});
    await expect(jobs.drain()).rejects.toThrow("Job 'nobody' of queue 'default' waits, and nothing here handles it. Add the provider with @JobHandler('nobody')");
    jobs.clear();
    await queue.enqueue('again', {}, { queue: 'typo' });
    await expect(jobs.drain()).rejects.toThrow("Job 'again' waits in queue 'typo', which nobody serves");
    jobs.clear();
    expect(await jobs.drain()).toEqual([]);
    await queue.enqueue('again', {});
    await expect(jobs.drain()).rejects.toThrow('More than 10000 runs');
    await app.close();
  });

  it('keeps the time limit, and fires the signal of a job that is cancelled', async () => {
    const wait = ({ signal }: Job): Promise<void> => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const { app, queue, jobs } = await start({}, handle({ wait }));
    await queue.enqueue('wait', {}, { maxJobTime: 50 });
    expect(await jobs.runNext()).toMatchObject({ state: 'abandoned', failure: { code: 'JOB_TIMEOUT' } });
    const { id } = await queue.enqueue('wait', {});
    const run = jobs.runNext();
    expect(await queue.cancel(id)).toBe('in_progress');
    expect(await queue.status('default')).toMatchObject({ reserved: 1, inProgress: 1 });
    await queue.cancel(id, { abort: true });
    expect(await run).toMatchObject({ state: 'cancelled' });
    await app.close();
  });

  it('gives a transactional handler a stand-in for its manager where there is no database', async () => {
    @Injectable()
    class Books {
      constructor(
        private readonly queue: JobQueue,
        private readonly configs: JobConfigs,
      ) {}

      @JobHandler('book', { transactional: true })
      async book(job: Job<{ n: number }>, manager: EntityManager) {
        await this.queue.enqueue('next', job.payload, { manager });
        await this.configs.set('booked', String(job.payload.n), { manager });
        if (job.payload.n === 2) throw new Error('not two');
        if (job.payload.n === 3) await manager.save({});
        return job.payload.n;
      }
    }
    const { app, queue, jobs } = await start({}, Books);
    await queue.enqueueMany('book', [{ n: 1 }, { n: 2 }, { n: 3 }]);
    const done = await jobs.drain();
    expect(done.map(({ state }) => state)).toEqual(['completed', 'abandoned', 'abandoned']);
    expect(done[2]!.failure!.message).toContain('manager.save needs a database, and this test has none');
    await jobs.expectEnqueued('next', { count: 1, payload: { n: 1 } });
    expect((await jobs.configs.get('booked')).value).toBe('1');
    await app.close();
  });

  it('gives a batch handler what is due of its name, and no more than its size', async () => {
    const calls: unknown[] = [];
    @Injectable()
    class Search {
      @JobHandler('index', { batch: { size: 3, wait: '10s' } })
      index(all: ReadonlyArray<Job<number>>) {
        calls.push(all.map(({ payload }) => payload));
        return all.map(({ payload }) => (payload === 4 ? new Error('not four') : payload));
      }
    }
    const { app, queue, jobs } = await start({}, Search, handle({ other: () => void calls.push('other') }));
    await queue.enqueueMany('index', [1, 2]);
    await queue.enqueue('other', {});
    await queue.enqueueMany('index', [3, 4]);
    await queue.enqueue('index', 5, { delay: '1h' });
    expect(await jobs.runNext()).toMatchObject({ payload: 1, state: 'completed' });
    expect((await jobs.drain({ scheduled: true })).map(({ payload, state }) => [payload, state])).toEqual([[{}, 'completed'], [4, 'abandoned'], [5, 'completed']]);
    expect(calls).toEqual([[1, 2, 3], 'other', [4], [5]]);
    await app.close();
  });

  it('encrypts, where the application does', async () => {
    const codec = encryption({ keys: { a: new Uint8Array(32) }, current: 'a' });
    const { app, queue, jobs } = await start({ codec }, handle({ job: (job: Job) => job.payload }));
    await queue.enqueue('job', { secret: 1 });
    expect((await jobs.drain()).map(({ payload, result }) => [payload, result])).toEqual([[{ secret: 1 }, { secret: 1 }]]);
    await app.close();
  });

  it('runs nothing for a producer, and only the queues of runQueues', async () => {
    const handlers = handle({ job: () => undefined });
    const producer = await start({ role: 'producer' }, handlers);
    await producer.queue.enqueue('job', {});
    expect(await producer.jobs.drain()).toEqual([]);
    await producer.app.close();
    const worker = await start({ queues: { a: {}, b: {} }, runQueues: ['a'] }, handlers);
    for (const queue of ['a', 'b']) await worker.queue.enqueue('job', {}, { queue });
    expect((await worker.jobs.drain()).map(({ queue }) => queue)).toEqual(['a']);
    await worker.app.close();
  });

  it('tells several queues apart', async () => {
    const builder = Test.createTestingModule({
      imports: [NotifyQueueTestingModule.forRoot(), NotifyQueueTestingModule.forRoot({ name: 'billing', mode: 'inline' })],
      providers: [handle({ job: () => 'main' }), handle({ job: () => 'billing' }, { jobQueue: 'billing' })],
    });
    const app = await builder.compile();
    const [main, billing] = [getJobQueueTester(app), getJobQueueTester(app, 'billing')];
    await main.queue.enqueue('job', {});
    await billing.queue.enqueue('job', {});
    await main.expectEnqueued('job', { state: 'available', count: 1 });
    expect((await billing.expectEnqueued('job', { count: 1 })).result).toBe('billing');
    await app.close();
  });
});

describe('mode inline', () => {
  it('runs a job before its enqueue resolves, and what that enqueues', async () => {
    const ran: string[] = [];
    const { app, queue, jobs } = await start(
      { mode: 'inline' },
      handle({
        outer: async () => {
          await queue.enqueue('inner', {});
          ran.push('outer');
        },
        inner: () => ran.push('inner'),
      }),
    );
    const job = await queue.enqueue('outer', {});
    expect(ran).toEqual(['inner', 'outer']);
    expect(await queue.get(job.id)).toMatchObject({ state: 'completed' });
    await app.close();
    await jobs.expectEnqueued('inner', { state: 'completed' });
    await expect(queue.enqueue('inner', {})).rejects.toMatchObject({ code: 'QUEUE_CLOSED' });
  });

  it('gives the jobs of one call to a batch handler together', async () => {
    const calls: unknown[] = [];
    @Injectable()
    class Search {
      @JobHandler('index', { batch: { size: 3 } })
      index(all: ReadonlyArray<Job<number>>) {
        calls.push(all.map(({ payload }) => payload));
      }
    }
    const { app, queue } = await start({ mode: 'inline' }, Search);
    await queue.enqueueMany('index', [1, 2, 3, 4]);
    await queue.enqueue('index', 5);
    expect(calls).toEqual([[1, 2, 3], [4], [5]]);
    await app.close();
  });

  it('ends jobs that enqueue each other for ever', async () => {
    const { app, queue, jobs } = await start({ mode: 'inline' }, handle({ again: () => queue.enqueue('again', {}) }));
    await queue.enqueue('again', {});
    expect((await jobs.enqueued('again', { state: 'abandoned' }))[0]!.failure).toMatchObject({ code: 'JOB_STATE', message: expect.stringContaining('100 deep') });
    await app.close();
  });

  it('leaves what is not due until the clock gets there', async () => {
    const ranAt: number[] = [];
    const { app, queue, jobs } = await start({ mode: 'inline' }, handle({ later: () => void ranAt.push(jobs.now.getTime()) }));
    const startedAt = jobs.now.getTime();
    await queue.enqueue('later', {}, { delay: '2h' });
    await queue.enqueue('later', {}, { delay: '1h' });
    await jobs.advance('59m');
    expect(ranAt).toEqual([]);
    await jobs.advance('3h');
    expect(ranAt.map((at) => Math.round((at - startedAt) / 3_600_000))).toEqual([1, 2]);
    expect(Math.round((jobs.now.getTime() - startedAt) / 60_000)).toBe(239);
    await app.close();
  });

  it('does not throw a handler’s error at who enqueued, and prints it', async () => {
    const { app, queue, jobs, logger } = await start(
      { mode: 'inline' },
      handle({
        fails: () => {
          throw new Error('in the handler');
        },
      }),
    );
    const { id } = await queue.enqueue('fails', {});
    expect(await queue.get(id)).toMatchObject({ state: 'abandoned', failure: { message: 'in the handler' } });
    expect(logger.of('error').join()).toMatch(/Job fails failed on attempt 1 and is abandoned: Error: in the handler\n +at /);
    await expect(jobs.waitFor({ id, queue: 'default' }, 'completed')).rejects.toThrow(`'fails' abandoned in queue 'default', payload {}, failed with Error: in the handler (${id})`);
    await app.close();
  });
});

describe('a real queue', () => {
  const database = useTestDatabase();
  const startReal = useApps(database);

  it('is waited for', async () => {
    const { queue, configs, app } = await startReal({ providers: [handle({ send: ({ payload }: Job<{ to: string }>) => ({ id: payload.to }) }, { queue: 'mail' })] });
    const jobs = getJobQueueTester(app);
    const [a, b] = [await queue.enqueue(Send, { to: 'a', lines: [] }), await queue.enqueue(Send, { to: 'b', lines: [] }, { delay: 200 })];
    expect((await jobs.waitFor(Send, 'completed', { payload: { to: 'b' } })).id).toBe(b.id);
    expect((await jobs.waitFor(a, 'completed')).result).toEqual({ id: 'a' });
    expect((await jobs.waitFor(a.id, 'completed')).id).toBe(a.id);
    expect(await jobs.enqueued(Send)).toHaveLength(2);
    await jobs.expectEnqueued(Send, { delay: 0, state: 'completed', payload: { to: 'a' } });
    const startedAt = performance.now();
    await expect(jobs.waitFor(Send, 'cancelled', { timeout: 100 })).rejects.toThrow("Expected job 'send' to be cancelled");
    expect(performance.now() - startedAt).toBeGreaterThan(99);
    await expect(jobs.runNext()).rejects.toMatchObject({ code: 'JOB_STATE', message: expect.stringContaining('needs a fake queue') });
    expect([jobs.queue, jobs.configs]).toEqual([queue, configs]);
    expect(jobs).toBeInstanceOf(JobQueueTester);
  });
});
