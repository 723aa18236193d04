import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { happened } from '../../support/worker.js';
import { LEASE_MS, SPARE_MS, type World } from '../world.js';

/** Jobs are settled by some and cancelled by others, who lock the same rows. */
export async function cancelledWhileSettled(world: World): Promise<void> {
  for (let i = 0; i < 2; i++) await world.startWorker();
  const ids: string[] = [];
  const callers = Array.from({ length: 32 }, async (_, caller) => {
    for (let i = 0; i < 20; i++) {
      const id = await world.enqueue('work', { ms: world.random.integer(15) });
      if (id) ids.push(id);
      if (caller % 2 === 0) await world.producer.queue.cancel(world.random.pick(ids), { abort: true });
    }
  });
  await Promise.all(callers);
  await world.settled();
  const [row] = await world.query('SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()');
  expect(row).toEqual({ deadlocks: 0 });
}

/** Handlers that open transactions share one connection of the application. */
export async function exhaustedPool(world: World): Promise<void> {
  await world.query('CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY, job_id uuid, attempt int, pid int, key text, started_at timestamptz)');
  const worker = await world.startWorker({
    options: { lease: LEASE_MS, sweepInterval: '500ms', queues: { default: { concurrency: 20 } } },
    env: { TYPEORM_OPTIONS: '{"extra":{"max":1}}' },
  });
  for (let i = 0; i < 60; i++) await world.enqueue('effects', { ms: 60 });
  await sleep(LEASE_MS);
  await world.settled();
  expect(await world.query('SELECT count(*)::int AS rows FROM effects')).toEqual([{ rows: 60 }]);
  const lost = worker.events.filter((event) => event.type === 'log:written' && /lease/.test(event.message));
  expect(lost).toEqual([]);
}

/** The database's default isolation is stricter than the queue's own. */
export async function strictIsolation(world: World, level: 'repeatable read' | 'serializable'): Promise<void> {
  await world.query(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = ''${level}''', current_database()); END $$`);
  for (let i = 0; i < 3; i++) await world.startWorker();
  const producing = world.produce(16, () => ({ ms: world.random.integer(10), failures: world.random.integer(6) === 0 ? 1 : 0 }));
  await sleep(1_500);
  world.workers[0]?.kill('SIGKILL');
  await sleep(500);
  await producing.stop();
  await world.settled();
}

/** Somebody who may notify sends whatever comes to mind. */
export async function forgedNotifications(world: World): Promise<void> {
  const worker = await world.startWorker();
  await world.enqueue('work', {});
  await world.settled();
  await sleep(500);
  await world.query('CREATE EXTENSION pg_stat_statements');
  const forMs = 3_000;
  let calls = 0;
  const forge = async (): Promise<void> => {
    for (const until = performance.now() + forMs; performance.now() < until; calls++) {
      await world.query(
        `SELECT pg_notify('notify_queue.jobs', 'default'), pg_notify('notify_queue.jobs', $1), pg_notify('notify_queue.signals', $1)`,
        [world.random.pick(['', 'nobody', '{"json": true}', 'x'.repeat(7_000), '\x01', `${world.random.integer(1e9)}`])],
      );
    }
  };
  await Promise.all([forge(), forge()]);
  expect(calls).toBeGreaterThan(1_000);
  const [row] = await world.query(
    `SELECT sum(calls)::int AS calls FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid
     WHERE datname = current_database() AND query LIKE '%picked AS MATERIALIZED%'`,
  );
  expect(row.calls).toBeGreaterThan(10);
  expect(row.calls / (forMs / 1_000)).toBeLessThanOrEqual(40);
  const id = await world.enqueue('work', {});
  await worker.waitFor(happened('job:started', id), { timeout: SPARE_MS });
  await world.settled();
}
