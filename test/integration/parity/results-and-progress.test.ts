import { describe, expect, it } from 'vitest';
import { toArray, lastValueFrom } from 'rxjs';
import { Retry, type Job } from '../../../lib/index.js';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';
import { deferred, until } from '../../support/wait.js';

describe('results', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });

  it('async runs within 500 ms', async () => {
    const startedAt = new Map<string, number>();
    const { queue } = await start({ queue: { role: 'producer' } });
    await start({ providers: [handle({ now: (job: Job) => void startedAt.set(job.id, performance.now()) })] });
    for (let n = 0; n < 5; n++) {
      const enqueuedAt = performance.now();
      const { id } = await queue.enqueue('now', {});
      await until(() => startedAt.has(id), { interval: 1 });
      expect(startedAt.get(id)! - enqueuedAt).toBeLessThan(500);
    }
  });

  it('a delay of 2 s is 2 s, and so is a date in 2 s', async () => {
    const { queue } = await start({ providers: [handle({ later: () => performance.now() })] });
    const enqueuedAt = performance.now();
    const jobs = [
      await queue.enqueue('later', {}, { delay: '2s' }),
      await queue.enqueue('later', {}, { runAt: new Date(Date.now() + 2_000) }),
    ];
    const [delayed, dated] = await Promise.all(jobs.map(({ id }) => queue.result<number>(id)));
    for (const startedAt of [delayed!, dated!]) {
      expect(startedAt - enqueuedAt).toBeGreaterThanOrEqual(1_980);
      expect(startedAt - enqueuedAt).toBeLessThan(3_500);
    }
  });

  it('are told to any instance: while the job runs, after it finished, and after the caller restarted', async () => {
    const release = deferred();
    await start({ providers: [handle({ work: () => release.promise.then(() => ({ pages: 3 })) })] });
    const caller = await start({ queue: { role: 'producer' } });
    const { id } = await caller.queue.enqueue('work', {});
    const other = await start({ queue: { role: 'producer' } });
    const early = other.queue.result(id);
    await until(async () => (await other.queue.get(id))?.state === 'reserved');
    release.resolve();
    expect(await early).toEqual({ pages: 3 });
    expect(await other.queue.result(id)).toEqual({ pages: 3 });
    await caller.close();
    const restarted = await start({ queue: { role: 'producer' } });
    expect(await restarted.queue.result(id)).toEqual({ pages: 3 });
  });

  it('come by notification: a watcher hears of the end within a moment', async () => {
    const endedAt = deferred<number>();
    await start({
      providers: [handle({ work: () => new Promise((resolve) => setTimeout(() => (endedAt.resolve(performance.now()), resolve('done')), 300)) })],
    });
    const { queue } = await start({ queue: { role: 'producer' } });
    const { id } = await queue.enqueue('work', {});
    expect(await queue.result(id)).toBe('done');
    expect(performance.now() - (await endedAt.promise)).toBeLessThan(1_000);
  });

  it('of a job that failed are the error, of a cancelled one that it was cancelled', async () => {
    const { queue } = await start({
      providers: [handle({ fails: () => Promise.reject(Object.assign(new TypeError('no paper'), { code: 'PAPER' })) })],
    });
    const { id } = await queue.enqueue('fails', {});
    await expect(queue.result(id)).rejects.toMatchObject({
      name: 'JobAbandonedError',
      code: 'JOB_ABANDONED',
      jobId: id,
      message: `Job ${id} was abandoned: TypeError: no paper`,
      failure: { name: 'TypeError', message: 'no paper', code: 'PAPER', stack: expect.stringContaining('results-and-progress') },
    });
    const waiting = await queue.enqueue('fails', {}, { delay: '1h' });
    const answers = Promise.allSettled([queue.result(waiting.id)]);
    await queue.cancel(waiting.id);
    expect(await answers).toMatchObject([{ status: 'rejected', reason: { code: 'JOB_CANCELLED' } }]);
  });

  it('that do not come in time are no loss: the job goes on', async () => {
    const release = deferred();
    const { queue } = await start({ providers: [handle({ slow: () => release.promise.then(() => 'at last') })] });
    const { id } = await queue.enqueue('slow', {});
    await expect(queue.result(id, { timeout: 50 })).rejects.toMatchObject({ code: 'RESULT_TIMEOUT', message: expect.stringMatching(/after 50ms\. It goes on/) });
    release.resolve();
    expect(await queue.result(id)).toBe('at last');
  });

  it('are awaited although no history is kept, if somebody asked before the end', async () => {
    const release = deferred();
    const { queue } = await start({ providers: [handle({ brief: () => release.promise.then(() => 'kept for you') })], queue: { retention: 'none' } });
    const { id } = await queue.enqueue('brief', {});
    const result = queue.result(id);
    await until(async () => (await database.query('SELECT watched FROM notify_queue.jobs WHERE id = $1', [id]))[0]?.watched === true);
    release.resolve();
    expect(await result).toBe('kept for you');
  });

  it('an id of one’s own makes a repetition harmless, also in capitals and after the end', async () => {
    const runs: string[] = [];
    const { queue } = await start({ providers: [handle({ once: (job: Job) => void runs.push(job.id) })] });
    const id = '0190D1F0-ABCD-7000-8000-00000000000A';
    for (let n = 0; n < 3; n++) {
      await queue.enqueue('once', { n }, { id });
      await queue.result(id);
    }
    expect(runs).toEqual([id.toLowerCase()]);
  });

  it('a payload is what was given: null, false, 0, text, unicode, dates as ISO, undefined left out', async () => {
    const { queue } = await start({ providers: [handle({ echo: (job: Job) => job.payload })] });
    const payloads = [null, undefined, false, 0, '', 'ünï😀\u2028"\\', [], [[null]], { a: { b: [1, { c: null }] } }, { ['__proto__x']: 1 }];
    for (const payload of payloads) {
      const { id } = await queue.enqueue('echo', payload);
      expect((await queue.get(id))?.payload).toEqual(payload ?? null);
      expect(await queue.result(id)).toEqual(payload ?? undefined);
    }
    const at = new Date('2030-01-01T00:00:00Z');
    const { id } = await queue.enqueue('echo', { at, gone: undefined });
    expect(await queue.result(id)).toEqual({ at: '2030-01-01T00:00:00.000Z' });
  });
});

