import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { Retry, SnoozeJobError, type Job } from '../../../lib/index.js';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';
import { useLargeTable } from '../../support/large-table.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { untilListening } from '../../support/notifications.js';
import { deferred, until } from '../../support/wait.js';
import { happened, startWorker } from '../../support/worker.js';

describe('in a table of many parts', () => {
  const database = useTestDatabase();
  const start = useApps(database, { lease: '1.5s', sweepInterval: '1s' });
  const addAtTheEnd = useLargeTable(database);

  // Processes that died in the test before would have everything looked through.
  beforeEach(() => database.query('DELETE FROM notify_queue.job_instances'));

  const held = (ids: string[]): Promise<unknown[]> =>
    database.query('SELECT DISTINCT reserved_by, reservation FROM notify_queue.jobs WHERE id = ANY ($1) AND reserved_by IS NOT NULL', [ids]);

  it('jobs of a dead process are rescued within about one sweep', async () => {
    const worker = await startWorker({ url: database.url, options: { lease: '1.5s', sweepInterval: '10m' } });
    const ids = await addAtTheEnd('endless', 5);
    for (const id of ids) await worker.waitFor(happened('job:started', id));
    const { queue } = await start({ providers: [handle({ endless: () => 'of another' })] });
    worker.kill('SIGKILL');
    await worker.exited;
    const killedAt = performance.now();
    const results = await Promise.all(ids.map((id) => queue.result(id, { timeout: '15s' })));
    expect(performance.now() - killedAt).toBeLessThan(1_500 + 1_000 + 2_000);
    expect(results).toEqual(ids.map(() => 'of another'));
    for (const id of ids) expect(await queue.get(id)).toMatchObject({ attempt: 1, crashes: 1 });
  });

  it('jobs of a process that nobody knows of are found in time', async () => {
    const { queue, logger } = await start({ providers: [handle({ orphan: () => 'found' })], queue: { sweepInterval: '200ms' } });
    const reserved = { reserved_by: 'gen_random_uuid()', reserved_at: 'now()', reservation: '7', attempt: '1', notify: 'false' };
    const [id] = (await addAtTheEnd('orphan', 1, reserved)) as [string];
    expect(await queue.result(id, { timeout: '8s' })).toBe('found');
    expect(await queue.get(id)).toMatchObject({ attempt: 1, crashes: 1 });
    expect(logger.of('warn').join('\n')).toMatch(/1 job\(s\) of queue 'default' were held by a process that died/);
  });

  it('jobs whose reserve had no answer are put back within about one sweep', async () => {
    const proxy = await FaultProxy.forTest(database.url);
    const { queue, logger } = await start({ url: proxy.url, providers: [handle({ unheard: () => 'done' })] });
    await untilListening(database);
    const warmUp = await queue.enqueue('unheard', null);
    await queue.result(warmUp.id);
    await sleep(200);
    const lost = proxy.loseAnswerTo('nq_exchange');
    const ids = await addAtTheEnd('unheard', 10);
    await lost;
    const lostAt = performance.now();
    const [{ id: instance }] = await database.query('SELECT id FROM notify_queue.job_instances WHERE expires_at > now()');
    await until(async () => (await held(ids)).length > 0, { timeout: 500, message: 'the reserve was not committed' });
    expect(await held(ids)).toEqual([{ reserved_by: instance, reservation: '1' }]);
    const results = await Promise.all(ids.map((id) => queue.result(id, { timeout: '15s' })));
    expect(performance.now() - lostAt).toBeLessThan(1_000 + 200 + 2_000);
    expect(results).toEqual(ids.map(() => 'done'));
    for (const id of ids) expect(await queue.get(id)).toMatchObject({ attempt: 1, crashes: 0, reservedBy: instance });
    expect(logger.of('error')).toEqual([]);
  });
});

