import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { startApp, type TestApp } from '../../support/app.js';
import { happened, now } from '../../support/worker.js';
import { LEASE_MS, type World } from '../world.js';

/** Notifications alone must do: rows are read anew once a minute. */
const OPTIONS = { lease: LEASE_MS, sweepInterval: '1m', shutdownGrace: 1_000 } as const;
/** What a write may answer when others write the same row, or keep the few connections for long. */
const TRUTHS = ['CONFIG_EXISTS', 'CONFIG_NOT_FOUND', 'DATABASE_UNAVAILABLE'];
const KEYS = ['vat', 'rate', 'limit'];

/**
 * Three processes follow a few rows that many write and delete at once, alone and in transactions, of which some are
 * rolled back; the backends of listeners are killed meanwhile, and one process has a subscriber that throws each time.
 */
export async function followedConfigs(world: World, writers: number, forMs: number): Promise<void> {
  for (const env of [{ BAD_SUBSCRIBER: 'yes' }, {}, {}] as Array<Record<string, string>>) await world.startWorker({ options: OPTIONS, env });
  const others = await Promise.all([1, 2, 3].map(() => startApp({ url: world.url, queue: { role: 'producer' } })));
  const apps = [world.producer, ...others];
  try {
    const until = performance.now() + forMs;
    const writing = Array.from({ length: writers }, async (_, n) => {
      for (let i = 0; performance.now() < until; i++) await write(world, apps[n % apps.length]!, `${n}/${i}`);
    });
    while (performance.now() < until) {
      await sleep(world.random.between(50, 400));
      await killListener(world);
    }
    await Promise.all(writing);
    const overAt = now();
    await world.configsShown();
    world.recovered('14: all processes have the last configuration', now() - overAt, 1_000);
  } finally {
    await Promise.all(others.map((app) => app.close()));
  }
  expect(world.workers.flatMap(({ events }) => events.filter(happened('config:ended')))).toEqual([]);
  const complaints = world.workers.map(({ events }) => events.filter((it) => it.type === 'log:written' && it.message === 'A subscriber of the configuration failed').length);
  expect(complaints).toEqual([expect.toSatisfy((times: number) => times > 10), 0, 0]);
  const shown = world.workers.map(({ events }) => events.filter(happened('config:changed')).length);
  expect(Math.min(...shown)).toBeGreaterThan(10);
}

/** One call, or two in a transaction; the caller hears that a row is there already, or not any more. */
async function write(world: World, { configs, dataSource }: TestApp, value: string): Promise<void> {
  const { random } = world;
  const one = (how: number, key: string, options = {}): Promise<unknown> => {
    if (how < 4) return configs.set(key, value, options);
    if (how < 6) return configs.delete(key, options);
    return how < 7 ? configs.create(key, value, options) : configs.update(key, value, options);
  };
  const rollsBack = random.integer(2) === 0;
  const call =
    random.integer(4) > 0
      ? one(random.integer(8), random.pick(KEYS))
      : dataSource.transaction(async (manager) => {
          const key = random.pick(KEYS);
          for (let i = 0; i < 2; i++) await one(random.integer(8), key, { manager });
          if (rollsBack) throw { code: TRUTHS[0] };
        });
  await call.catch((error: { code?: string }) => expect(TRUTHS).toContain(error.code));
}

async function killListener(world: World): Promise<void> {
  const pids = await world.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'notify-queue listener'`,
  );
  if (pids.length > 0) await world.query('SELECT pg_terminate_backend($1)', [world.random.pick(pids).pid]);
}
