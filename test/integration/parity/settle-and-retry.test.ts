import { afterEach, describe, expect, it, vi } from 'vitest';
import { queueEntities, Retry, type Job } from '../../../lib/index.js';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';
import { deferred, until } from '../../support/wait.js';
import { happened, startWorker } from '../../support/worker.js';

describe('settling', () => {
  const database = useTestDatabase();
  const start = useApps(database, { lease: '1.5s', sweepInterval: '500ms', shutdownGrace: 0 });
  afterEach(() => void vi.useRealTimers());
  const forEver = (): Promise<never> => new Promise(() => {});

  it('every outcome is distinct, and each is kept for its own time', async () => {
    const work = { good: () => 'fine', bad: () => Promise.reject(new Error('broken')), slow: forEver };
    const { queue, dataSource } = await start({
      providers: [handle(work)],
      queue: { retention: { completed: '1d', abandoned: '2d' }, queues: { forgetful: { retention: 'none' } } },
    });
    const [good, bad, slow, waiting, forgotten] = await Promise.all([
      ...['good', 'bad', 'slow'].map((name) => queue.enqueue(name, {})),
      queue.enqueue('good', {}, { delay: '1h' }),
      queue.enqueue('good', {}, { queue: 'forgetful' }),
    ]);
    await until(async () => (await queue.get(slow!.id))?.state === 'reserved');
    expect(await queue.cancel(slow!.id, { abort: true })).toBe('in_progress');
    expect(await queue.cancel(waiting!.id)).toBe('ok');
    await until(async () => (await queue.status()).queues.every(({ count }) => count === 0));
    const kept = async (job?: { id: string }) => {
      const row = await dataSource.getRepository(queueEntities().JobHistory).findOneBy({ id: job!.id });
      return row && [row.state, Math.round((row.keepUntil.getTime() - row.finishedAt.getTime()) / 86_400_000)];
    };
    expect(await kept(good)).toEqual(['completed', 1]);
    expect(await kept(bad)).toEqual(['abandoned', 2]);
    expect(await kept(slow)).toEqual(['cancelled', 2]);
    expect(await kept(waiting)).toEqual(['cancelled', 2]);
    expect(await kept(forgotten)).toBeNull();
  });

  it('history past its time leaves as a whole partition, not row by row', async () => {
    await database.query(
      `CREATE TABLE notify_queue.job_history_20200101 PARTITION OF notify_queue.job_history
         FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2020-01-02 00:00+00');
       INSERT INTO notify_queue.job_history (id, name, queue, payload, state, run_at, enqueued_at, finished_at, keep_until,
         reservation, attempt, crashes, priority)
       SELECT gen_random_uuid(), 'old', 'default', 'null', 'completed', now(), now(), now(), '2020-01-01 12:00+00', 1, 1, 0, 0
       FROM generate_series(1, 1000)`,
    );
    const { logger } = await start({ providers: [handle({ any: () => null })] });
    expect(await database.query(`SELECT to_regclass('notify_queue.job_history_20200101') AS old`)).toEqual([{ old: null }]);
    expect(await database.query(`SELECT 1 FROM notify_queue.job_history WHERE name = 'old'`)).toEqual([]);
    expect(logger.of('debug').join('\n')).toMatch(/Dropped 1 day\(s\) of job history/);
  });

  it('a restart loses no wake-up: a retry runs at its due time on whatever instance is there', async () => {
    const runs: Array<{ by: string; at: number }> = [];
    const fails = (by: string) =>
      handle({
        fails: () => {
          runs.push({ by, at: performance.now() });
          throw new Error('again');
        },
      });
    const failureMode = Retry({ times: 1, delay: '1s' });
    const first = await start({ providers: [fails('first')], queue: { sweepInterval: '10m' } });
    const { id } = await first.queue.enqueue('fails', {}, { failureMode });
    await until(async () => (await first.queue.get(id))?.state === 'scheduled');
    await first.close();
    const second = await start({ providers: [fails('second')], queue: { sweepInterval: '10m' } });
    await until(async () => (await second.queue.get(id))?.state === 'abandoned');
    expect(runs.map(({ by }) => by)).toEqual(['first', 'second']);
    expect(runs[1]!.at - runs[0]!.at).toBeGreaterThanOrEqual(995);
    expect(runs[1]!.at - runs[0]!.at).toBeLessThan(4_000);
  });

  it('in-progress jobs come back after a restart, and no attempt is lost', async () => {
    const first = await start({ providers: [handle({ work: forEver })], queue: { defaults: { concurrency: 5 } } });
    await first.queue.enqueueMany('work', Array.from({ length: 10 }, (_, n) => n));
    await until(async () => (await first.queue.status('default')).inProgress === 5);
    expect(await first.queue.status('default')).toMatchObject({ count: 10, inProgress: 5 });
    await first.close();
    expect(await database.query('SELECT DISTINCT state, attempt FROM notify_queue.jobs')).toEqual([{ state: 'available', attempt: 0 }]);

    const attempts: number[] = [];
    const second = await start({ providers: [handle({ work: (job) => attempts.push(job.attempt) })] });
    await until(async () => (await second.queue.status('default')).count === 0);
    expect(attempts).toEqual(Array.from({ length: 10 }, () => 1));
  });

  it('a killed process’s job runs elsewhere within seconds, not after maxJobTime', async () => {
    const worker = await startWorker({ url: database.url, options: { lease: '1.5s', sweepInterval: '500ms' } });
    const { queue, logger } = await start();
    const { id } = await queue.enqueue('endless', null);
    await worker.waitFor(happened('job:started', id));
    worker.kill('SIGKILL');
    await worker.exited;
    const killedAt = performance.now();
    const attempts: number[] = [];
    const rescuer = await start({ providers: [handle({ endless: (job) => attempts.push(job.attempt) })] });
    expect(await rescuer.queue.result(id, { timeout: '10s' })).toBe(1);
    expect(performance.now() - killedAt).toBeLessThan(1_500 + 500 + 2_000);
    expect(attempts).toEqual([1]);
    expect(await queue.get(id)).toMatchObject({ crashes: 1, state: 'completed' });
    expect(rescuer.logger.of('warn').join('\n')).toMatch(/held by a process that died/);
    expect(logger.of('error')).toEqual([]);
  });

  it('only the reservation that holds a job can settle it: the loser is aborted, told why, and changes nothing', async () => {
    const told = deferred<Error>();
    const release = deferred();
    const slow = handle({
      raced: async (job: Job) => {
        job.signal.addEventListener('abort', () => told.resolve(job.signal.reason as Error));
        await release.promise;
        job.progress('too late');
        return 'of the loser';
      },
    });
    // Its one slot stays taken, so it does not get the job again itself.
    const loser = await start({ providers: [slow], queue: { sweepInterval: '10m', defaults: { concurrency: 1 } } });
    const { id } = await loser.queue.enqueue('raced', {});
    await until(async () => (await loser.queue.get(id))?.state === 'reserved');
    const winner = await start({ providers: [handle({ raced: () => 'of the winner' })] });
    await database.query(
      `UPDATE notify_queue.job_instances SET expires_at = now() - interval '1 s'
       WHERE id = (SELECT reserved_by FROM notify_queue.jobs WHERE id = $1)`,
      [id],
    );
    expect(await winner.queue.result(id)).toBe('of the winner');
    const before = await winner.queue.get(id);
    expect(await told.promise).toMatchObject({ name: 'LostReservationError', code: 'LOST_RESERVATION' });
    release.resolve();
    // The loser goes on under a new identity, and runs jobs again.
    await winner.close();
    const { id: next } = await loser.queue.enqueue('raced', {});
    expect(await loser.queue.result(next)).toBe('of the loser');
    expect(await loser.queue.get(id)).toEqual(before);
    expect(winner.logger.of('warn').join('\n')).toMatch(/This process lost its lease/);
  });

  it('a process that was stopped past its lease settles nothing when it goes on, while another one runs the job', async () => {
    const worker = await startWorker({ url: database.url, options: { lease: '1.5s', sweepInterval: '10m' } });
    const { queue } = await start({ queue: { role: 'producer' } });
    const { id } = await queue.enqueue('sleep', { ms: 300 });
    await worker.waitFor(happened('job:started', id));
    worker.kill('SIGSTOP');
    const started = deferred();
    const release = deferred();
    const held = handle({ sleep: () => (started.resolve(), release.promise.then(() => 'of the other')) });
    await start({ providers: [held] });
    await started.promise;
    worker.kill('SIGCONT');
    await worker.waitFor((event) => (event.type === 'job:returned' || event.type === 'job:threw') && event.jobId === id);
    await worker.waitFor((event) => event.type === 'log:written' && /no longer held|lost its lease/.test(event.message));
    expect(await queue.get(id)).toMatchObject({ state: 'reserved', crashes: 1, result: null });
    release.resolve();
    expect(await queue.result(id)).toBe('of the other');
  });

  it('an application clock an hour ahead steals no live job and changes no delay', async () => {
    const attempts: number[] = [];
    const release = deferred();
    const work = handle({ held: (job) => (attempts.push(job.attempt), release.promise), soon: () => 'ran' });
    const first = await start({ providers: [work] });
    const { id } = await first.queue.enqueue('held', {});
    await until(() => attempts.length === 1);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    const second = await start({ providers: [work] });
    const enqueuedAt = performance.now();
    const soon = await second.queue.enqueue('soon', {}, { delay: '2s' });
    expect(await second.queue.result(soon.id)).toBe('ran');
    expect(performance.now() - enqueuedAt).toBeGreaterThanOrEqual(1_995);
    expect(performance.now() - enqueuedAt).toBeLessThan(5_000);
    release.resolve();
    await first.queue.result(id);
    expect(attempts).toEqual([1]);
  });

  it('a retry is put back although somebody else is just marking its row', async () => {
    const go = deferred();
    const fail = async (job: Job): Promise<string> => {
      if (job.attempt > 1) return 'second time';
      await go.promise;
      throw new Error('first time');
    };
    const failureMode = Retry({ times: 1, delay: 0 });
    const { queue } = await start({ providers: [handle({ fail })], queue: { defaults: { failureMode } } });
    const { id } = await queue.enqueue('fail', {});
    await until(async () => (await queue.get(id))?.state === 'reserved');
    const watcher = await database.client();
    await watcher.query('BEGIN');
    await watcher.query('UPDATE notify_queue.jobs SET watched = true WHERE id = $1', [id]);
    go.resolve();
    const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
    await until(async () => (await database.query(waiting)).length > 0);
    await watcher.query('COMMIT');
    expect(await queue.result(id)).toBe('second time');
  });
});