describe('a job that runs long', () => {
  const database = useTestDatabase();
  const start = useApps(database, { lease: '1.5s', sweepInterval: '500ms', shutdownGrace: 0 });
  const forEver = (): Promise<never> => new Promise(() => {});

  /** What a reserve and a survey go by. */
  const rowOf = async (id: string): Promise<Record<string, unknown> | undefined> => {
    const rows = await database.query(
      `SELECT state, reserved_by IS NOT NULL AS held, due_at::text AS due, attempt, crashes,
         (extract(epoch FROM due_at - clock_timestamp()) * 1000)::float8 AS "dueInMs"
       FROM notify_queue.jobs WHERE id = $1`,
      [id],
    );
    return rows[0];
  };
  const untilShelved = (id: string): Promise<boolean> =>
    until(async () => (await rowOf(id))?.due === 'infinity', { timeout: 3_000, message: 'it stayed where reserves look' });
  const waiting = { state: 'available', held: false, due: null, attempt: 0 };

  it('leaves the index that reserves walk, and ends like any other', async () => {
    const go = deferred();
    const again = new Map<string, number>();
    const secondTime = (job: Job): boolean => again.has(job.id) || !again.set(job.id, 0);
    const longFirst = (end: () => unknown) => async (job: Job) => {
      if (secondTime(job)) return again.set(job.id, performance.now()) && `attempt ${job.attempt}`;
      await go.promise;
      return end();
    };
    const fail = (error: Error) => (): never => {
      throw error;
    };
    const work = {
      completes: longFirst(() => 'done'),
      retries: longFirst(fail(new Error('again'))),
      snoozes: longFirst(fail(new SnoozeJobError('1.5s'))),
      cancelled: forEver,
    };
    const failureMode = Retry({ times: 1, delay: '1.5s' });
    const { queue } = await start({ providers: [handle(work)], queue: { defaults: { failureMode }, sweepInterval: '10m' } });
    const jobs = await Promise.all(Object.keys(work).map((name) => queue.enqueue(name, null)));
    const [completes, retries, snoozes, cancelled] = jobs.map(({ id }) => id) as [string, string, string, string];
    for (const { id } of jobs) {
      await untilShelved(id);
      expect(await rowOf(id)).toMatchObject({ state: 'reserved', held: true });
      const job = await queue.get(id);
      expect(job).toMatchObject({ state: 'reserved', runAt: job!.enqueuedAt });
    }
    expect(await queue.status('default')).toMatchObject({ count: 4, inProgress: 4 });

    const letGoAt = performance.now();
    go.resolve();
    expect(await queue.cancel(cancelled, { abort: true })).toBe('in_progress');
    expect(await queue.result(completes)).toBe('done');
    for (const [id, attempt] of [[retries, 1], [snoozes, 0]] as const) {
      await until(async () => (await rowOf(id))?.state === 'scheduled');
      const row = await rowOf(id);
      expect(row).toMatchObject({ held: false, attempt });
      expect(row!.dueInMs).toBeGreaterThan(0);
      expect(row!.dueInMs).toBeLessThanOrEqual(1_500);
      expect((await queue.get(id))!.runAt.getTime() - Date.now()).toBeLessThanOrEqual(1_500);
    }
    expect([await queue.result(retries), await queue.result(snoozes)]).toEqual(['attempt 2', 'attempt 1']);
    for (const id of [retries, snoozes]) expect(again.get(id)! - letGoAt).toBeGreaterThanOrEqual(1_495);
    await expect(queue.result(cancelled)).rejects.toMatchObject({ code: 'JOB_CANCELLED' });
    expect(await database.query('SELECT 1 FROM notify_queue.jobs')).toEqual([]);
  });

  it('is rescued when its process dies, and runs again', async () => {
    const worker = await startWorker({ url: database.url, options: { lease: '1.5s', sweepInterval: '10m' } });
    const { queue } = await start({ providers: [handle({ other: () => null })] });
    const { id } = await queue.enqueue('endless', null);
    await untilShelved(id);
    worker.kill('SIGKILL');
    await until(async () => (await rowOf(id))?.state === 'available');
    expect(await rowOf(id)).toMatchObject({ ...waiting, crashes: 1 });
    await start({ providers: [handle({ endless: (job) => job.attempt })] });
    expect(await queue.result(id)).toBe(1);
  });

  it('is given back at shutdown, for others to run at once', async () => {
    const first = await start({ providers: [handle({ work: forEver })] });
    const { id } = await first.queue.enqueue('work', null);
    await untilShelved(id);
    await first.close();
    expect(await rowOf(id)).toMatchObject({ ...waiting, crashes: 0 });
    const second = await start({ providers: [handle({ work: () => 'done' })] });
    expect(await second.queue.result(id, { timeout: '2s' })).toBe('done');
  });
});

describe('the table of live jobs', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '10m' });

  /** How many rows were updated while jobs with such a payload were run, and how many of them in no index. */
  async function updatesOf(payload: object): Promise<{ updated: number; inNoIndex: number }> {
    const { queue, close } = await start({ providers: [handle({ counted: () => null })] });
    await queue.suspend();
    for (let n = 0; n < 4; n++) await queue.enqueueMany('counted', Array.from({ length: 1_000 }, () => payload));
    await queue.resume();
    await until(async () => (await queue.status('default')).count === 0);
    // What a connection has done is counted when it ends at the latest.
    await close();
    const counts = async () => {
      const [row] = await database.query(
        `SELECT n_tup_del::int AS deleted, n_tup_upd::int AS updated, n_tup_hot_upd::int AS "inNoIndex"
         FROM pg_stat_user_tables WHERE schemaname = 'notify_queue' AND relname = 'jobs'`,
      );
      return row;
    };
    await until(async () => (await counts()).deleted === 4_000 && (await counts()).updated >= 4_000);
    const { updated, inNoIndex } = await counts();
    await database.query(`SELECT pg_stat_reset_single_table_counters('notify_queue.jobs'::regclass)`);
    return { updated, inNoIndex };
  }

  it('is written to once a job by its reserve, which writes to no index', async () => {
    expect(await updatesOf({ text: 'x'.repeat(300) })).toEqual({ updated: 4_000, inNoIndex: 4_000 });
  });

  it('is written to in no index by the reserves of the smallest jobs either', async () => {
    expect(await updatesOf({})).toEqual({ updated: 4_000, inNoIndex: 4_000 });
  });

  it('takes no state from those who insert, but a due time', async () => {
    const insert = `INSERT INTO notify_queue.jobs (name, state) VALUES ('raw', 'available')`;
    await expect(database.query(insert)).rejects.toMatchObject({ code: '428C9' });
    const { queue } = await start({ providers: [handle({ raw: () => performance.now() })] });
    await untilListening(database);
    await sleep(200);
    const insertedAt = performance.now();
    const [row] = await database.query(
      `INSERT INTO notify_queue.jobs (name, due_at) VALUES ('raw', now() + interval '1 s') RETURNING id, state`,
    );
    expect(row.state).toBe('scheduled');
    const ranAfter = (await queue.result<number>(row.id, { timeout: '5s' })) - insertedAt;
    expect(ranAfter).toBeGreaterThanOrEqual(995);
    expect(ranAfter).toBeLessThan(3_000);
  });
});
