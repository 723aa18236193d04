import { expect } from 'vitest';
import { happened, now, type Worker } from '../../support/worker.js';
import { GRACE_MS, LEASE_MS, RESCUE_MS, SPARE_MS, SWEEP_MS, type World } from '../world.js';

/** Workers that end by themselves, one after the other. */
export async function shutdownInTime(world: World): Promise<void> {
  const idle = await world.startWorker();
  await exits(world, idle, 'an idle worker exits', 1_000);
  expect(await world.query('SELECT FROM notify_queue.job_instances')).toEqual([]);

  for (const env of [{ ON_SIGTERM: 'close' }, { ON_SIGTERM: 'exit' }]) {
    const worker = await world.startWorker({ env });
    const id = await running(world, worker, 'work', { ms: 500 });
    await exits(world, worker, 'a worker with a job of half a second exits', 1_500);
    expect(worker.events).toContainEqual(expect.objectContaining({ type: 'job:returned', jobId: id }));
    expect(worker.events.some(happened('job:aborted'))).toBe(false);
    expect(await world.producer.queue.get(id)).toMatchObject({ state: 'completed', attempt: 1 });
  }

  const worker = await world.startWorker();
  const id = await running(world, worker, 'work', { ms: 500 });
  worker.kill('SIGTERM');
  await worker.waitFor(happened('signal:received'));
  await exits(world, worker, 'a worker that is asked twice exits', 1_500);
  expect(await world.producer.queue.get(id)).toMatchObject({ state: 'completed', attempt: 1 });
}

/** What does not end within the grace goes back, whether somebody else is there to run it or not. */
export async function shutdownOfTheOnlyOne(world: World): Promise<void> {
  const worker = await world.startWorker();
  const id = await running(world, worker, 'endless', null);
  await exits(world, worker);
  expect(await rowOf(world, id)).toEqual({ state: 'available', attempt: 0, crashes: 0, reservation: 1, reserved_by: null });
  expect(await world.producer.queue.cancel(id)).toBe('ok');
}

/** What does not end within the grace is cut off, and another worker runs it, with the same attempt. */
export async function shutdownOverdue(world: World, ignoreSignal: boolean): Promise<void> {
  const first = await world.startWorker();
  const id = await running(world, first, 'endless', { ignoreSignal });
  const second = await world.startWorker();
  const [ms, again] = await Promise.all([
    exits(world, first, `a worker with a job that ${ignoreSignal ? 'ignores' : 'heeds'} its signal exits`),
    second.waitFor(happened('job:started', id), { timeout: GRACE_MS + 1_000 + SPARE_MS }),
  ]);
  expect(ms).toBeGreaterThanOrEqual(GRACE_MS - 5);
  const aborted = await first.waitFor(happened('job:aborted', id));
  expect(aborted).toMatchObject({ reason: 'SHUTDOWN' });
  world.recovered('12: a job that was cut off runs elsewhere', again.at - aborted.at, 1_000);
  expect(again).toMatchObject({ attempt: 1 });
  expect(await rowOf(world, id)).toMatchObject({ state: 'reserved', attempt: 1, crashes: 0, reservation: 2 });
  await world.producer.queue.cancel(id, { abort: true });
  await second.waitFor(happened('job:aborted', id));
  await world.settled();
}

/** While it drains, its job and others enqueue; it takes no new job itself. */
export async function shutdownWithNewJobs(world: World): Promise<void> {
  const worker = await world.startWorker();
  const id = await running(world, worker, 'enqueue', { name: 'noop', ms: 400 });
  const exit = exits(world, worker);
  await worker.waitFor(happened('signal:received'));
  const meanwhile = (await world.enqueue('noop', null)) as string;
  const enqueued = await worker.waitFor(happened('job:enqueued', id));
  await exit;
  const child = 'enqueuedId' in enqueued ? enqueued.enqueuedId : '';
  expect(await world.producer.queue.get(id)).toMatchObject({ state: 'completed' });
  for (const waiting of [child, meanwhile]) {
    expect(await world.producer.queue.get(waiting)).toMatchObject({ state: 'available', attempt: 0 });
  }
  expect(worker.events.filter(happened('job:started'))).toHaveLength(1);
  await world.startWorker();
  await world.settled();
}

/** It has reserved jobs, and some that it fetched ahead; another one runs them, and no job twice. */
export async function shutdownWhileReserving(world: World): Promise<void> {
  const [first, second] = [await world.startWorker(), await world.startWorker()];
  const enqueued = Promise.all(Array.from({ length: 2_000 }, () => world.enqueue('work', { ms: world.random.integer(2) })));
  await first.waitFor(happened('job:started'));
  await exits(world, first);
  const ids = await enqueued;
  await world.settled();
  expect(
    await world.query('SELECT state, attempt, crashes, count(*)::int FROM notify_queue.job_history WHERE id = ANY ($1) GROUP BY 1, 2, 3', [ids]),
  ).toEqual([{ state: 'completed', attempt: 1, crashes: 0, count: 2_000 }]);
  expect([...first.events, ...second.events].filter(happened('job:started'))).toHaveLength(2_000);
}

/** For comparison: a worker that is killed costs its job the lease and a sweep, and no attempt. */
export async function killedWorker(world: World): Promise<void> {
  const first = await world.startWorker();
  const id = await running(world, first, 'endless', null);
  const second = await world.startWorker();
  first.kill('SIGKILL');
  const { at: diedAt } = await first.exited;
  const again = await second.waitFor(happened('job:started', id), { timeout: RESCUE_MS + SPARE_MS });
  world.recovered('6: a job of a killed worker runs again', again.at - diedAt, LEASE_MS + SWEEP_MS + 500);
  expect(again).toMatchObject({ attempt: 1 });
  expect(await rowOf(world, id)).toMatchObject({ state: 'reserved', attempt: 1, crashes: 1, reservation: 2 });
  await world.producer.queue.cancel(id, { abort: true });
  await world.settled();
}

/** Enqueues a job and waits until this worker, the only one, runs it. */
async function running(world: World, worker: Worker, name: string, payload: unknown): Promise<string> {
  const id = (await world.enqueue(name, payload)) as string;
  await worker.waitFor(happened('job:started', id));
  return id;
}

/** Sends SIGTERM and gives how long the exit took; by default, no longer than the grace and a second. */
async function exits(world: World, worker: Worker, what = 'a worker exits', limitMs = GRACE_MS + 1_000): Promise<number> {
  const sentAt = now();
  worker.kill('SIGTERM');
  const { code, at } = await worker.exited;
  expect(code).toBe(0);
  expect(worker.stderr).toBe('');
  world.recovered(`12: ${what}`, at - sentAt, limitMs);
  return at - sentAt;
}

async function rowOf(world: World, id: string): Promise<unknown> {
  const [row] = await world.query('SELECT state, attempt, crashes, reservation::int, reserved_by FROM notify_queue.jobs WHERE id = $1', [id]);
  return row;
}
