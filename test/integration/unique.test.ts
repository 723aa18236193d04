import { describe, expect, it } from 'vitest';
import { defineJob, Retry, type Job } from '../../lib/index.js';
import { useApps } from '../support/apps.js';
import { useTestDatabase } from '../support/database.js';
import { handle } from '../support/handlers.js';
import { deferred, until } from '../support/wait.js';

describe('unique jobs', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '10m' });
  const later = { delay: '1h' } as const;

  it('leaves one job of 64 concurrent writers on two instances, and tells each of it', async () => {
    const apps = [await start(), await start()];
    const calls = Array.from({ length: 64 }, (_, n) => apps[n % 2]!.queue.enqueue('sync', { n }, { unique: { key: 'all' }, ...later }));
    const answers = await Promise.all(calls);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect(answers.filter(({ outcome }) => outcome === 'created')).toHaveLength(1);
    expect(answers.filter(({ outcome }) => outcome === 'kept')).toHaveLength(63);
    expect((await apps[0]!.queue.find({ name: 'sync' })).jobs).toHaveLength(1);
  });

  it('tells jobs apart by name, key, fields of the payload, or all of it', async () => {
    const { queue } = await start();
    const outcomes = async (name: string, payloads: unknown[], unique: object) => {
      const stored = [];
      for (const payload of payloads) stored.push((await queue.enqueue(name, payload, { unique, ...later })).outcome);
      return stored;
    };
    expect(await outcomes('by-key', [1, 2], { key: 'a' })).toEqual(['created', 'kept']);
    expect(await outcomes('by-key', [1], { key: 'b' })).toEqual(['created']);
    expect(await outcomes('other-name', [1], { key: 'a' })).toEqual(['created']);
    expect(await outcomes('by-field', [{ a: 1, b: 1 }, { a: 1, b: 2 }, { a: 2 }, {}, { a: null }, null], { by: ['a'] })).toEqual([
      'created', 'kept', 'created', 'created', 'kept', 'kept',
    ]);
    expect(await outcomes('by-all', [{ a: 1, b: { c: 1, d: [1] } }, { b: { d: [1], c: 1 }, a: 1 }, { a: 1 }], {})).toEqual(['created', 'kept', 'created']);
  });

  it('stores a job all the same where the enqueue says so', async () => {
    const { queue } = await start();
    const Sync = defineJob<{ id: number }>('forced', { unique: { by: ['id'] }, delay: '1h' });
    const outcomes = [];
    for (const options of [{}, {}, { unique: false }] as const) outcomes.push((await queue.enqueue(Sync, { id: 1 }, options)).outcome);
    expect(outcomes).toEqual(['created', 'kept', 'created']);
  });

  it('replaces the payload, or postpones the due time with it, of a job that waits', async () => {
    const { queue } = await start();
    const first = await queue.enqueue('edit', { n: 1 }, { unique: { key: 'r', onConflict: 'replace' }, ...later });
    const before = (await queue.get(first.id))!;
    expect(await queue.enqueue('edit', { n: 2 }, { unique: { key: 'r', onConflict: 'replace' }, tags: ['new'], delay: '5h' })).toMatchObject({ id: first.id, outcome: 'replaced' });
    expect(await queue.get(first.id)).toMatchObject({ payload: { n: 2 }, tags: ['new'], runAt: before.runAt });
    expect(await queue.enqueue('edit', { n: 3 }, { unique: { key: 'r', onConflict: 'postpone' }, delay: '5h' })).toMatchObject({ id: first.id, outcome: 'postponed' });
    const after = (await queue.get(first.id))!;
    expect(after.payload).toEqual({ n: 3 });
    expect(after.runAt.getTime() - before.runAt.getTime()).toBeGreaterThan(3.9 * 3_600_000);
  });

  it('runs a job that was postponed to now at once', async () => {
    const ran = deferred<unknown>();
    const { queue } = await start({ providers: [handle({ now: (job: Job) => ran.resolve(job.payload) })] });
    await queue.enqueue('now', 1, { unique: { key: 'k', onConflict: 'postpone' }, ...later });
    await queue.enqueue('now', 2, { unique: { key: 'k', onConflict: 'postpone' } });
    expect(await ran.promise).toBe(2);
  });

  it('keeps the key until the job starts, or until it has finished with all its retries', async () => {
    const gates = [deferred<void>(), deferred<void>()];
    let runs = 0;
    const work = handle({
      lasting: async () => {
        const run = runs++;
        await gates[run]!.promise;
        if (run === 0) throw new Error('once more');
      },
    }, { failureMode: Retry({ times: 1, delay: 50 }) });
    const { queue } = await start({ providers: [work] });
    const unique = { key: 'k' };
    const first = await queue.enqueue('lasting', 1, { unique });
    await until(() => runs === 1);
    expect(await queue.enqueue('lasting', 2, { unique })).toMatchObject({ id: first.id, outcome: 'kept' });
    gates[0]!.resolve();
    await until(async () => (await queue.get(first.id))?.state !== 'reserved');
    expect(await queue.enqueue('lasting', 2, { unique })).toMatchObject({ id: first.id, outcome: 'kept' });
    await until(() => runs === 2);
    gates[1]!.resolve();
    await queue.result(first.id);
    expect((await queue.enqueue('lasting', 3, { unique, ...later })).outcome).toBe('created');
  });

  it('gives the key up at the start with until: started, and its retry collides with nothing', async () => {
    const gate = deferred<void>();
    let runs = 0;
    const work = handle({
      brief: async () => {
        if (++runs > 1) return;
        await gate.promise;
        throw new Error('once more');
      },
    }, { failureMode: Retry({ times: 1, delay: 20 }) });
    const { queue } = await start({ providers: [work], queue: { queues: { default: { concurrency: 1 } } } });
    const unique = { key: 'k', until: 'started' } as const;
    const first = await queue.enqueue('brief', 1, { unique });
    await until(() => runs === 1);
    const second = await queue.enqueue('brief', 2, { unique });
    expect(second.outcome).toBe('created');
    expect((await queue.enqueue('brief', 3, { unique })).outcome).toBe('kept');
    gate.resolve();
    await Promise.all([queue.result(first.id), queue.result(second.id)]);
    expect(runs).toBe(3);
  });

  it('holds a key for a time, whatever became of the job', async () => {
    const { queue } = await start({ providers: [handle({ hourly: () => 'done' })] });
    const unique = { key: 'k', for: 600 };
    const first = await queue.enqueue('hourly', 1, { unique });
    await queue.result(first.id);
    expect(await queue.enqueue('hourly', 2, { unique })).toEqual({ id: first.id, queue: 'default', outcome: 'kept' });
    const many = await Promise.all(Array.from({ length: 20 }, () => queue.enqueue('hourly', 2, { unique })));
    expect(many.every(({ outcome }) => outcome === 'kept')).toBe(true);
    await until(async () => (await queue.enqueue('hourly', 3, { unique })).outcome === 'created', { timeout: 2_000 });
  });

  it('runs once more after the current run, with the newest payload, however often it was asked', async () => {
    const seen: unknown[] = [];
    const gate = deferred<void>();
    let running = 0;
    let most = 0;
    const work = handle({
      refresh: async (job: Job) => {
        most = Math.max(most, ++running);
        seen.push(job.payload);
        if (seen.length === 1) await gate.promise;
        running--;
      },
    });
    const apps = [await start({ providers: [work] }), await start({ providers: [work] })];
    const unique = { key: 'k', onConflict: 'again' } as const;
    const first = await apps[0]!.queue.enqueue('refresh', 1, { unique });
    await until(() => seen.length === 1);
    const second = await apps[1]!.queue.enqueue('refresh', 2, { unique });
    expect(second.outcome).toBe('again');
    expect(second.id).not.toBe(first.id);
    const third = await apps[0]!.queue.enqueue('refresh', 3, { unique });
    expect(third).toMatchObject({ id: second.id, outcome: 'again' });
    gate.resolve();
    await apps[0]!.queue.result(second.id);
    expect(seen).toEqual([1, 3]);
    expect(most).toBe(1);
    expect((await apps[0]!.queue.enqueue('refresh', 4, { unique, ...later })).outcome).toBe('created');
  });

  it('runs the next one after the current run, and wakes its workers, when the call names another queue', async () => {
    const seen: unknown[] = [];
    const gate = deferred<void>();
    const work = handle({ elsewhere: async (job: Job) => (seen.push(job.payload), job.payload === 1 && gate.promise) });
    await start({ providers: [work], queue: { queues: { default: {} } } });
    const { queue } = await start({ queue: { queues: { other: {} } } });
    const unique = { key: 'q', onConflict: 'again' } as const;
    await queue.enqueue('elsewhere', 1, { queue: 'default', unique });
    await until(() => seen.length === 1);
    const next = await queue.enqueue('elsewhere', 2, { queue: 'other', unique });
    expect(await queue.get(next.id)).toMatchObject({ queue: 'default' });
    gate.resolve();
    await queue.result(next.id);
    const postpone = { key: 'p', onConflict: 'postpone' } as const;
    const { id } = await queue.enqueue('elsewhere', 3, { queue: 'default', unique: postpone, delay: '1h' });
    await queue.enqueue('elsewhere', 4, { queue: 'other', unique: postpone });
    await queue.result(id, { timeout: '2s' });
    expect(seen).toEqual([1, 2, 4]);
  });

  it('keeps the rate of groups away from jobs that run again', async () => {
    let runs = 0;
    const rated = { queues: { default: { groups: { rate: { limit: 1, per: '1h' } } } } } as const;
    const { queue } = await start({ providers: [handle({ rated: () => void runs++ })], queue: rated });
    for (let n = 0; n < 3; n++) await queue.result(await queue.enqueue('rated', n, { unique: { key: 'k', onConflict: 'again' } }), { timeout: '5s' });
    expect(runs).toBe(3);
  });

  it('takes part in the transaction of the caller', async () => {
    const { queue, dataSource } = await start();
    const unique = { key: 'k', onConflict: 'replace' } as const;
    const failed = dataSource.transaction(async (manager) => {
      expect((await queue.enqueue('tx', 1, { manager, unique, ...later })).outcome).toBe('created');
      expect((await queue.enqueue('tx', 2, { manager, unique, ...later })).outcome).toBe('replaced');
      throw new Error('rolled back');
    });
    await expect(failed).rejects.toThrow('rolled back');
    expect((await queue.find({ name: 'tx' })).jobs).toEqual([]);
    // Another one waits for the end of the transaction that was first.
    const order: string[] = [];
    const stored = deferred<void>();
    const first = dataSource.transaction(async (manager) => {
      await queue.enqueue('tx', 1, { manager, unique, ...later });
      stored.resolve();
      await new Promise((resolve) => setTimeout(resolve, 100));
      order.push('first');
    });
    await stored.promise;
    const second = await queue.enqueue('tx', 2, { unique, ...later }).finally(() => order.push('second'));
    await first;
    expect(order).toEqual(['first', 'second']);
    expect(second.outcome).toBe('replaced');
  });

  it('does not keep a running job from being settled while a transaction that met it is open', async () => {
    let gate = deferred<void>();
    let runs = 0;
    const { queue, dataSource } = await start({ providers: [handle({ busy: async () => (runs++, gate.promise) })] });
    for (const onConflict of ['keep', 'replace', 'again'] as const) {
      gate = deferred<void>();
      const first = await queue.enqueue('busy', 1, { unique: { key: onConflict, onConflict } });
      await until(async () => (await queue.get(first.id))?.state === 'reserved');
      await dataSource.transaction(async (manager) => {
        await queue.enqueue('busy', 2, { manager, unique: { key: onConflict, onConflict } });
        gate.resolve();
        await queue.result(first.id, { timeout: '3s' });
      });
    }
    expect(runs).toBeGreaterThanOrEqual(3);
  });

  it('finds duplicates inside a bulk, the last one wins', async () => {
    const { queue } = await start();
    const Sync = defineJob<{ id: number; n: number }>('bulk', { unique: { by: ['id'], onConflict: 'replace' }, delay: '1h' });
    const payloads = Array.from({ length: 1_000 }, (_, n) => ({ id: n % 100, n }));
    const stored = await queue.enqueueMany(Sync, payloads);
    expect(stored.filter(({ outcome }) => outcome === 'created')).toHaveLength(100);
    expect(stored.filter(({ outcome }) => outcome === 'replaced')).toHaveLength(900);
    const { jobs } = await queue.find({ name: 'bulk' }, { limit: 1_000 });
    expect(jobs.map(({ payload }) => (payload as { n: number }).n).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, n) => 900 + n));
    for (const [index, { id }] of stored.entries()) expect(jobs.find((job) => job.id === id)).toMatchObject({ payload: { id: index % 100 } });
  });

  it.each([
    ['enqueue.unique.key', { key: '' }],
    ['enqueue.unique.by', { by: [] }],
    ['enqueue.unique.by', { key: 'a', by: ['a'] }],
    ['enqueue.unique.until', { until: 'later' }],
    ['enqueue.unique.until', { until: 'finished', for: '1m' }],
    ['enqueue.unique.onConflict', { onConflict: 'again', for: '1m' }],
    ['enqueue.unique.onConflict', { onConflict: 'again', until: 'started' }],
    ['enqueue.unique.than', { than: 1 }],
  ])('refuses %s for %j', async (option, unique) => {
    const { queue } = await start();
    await expect(queue.enqueue('bad', 1, { unique: unique as object })).rejects.toMatchObject({ code: 'INVALID_OPTION', option });
    expect((await queue.find({ name: 'bad' })).jobs).toEqual([]);
  });
});
