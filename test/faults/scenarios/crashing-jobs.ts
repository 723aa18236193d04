import { expect } from 'vitest';
import type { Worker } from '../../support/worker.js';
import { until } from '../../support/wait.js';
import { happened } from '../../support/worker.js';
import { RESCUE_MS, SPARE_MS, type World } from '../world.js';

/** A job kills its process each time, until it has had its crashes; the others go on. */
export async function crashingJob(world: World): Promise<void> {
  let stopped = false;
  const keepAlive = async (): Promise<void> => {
    for (let worker: Worker | undefined; !stopped; ) {
      worker = await world.startWorker();
      await worker.exited;
    }
  };
  const alive = keepAlive();
  const id = (await world.enqueue('crash', null)) as string;
  for (let i = 0; i < 20; i++) await world.enqueue('work', { ms: 10 });
  await world.settled(3 * (RESCUE_MS + SPARE_MS));
  const rows = await world.query('SELECT name, state, crashes FROM notify_queue.job_history GROUP BY 1, 2, 3 ORDER BY 1, 3');
  expect(rows).toContainEqual({ name: 'crash', state: 'abandoned', crashes: 3 });
  expect(rows.filter(({ name }) => name === 'work').every(({ state }) => state === 'completed')).toBe(true);
  expect(await world.producer.queue.get(id)).toMatchObject({ failure: { code: 'WORKER_LOST' } });
  stopped = true;
  for (const worker of world.workers) worker.kill('SIGKILL');
  await alive;
}

/** A row makes the rescue fail: it is set aside and reported, and the others are rescued. */
export async function unrescuableRow(world: World): Promise<void> {
  const first = await world.startWorker();
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) ids.push((await world.enqueue('sleep', { ms: 60_000 })) as string);
  for (const id of ids) await first.waitFor(happened('job:started', id));
  const [bad, ...good] = ids as [string, ...string[]];
  await world.query(`
    CREATE FUNCTION fault.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this row'; END $$;
    CREATE TRIGGER refuse BEFORE UPDATE ON notify_queue.jobs FOR EACH ROW WHEN (OLD.id = '${bad}') EXECUTE FUNCTION fault.refuse();`);
  first.kill('SIGKILL');
  const second = await world.startWorker();
  for (const id of good) await second.waitFor(happened('job:started', id), { timeout: RESCUE_MS + SPARE_MS });
  const isReport = (event: (typeof second.events)[number]): boolean => event.type === 'log:written' && event.level === 'error' && event.message.includes(bad);
  await until(() => second.events.some(isReport));
  expect(second.events.filter(isReport)).toHaveLength(1);
  // Once the row is mended, another process takes it. A job with one crash left runs alone there, in whatever order.
  await world.query('DROP TRIGGER refuse ON notify_queue.jobs');
  second.kill('SIGKILL');
  const third = await world.startWorker();
  const cancelled = ids.map(async (id) => {
    await third.waitFor(happened('job:started', id), { timeout: RESCUE_MS + SPARE_MS });
    await world.producer.queue.cancel(id, { abort: true });
  });
  await Promise.all(cancelled);
  await world.settled();
}
