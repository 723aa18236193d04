import { Injectable } from '@nestjs/common';
import { lastValueFrom, tap } from 'rxjs';
import type { EntityManager } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  AbandonJobError,
  defineJob,
  ExponentialRetry,
  JobConfigs,
  JobHandler,
  JobQueue,
  Move,
  Retry,
  SnoozeJobError,
  type Job,
  type ClusterJobEvent,
  type JobEvent,
  type JobMiddleware,
} from '../../../lib/index.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';
import { until } from '../../support/wait.js';
import { KINDS, startQueue, type QueueUnderTest } from '../../support/queue-under-test.js';

const Echo = defineJob<{ n: number }, { n: number }>('echo', { queue: 'echoes', priority: 3 });
const Checked = defineJob('checked', {
  queue: 'mail',
  schema: z.object({ n: z.number().transform((n) => n * 2) }),
  version: 2,
  upgrade: { 1: (old: { number: number }) => ({ n: old.number }) },
});
const runs: string[] = [];

const handlers = handle({
  echo: ({ payload }: Job<{ n: number }>) => {
    runs.push(`echo ${payload.n}`);
    return payload;
  },
  fails: (job: Job) => {
    runs.push(`fails ${job.attempt} of ${job.maxAttempts}`);
    throw Object.assign(new Error('always'), { code: 'E_ALWAYS' });
  },
  abandons: () => {
    throw new AbandonJobError('no use');
  },
  snoozes: ({ attempt, payload }: Job<{ until: number }>) => {
    runs.push(`snoozes ${attempt}`);
    if (runs.length < payload.until) throw new SnoozeJobError('200ms');
  },
  reports: (job: Job) => {
    job.progress({ done: 1 });
    job.log.log('here');
    return job.context;
  },
  unstorable: () => 1n,
  waits: ({ signal }: Job) => {
    runs.push('waits');
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
  },
  ignores: () => (runs.push('ignores'), new Promise(() => undefined)),
});

@Injectable()
class BooksHandler {
  constructor(
    private readonly queue: JobQueue,
    private readonly configs: JobConfigs,
  ) {}

  @JobHandler('books', { transactional: true })
  async books({ payload }: Job<{ n: number; fails?: boolean }>, manager: EntityManager) {
    await this.queue.enqueue('echo', { n: payload.n }, { manager, delay: '1h' });
    await this.configs.set('books', 'booked', { manager });
    if (payload.fails) throw new Error('not booked');
    return { seen: (await this.configs.get('books', { manager })).value };
  }

  @JobHandler('writes', { transactional: true })
  async writes({ payload }: Job<{ n: number; fails?: boolean }>, manager: EntityManager) {
    await manager.query('INSERT INTO bookings VALUES ($1)', [payload.n]);
    if (payload.fails) throw new Error('not booked');
  }
}

@Injectable()
class BatchHandler {
  @JobHandler('together', { batch: { size: 3, wait: '200ms' }, failureMode: Retry({ times: 1, delay: '1h' }) })
  together(jobs: ReadonlyArray<Job<{ n: number }>>) {
    runs.push(`together ${jobs.map(({ payload }) => payload.n).join()}`);
    return jobs.map(({ payload }) => (payload.n === 2 ? new Error('no two') : payload.n === 3 ? new AbandonJobError('no three') : { of: jobs.length }));
  }
}

@Injectable()
class CheckedHandler {
  @JobHandler(Checked)
  checked({ payload }: Job<{ n: number }>) {
    return payload.n;
  }
}

const tenant: JobMiddleware = {
  enqueue(call, next) {
    call.context['tenant'] = 'acme';
    return next();
  },
};

