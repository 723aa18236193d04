import { describe, expect, it } from 'vitest';
import { Abandon, Retry, type Job } from '../../../lib/index.js';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';
import { deferred, until } from '../../support/wait.js';

const UNKNOWN = '0190d1f0-0000-7000-8000-000000000000';

describe('cancel', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });

  it('of a waiting job answers ok, and it never runs after resume', async () => {
    const seen: unknown[] = [];
    const { queue } = await start({ providers: [handle({ note: (job) => void seen.push(job.payload) })] });
    await queue.suspend();
    const [cancelled, later] = await queue.enqueueMany('note', ['cancelled', 'later']);
    const scheduled = await queue.enqueue('note', 'scheduled', { delay: '300ms' });
    expect(await queue.cancel(cancelled!.id)).toBe('ok');
    expect(await queue.cancel(scheduled.id)).toBe('ok');
    await expect(queue.result(cancelled!.id)).rejects.toMatchObject({ code: 'JOB_CANCELLED' });
    await queue.resume();
    await queue.result(later!.id);
    const { id } = await queue.enqueue('note', 'after', { delay: '400ms' });
    await queue.result(id);
    expect(seen).toEqual(['later', 'after']);
    expect(await queue.get(scheduled.id)).toMatchObject({ state: 'cancelled', attempt: 0 });
  });

  it('of a running job answers in_progress, and it still finishes', async () => {
    const release = deferred();
    const { queue } = await start({ providers: [handle({ work: () => release.promise.then(() => 'finished') })] });
    const { id } = await queue.enqueue('work', {});
    await until(async () => (await queue.get(id))?.state === 'reserved');
    expect(await queue.cancel(id)).toBe('in_progress');
    release.resolve();
    expect(await queue.result(id)).toBe('finished');
  });

  it('of a job that is unknown or finished answers not_found', async () => {
    const { queue } = await start({ providers: [handle({ ping: () => 'pong' })] });
    const { id } = await queue.enqueue('ping', {});
    await queue.result(id);
    expect(await queue.cancel(id)).toBe('not_found');
    expect(await queue.cancel(id, { abort: true })).toBe('not_found');
    expect(await queue.cancel(UNKNOWN)).toBe('not_found');
  });

  it('with abort fires the signal of a running job, on whichever instance it runs', async () => {
    const reasons: unknown[] = [];
    const work = handle({
      work: (job: Job) =>
        new Promise((_, reject) => {
          job.signal.addEventListener('abort', () => {
            reasons.push((job.signal.reason as { code: string }).code);
            reject(new Error('I was told to stop'));
          });
        }),
    });
    // A failure mode must not be asked: the job is cancelled, not failed.
    await start({ providers: [work], queue: { defaults: { failureMode: Retry({ times: 5, delay: 0 }) } } });
    const viewer = await start({ queue: { role: 'producer' } });
    const { id } = await viewer.queue.enqueue('work', {});
    await until(async () => (await viewer.queue.get(id))?.state === 'reserved');
    expect(await viewer.queue.cancel(id, { abort: true })).toBe('in_progress');
    await expect(viewer.queue.result(id, { timeout: '5s' })).rejects.toMatchObject({ code: 'JOB_CANCELLED' });
    expect(reasons).toEqual(['JOB_CANCELLED']);
    expect(await viewer.queue.get(id)).toMatchObject({ state: 'cancelled', attempt: 1 });
  });

  it('is one statement: of a hundred jobs raced for, each is either cancelled or done', async () => {
    const ran = new Set<string>();
    const { queue } = await start({ providers: [handle({ raced: (job: Job) => void ran.add(job.id) })] });
    await queue.suspend();
    const jobs = await queue.enqueueMany('raced', Array.from({ length: 200 }, (_, n) => n));
    const [, ...answers] = await Promise.all([queue.resume(), ...jobs.map(({ id }) => queue.cancel(id))]);
    await until(async () => (await queue.status('default')).count === 0);
    for (const [n, { id }] of jobs.entries()) {
      expect(await queue.get(id)).toMatchObject({ state: answers[n] === 'ok' ? 'cancelled' : 'completed' });
      expect(ran.has(id)).toBe(answers[n] !== 'ok');
    }
  });
});