describe('progress', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });

  it('is stored, and visible to every instance while the job runs and afterwards', async () => {
    const next = [deferred(), deferred()];
    const work = async (job: Job): Promise<void> => {
      job.progress({ pages: 1 });
      await next[0]!.promise;
      job.progress({ pages: 2, of: 'many' });
      await next[1]!.promise;
      job.progress({ pages: 3 });
    };
    await start({ providers: [handle({ work })] });
    const { queue } = await start({ queue: { role: 'producer' } });
    const { id } = await queue.enqueue('work', {});
    const history = lastValueFrom(queue.watch(id).pipe(toArray()));
    await until(async () => ((await queue.get(id))?.progress as { pages: number } | null)?.pages === 1);
    next[0]!.resolve();
    await until(async () => ((await queue.get(id))?.progress as { pages: number } | null)?.pages === 2);
    next[1]!.resolve();
    const seen = await history;
    expect(seen.at(-1)).toMatchObject({ state: 'completed', progress: { pages: 3 } });
    const pages = seen.map(({ progress }) => (progress as { pages: number } | null)?.pages ?? 0);
    expect(pages).toEqual([...pages].sort((a, b) => a - b));
    // A watcher reads the row as it is when it gets there: it may miss a value, never go back.
    expect(pages.at(-1)).toBe(3);
  });

  it('of a thousand values keeps the last, in few writes', async () => {
    await database.query(
      `CREATE TABLE writes AS SELECT 1 AS n WITH NO DATA;
       CREATE FUNCTION count_write() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO writes VALUES (1); RETURN NULL; END';
       CREATE TRIGGER count_write AFTER UPDATE OF progress ON notify_queue.jobs FOR EACH ROW EXECUTE FUNCTION count_write()`,
    );
    const work = async (job: Job): Promise<void> => {
      for (let n = 1; n <= 1_000; n++) {
        job.progress(n);
        if (n % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const { queue } = await start({ providers: [handle({ work })] });
    const { id } = await queue.enqueue('work', {});
    await queue.result(id);
    expect(await queue.get(id)).toMatchObject({ progress: 1_000 });
    const [{ writes }] = await database.query('SELECT count(*)::int AS writes FROM writes');
    expect(writes).toBeLessThan(50);
  });

  it('that cannot be stored is refused at the call, and the run may go on', async () => {
    const errors: unknown[] = [];
    const work = (job: Job): string => {
      for (const value of [1n, { at: new Date(Number.NaN) }, 'x'.repeat(2_000_000)]) {
        try {
          job.progress(value);
        } catch (error) {
          errors.push((error as { code: string }).code);
        }
      }
      return 'went on';
    };
    const { queue } = await start({ providers: [handle({ work })] });
    const { id } = await queue.enqueue('work', {});
    expect(await queue.result(id)).toBe('went on');
    expect(errors).toEqual(['UNSTORABLE_VALUE', 'UNSTORABLE_VALUE', 'VALUE_TOO_LARGE']);
  });

  it('of an earlier run is replaced by that of the next', async () => {
    const work = (job: Job): void => {
      job.progress(`run ${job.attempt}`);
      if (job.attempt === 1) throw new Error('again');
    };
    const { queue } = await start({ providers: [handle({ work })], queue: { defaults: { failureMode: Retry({ times: 1, delay: 0 }) } } });
    const { id } = await queue.enqueue('work', {});
    await queue.result(id);
    expect((await queue.get(id))?.progress).toBe('run 2');
  });
});
