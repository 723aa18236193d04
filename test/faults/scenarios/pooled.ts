import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { withClient } from '../../support/server.js';
import { until } from '../../support/wait.js';
import type { Worker } from '../../support/worker.js';
import type { PgBouncer } from '../pgbouncer.js';
import { LEASE_MS, SWEEP_MS, type World } from '../world.js';

const WARNING = /^Notifications do not arrive .* listen: \{ url \}/;
/** So many at once see each session of the pool. */
const SESSIONS = 6;

/** Everything goes through a pooler that lends sessions out by the transaction, and everything goes wrong. */
export async function pooledWorkers(world: World, pgbouncer: PgBouncer): Promise<void> {
  for (let i = 0; i < 3; i++) await world.startWorker();
  const [first, second] = world.workers as [Worker, Worker];
  await Promise.all(world.workers.map((worker) => worker.waitFor(isWarning)));
  const { logger } = world.producer;
  await until(() => logger.of('warn').length > 0);

  const producing = world.produce(6, () => ({ ms: world.random.integer(60), failures: world.random.integer(8) === 0 ? 1 : 0 }));
  const inTransactions = enqueueInTransactions(world, 3);
  second.kill('SIGSTOP');
  await sleep(world.random.between(100, 400));
  first.kill('SIGKILL');
  await killBackends(world, 8);
  await sleep(LEASE_MS + SWEEP_MS);
  second.kill('SIGCONT');
  await pgbouncer.kill();
  await sleep(world.random.between(0, 400));
  await pgbouncer.start(world.url);
  const replacement = await world.startWorker();
  await sleep(500);
  await inTransactions.stop();
  await producing.stop();
  await world.settled();

  await replacement.waitFor(isWarning);
  for (const worker of world.workers) expect(worker.events.filter(isWarning)).toHaveLength(1);
  for (const worker of world.workers) expect(worker.events.filter(tellsOfListening)).toHaveLength(1);
  expect(logger.of('warn')).toEqual([expect.stringMatching(WARNING)]);
  expect(await sessionsOf(pgbouncer.urlOf(world.url))).toEqual([await plainSession(world.url)]);
}

/** The listener has a direct connection, everything else goes through the pooler. */
export async function pooledWithDirectListener(world: World, pgbouncer: PgBouncer): Promise<void> {
  const options = { lease: LEASE_MS, sweepInterval: '1m', shutdownGrace: 1_000, listen: { url: world.url } } as const;
  const workers = [await world.startWorker({ options }), await world.startWorker({ options })];
  const { queue } = world.producer;
  // One after another: who looks once a second takes a second for each.
  await queue.result((await world.enqueue('work', {})) as string);
  const startedAt = performance.now();
  for (let i = 0; i < 20; i++) await queue.result((await world.enqueue('work', {})) as string);
  world.recovered('27: twenty jobs, each enqueued when the last had ended', performance.now() - startedAt, 14_000);

  const producing = world.produce(6, () => ({ ms: world.random.integer(60) }));
  const inTransactions = enqueueInTransactions(world, 3);
  await killBackends(world, 5);
  await inTransactions.stop();
  await producing.stop();
  await world.settled();
  for (const worker of workers) expect(worker.events.filter(isWarning)).toEqual([]);
  expect(await sessionsOf(pgbouncer.urlOf(world.url))).toEqual([await plainSession(world.url)]);
}

function enqueueInTransactions(world: World, callers: number): { stop(): Promise<void> } {
  let stopped = false;
  const loops = Array.from({ length: callers }, async () => {
    while (!stopped) {
      await world.enqueueInTransaction('work', { ms: world.random.integer(30) }, world.random.integer(3) > 0);
      await sleep(world.random.between(1, 30));
    }
  });
  return {
    stop: async () => {
      stopped = true;
      await Promise.all(loops);
    },
  };
}

async function killBackends(world: World, kills: number): Promise<void> {
  for (let i = 0; i < kills; i++) {
    await sleep(world.random.between(20, 120));
    await world.query(
      `SELECT pg_terminate_backend(pid) FROM (
         SELECT pid FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'notify-queue engine' ORDER BY pid
       ) b OFFSET $1 LIMIT 1`,
      [world.random.integer(4)],
    );
  }
}

type Event = Worker['events'][number];

function isWarning(event: Event): boolean {
  return event.type === 'log:written' && event.level === 'warn' && WARNING.test(event.message);
}

function tellsOfListening(event: Event): boolean {
  return event.type === 'log:written' && event.level === 'warn' && /notifications?|LISTEN/i.test(event.message);
}

/** What a session carries that whoever gets it next would be given: each kind of session there is in the pool, once. */
async function sessionsOf(url: string): Promise<unknown[]> {
  const found = new Map<string, unknown>();
  const look = (left: number): Promise<void> =>
    withClient(url, async (client) => {
      await client.query('BEGIN');
      const state = await carriedBy(client.query.bind(client));
      found.set(JSON.stringify(state), state);
      if (left > 1) await look(left - 1);
      await client.query('COMMIT');
    });
  await look(SESSIONS);
  return [...found.values()];
}

async function plainSession(url: string): Promise<unknown> {
  return withClient(url, (client) => carriedBy(client.query.bind(client)));
}

async function carriedBy(query: (sql: string) => Promise<{ rows: unknown[] }>): Promise<unknown> {
  const { rows } = await query(`SELECT
    (SELECT json_object_agg(name, setting) FROM pg_settings WHERE source = 'session'
       AND name NOT IN ('application_name', 'transaction_isolation', 'transaction_read_only', 'transaction_deferrable')) AS settings,
    current_setting('default_transaction_isolation') AS isolation,
    (SELECT json_agg(c) FROM pg_listening_channels() c) AS channels,
    (SELECT json_agg(name) FROM pg_prepared_statements) AS prepared,
    (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks`);
  return rows[0];
}
