import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.js';
import { useTestDatabase } from '../support/database.js';
import { until } from '../support/wait.js';
import { happened, now, startWorker, type Worker } from '../support/worker.js';

const LEASE_MS = 1_500;
const SWEEP_MS = 500;
const GRACE_MS = 1_000;
const OPTIONS = { lease: LEASE_MS, sweepInterval: SWEEP_MS, shutdownGrace: GRACE_MS };

const database = useTestDatabase();
let producer: TestApp;

beforeAll(async () => {
  producer = await startApp({ url: database.url, queue: { role: 'producer' } });
});
afterAll(() => producer?.close());

const start = (env: Record<string, string> = {}): Promise<Worker> =>
  startWorker({ url: database.url, options: OPTIONS, env });

/** Enqueues a job and waits until this worker, the only one, runs it. */
async function running(worker: Worker, name: string, payload: unknown = null): Promise<string> {
  const { id } = await producer.queue.enqueue(name, payload);
  await worker.waitFor(happened('job:started', id));
  return id;
}

/** Sends SIGTERM and gives the exit code and how long the exit took. */
async function terminate(worker: Worker): Promise<{ code: number | null; ms: number }> {
  const sentAt = now();
  worker.kill('SIGTERM');
  const { code, at } = await worker.exited;
  return { code, ms: at - sentAt };
}

const rowOf = async (id: string) => {
  const [row] = await database.query(
    'SELECT state, attempt, crashes, reservation::int, reserved_by FROM notify_queue.jobs WHERE id = $1',
    [id],
  );
  return row;
};

describe('SIGTERM', () => {
  it('ends an idle worker at once', async () => {
    const worker = await start();
    const { code, ms } = await terminate(worker);
    expect(code).toBe(0);
    expect(ms).toBeLessThan(1_000);
    expect(worker.stderr).toBe('');
    expect(await database.query('SELECT FROM notify_queue.job_instances')).toEqual([]);
  });

  it('leaves nothing open that would keep the process alive', async () => {
    const worker = await start({ ON_SIGTERM: 'close' });
    const id = await running(worker, 'sleep', { ms: 100 });
    const { code, ms } = await terminate(worker);
    expect(code).toBe(0);
    expect(ms).toBeLessThan(1_500);
    expect(await producer.queue.get(id)).toMatchObject({ state: 'completed' });
  });

  it('lets a short job finish and records it', async () => {
    const worker = await start();
    const id = await running(worker, 'sleep', { ms: 500 });
    const { code, ms } = await terminate(worker);
    expect(code).toBe(0);
    expect(ms).toBeLessThan(500 + 1_000);
    expect(worker.events).toContainEqual(expect.objectContaining({ type: 'job:returned', jobId: id }));
    expect(worker.events.some(happened('job:aborted'))).toBe(false);
    expect(await producer.queue.get(id)).toMatchObject({ state: 'completed', attempt: 1 });
  });

  it.each([
    { how: 'honours its signal', ignoreSignal: false },
    { how: 'ignores its signal', ignoreSignal: true },
  ])('cuts off a job that $how after the grace, and another worker runs it within a second', async ({ ignoreSignal }) => {
    const first = await start();
    const id = await running(first, 'endless', { ignoreSignal });
    const second = await start();

    const [{ code, ms }, again] = await Promise.all([
      terminate(first),
      second.waitFor(happened('job:started', id)),
    ]);
    expect(code).toBe(0);
    expect(ms).toBeGreaterThanOrEqual(GRACE_MS - 5);
    expect(ms).toBeLessThan(GRACE_MS + 1_000);

    const aborted = await first.waitFor(happened('job:aborted', id));
    expect(aborted).toMatchObject({ reason: 'SHUTDOWN' });
    expect(again.at - aborted.at).toBeLessThan(1_000);
    expect(again).toMatchObject({ attempt: 1 });
    expect(await rowOf(id)).toMatchObject({ state: 'reserved', attempt: 1, crashes: 0, reservation: 2 });
    await producer.queue.cancel(id, { abort: true });
    await second.waitFor(happened('job:aborted', id));
  });

  it('gives a job that it cut off back at once, with its attempt', async () => {
    const worker = await start();
    const id = await running(worker, 'endless');
    expect(await terminate(worker)).toMatchObject({ code: 0 });
    expect(await rowOf(id)).toEqual({ state: 'available', attempt: 0, crashes: 0, reservation: 1, reserved_by: null });
    expect(await producer.queue.cancel(id)).toBe('ok');
  });

  it('counts once when it comes twice', async () => {
    const worker = await start();
    const id = await running(worker, 'sleep', { ms: 500 });
    worker.kill('SIGTERM');
    await worker.waitFor(happened('signal:received'));
    expect(await terminate(worker)).toMatchObject({ code: 0 });
    expect(await producer.queue.get(id)).toMatchObject({ state: 'completed', attempt: 1 });
    expect(worker.stderr).toBe('');
  });

  it('lets a job enqueue another one while it drains, and takes no new job itself', async () => {
    const worker = await start();
    const id = await running(worker, 'enqueue', { name: 'noop', ms: 400 });
    const exit = terminate(worker);
    const other = await producer.queue.enqueue('noop', null, { delay: 100 });
    const enqueued = await worker.waitFor(happened('job:enqueued', id));
    expect(await exit).toMatchObject({ code: 0 });

    const childId = 'enqueuedId' in enqueued ? enqueued.enqueuedId : '';
    expect(await producer.queue.get(id)).toMatchObject({ state: 'completed' });
    expect(await producer.queue.get(childId)).toMatchObject({ state: 'available', attempt: 0 });
    expect(worker.events.filter(happened('job:started'))).toHaveLength(1);

    await start();
    await producer.queue.result(childId);
    await producer.queue.result(other.id);
  });

  it('in the middle of reserving loses no job and no attempt', async () => {
    const [first, second] = await Promise.all([start(), start()]);
    const jobs = await producer.queue.enqueueMany('noop', Array.from({ length: 2_000 }, () => null));
    await first.waitFor(happened('job:started'));
    const { code } = await terminate(first);
    expect(code).toBe(0);

    const ids = jobs.map((job) => job.id);
    const unfinished = async () => (await database.query('SELECT FROM notify_queue.jobs')).length;
    await until(async () => (await unfinished()) === 0, { message: 'jobs are left' });
    expect(
      await database.query(
        `SELECT state, attempt, crashes, count(*)::int FROM notify_queue.job_history WHERE id = ANY ($1) GROUP BY 1, 2, 3`,
        [ids],
      ),
    ).toEqual([{ state: 'completed', attempt: 1, crashes: 0, count: 2_000 }]);
    const runs = [...first.events, ...second.events].filter(happened('job:started'));
    expect(runs).toHaveLength(2_000);
  });
});

describe('SIGKILL', () => {
  it('costs a job the lease and a sweep, and no attempt', async () => {
    const first = await start();
    const id = await running(first, 'endless');
    const second = await start();

    first.kill('SIGKILL');
    const { at: diedAt, signal } = await first.exited;
    expect(signal).toBe('SIGKILL');
    const again = await second.waitFor(happened('job:started', id));
    expect(again.at - diedAt).toBeLessThan(LEASE_MS + SWEEP_MS + 500);
    expect(again).toMatchObject({ attempt: 1 });
    expect(await rowOf(id)).toMatchObject({ state: 'reserved', attempt: 1, crashes: 1, reservation: 2 });
    await producer.queue.cancel(id, { abort: true });
  });
});
