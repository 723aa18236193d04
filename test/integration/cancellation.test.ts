import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Retry, type ClusterJobEvent, type Job } from '../../lib/index.js';
import { useApps } from '../support/apps.js';
import { useTestDatabase } from '../support/database.js';
import { handle } from '../support/handlers.js';
import { until } from '../support/wait.js';
import { happened, now, startWorker, type Worker } from '../support/worker.js';

/** The signal fires within this time, by the median: another test may keep the machine busy. */
const PROMPT_MS = 100;
const JOBS = 24;

/** Puts the figures where a run of the tests shows them, and holds the median against the promise. */
function expectPrompt(what: string, durations: number[]): void {
  const sorted = [...durations].sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1]!;
  console.info(`${what}: median ${median.toFixed(1)} ms, worst ${sorted.at(-1)!.toFixed(1)} ms of ${sorted.length}`);
  expect(median).toBeLessThan(PROMPT_MS);
}

const isLog = (text: RegExp) => (event: Worker['events'][number]) => event.type === 'log:written' && text.test(event.message);

/** The worker is a process of its own; the test's is the other instance. */
describe('the signal of a running handler', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });
  const OPTIONS = { sweepInterval: '1m', queues: { default: { concurrency: 30 } } } as const;

  it('fires within 100 ms of cancel with abort, on whichever instance it runs', async () => {
    const worker = await startWorker({ url: database.url, options: OPTIONS });
    const { queue } = await start({ queue: { role: 'producer' } });
    const durations: number[] = [];
    for (let n = 0; n < JOBS; n++) {
      const job = await queue.enqueue('endless', null);
      await worker.waitFor(happened('job:started', job.id));
      const at = now();
      expect(await queue.cancel(job.id, { abort: true })).toBe('in_progress');
      const aborted = await worker.waitFor(happened('job:aborted', job.id));
      expect(aborted).toMatchObject({ reason: 'JOB_CANCELLED' });
      durations.push(aborted.at - at);
      await expect(queue.result(job)).rejects.toMatchObject({ code: 'JOB_CANCELLED' });
    }
    expectPrompt('cancel to signal', durations);
  });

  it('fires for all of many at once, by one call', async () => {
    const worker = await startWorker({ url: database.url, options: OPTIONS });
    const { queue } = await start({ queue: { role: 'producer' } });
    const jobs = await queue.enqueueMany('endless', Array.from({ length: JOBS }, () => null));
    for (const { id } of jobs) await worker.waitFor(happened('job:started', id));
    const startedAt = now();
    expect(await queue.cancelMany({ name: 'endless' }, { abort: true })).toEqual({ matched: JOBS, changed: 0, aborting: JOBS, skipped: 0, complete: true });
    const told = await Promise.all(jobs.map(({ id }) => worker.waitFor(happened('job:aborted', id))));
    expectPrompt('cancelMany to signal', told.map((event) => event.at - startedAt));
    await until(async () => (await queue.status('default')).count === 0);
    expect(await queue.get(jobs[0]!.id)).toMatchObject({ state: 'cancelled' });
  });

  it('fires within 100 ms of the end of maxJobTime', async () => {
    const worker = await startWorker({ url: database.url, options: OPTIONS });
    const { queue } = await start({ queue: { role: 'producer' } });
    const jobs = await queue.enqueueMany('endless', Array.from({ length: JOBS }, () => null), { maxJobTime: 300 });
    const durations = await Promise.all(
      jobs.map(async ({ id }) => {
        const aborted = await worker.waitFor(happened('job:aborted', id));
        expect(aborted).toMatchObject({ reason: 'JOB_TIMEOUT' });
        return aborted.at - (await worker.waitFor(happened('job:started', id))).at - 300;
      }),
    );
    expectPrompt('maxJobTime to signal', durations);
    await until(async () => (await queue.get(jobs[0]!.id))?.state === 'abandoned');
    expect((await queue.get(jobs[0]!.id))!.failure).toMatchObject({ name: 'JobTimeoutError', code: 'JOB_TIMEOUT' });
  });

  it('fires within 100 ms of the moment when the process knows that its lease is lost', async () => {
    const options = { ...OPTIONS, lease: '1s' } as const;
    const worker = await startWorker({ url: database.url, options });
    const { queue } = await start({ queue: { role: 'producer' } });
    const jobs = await queue.enqueueMany('endless', Array.from({ length: JOBS }, () => null));
    for (const { id } of jobs) await worker.waitFor(happened('job:started', id));
    await database.query('DELETE FROM notify_queue.job_instances WHERE pid = $1', [worker.pid]);
    const lost = await worker.waitFor(isLog(/lost its lease/));
    const aborted = await Promise.all(jobs.map(({ id }) => worker.waitFor(happened('job:aborted', id))));
    for (const event of aborted) expect(event).toMatchObject({ reason: 'LOST_RESERVATION' });
    expectPrompt('lost lease to signal', aborted.map((event) => event.at - lost.at));
    await database.query('TRUNCATE notify_queue.jobs');
  });

  it('fires within 100 ms of the end of shutdownGrace', async () => {
    const worker = await startWorker({ url: database.url, options: { ...OPTIONS, shutdownGrace: 400 } });
    const { queue } = await start({ queue: { role: 'producer' } });
    const jobs = await queue.enqueueMany('endless', Array.from({ length: JOBS }, () => null));
    for (const { id } of jobs) await worker.waitFor(happened('job:started', id));
    worker.kill('SIGTERM');
    const told = await worker.waitFor(happened('signal:received'));
    const aborted = await Promise.all(jobs.map(({ id }) => worker.waitFor(happened('job:aborted', id))));
    for (const event of aborted) expect(event).toMatchObject({ reason: 'SHUTDOWN' });
    expectPrompt('end of shutdownGrace to signal', aborted.map((event) => event.at - told.at - 400));
    expect((await worker.exited).code).toBe(0);
    expect(await queue.get(jobs[0]!.id)).toMatchObject({ state: 'available', attempt: 0 });
    await database.query('TRUNCATE notify_queue.jobs');
  });
});

