import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { DatabaseUnavailableError } from '../../../lib/index.js';
import { startApp } from '../../support/app.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import type { SmallDisk } from '../../support/small-disk.js';
import { until } from '../../support/wait.js';
import { now, spawnWorker, type Worker } from '../../support/worker.js';
import { Crowd } from '../crowd.js';
import { LEASE_MS, RESCUE_MS, SPARE_MS, type World } from '../world.js';

/** So many warnings a worker may write while the server cannot work, however long that takes. */
const MAX_WARNINGS = 8;
/** So many times a second it may try: to renew its lease (of 1.5 s, so every 75 ms), to register anew, to reserve, to sweep. */
const MAX_TRIES = 120;

/**
 * The disk is full while callers enqueue and jobs end, and a worker dies whose jobs cannot be rescued until there is
 * room again.
 */
export async function fullDisk(world: World, disk: SmallDisk): Promise<void> {
  const [mortal, ...workers] = [await world.startWorker(), await world.startWorker(), await world.startWorker()];
  const producing = world.produce(4, () => ({ ms: world.random.integer(60) }));
  // As many as three workers have slots, so that each gets some.
  for (let i = 0; i < 30; i++) await world.enqueue('work', { ms: 2_000 });
  await mortal!.waitFor((event) => event.type === 'job:started' && (event.payload as { ms: number }).ms === 2_000);
  await disk.fill();
  mortal!.kill('SIGKILL');
  const text = 'x'.repeat(1_500);
  // It fills the room that there is in the tables' last pages.
  await until(async () => (await world.enqueue('work', { text })) === undefined, { timeout: 20_000, interval: 0 });
  const error = await world.producer.queue.enqueue('work', { text }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DatabaseUnavailableError);
  await producing.stop();
  // A backend counts its last transactions up to a second later.
  await sleep(1_000);
  const [before] = await world.query(TRANSACTIONS);
  const forMs = RESCUE_MS;
  await sleep(forMs);
  const [after] = await world.query(TRANSACTIONS);
  expect((after.count - before.count) / (forMs / 1_000)).toBeLessThan(MAX_TRIES * workers.length);
  await disk.free();
  await worksAgain(world, '31: all workers work again after the disk was full', workers, now());
}

/** The server cannot write its log, goes down, and comes back when there is room again. */
export async function fullDiskOfTheLog(world: World, disk: SmallDisk): Promise<void> {
  const workers = [await world.startWorker(), await world.startWorker()];
  const producing = world.produce(4, () => ({ ms: world.random.integer(60) }));
  await sleep(500);
  await disk.fill();
  await until(async () => {
    await world.query('SELECT pg_switch_wal()').catch(() => undefined);
    return (await world.query('SELECT').catch(() => undefined)) === undefined;
  });
  await sleep(LEASE_MS / 2);
  await producing.stop();
  await disk.free();
  await world.server.revive();
  await worksAgain(world, '31: all workers work again after the server had no room for its log', workers, now());
}

/** Others take every connection, and those of one worker as soon as it has lost them. */
export async function noConnectionLeft(world: World): Promise<void> {
  const proxy = await FaultProxy.forTest(world.url);
  const [keeps, loses] = [await world.startWorker(), await world.startWorker({ url: proxy.url })];
  const caller = await startApp({ url: proxy.url, queue: { role: 'producer' }, typeorm: { manualInitialization: true } });
  const producing = world.produce(2, () => ({ ms: world.random.integer(200) }));
  await sleep(500);
  const crowd = new Crowd(world.server.url);
  try {
    await crowd.full();
    // Whoever connects anew comes after the crowd.
    proxy.hold();
    proxy.cut();
    await crowd.full();
    proxy.release();
    const fullAt = now();
    const before = proxy.connections;
    const tooMany = { code: 'DATABASE_UNAVAILABLE', mayHaveRun: false, message: expect.stringMatching(/too many clients already.*max_connections/) };
    await expect(caller.queue.enqueue('work', {})).rejects.toMatchObject(tooMany);
    const booting = spawnWorker({ url: world.url, env: { TYPEORM_OPTIONS: '{"manualInitialization":true}' } });
    await booting.exited;
    expect(booting.stderr).toMatch(/DatabaseUnavailableError: .*too many clients already.*max_connections/);
    await sleep(Math.max(0, fullAt + 2 * LEASE_MS - now()));
    expect((proxy.connections - before) / ((now() - fullAt) / 1_000)).toBeLessThan(MAX_TRIES);
    // The other one has gone on.
    await keeps.waitFor((event) => event.type === 'job:started' && event.at > fullAt + LEASE_MS);
    await producing.stop();
  } finally {
    await crowd.leave();
    await caller.close();
  }
  await worksAgain(world, '31: all workers work again after all connections were taken', [keeps, loses], now());
}

const TRANSACTIONS = 'SELECT (xact_commit + xact_rollback)::int AS count FROM pg_stat_database WHERE datname = current_database()';

async function worksAgain(world: World, what: string, workers: readonly Worker[], sinceAt: number): Promise<void> {
  for (const worker of workers) {
    expect(worker.hasExited).toBe(false);
    const warnings = worker.events.filter((event) => event.type === 'log:written' && event.level === 'warn');
    expect(warnings.length, JSON.stringify(warnings)).toBeLessThanOrEqual(MAX_WARNINGS);
  }
  const producing = world.produce(6, () => ({ ms: 30 }));
  const limitMs = RESCUE_MS + 3_000;
  const started = await Promise.all(
    workers.map((worker) =>
      worker.waitFor((event) => event.type === 'job:started' && event.at > sinceAt, { timeout: limitMs + SPARE_MS }),
    ),
  );
  world.recovered(what, Math.max(...started.map(({ at }) => at)) - sinceAt, limitMs);
  await producing.stop();
  await world.settled();
}
