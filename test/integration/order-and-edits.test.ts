import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineJob, JobHandler, Retry, type Job } from '../../lib/index.js';
import { useApps } from '../support/apps.js';
import { useTestDatabase } from '../support/database.js';
import { handle } from '../support/handlers.js';
import { deferred, until } from '../support/wait.js';

describe('order', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });

  it('is first in, first out within a priority, with 8 writers', async () => {
    const writers = await Promise.all(Array.from({ length: 4 }, () => start({ queue: { role: 'producer' } })));
    const write = async (writer: number): Promise<void> => {
      for (let n = 0; n < 50; n++) await writers[writer % writers.length]!.queue.enqueue('note', { writer, n }, { priority: n % 2 ? 5 : -5 });
    };
    await Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer)));
    const ran: Array<{ writer: number; n: number }> = [];
    const { queue } = await start({ providers: [handle({ note: ({ payload }: Job<any>) => void ran.push(payload) })], queue: { defaults: { concurrency: 1 } } });
    await until(async () => (await queue.status('default')).count === 0);
    expect(ran).toHaveLength(400);
    // Lower priorities first, and each writer's jobs in the order of its calls, each of which had been answered before the next.
    expect(ran.slice(0, 200).every(({ n }) => n % 2 === 0)).toBe(true);
    for (let writer = 0; writer < 8; writer++) {
      for (const half of [ran.slice(0, 200), ran.slice(200)]) {
        const mine = half.filter((one) => one.writer === writer).map(({ n }) => n);
        expect(mine).toEqual([...mine].sort((a, b) => a - b));
      }
    }
    // And between writers: the order of the database's clock.
    const rows = await database.query('SELECT payload FROM notify_queue.job_history ORDER BY priority, run_at, id');
    expect(ran).toEqual(rows.map(({ payload }) => payload));
  });
});

describe('tags', () => {
  const database = useTestDatabase();
  const start = useApps(database);

  it('find jobs, waiting and finished, and are checked', async () => {
    const { queue } = await start({ providers: [handle({ note: () => 1 })] });
    const job = await queue.enqueue('note', 1, { tags: ['customer:7', 'urgent', 'urgent'], maxJobTime: '5s' });
    await queue.enqueueMany('note', [2, 3], { tags: ['urgent'], delay: '1h' });
    await queue.result(job);
    expect((await queue.get(job.id))!.tags).toEqual(['customer:7', 'urgent']);
    const payloads = async (tags: string | string[]) => (await queue.find({ tags })).jobs.map(({ payload }) => payload);
    expect(await payloads('urgent')).toEqual([1, 2, 3]);
    expect(await payloads(['urgent', 'customer:7'])).toEqual([1]);
    expect(await payloads('customer')).toEqual([]);
    expect((await queue.get((await queue.enqueue('note', 4, { tags: [] })).id))!.tags).toEqual([]);
    for (const tags of ['urgent', [''], [1], Array.from({ length: 21 }, (_, n) => `${n}`)]) {
      await expect(queue.enqueue('note', 1, { tags } as never)).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'enqueue.tags' });
    }
    await expect(queue.find({ tags: 1 as never })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });
});