/** What holds for the real queue holds for the fakes. */
describe.each(KINDS)('the contract of a queue: %s', (kind) => {
  const database = useTestDatabase();
  let on: QueueUnderTest;
  beforeAll(async () => {
    on = await startQueue(kind, database.url, [handlers, CheckedHandler, BooksHandler, BatchHandler], { queues: { default: {}, echoes: {}, mail: {}, other: {} }, middleware: [tenant], clusterEvents: ['job:completed'], sweepInterval: '100ms' });
  });
  afterAll(() => on.app.close());
  beforeEach(async () => {
    runs.length = 0;
    if (kind === 'PostgreSQL') await database.query('TRUNCATE notify_queue.jobs, notify_queue.job_history, notify_queue.job_configs');
    else on.tester.clear();
  });

  async function settled<T>(job: Promise<T>): Promise<T> {
    const enqueued = await job;
    await on.settle();
    return enqueued;
  }

  it('runs a job and keeps what it returned', async () => {
    const job = await on.queue.enqueue(Echo, { n: 1 });
    await on.settle();
    expect(await on.queue.result(job)).toEqual({ n: 1 });
    expect(await on.queue.get(job.id.toUpperCase())).toMatchObject({
      id: job.id,
      name: 'echo',
      queue: 'echoes',
      priority: 3,
      payload: { n: 1 },
      state: 'completed',
      attempt: 1,
      crashes: 0,
      result: { n: 1 },
      failure: null,
      progress: null,
      reservedBy: expect.any(String),
      enqueuedAt: expect.any(Date),
      reservedAt: expect.any(Date),
      finishedAt: expect.any(Date),
    });
    expect(runs).toEqual(['echo 1']);
  });

  it('runs a delayed job when it is due, and not before', async () => {
    const job = await on.queue.enqueue('echo', { n: 2 }, { delay: 800, queue: 'other' });
    await on.settle();
    const { state, runAt, enqueuedAt, attempt } = (await on.queue.get(job.id))!;
    expect([state, runAt.getTime() - enqueuedAt.getTime(), attempt]).toEqual(['scheduled', 800, 0]);
    expect((await on.queue.status('other')).scheduled).toBe(1);
    await on.later(1_300);
    expect(await on.queue.get(job.id)).toMatchObject({ state: 'completed', queue: 'other', runAt });
  });

  it('takes a due time in the past for now, and keeps it', async () => {
    const runAt = new Date(Date.now() - 60_000);
    const job = await on.queue.enqueue('echo', { n: 1 }, { runAt });
    await on.settle();
    expect(await on.queue.get(job.id)).toMatchObject({ state: 'completed', runAt });
  });

  it('stores an id of the caller’s once, also when the job has finished', async () => {
    const id = '0192f0c1-0000-7000-8000-0000000000aB';
    for (let n = 0; n < 3; n++) {
      expect((await on.queue.enqueue('echo', { n }, { id })).id).toBe(id.toLowerCase());
      await on.settle();
    }
    expect(runs).toEqual(['echo 0']);
  });

  it('stores a bulk in its order', async () => {
    const jobs = await on.queue.enqueueMany(Echo, [{ n: 1 }, { n: 2 }, { n: 3 }]);
    await on.settle();
    expect(jobs).toHaveLength(3);
    expect((await on.queue.find({ name: 'echo' })).jobs.map(({ id }) => id)).toEqual(jobs.map(({ id }) => id));
    expect(await on.queue.enqueueMany(Echo, [])).toEqual([]);
  });

  it('retries by the failure mode, then abandons with the last failure', async () => {
    const job = await on.queue.enqueue('fails', {}, { failureMode: Retry({ times: 2, delay: 200 }) });
    await on.settle();
    expect(await on.queue.get(job.id)).toMatchObject({ state: 'scheduled', attempt: 1, failure: { message: 'always', code: 'E_ALWAYS' } });
    await on.later(400);
    await on.later(400);
    expect(await on.queue.get(job.id)).toMatchObject({ state: 'abandoned', attempt: 3, result: null, failure: { name: 'Error', message: 'always' } });
    expect(runs).toEqual(['fails 1 of 3', 'fails 2 of 3', 'fails 3 of 3']);
    await expect(on.queue.result(job)).rejects.toMatchObject({ code: 'JOB_ABANDONED', failure: { message: 'always' } });
  });

  it('grows the delay of an exponential retry from zero', async () => {
    const job = await on.queue.enqueue('fails', {}, { failureMode: ExponentialRetry({ times: 2, base: 2, jitter: false }) });
    await on.settle();
    expect(await on.queue.get(job.id)).toMatchObject({ state: 'scheduled', attempt: 2 });
  });

  it('moves a failed job, with attempts from zero', async () => {
    const job = await on.queue.enqueue('fails', {}, { failureMode: Move({ queue: 'graveyard' }) });
    await on.settle();
    // Nobody serves that queue.
    await expect.poll(() => on.queue.get(job.id)).toMatchObject({ queue: 'graveyard', attempt: 0, state: 'available', failure: { message: 'always' } });
  });

  it('abandons at once what says so, and what returns a value that cannot be stored', async () => {
    const jobs = [await on.queue.enqueue('abandons', {}, { failureMode: Retry({ times: 5 }) }), await on.queue.enqueue('unstorable', {})];
    await on.settle();
    for (const { id } of jobs) expect(await on.queue.get(id)).toMatchObject({ state: 'abandoned', attempt: 1 });
  });

  it('snoozes without counting the attempt', async () => {
    const job = await on.queue.enqueue('snoozes', { until: 2 });
    await on.settle();
    expect(await on.queue.get(job.id)).toMatchObject({ state: 'scheduled', attempt: 0, failure: null });
    await on.later(500);
    expect(await on.queue.get(job.id)).toMatchObject({ state: 'completed', attempt: 1 });
    expect(runs).toEqual(['snoozes 1', 'snoozes 1']);
  });

  it('carries the context, stores progress, and shows both', async () => {
    const job = await on.queue.enqueue('reports', {});
    await on.settle();
    expect(await on.queue.result(job)).toEqual({ tenant: 'acme' });
    expect((await on.queue.get(job.id))!.progress).toEqual({ done: 1 });
  });

  it('tells what happens in this process', async () => {
    const seen: JobEvent[] = [];
    const subscription = on.queue.events$.subscribe((event) => seen.push(event));
    const { id } = await on.queue.enqueue(Echo, { n: 1 });
    await on.settle();
    await on.queue.result(id);
    subscription.unsubscribe();
    expect(seen.map((event) => [event.kind, event.jobId, event.queue]).sort()).toEqual([
      ['job:completed', id, 'echoes'],
      ['job:enqueued', id, 'echoes'],
      ['job:started', id, 'echoes'],
    ]);
    expect(seen.find(({ kind }) => kind === 'job:completed')).toMatchObject({ attempt: 1, runTimeMs: expect.any(Number), context: { tenant: 'acme' } });
  });

  it('tells all processes of the kinds that were chosen', async () => {
    const seen: ClusterJobEvent[] = [];
    const subscription = on.queue.clusterEvents$.subscribe((event) => seen.push(event));
    const { id } = await on.queue.enqueue(Echo, { n: 1 });
    await on.settle();
    const event = await until(() => seen.find(({ jobId }) => jobId === id));
    subscription.unsubscribe();
    expect(event).toMatchObject({ kind: 'job:completed', name: 'echo', queue: 'echoes', attempt: 1, pid: process.pid });
    expect(event).not.toHaveProperty('context');
  });

  it('cancels, moves and retries', async () => {
    const { id } = await on.queue.enqueue('echo', { n: 9 }, { delay: '1h', queue: 'mail' });
    expect(await on.queue.move(id, 'other')).toBe('ok');
    expect(await on.queue.get(id)).toMatchObject({ queue: 'other', state: 'scheduled' });
    await expect(on.queue.retry(id)).rejects.toMatchObject({ code: 'JOB_STATE' });
    expect(await on.queue.cancel(id)).toBe('ok');
    expect(await on.queue.cancel(id)).toBe('not_found');
    expect(await on.queue.move(id, 'mail')).toBe('not_found');
    await expect(on.queue.result(id)).rejects.toMatchObject({ code: 'JOB_CANCELLED' });
    await on.queue.retry(id);
    await on.later(300);
    expect(await on.queue.get(id)).toMatchObject({ state: 'completed', attempt: 1, result: { n: 9 } });
    const unknown = '0192f0c1-0000-7000-8000-000000000000';
    expect([await on.queue.cancel(unknown), await on.queue.move(unknown, 'mail'), await on.queue.get(unknown)]).toEqual(['not_found', 'not_found', undefined]);
    await expect(on.queue.retry(unknown)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
    await expect(on.queue.result(unknown)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  });

  it('changes, holds and releases what waits', async () => {
    const { id } = await on.queue.enqueue('echo', { n: 1 }, { queue: 'mail', delay: '1h', tags: ['a', 'b'] });
    expect(await on.queue.update(id, { payload: { n: 2 }, priority: -4 })).toBe('ok');
    expect(await on.queue.get(id)).toMatchObject({ payload: { n: 2 }, priority: -4, state: 'scheduled', tags: ['a', 'b'] });
    expect((await on.queue.find({ tags: ['b'] })).jobs).toHaveLength(1);
    expect((await on.queue.find({ tags: ['b', 'c'] })).jobs).toHaveLength(0);
    expect(await on.queue.hold(id)).toBe('ok');
    expect(await on.queue.update(id, { delay: 0 })).toBe('ok');
    await on.settle();
    expect(await on.queue.get(id)).toMatchObject({ state: 'held' });
    expect(await on.queue.status('mail')).toMatchObject({ held: 1, scheduled: 0, available: 0, oldestDueMs: null });
    expect(await on.queue.release(id)).toBe('ok');
    await on.settle();
    expect(await on.queue.get(id)).toMatchObject({ state: 'completed', result: { n: 2 } });
    for (const change of [on.queue.hold(id), on.queue.release(id), on.queue.update(id, { delay: 1 })]) expect(await change).toBe('not_found');
  });

  it('changes many by criteria: counts, caps, stops', async () => {
    await on.queue.enqueueMany('echo', [{ n: 1 }, { n: 2 }, { n: 3 }], { queue: 'mail', delay: '1h', tags: ['a'] });
    const other = await on.queue.enqueue('echo', { n: 4 }, { queue: 'other', delay: '1h' });
    const none = { matched: 0, changed: 0, aborting: 0, skipped: 0, complete: true };
    expect(await on.queue.cancelMany({ tags: 'a' }, { dryRun: true })).toEqual({ ...none, matched: 3 });
    expect(await on.queue.holdMany({ queue: 'mail' }, { limit: 2 })).toEqual({ ...none, matched: 2, changed: 2, complete: false });
    expect(await on.queue.status('mail')).toMatchObject({ held: 2, scheduled: 1 });
    expect(await on.queue.holdMany({ queue: 'mail' })).toEqual({ ...none, matched: 1, changed: 1 });
    expect(await on.queue.updateMany({ payload: { n: 2 } }, { priority: -5 })).toMatchObject({ changed: 1 });
    expect((await on.queue.find({ payload: { n: 2 } })).jobs).toMatchObject([{ priority: -5, state: 'held' }]);
    expect(await on.queue.releaseMany('all')).toMatchObject({ changed: 3 });
    expect(await on.queue.moveMany({ queue: 'mail', payload: { n: 1 } }, 'echoes')).toMatchObject({ changed: 1 });
    expect(await on.queue.status('echoes')).toMatchObject({ scheduled: 1 });
    expect(await on.queue.cancelMany({ queue: 'other' })).toMatchObject({ changed: 1 });
    expect(await on.queue.get(other.id)).toMatchObject({ state: 'cancelled' });
    expect(await on.queue.retryMany({ queue: 'other' })).toEqual(none);

    const told: unknown[] = [];
    const stop = new AbortController();
    const onProgress = (soFar: unknown): void => (told.push(soFar), stop.abort());
    expect(await on.queue.cancelMany({ name: 'echo' }, { batchSize: 1, signal: stop.signal, onProgress })).toEqual({ ...none, matched: 1, changed: 1, complete: false });
    expect(told).toEqual([{ ...none, matched: 1, changed: 1, complete: false }]);
    expect(await on.queue.cancelMany('all')).toEqual({ ...none, matched: 2, changed: 2 });
    expect(await on.queue.retryMany({ queue: 'other', state: 'cancelled' })).toMatchObject({ changed: 1 });
    await on.settle();
    expect(await on.queue.get(other.id)).toMatchObject({ state: 'completed', attempt: 1, result: { n: 4 } });
    await expect(on.queue.cancelMany({})).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(on.queue.cancelMany({ tags: undefined })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await expect(on.queue.cancelMany({ state: 'completed' })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });

  it('tells running jobs to end, and reports the handler that ignores it', async () => {
    const kinds: string[] = [];
    const subscription = on.queue.events$.subscribe(({ kind }) => void kinds.push(kind));
    const [waits, ignores] = ['0192f0c1-5d2e-7c3a-9b1f-000000000001', '0192f0c1-5d2e-7c3a-9b1f-000000000002'] as const;
    const run = async (name: string, id: string): Promise<void> => {
      await on.queue.enqueue(name, {}, { id, queue: 'mail', abortGrace: 50 });
      await on.settle();
    };
    for (const [name, id] of [['waits', waits], ['ignores', ignores]] as const) {
      const running = run(name, id);
      await until(() => runs.includes(name));
      expect(await on.queue.cancelMany({ name }, { abort: true })).toEqual({ matched: 1, changed: 0, aborting: 1, skipped: 0, complete: true });
      await running;
      await until(async () => (await on.queue.get(id))?.state === 'cancelled');
      expect(await on.queue.get(id)).toMatchObject({ attempt: 1, failure: { code: 'JOB_CANCELLED' } });
    }
    await until(() => kinds.filter((kind) => kind === 'job:cancelled').length === 2);
    subscription.unsubscribe();
    expect(kinds.filter((kind) => kind === 'job:stuck')).toHaveLength(1);
  });

  it('finds by every criterion, page by page', async () => {
    await on.queue.enqueueMany(Echo, [{ n: 1 }, { n: 2 }, { n: 3 }], { delay: '1h' });
    await on.queue.enqueue('other', { list: [1, { a: 'x', b: null }], deep: { one: 1, two: 2 } }, { queue: 'mail', delay: '1h' });
    const count = async (criteria: object): Promise<number> => (await on.queue.find(criteria)).jobs.length;
    expect(await count({})).toBe(4);
    expect(await count({ queue: 'mail' })).toBe(1);
    expect(await count({ name: 'echo' })).toBe(3);
    expect(await count({ state: 'scheduled' })).toBe(4);
    expect(await count({ state: ['available', 'completed'] })).toBe(0);
    for (const payload of [{ n: 2 }, { list: [{ a: 'x' }] }, { list: [] }, { deep: { two: 2 } }, { list: [1, 1] }]) {
      expect([payload, await count({ payload })]).toEqual([payload, 1]);
    }
    for (const payload of [{ n: 4 }, { list: [2] }, { list: 1 }, { deep: 2 }, [1], { list: [[1]] }, { deep: { two: '2' } }]) {
      expect([payload, await count({ payload })]).toEqual([payload, 0]);
    }
    expect(await count({ enqueuedBefore: new Date(0) })).toBe(0);
    expect(await count({ enqueuedAfter: new Date(0), enqueuedBefore: new Date(Date.now() + 60_000) })).toBe(4);
    const first = await on.queue.find({}, { limit: 3, order: 'newest' });
    const second = await on.queue.find({}, { limit: 3, order: 'newest', cursor: first.nextCursor });
    expect([first.jobs.length, second.jobs.length, second.nextCursor]).toEqual([3, 1, undefined]);
    const ids = [...first.jobs, ...second.jobs].map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)].sort().reverse());
  });

  it('runs nothing while it is suspended, and says so', async () => {
    await on.queue.suspend('mail');
    const { id } = await on.queue.enqueue('echo', { n: 1 }, { queue: 'mail' });
    await on.settle();
    expect(await on.queue.status('mail')).toMatchObject({ suspended: true, available: 1, count: 1, inProgress: 0 });
    expect((await on.queue.status()).queues.map(({ queue }) => queue)).toEqual(expect.arrayContaining(['default', 'echoes', 'mail', 'other']));
    await on.queue.resume('mail');
    await on.settle();
    expect(await on.queue.get(id)).toMatchObject({ state: 'completed' });
  });

  it('runs lower priorities first, and then the older', async () => {
    await on.queue.suspend();
    for (const [n, priority] of [1, 0, -1, 0].entries()) await on.queue.enqueue('echo', { n }, { priority, queue: 'mail' });
    await on.queue.resume();
    await on.settle();
    expect(runs).toEqual(['echo 2', 'echo 1', 'echo 3', 'echo 0']);
  });

  it('shows a watched job to its end', async () => {
    const { id } = await on.queue.enqueue('echo', { n: 1 }, { delay: 300 });
    const seen: string[] = [];
    const ended = lastValueFrom(on.queue.watch(id).pipe(tap(({ state }) => seen.push(state))));
    await until(() => seen.length > 0);
    await on.later(600);
    expect((await ended).result).toEqual({ n: 1 });
    expect([seen[0], seen.at(-1)]).toEqual(['scheduled', 'completed']);
  });

  describe('in a transaction', () => {
    it('has a job if and only if it commits', async () => {
      const ids: string[] = [];
      const enqueue = (fails: boolean): Promise<void> =>
        on.dataSource.transaction(async (manager) => {
          ids.push((await on.queue.enqueue('echo', { n: ids.length }, { manager })).id);
          expect(await on.queue.get(ids.at(-1)!)).toBeUndefined();
          if (fails) throw new Error('rolled back');
        });
      await enqueue(false);
      await expect(enqueue(true)).rejects.toThrow('rolled back');
      await on.settle();
      expect(await on.queue.get(ids[0]!)).toMatchObject({ state: 'completed' });
      expect(await on.queue.get(ids[1]!)).toBeUndefined();
    });

    it('keeps what its savepoints kept', async () => {
      await on.dataSource.transaction(async (outer) => {
        await on.queue.enqueue('echo', { n: 1 }, { manager: outer, delay: '1h' });
        await outer.transaction((inner) => on.queue.enqueue('echo', { n: 2 }, { manager: inner, delay: '1h' }));
        const lost = outer.transaction(async (inner) => {
          await on.queue.enqueue('echo', { n: 3 }, { manager: inner, delay: '1h' });
          throw new Error('back to the savepoint');
        });
        await expect(lost).rejects.toThrow('savepoint');
        await on.queue.enqueue('echo', { n: 4 }, { manager: outer, delay: '1h' });
      });
      expect((await on.queue.find()).jobs.map(({ payload }) => payload)).toEqual([{ n: 1 }, { n: 2 }, { n: 4 }]);
    });

    it('sees its own config rows, and others see them after the commit', async () => {
      await on.configs.set('vat', '19');
      await on.dataSource.transaction(async (manager) => {
        await on.configs.set('vat', '20', { manager });
        await on.configs.create('new', '1', { manager });
        expect((await on.configs.get('vat', { manager })).value).toBe('20');
        expect((await on.configs.get('vat')).value).toBe('19');
        await expect(on.configs.create('new', '2', { manager })).rejects.toMatchObject({ code: 'CONFIG_EXISTS' });
      });
      expect((await on.configs.list()).map(({ key, value }) => [key, value])).toEqual([['new', '1'], ['vat', '20']]);
    });
  });

  describe('a transactional handler', () => {
    it('commits what it did with its job', async () => {
      const seen: JobEvent[] = [];
      const subscription = on.queue.events$.subscribe((event) => seen.push(event));
      const { id } = await settled(on.queue.enqueue('books', { n: 1 }));
      subscription.unsubscribe();
      expect(await on.queue.get(id)).toMatchObject({ state: 'completed', result: { seen: 'booked' }, attempt: 1 });
      expect((await on.queue.find({ name: 'echo' })).jobs).toHaveLength(1);
      expect((await on.configs.get('books')).value).toBe('booked');
      const kinds = seen.filter(({ jobId, kind }) => jobId === id && kind !== 'job:enqueued').map(({ kind }) => kind);
      expect(kinds).toEqual(['job:started', 'job:completed']);
    });

    it('has a transaction of the application’s data source', async () => {
      await database.query('CREATE TABLE IF NOT EXISTS bookings (n int); TRUNCATE bookings');
      const jobs = await on.queue.enqueueMany('writes', [{ n: 1 }, { n: 2, fails: true }]);
      // Undone with the enqueue, in mode inline with what the handler wrote in it.
      const undone = on.dataSource.transaction(async (manager) => {
        await on.queue.enqueue('writes', { n: 3 }, { manager });
        throw new Error('undone');
      });
      await expect(undone).rejects.toThrow('undone');
      await on.settle();
      const found = await Promise.all(jobs.map(({ id }) => on.queue.get(id)));
      expect(found.map((job) => job?.state)).toEqual(['completed', 'abandoned']);
      expect(await database.query('SELECT n FROM bookings')).toEqual([{ n: 1 }]);
    });

    it('rolls back all that it did when it fails', async () => {
      const { id } = await on.queue.enqueue('books', { n: 1, fails: true });
      await on.settle();
      expect(await on.queue.get(id)).toMatchObject({ state: 'abandoned', failure: { message: 'not booked' } });
      expect((await on.queue.find({ name: 'echo' })).jobs).toEqual([]);
      expect(await on.configs.list()).toEqual([]);
    });
  });

  it('gives jobs to a batch handler together, and settles each by its own outcome', async () => {
    const seen: JobEvent[] = [];
    const subscription = on.queue.events$.subscribe((event) => seen.push(event));
    const jobs = await on.queue.enqueueMany('together', [1, 2, 3, 4].map((n) => ({ n })));
    await on.settle();
    subscription.unsubscribe();
    expect(runs).toEqual(['together 1,2,3', 'together 4']);
    const found = await Promise.all(jobs.map(({ id }) => on.queue.get(id)));
    expect(found).toMatchObject([
      { state: 'completed', result: { of: 3 }, attempt: 1 },
      { state: 'scheduled', failure: { message: 'no two' }, attempt: 1 },
      { state: 'abandoned', failure: { message: 'no three' }, attempt: 1 },
      { state: 'completed', result: { of: 1 }, attempt: 1 },
    ]);
    const kinds = jobs.map(({ id }) => seen.filter((event) => event.jobId === id && event.kind !== 'job:enqueued').map(({ kind }) => kind));
    expect(kinds).toEqual([
      ['job:started', 'job:completed'],
      ['job:started', 'job:retried'],
      ['job:started', 'job:abandoned'],
      ['job:started', 'job:completed'],
    ]);
  });

  it('keeps config rows', async () => {
    const seen: Array<string | undefined> = [];
    const subscription = on.configs.config$.subscribe((all) => void (seen.at(-1) === all.get('a') || seen.push(all.get('a'))));
    const first = await on.configs.create('a', '1');
    const second = await on.configs.update('a', '2');
    expect(second.revision).toBeGreaterThan(first.revision);
    expect(second.createdAt).toEqual(first.createdAt);
    await expect(on.configs.create('a', '3')).rejects.toMatchObject({ code: 'CONFIG_EXISTS' });
    await expect(on.configs.update('b', '3')).rejects.toMatchObject({ code: 'CONFIG_NOT_FOUND' });
    await on.configs.delete('a');
    await expect(on.configs.delete('a')).rejects.toMatchObject({ code: 'CONFIG_NOT_FOUND' });
    await expect(on.configs.get('a')).rejects.toMatchObject({ code: 'CONFIG_NOT_FOUND' });
    subscription.unsubscribe();
    expect(seen).toEqual([undefined, '1', '2', undefined].slice(seen.length === 3 ? 1 : 0));
  });

  it('checks payloads by their schema, at both ends, and lifts them from older versions', async () => {
    expect(await on.queue.result(await settled(on.queue.enqueue(Checked, { n: 3 })))).toBe(6);
    await expect(on.queue.enqueue(Checked, { n: 'x' } as never)).rejects.toMatchObject({ code: 'INVALID_PAYLOAD' });
    const old = await settled(on.queue.enqueue(defineJob('checked', { queue: 'mail', version: 1 }), { number: 4 } as never));
    expect(await on.queue.result(old)).toBe(8);
    expect((await on.queue.find({ name: 'checked' })).jobs.map(({ payload }) => payload)).toEqual([{ n: 3 }, { number: 4 }]);
  });

  it('refuses bad input before anything is written', async () => {
    await expect(on.queue.enqueue('echo', 1n)).rejects.toMatchObject({ code: 'UNSTORABLE_VALUE' });
    await expect(on.queue.enqueue('', {})).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(on.queue.enqueue('echo', {}, { delay: 'soon' as '1s' })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await expect(on.queue.enqueueMany('echo', [{}, 1n])).rejects.toMatchObject({ code: 'UNSTORABLE_VALUE' });
    await expect(on.queue.get('7')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(on.configs.set('a', ' ')).rejects.toMatchObject({ code: 'INVALID_CONFIG_VALUE' });
    expect((await on.queue.find()).jobs).toEqual([]);
  });
});