describe('cancel with abort of a job that was fetched ahead', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m', defaults: { concurrency: 1 } });

  it('keeps it from running until its end when a slot gets free', async () => {
    let running = 0;
    const handlers = handle({
      quick: () => sleep(1),
      endless: ({ signal }: Job) => {
        running++;
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
      },
    });
    const { queue } = await start({ providers: [handlers] });
    let ahead = 0;
    for (let round = 1; round <= 10; round++) {
      running = 0;
      await queue.suspend();
      await queue.enqueueMany('quick', Array.from({ length: 60 }, () => null));
      await queue.enqueueMany('endless', Array.from({ length: 20 }, () => null));
      await queue.resume();
      await until(() => running > 0, { interval: 1 });
      const { matched, changed, aborting } = await queue.cancelMany({ name: 'endless' }, { abort: true });
      expect(changed + aborting).toBe(matched);
      ahead += aborting - 1;
      await until(async () => (await queue.status('default')).count === 0, { timeout: 5_000 });
    }
    expect(ahead).toBeGreaterThan(0);
  });
});

describe('a handler that ignores its signal', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });

  it('is reported, its slot is freed after abortGrace, and its late result is refused', async () => {
    const queues = { default: { concurrency: 1, abortGrace: 300 } };
    const worker = await startWorker({ url: database.url, options: { sweepInterval: '1m', queues, clusterEvents: ['job:stuck', 'job:cancelled'] } });
    const { queue } = await start({ queue: { role: 'producer' } });
    const told: ClusterJobEvent[] = [];
    queue.clusterEvents$.subscribe((event) => told.push(event));
    const [stuck, next] = [await queue.enqueue('stubborn', { ms: 1_500 }), await queue.enqueue('work', {})];
    await worker.waitFor(happened('job:started', stuck.id));
    await queue.cancel(stuck.id, { abort: true });
    const aborted = await worker.waitFor(happened('job:aborted', stuck.id));
    const freed = await worker.waitFor(happened('job:started', next.id));
    expect(freed.at - aborted.at).toBeGreaterThan(290);
    expect(freed.at - aborted.at).toBeLessThan(1_000);
    expect(await worker.waitFor(isLog(/stubborn goes on although its signal fired; its slot is freed/))).toMatchObject({
      level: 'warn',
      params: [{ jobId: stuck.id, code: 'JOB_CANCELLED' }, expect.anything()],
    });
    await until(() => told.length === 2);
    expect(told).toMatchObject([
      { kind: 'job:stuck', jobId: stuck.id, pid: worker.pid, attempt: 1, failure: { code: 'JOB_CANCELLED' } },
      { kind: 'job:cancelled', jobId: stuck.id },
    ]);
    await worker.waitFor(happened('job:returned', stuck.id));
    await sleep(200);
    expect(await queue.get(stuck.id)).toMatchObject({ state: 'cancelled', result: null, failure: { code: 'JOB_CANCELLED' } });
    expect(worker.stderr).toBe('');
  });

  it('and is run again after a timeout settles nothing, however late it returns', async () => {
    const worker = await startWorker({ url: database.url, options: { sweepInterval: '1m' } });
    const { queue } = await start({ queue: { role: 'producer' } });
    const options = { maxJobTime: 200, abortGrace: 0, failureMode: Retry({ times: 1, delay: 100 }) };
    const job = await queue.enqueue('stubborn', { ms: 450 }, options);
    const isRun = (attempt: number) => (event: Worker['events'][number]) => event.type === 'job:returned' && event.jobId === job.id && event.attempt === attempt;
    await worker.waitFor(isRun(1));
    // The first has returned while the second runs, and the second after its time was over too.
    await worker.waitFor(isRun(2));
    await until(async () => (await queue.get(job.id))?.state === 'abandoned');
    await sleep(200);
    expect(await queue.get(job.id)).toMatchObject({ state: 'abandoned', attempt: 2, result: null, failure: { code: 'JOB_TIMEOUT' } });
  });
});
