import { describe, expect, it } from 'vitest';
import type { Job, JobQueue } from '../../../lib/index.js';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';
import { deferred, until } from '../../support/wait.js';

describe('suspension', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m', queues: { mail: {}, steady: { perQueueSuspension: false } } });
  const resetRows = (): Promise<unknown> => database.query('DELETE FROM notify_queue.job_configs');
  const row = async (key: string): Promise<unknown> =>
    (await database.query('SELECT value FROM notify_queue.job_configs WHERE key = $1', [key]))[0]?.value;
  const ping = handle({ ping: () => 'pong' });

  async function expectRun(queue: JobQueue, name: string): Promise<void> {
    const { id } = await queue.enqueue('ping', {}, { queue: name });
    expect(await queue.result(id, { timeout: '10s' })).toBe('pong');
  }

  async function expectHeld(queue: JobQueue, name: string): Promise<void> {
    const { id } = await queue.enqueue('ping', {}, { queue: name });
    await expect(queue.result(id, { timeout: '250ms' })).rejects.toMatchObject({ code: 'RESULT_TIMEOUT' });
    expect(await queue.get(id)).toMatchObject({ state: 'available', attempt: 0 });
  }

  it('suspend, enqueue 11, cancel the even ones, resume: only odd run', async () => {
    await resetRows();
    const seen: number[] = [];
    const { queue } = await start({ providers: [handle({ count: (job: Job<number>) => void seen.push(job.payload) })] });
    await queue.suspend();
    const jobs = await queue.enqueueMany('count', Array.from({ length: 11 }, (_, n) => n));
    for await (const job of queue.iterate({ name: 'count' }, { predicate: ({ payload }) => (payload as number) % 2 === 0 })) {
      expect(await queue.cancel(job.id)).toBe('ok');
    }
    expect(await queue.status('default')).toMatchObject({ count: 5, inProgress: 0, suspended: true });
    await queue.resume();
    await until(() => seen.length >= 5);
    await Promise.all(jobs.filter((_, n) => n % 2 === 1).map(({ id }) => queue.result(id)));
    expect(seen).toEqual([1, 3, 5, 7, 9]);
  });

  it('holds a job back without losing it, also over a restart, and resume runs it by notification alone', async () => {
    await resetRows();
    const first = await start({ providers: [ping] });
    await first.queue.suspend();
    const { id } = await first.queue.enqueue('ping', {});
    await first.close();
    const second = await start({ providers: [ping] });
    const other = await start({});
    await expect(second.queue.result(id, { timeout: 300 })).rejects.toMatchObject({ code: 'RESULT_TIMEOUT' });
    expect(await second.queue.status('default')).toMatchObject({ count: 1, inProgress: 0, suspended: true });
    await other.queue.resume();
    expect(await second.queue.result(id, { timeout: '5s' })).toBe('pong');
    expect(await row('suspended')).toBe('false');
  });

  it('stops every instance, and lets running jobs go on', async () => {
    await resetRows();
    const release = deferred();
    const started: string[] = [];
    const slow = (by: string) => handle({ slow: async () => (started.push(by), release.promise.then(() => by)) });
    const queues = { mail: { concurrency: 1 } };
    const [one, two] = await Promise.all([
      start({ providers: [slow('one')], queue: { queues } }),
      start({ providers: [slow('two')], queue: { queues } }),
    ]);
    const jobs = await one.queue.enqueueMany('slow', [1, 2, 3, 4], { queue: 'mail' });
    await until(() => started.length === 2);
    await two.queue.suspend('mail');
    expect(await row('mail_suspended')).toBe('true');
    release.resolve();
    await until(async () => (await one.queue.status('mail')).inProgress === 0);
    expect(await one.queue.status('mail')).toMatchObject({ count: 2, inProgress: 0, suspended: true });
    expect(started).toHaveLength(2);
    await one.queue.resume('mail');
    await Promise.all(jobs.map(({ id }) => one.queue.result(id)));
    expect(started).toHaveLength(4);
  });

  it('a row written by SQL counts, and a missing row means not suspended', async () => {
    await resetRows();
    const { queue } = await start({ providers: [ping] });
    await expectRun(queue, 'default');
    await database.query(`INSERT INTO notify_queue.job_configs (key, value) VALUES ('suspended', 'true')`);
    await expectHeld(queue, 'default');
    await resetRows();
    await expectRun(queue, 'default');
    await until(async () => (await queue.status('default')).count === 0);
  });

  it('the global row and the queue’s own row count together; a queue may be without one of its own', async () => {
    await resetRows();
    const { queue } = await start({ providers: [ping] });
    const write = (key: string, value: string) =>
      database.query(
        `INSERT INTO notify_queue.job_configs (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = $2`,
        [key, value],
      );
    await write('mail_suspended', 'true');
    await write('steady_suspended', 'true');
    await expectHeld(queue, 'mail');
    await expectRun(queue, 'steady');
    await write('suspended', 'true');
    await write('mail_suspended', 'false');
    await expectHeld(queue, 'mail');
    await expectHeld(queue, 'steady');
    await queue.resume();
    await expectRun(queue, 'mail');
    expect((await queue.status()).queues.some((one) => one.suspended)).toBe(false);
  });

  it('any other text than true and false keeps the last good state, and is an error in the log', async () => {
    await resetRows();
    const { queue, configs, logger } = await start({ providers: [ping] });
    await configs.set('mail_suspended', 'yes');
    await until(() => logger.of('error').length > 0);
    expect(logger.of('error')).toEqual([`Config row 'mail_suspended' is 'yes', which is neither 'true' nor 'false'; the last good state stays`]);
    await expectRun(queue, 'mail');
    await configs.set('mail_suspended', 'true');
    await configs.set('mail_suspended', 'TRUE');
    await expectHeld(queue, 'mail');
    expect(logger.of('error')).toHaveLength(2);
    await configs.set('mail_suspended', 'false');
    await expectRun(queue, 'mail');
  });
});
