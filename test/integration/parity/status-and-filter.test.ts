import { describe, expect, it } from 'vitest';
import type { Job, JobRecord, JobState } from '../../../lib/index.js';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';
import { deferred, until } from '../../support/wait.js';

describe('status', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });
  const clear = (): Promise<unknown> => database.query('TRUNCATE notify_queue.jobs, notify_queue.job_configs');

  it('1 running and 3 waiting under suspension: count 4, in progress 1, suspended true', async () => {
    await clear();
    const release = deferred();
    const { queue } = await start({ providers: [handle({ work: () => release.promise })] });
    await queue.enqueue('work', {});
    await until(async () => (await queue.status('default')).inProgress === 1);
    await queue.suspend();
    await queue.enqueueMany('work', [1, 2, 3]);
    expect(await queue.status('default')).toMatchObject({ queue: 'default', count: 4, inProgress: 1, suspended: true });
    release.resolve();
    await until(async () => (await queue.status('default')).inProgress === 0);
    expect(await queue.status('default')).toMatchObject({ count: 3, inProgress: 0, suspended: true });
  });

  it('counts each state, and tells the age of the oldest due job', async () => {
    await clear();
    const release = deferred();
    const { queue } = await start({ providers: [handle({ work: () => release.promise })] });
    await queue.enqueueMany('work', [1, 2]);
    await until(async () => (await queue.status('default')).reserved === 2);
    await queue.suspend();
    await queue.enqueue('work', {}, { runAt: new Date(Date.now() - 60_000) });
    await queue.enqueueMany('work', [1, 2, 3], { delay: '1h' });
    const status = await queue.status('default');
    expect(status).toMatchObject({ count: 6, scheduled: 3, available: 1, reserved: 2, inProgress: 2 });
    expect(Math.round(status.oldestDueMs! / 10_000)).toBe(6);
    expect(await queue.status('empty')).toEqual({
      queue: 'empty', count: 0, inProgress: 0, suspended: true, scheduled: 0, available: 0, reserved: 0, held: 0, blocked: 0, oldestDueMs: null,
    });
    release.resolve();
  });

  it('lists the instances with what each runs, seen from any of them', async () => {
    await clear();
    const release = deferred();
    const work = handle({ work: () => release.promise });
    const one = await start({ providers: [work], queue: { defaults: { concurrency: 2 } } });
    const two = await start({ providers: [work], queue: { defaults: { concurrency: 3 } } });
    const viewer = await start({ queue: { role: 'producer' } });
    await viewer.queue.enqueueMany('work', Array.from({ length: 5 }, (_, n) => n));
    await until(async () => (await viewer.queue.status('default')).reserved === 5);
    const { instances, queues } = await viewer.queue.status();
    expect(queues).toMatchObject([{ queue: 'default', count: 5, inProgress: 5 }]);
    expect(instances.map(({ running }) => running['default'])).toEqual([2, 3]);
    expect(instances).toMatchObject([one, two].map(() => ({ pid: process.pid, alive: true, queues: ['default'] })));
    expect(instances.every(({ version, host }) => /^\d+\.\d+\.\d+/.test(version) && host !== '')).toBe(true);
    release.resolve();
    await two.close();
    expect((await viewer.queue.status()).instances).toHaveLength(1);
  });
});

describe('find', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });
  const names = (jobs: readonly JobRecord[]): unknown[] => jobs.map(({ payload }) => payload);

  it('finds exactly the 2 matching of 6', async () => {
    const { queue } = await start();
    await queue.enqueueMany('send', [1, 2, 3, 4, 5, 6].map((n) => ({ n, kind: n % 3 ? 'plain' : 'special', tags: ['a', `t${n}`] })));
    const byPayload = await queue.find({ payload: { kind: 'special' } });
    expect(byPayload.jobs.map(({ payload }) => (payload as { n: number }).n)).toEqual([3, 6]);
    expect(byPayload.nextCursor).toBeUndefined();
    expect((await queue.find({ payload: { tags: ['t2'] } })).jobs).toHaveLength(1);
    const byPredicate: JobRecord[] = [];
    for await (const job of queue.iterate({ name: 'send' }, { predicate: ({ payload }) => (payload as { n: number }).n > 4 })) byPredicate.push(job);
    expect(byPredicate).toHaveLength(2);
    await database.query('TRUNCATE notify_queue.jobs');
  });

  it('selects by queue, name, state and time, over waiting, running and finished jobs', async () => {
    const release = deferred();
    const work = handle({ work: (job: Job) => (job.payload === 'runs' ? release.promise : 'done') });
    const { queue } = await start({ providers: [work], queue: { role: 'worker' } });
    const before = new Date(Date.now() - 60_000);
    const done = await queue.enqueue('work', 'completes');
    await queue.result(done.id);
    await queue.enqueue('work', 'runs');
    await queue.enqueue('work', 'waits', { delay: '1h' });
    await queue.enqueue('other', 'lies', { queue: 'mail' });
    await until(async () => (await queue.status('default')).reserved === 1);

    const cases: Array<[Parameters<typeof queue.find>[0], string[]]> = [
      [{}, ['completes', 'runs', 'waits', 'lies']],
      [{ queue: 'mail' }, ['lies']],
      [{ name: 'work' }, ['completes', 'runs', 'waits']],
      [{ state: 'completed' }, ['completes']],
      [{ state: ['reserved', 'scheduled'] satisfies JobState[] }, ['runs', 'waits']],
      [{ state: 'available', name: 'other' }, ['lies']],
      [{ enqueuedAfter: before }, ['completes', 'runs', 'waits', 'lies']],
      [{ enqueuedBefore: before }, []],
      [{ payload: 'runs' }, ['runs']],
    ];
    for (const [criteria, expected] of cases) expect(names((await queue.find(criteria)).jobs), JSON.stringify(criteria)).toEqual(expected);
    release.resolve();
  });

  it('pages by key, forth and back, through live and finished jobs, and iterates over all pages', async () => {
    const { queue } = await start({ providers: [handle({ odd: () => null })] });
    await queue.suspend();
    for (let n = 0; n < 25; n++) await queue.enqueue(n % 2 ? 'odd' : 'even', n, { queue: 'paged' });
    await queue.resume();
    await database.query(`UPDATE notify_queue.jobs SET queue = 'default' WHERE name = 'odd'; SELECT notify_queue.wake_queue('default')`);
    await until(async () => (await queue.find({ name: 'odd', state: 'completed' })).jobs.length === 12);

    const backwards: JobRecord[] = [];
    let cursor: string | undefined;
    do {
      const page = await queue.find({}, { limit: 10, cursor, order: 'newest' });
      expect(page.jobs.length).toBeLessThanOrEqual(10);
      backwards.push(...page.jobs);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(names(backwards).filter((payload) => typeof payload === 'number')).toEqual(Array.from({ length: 25 }, (_, n) => 24 - n));
    const all: unknown[] = [];
    for await (const { payload } of queue.iterate({}, { limit: 7 })) if (typeof payload === 'number') all.push(payload);
    expect(all).toEqual(Array.from({ length: 25 }, (_, n) => n));
  });

  it('a predicate that throws ends the iteration and hurts nothing else', async () => {
    const { queue } = await start({ providers: [handle({ ping: () => 'pong' })] });
    const { id } = await queue.enqueue('ping', {});
    const predicate = (): never => {
      throw new Error('bad predicate');
    };
    await expect(queue.iterate({}, { predicate }).next()).rejects.toThrow('bad predicate');
    expect(await queue.result(id)).toBe('pong');
  });
});
