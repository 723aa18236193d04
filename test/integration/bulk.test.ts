import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { BulkResult, Job } from '../../lib/index.js';
import { useApps } from '../support/apps.js';
import { useTestDatabase } from '../support/database.js';
import { handle } from '../support/handlers.js';
import { until } from '../support/wait.js';

describe('calls for many jobs', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });
  const fill = (jobs: number, columns: Record<string, string> = {}): Promise<unknown> =>
    database.query(
      `INSERT INTO notify_queue.jobs (${['queue', 'name', 'payload', 'notify', ...Object.keys(columns)].join(', ')})
       SELECT ${["'mail'", "'note'", 'to_jsonb(n)', 'false', ...Object.values(columns)].join(', ')} FROM generate_series(1, $1::int) n`,
      [jobs],
    );
  const statesOf = async (): Promise<Record<string, number>> =>
    Object.fromEntries((await database.query('SELECT state, count(*)::int AS jobs FROM notify_queue.all_jobs GROUP BY state')).map(({ state, jobs }) => [state, jobs]));

  afterEach(() => database.query('TRUNCATE notify_queue.jobs, notify_queue.job_history'));

  it('change exactly as many as a dry run counts', async () => {
    const { queue } = await start({ queue: { role: 'producer' } });
    await fill(2_500);
    await fill(300, { due_at: `'infinity'` });
    await queue.enqueueMany('note', [1, 2, 3], { queue: 'other', tags: ['vip'] });
    const counted = await queue.cancelMany({ queue: 'mail' }, { dryRun: true });
    expect(counted).toEqual({ matched: 2_800, changed: 0, aborting: 0, skipped: 0, complete: true });
    expect(await statesOf()).toEqual({ available: 2_503, held: 300 });
    const told: BulkResult[] = [];
    expect(await queue.cancelMany({ queue: 'mail' }, { onProgress: (soFar) => told.push(soFar) })).toEqual({ ...counted, changed: 2_800 });
    expect(told.map(({ changed, complete }) => [changed, complete])).toEqual([[1_000, false], [2_000, false], [2_800, false]]);
    expect(await statesOf()).toEqual({ available: 3, cancelled: 2_800 });
    // From the history, and all of its partitions, back to the table of jobs.
    expect(await queue.retryMany({ queue: 'mail' })).toMatchObject({ matched: 0, complete: true });
    expect(await queue.retryMany({ queue: 'mail', state: 'cancelled' })).toMatchObject({ matched: 2_800, changed: 2_800, complete: true });
    expect(await statesOf()).toEqual({ available: 2_803 });
  });

  it('keep the cap, and say that there is more', async () => {
    const { queue } = await start({ queue: { role: 'producer' } });
    await fill(250);
    expect(await queue.holdMany('all', { dryRun: true, limit: 100 })).toMatchObject({ matched: 100, complete: false });
    expect(await queue.holdMany('all', { limit: 100, batchSize: 30 })).toMatchObject({ matched: 100, changed: 100, complete: false });
    expect(await statesOf()).toEqual({ available: 150, held: 100 });
    expect(await queue.holdMany('all', { limit: 150 })).toMatchObject({ changed: 150, complete: true });
    expect(await queue.releaseMany('all', { limit: 1 })).toMatchObject({ changed: 1, complete: false });
    // The first by id, so the oldest.
    expect((await queue.find({ state: 'available' })).jobs).toEqual([(await queue.find({}, { limit: 1 })).jobs[0]]);
  });

  it('stop by a signal after the batch under way, and what is done is done', async () => {
    const { queue } = await start({ queue: { role: 'producer' } });
    await fill(1_000);
    const stop = new AbortController();
    const onProgress = ({ changed }: BulkResult): void => void (changed === 300 && stop.abort());
    expect(await queue.cancelMany('all', { batchSize: 100, signal: stop.signal, onProgress })).toEqual({ matched: 300, changed: 300, aborting: 0, skipped: 0, complete: false });
    expect(await statesOf()).toEqual({ available: 700, cancelled: 300 });
    expect(await queue.cancelMany('all', { signal: stop.signal })).toMatchObject({ matched: 0, complete: false });
    // What onProgress throws ends the call, and is awaited.
    await expect(queue.cancelMany('all', { batchSize: 100, onProgress: () => Promise.reject(new Error('enough')) })).rejects.toThrow('enough');
    expect(await statesOf()).toEqual({ available: 600, cancelled: 400 });
  });

  it('find few among many in statements that each look at a part', async () => {
    const { queue } = await start({ queue: { role: 'producer' } });
    await fill(35_000);
    const rare = await queue.enqueueMany('note', [1, 2], { queue: 'mail', tags: ['rare'] });
    await fill(15_000);
    expect(await queue.updateMany({ tags: 'rare' }, { priority: -7 })).toMatchObject({ matched: 2, changed: 2, complete: true });
    expect((await queue.find({ tags: 'rare' })).jobs.map(({ id, priority }) => [id, priority])).toEqual(rare.map(({ id }) => [id, -7]));
  });

  it('move, hold and change the due time, and wake workers on other instances', async () => {
    const { queue } = await start({ queue: { role: 'producer' } });
    const ran: unknown[] = [];
    await start({ providers: [handle({ note: ({ payload }: Job) => void ran.push(payload) }, { queue: 'there' })] });
    await queue.enqueueMany('note', [1, 2, 3], { queue: 'here', delay: '1h' });
    expect(await queue.moveMany({ queue: 'here' }, 'there')).toMatchObject({ changed: 3 });
    expect(await queue.holdMany({ queue: 'there' })).toMatchObject({ changed: 3 });
    expect(await queue.updateMany({ queue: 'there' }, { delay: 0, priority: 2 })).toMatchObject({ changed: 3 });
    expect((await queue.find({ queue: 'there', state: 'held' })).jobs).toHaveLength(3);
    await sleep(100);
    expect(ran).toEqual([]);
    expect(await queue.releaseMany({ queue: 'there' })).toMatchObject({ changed: 3 });
    await until(() => ran.length === 3, { timeout: 3_000 });
    const later = await queue.enqueueMany('note', [4], { queue: 'there', delay: '1h' });
    expect(await queue.updateMany({ name: 'note' }, { delay: 50 })).toMatchObject({ changed: 1 });
    await queue.result(later[0]!, { timeout: '3s' });
    expect(await queue.retryMany({ name: 'note', state: ['completed'] })).toMatchObject({ changed: 4 });
    await until(() => ran.length === 8, { timeout: 3_000 });
    await until(async () => (await queue.status('there')).count === 0);
  });

  it('with abort end what runs, wherever it runs', async () => {
    const started: string[] = [];
    const reasons: unknown[] = [];
    const endless = handle({
      endless: ({ id, signal }: Job) => {
        started.push(id);
        return new Promise((_, reject) => signal.addEventListener('abort', () => (reasons.push(signal.reason.code), reject(signal.reason as Error))));
      },
    });
    const [one, other, viewer] = [await start({ providers: [endless] }), await start({ providers: [endless] }), await start({ queue: { role: 'producer' } })];
    await viewer.queue.enqueueMany('endless', Array.from({ length: 30 }, (_, n) => n));
    await until(() => started.length === 20);
    expect(await viewer.queue.cancelMany({ name: 'endless' }, { dryRun: true })).toMatchObject({ matched: 10 });
    expect(await viewer.queue.cancelMany({ name: 'endless' }, { abort: true })).toEqual({ matched: 30, changed: 10, aborting: 20, skipped: 0, complete: true });
    await until(async () => (await viewer.queue.status('default')).count === 0);
    expect(reasons).toEqual(Array.from({ length: 20 }, () => 'JOB_CANCELLED'));
    expect(await statesOf()).toEqual({ cancelled: 30 });
    await Promise.all([one.close(), other.close()]);
  });

  it('free slots in groups, and take jobs that are blocked', async () => {
    const ran: unknown[] = [];
    let started = false;
    const handlers = handle({
      note: ({ payload, queue }: Job) => void ran.push([queue, payload]),
      endless: ({ signal }: Job) => ((started = true), new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))),
    });
    const { queue } = await start({ providers: [handlers], queue: { queues: { other: {} } } });
    await queue.enqueue('endless', null, { group: 'g' });
    await until(() => started);
    await queue.enqueueMany('note', [1, 2, 3, 4], { group: 'g' });
    await until(async () => (await queue.status('default')).blocked === 4);
    expect(await queue.holdMany({ group: 'g' })).toMatchObject({ matched: 4, changed: 4 });
    expect(await queue.status('default')).toMatchObject({ held: 4, blocked: 0 });
    expect(await queue.releaseMany({ group: 'g' })).toMatchObject({ changed: 4 });
    await until(async () => (await queue.status('default')).blocked === 4);
    expect(await queue.updateMany({ group: 'g', state: 'blocked' }, { priority: 5 })).toMatchObject({ changed: 4 });
    expect(await queue.cancelMany({ group: 'g', payload: 4 })).toMatchObject({ changed: 1 });
    expect(await queue.moveMany({ group: 'g', payload: 3 }, 'other')).toMatchObject({ changed: 1 });
    await until(() => ran.length === 1);
    expect(ran).toEqual([['other', 3]]);
    expect(await queue.cancelMany({ name: 'endless' }, { abort: true })).toMatchObject({ aborting: 1 });
    await until(() => ran.length === 3, { timeout: 3_000 });
    expect(ran.slice(1)).toEqual([['default', 1], ['default', 2]]);

    // One that waits for its turn is cancelled, and the one behind it runs.
    await queue.suspend();
    await queue.enqueueMany('note', [5, 6], { group: 'g' });
    await queue.cancelMany({ payload: 5 });
    await queue.resume();
    await until(() => ran.length === 4, { timeout: 3_000 });
    await until(async () => (await queue.status('default')).count === 0);
    expect(await queue.retryMany({ group: 'g', state: 'cancelled' })).toMatchObject({ changed: 3 });
    await until(async () => (await queue.find({ group: 'g', state: 'reserved' })).jobs.length === 1 || (await queue.status('default')).count < 3);
    expect((await queue.find({ group: 'g' })).jobs.every((job) => job.group === 'g')).toBe(true);
    await queue.cancelMany('all', { abort: true });
    await until(async () => (await queue.status('default')).count === 0);
  });

  it('look again at what somebody else had locked, and skip what stays locked', async () => {
    const { queue } = await start({ queue: { role: 'producer' } });
    await fill(10);
    const client = await database.client();
    const lock = () => client.query(`BEGIN; UPDATE notify_queue.jobs SET watched = true WHERE payload IN ('2', '3')`);
    await lock();
    setTimeout(() => void client.query('COMMIT'), 15);
    expect(await queue.holdMany('all')).toMatchObject({ matched: 10, changed: 10, skipped: 0 });
    await lock();
    expect(await queue.releaseMany('all')).toEqual({ matched: 10, changed: 8, aborting: 0, skipped: 2, complete: true });
    await client.query('ROLLBACK');
    expect(await statesOf()).toEqual({ available: 8, held: 2 });
  });

  it('leave jobs alone that were enqueued after the call began', async () => {
    const { queue } = await start({ queue: { role: 'producer' } });
    await fill(50);
    const late: string[] = [];
    const onProgress = async (): Promise<void> => void late.push((await queue.enqueue('note', 'late')).id);
    expect(await queue.cancelMany('all', { batchSize: 10, onProgress })).toMatchObject({ matched: 50, changed: 50, complete: true });
    expect((await queue.find({ state: 'available' })).jobs.map(({ id }) => id)).toEqual(late);
  });

  it('keep cancelled jobs as their queue says', async () => {
    const { queue } = await start({ queue: { role: 'producer', retention: 'none', queues: { mail: { retention: { abandoned: 'forever' } } } } });
    await fill(3);
    await queue.enqueueMany('note', [1, 2]);
    expect(await queue.cancelMany({ name: 'note' })).toMatchObject({ changed: 5 });
    expect(await database.query('SELECT queue, keep_until::text, count(*)::int FROM notify_queue.job_history GROUP BY 1, 2')).toEqual([{ queue: 'mail', keep_until: 'infinity', count: 3 }]);
  });

  it.each<[string, (queue: any) => Promise<unknown>, string, RegExp]>([
    ['no criterion', (queue) => queue.cancelMany({}), 'INVALID_ARGUMENT', /at least one criterion, or 'all'/],
    ['nothing', (queue) => queue.cancelMany(), 'INVALID_OPTION', /'criteria' is undefined; expected an object of criteria/],
    ['a criterion that is undefined', (queue) => queue.holdMany({ queue: 'mail', tags: undefined }), 'INVALID_OPTION', /criteria\.tags' is undefined; expected something that narrows/],
    ['no tags', (queue) => queue.holdMany({ tags: [] }), 'INVALID_OPTION', /criteria\.tags/],
    ['a part of the payload that is undefined', (queue) => queue.retryMany({ payload: { order: { id: undefined }, kind: 'x' } }), 'INVALID_OPTION', /criteria\.payload/],
    ['an empty payload', (queue) => queue.retryMany({ payload: {} }), 'INVALID_OPTION', /criteria\.payload/],
    ['an unknown criterion', (queue) => queue.cancelMany({ tag: 'x' }), 'INVALID_OPTION', /criteria\.tag'.*one of the keys/],
    ['a state that it is not for', (queue) => queue.cancelMany({ state: 'completed' }), 'INVALID_OPTION', /'completed'; expected some of scheduled, available, held/],
    ['running jobs without abort', (queue) => queue.cancelMany({ state: 'reserved' }), 'INVALID_OPTION', /'reserved'; expected some of/],
    ['waiting jobs to retry', (queue) => queue.retryMany({ state: 'held' }), 'INVALID_OPTION', /expected some of completed, abandoned, cancelled/],
    ['a bad limit', (queue) => queue.cancelMany('all', { limit: 0 }), 'INVALID_OPTION', /cancelMany\.limit/],
    ['a bad batch', (queue) => queue.moveMany('all', 'x', { batchSize: 5_001 }), 'INVALID_OPTION', /moveMany\.batchSize/],
    ['a signal that is none', (queue) => queue.releaseMany('all', { signal: true }), 'INVALID_OPTION', /expected an AbortSignal/],
    ['an unknown option', (queue) => queue.holdMany('all', { abort: true }), 'INVALID_OPTION', /holdMany\.abort/],
    ['a payload for many', (queue) => queue.updateMany('all', { payload: 1 }), 'INVALID_OPTION', /each payload belongs to one job/],
    ['no change', (queue) => queue.updateMany('all', {}), 'INVALID_ARGUMENT', /a priority, a delay or a runAt/],
    ['a bad priority', (queue) => queue.updateMany('all', { priority: 40_000 }), 'INVALID_OPTION', /priority/],
    ['a bad queue', (queue) => queue.moveMany('all', ' '), 'INVALID_ARGUMENT', /'queue'/],
    ['an unknown queue', (queue) => queue.moveMany('all', 'nowhere'), 'UNKNOWN_QUEUE', /nowhere/],
  ])('refuse %s before anything is changed', async (_what, call, code, message) => {
    const { queue } = await start({ queue: { role: 'producer', allowUnknownQueues: false, queues: { mail: {}, x: {} } } });
    await fill(1);
    await expect(call(queue)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(await statesOf()).toEqual({ available: 1 });
  });
});
