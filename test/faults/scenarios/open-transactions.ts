import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { happened, now, type Worker } from '../../support/worker.js';
import { LEASE_MS, SPARE_MS, type World } from '../world.js';

/** The commit alone must wake the worker: the sweep comes too late to help. */
const OPTIONS = { lease: LEASE_MS, sweepInterval: '1m', shutdownGrace: 1_000 } as const;
/** The looks that follow a notification are over. */
const IDLE_MS = 500;

/** Jobs are enqueued in transactions of the application's that end in one way or another, under an idle worker. */
export async function openTransactions(world: World, openMs: number): Promise<void> {
  await world.query('CREATE EXTENSION pg_stat_statements');
  const worker = await world.startWorker({ options: OPTIONS });
  await startsSoon(world, worker, (await world.enqueue('work', {})) as string, now(), 'the first job of a worker');

  await unheard(world, 'rolled back', () => world.enqueueInTransaction('work', {}, false));
  await unheard(world, 'rolled back to a savepoint', () => savepointRolledBack(world));
  await unheard(world, 'ended with its connection', () => killedBeforeCommit(world));

  const { id, committedAt } = await slowToCommit(world, openMs);
  await startsSoon(world, worker, id, committedAt, '21: a job starts after a late commit');
  expect(worker.events.find(happened('job:started', id))!.at).toBeGreaterThan(committedAt - 1);
  await world.settled();
}

/** No row, and no reserve: nobody was woken. */
async function unheard(world: World, how: string, transaction: () => Promise<unknown>): Promise<void> {
  await world.settled();
  await sleep(IDLE_MS);
  const before = await reserves(world);
  for (let i = 0; i < 3; i++) await transaction();
  await sleep(IDLE_MS);
  expect(await reserves(world), how).toBe(before);
  expect(await world.query('SELECT FROM notify_queue.jobs'), how).toEqual([]);
}

/** Several at once, so that a wake-up that one of them relies on is one that comes. */
async function slowToCommit(world: World, openMs: number): Promise<{ id: string; committedAt: number }> {
  await sleep(IDLE_MS);
  const before = await reserves(world);
  let id = '';
  let committedAt = 0;
  await world.producer.dataSource.transaction(async (manager) => {
    ({ id } = await world.producer.queue.enqueue('work', {}, { manager }));
    // Others come and go, and leave an idle worker behind.
    const other = (await world.enqueue('work', {})) as string;
    await world.producer.queue.result(other);
    await sleep(openMs);
    expect(await world.producer.queue.get(id)).toBeUndefined();
    committedAt = now();
  });
  world.calls.push({ id, outcome: 'stored' });
  expect(await reserves(world)).toBeGreaterThan(before);
  return { id, committedAt };
}

/** The nested transaction fails and the outer one commits, with no job left. */
async function savepointRolledBack(world: World): Promise<void> {
  const { dataSource, queue } = world.producer;
  await dataSource.transaction(async (manager) => {
    const inner = manager.transaction(async (nested) => {
      for (const { id } of await queue.enqueueMany('work', [{}, {}], { manager: nested })) world.calls.push({ id, outcome: 'rolled back' });
      await nested.query(`SELECT notify_queue.enqueue('work', '{}')`);
      throw new Error('inner');
    });
    await expect(inner).rejects.toThrow('inner');
  });
}

async function killedBeforeCommit(world: World): Promise<void> {
  const { dataSource, queue } = world.producer;
  const killed = dataSource.transaction(async (manager) => {
    const { id } = await queue.enqueue('work', {}, { manager });
    world.calls.push({ id, outcome: 'rolled back' });
    const [{ pid }] = await manager.query('SELECT pg_backend_pid() AS pid');
    await world.query('SELECT pg_terminate_backend($1, 5000)', [pid]);
  });
  await expect(killed).rejects.toThrow(/terminat|released|Connection/i);
}

async function reserves(world: World): Promise<number> {
  const [row] = await world.query(
    `SELECT coalesce(sum(calls), 0)::int AS calls FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid
     WHERE datname = current_database() AND query LIKE '%picked AS MATERIALIZED%'`,
  );
  return row.calls as number;
}

async function startsSoon(world: World, worker: Worker, id: string, sinceAt: number, what: string): Promise<void> {
  const { at } = await worker.waitFor(happened('job:started', id), { timeout: 1_000 + SPARE_MS });
  world.recovered(what, at - sinceAt, 1_000);
}