describe('move', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });

  it('puts a waiting job into another queue, where it runs once, with attempts from zero and without the old delay', async () => {
    const runs: Array<[queue: string, attempt: number]> = [];
    const work = (job: Job): string => {
      runs.push([job.queue, job.attempt]);
      if (job.queue === 'slow') throw new Error('fails here');
      return 'moved';
    };
    const { queue } = await start({
      providers: [handle({ work })],
      queue: { queues: { slow: { failureMode: Retry({ times: 3, delay: '1h' }) }, fast: {} } },
    });
    const { id } = await queue.enqueue('work', {}, { queue: 'slow' });
    await until(async () => (await queue.get(id))?.state === 'scheduled');
    await queue.suspend('fast');
    expect(await queue.move(id, 'fast')).toBe('ok');
    expect(await queue.status('slow')).toMatchObject({ count: 0 });
    expect(await queue.get(id)).toMatchObject({ queue: 'fast', attempt: 0 });
    await queue.resume('fast');
    expect(await queue.result(id, { timeout: '5s' })).toBe('moved');
    expect(runs).toEqual([['slow', 1], ['fast', 1]]);
  });

  it('wakes the queue it goes to, on another instance', async () => {
    const { queue } = await start({ queue: { role: 'producer' } });
    await start({ providers: [handle({ work: (job) => job.queue }, { queue: 'there' })] });
    const { id } = await queue.enqueue('work', {}, { queue: 'here' });
    expect(await queue.move(id, 'there')).toBe('ok');
    expect(await queue.result(id, { timeout: '5s' })).toBe('there');
  });

  it('of a running job answers in_progress, of a finished or unknown one not_found', async () => {
    const release = deferred();
    const { queue } = await start({ providers: [handle({ work: () => release.promise })] });
    const { id } = await queue.enqueue('work', {});
    await until(async () => (await queue.get(id))?.state === 'reserved');
    expect(await queue.move(id, 'elsewhere')).toBe('in_progress');
    release.resolve();
    await queue.result(id);
    expect(await queue.move(id, 'elsewhere')).toBe('not_found');
    expect(await queue.move(UNKNOWN, 'elsewhere')).toBe('not_found');
  });
});

describe('retry of a finished job', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });

  it('runs it again with attempts from zero, whatever it came to', async () => {
    let broken = true;
    const work = (job: Job): unknown => {
      if (broken) throw new Error('no paper');
      return { attempt: job.attempt, payload: job.payload };
    };
    const { queue } = await start({ providers: [handle({ work }, { failureMode: Abandon() })] });
    const { id } = await queue.enqueue('work', { n: 1 });
    await expect(queue.result(id)).rejects.toMatchObject({ code: 'JOB_ABANDONED', failure: { message: 'no paper' } });
    broken = false;
    await queue.retry(id);
    expect(await queue.result(id)).toEqual({ attempt: 1, payload: { n: 1 } });
    expect(await queue.get(id)).toMatchObject({ state: 'completed', attempt: 1 });
    await queue.retry(id);
    expect(await queue.result(id)).toEqual({ attempt: 1, payload: { n: 1 } });
    expect((await queue.find()).jobs).toHaveLength(1);
  });

  it('of two at once, one runs it', async () => {
    const { queue } = await start({ providers: [handle({ work: () => 'ran' })] });
    const { id } = await queue.enqueue('work', {});
    await queue.result(id);
    await queue.suspend();
    const answers = await Promise.allSettled([queue.retry(id), queue.retry(id), queue.retry(id)]);
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await queue.status('default')).toMatchObject({ count: 1 });
    await queue.resume();
    expect(await queue.result(id)).toBe('ran');
  });
});