describe('edits of a waiting job', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });
  const UNKNOWN = '0192f0c1-5d2e-7c3a-9b1f-2d3e4f5a6b7c';

  it('change its payload, which the schema checks, and its version', async () => {
    const Greet = defineJob('greet', { schema: z.object({ who: z.string() }), version: 2, upgrade: { 1: (old: { name: string }) => ({ who: old.name }) } });
    class Handlers {
      @JobHandler(Greet)
      greet({ payload }: Job<{ who: string }>) {
        return payload.who;
      }
    }
    const { queue } = await start({ providers: [Handlers] });
    const old = await queue.enqueue(defineJob<{ name: string }>('greet'), { name: 'Ada' }, { delay: '1h', maxJobTime: '5s' });
    await expect(queue.update(old.id, { payload: { name: 'Bob' } })).rejects.toMatchObject({ code: 'INVALID_PAYLOAD' });
    expect(await queue.update(old.id, { payload: { who: 'Bob' } })).toBe('ok');
    expect(await queue.update(old.id, { delay: 0 })).toBe('ok');
    expect(await queue.result(old)).toBe('Bob');
  });

  it('change its place and its due time, and wake a worker on any instance at once', async () => {
    const ran: unknown[] = [];
    const producer = await start({ queue: { role: 'producer' } });
    await producer.queue.suspend();
    const [a, b, c] = await producer.queue.enqueueMany('note', ['a', 'b', 'c']);
    const late = await producer.queue.enqueue('note', 'late', { delay: '1h' });
    expect(await producer.queue.update(c!.id, { priority: -1 })).toBe('ok');
    expect(await producer.queue.update(a!.id, { runAt: new Date(Date.now() + 3_600_000) })).toBe('ok');
    expect(await producer.queue.get(a!.id)).toMatchObject({ state: 'scheduled', payload: 'a' });
    const { queue } = await start({ providers: [handle({ note: ({ payload }: Job) => void ran.push(payload) })], queue: { defaults: { concurrency: 1 } } });
    await producer.queue.resume();
    await queue.result(b!);
    await queue.result(c!);
    expect(ran).toEqual(['c', 'b']);
    const startedAt = performance.now();
    await producer.queue.update(late.id, { delay: 0 });
    await queue.result(late);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    await producer.queue.update(a!.id, { delay: 300 });
    await queue.result(a!);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });

  it('end the delay of a retry', async () => {
    const { queue } = await start({
      providers: [handle({ flaky: ({ attempt }: Job) => { if (attempt === 1) throw new Error('once'); return attempt; } }, { failureMode: Retry({ times: 1, delay: '1h' }) })],
    });
    const job = await queue.enqueue('flaky', {});
    await until(async () => (await queue.get(job.id))?.state === 'scheduled');
    await queue.update(job.id, { delay: 0 });
    expect(await queue.result(job)).toBe(2);
  });

  it('hold it, whatever is due, moved or changed, until it is released', async () => {
    const { queue } = await start({ providers: [handle({ note: ({ payload }: Job) => payload })], queue: { queues: { other: {} } } });
    const job = await queue.enqueue('note', 1, { delay: 400 });
    expect(await queue.hold(job.id)).toBe('ok');
    expect(await queue.hold(job.id)).toBe('ok');
    expect(await queue.move(job.id, 'other')).toBe('ok');
    expect(await queue.update(job.id, { payload: 2, priority: 3, delay: 10 })).toBe('ok');
    await expect(queue.result(job, { timeout: 800 })).rejects.toMatchObject({ code: 'RESULT_TIMEOUT' });
    expect(await queue.get(job.id)).toMatchObject({ state: 'held', queue: 'other', payload: 2, priority: 3 });
    expect(await queue.status('other')).toMatchObject({ count: 1, held: 1, available: 0, scheduled: 0, oldestDueMs: null });
    expect((await queue.find({ state: 'held' })).jobs).toHaveLength(1);
    expect(await queue.release(job.id)).toBe('ok');
    expect(await queue.result(job)).toBe(2);
    expect(await queue.release(job.id)).toBe('not_found');

    const later = await queue.enqueue('note', 3, { delay: '1h' });
    await queue.hold(later.id);
    await queue.release(later.id);
    expect(await queue.get(later.id)).toMatchObject({ state: 'scheduled' });
    expect(await queue.release(later.id)).toBe('ok');
    await queue.hold(later.id);
    expect(await queue.cancel(later.id)).toBe('ok');
  });

  it('leave a running job alone, and know no other', async () => {
    const running = deferred();
    const end = deferred();
    const { queue } = await start({ providers: [handle({ slow: async () => { running.resolve(); await end.promise; } })] });
    const job = await queue.enqueue('slow', {});
    await running.promise;
    expect([await queue.update(job.id, { priority: 1 }), await queue.hold(job.id), await queue.release(job.id)]).toEqual(['in_progress', 'in_progress', 'in_progress']);
    end.resolve();
    await queue.result(job);
    expect([await queue.update(job.id, { priority: 1 }), await queue.hold(job.id), await queue.update(UNKNOWN, {})]).toEqual(['not_found', 'not_found', 'not_found']);
    for (const changes of [{ priority: 40_000 }, { delay: 'soon' }, { delay: 1, runAt: new Date() }, { payload: 1n }, { queue: 'x' }]) {
      await expect(queue.update(UNKNOWN, changes as never)).rejects.toMatchObject({ code: expect.stringMatching(/^INVALID_OPTION|UNSTORABLE_VALUE$/) });
    }
    await expect(queue.hold('7')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
