import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApp, type TestApp } from '../../support/app.js';
import type { Random } from '../random.js';
import type { World } from '../world.js';

/** What many callers do at once with one key; each call stores a job unless there is one. */
export interface Once {
  readonly newKey: () => string;
  /** Resolves to the id of the job that there is now. */
  enqueue(app: TestApp, key: string, random: Random): Promise<string>;
}

/** An id that callers chose, enqueued alone or in a transaction. */
export const BY_ID: Once = {
  newKey: randomUUID,
  async enqueue({ queue, dataSource }, key, random) {
    const payload = { ms: random.integer(3), failures: random.integer(4) === 0 ? 1 : 0 };
    const alone = random.integer(4) > 0;
    const { id } = await (alone
      ? queue.enqueue('work', payload, { id: key })
      : dataSource.transaction((manager) => queue.enqueue('work', payload, { id: key, manager })));
    return id;
  },
};

/**
 * Callers enqueue the same few keys again and again, while their jobs run, fail, are run anew and lose their
 * processes. Keys are replaced all the time, so that all of a job's life is raced for.
 */
export async function sameKey(world: World, { newKey, enqueue }: Once, callers: number, forMs: number): Promise<void> {
  for (let i = 0; i < 2; i++) await world.startWorker();
  const others = await Promise.all([1, 2, 3].map(() => startApp({ url: world.url, queue: { role: 'producer' }, typeorm: { connectTimeoutMS: 30_000 } })));
  const apps = [world.producer, ...others];
  const until = performance.now() + forMs;
  const isOn = (): boolean => performance.now() < until;
  const keys = Array.from({ length: 4 }, newKey);
  const { random } = world;
  try {
    const calling = Array.from({ length: callers }, async (_, n) => {
      while (isOn()) {
        const id = await enqueue(apps[n % apps.length]!, random.pick(keys), random).catch(unavailable);
        if (id) world.calls.push({ id, outcome: 'stored' });
      }
    });
    const renewing = (async () => {
      for (let i = 0; isOn(); i++) {
        await sleep(random.between(10, 120));
        keys[i % keys.length] = newKey();
      }
    })();
    const retrying = (async () => {
      while (isOn()) {
        const [row] = await world.query('SELECT id FROM notify_queue.job_history ORDER BY finished_at DESC LIMIT 1');
        if (row) await world.producer.queue.retry(row.id as string).catch(() => undefined);
        await sleep(random.between(5, 50));
      }
    })();
    const killing = (async () => {
      for (await sleep(forMs / 3); isOn(); await sleep(forMs / 3)) {
        world.workers.at(-1)!.kill('SIGKILL');
        await world.startWorker();
      }
    })();
    await Promise.all([...calling, renewing, retrying, killing, othersStartSoon(world, isOn)]);
  } finally {
    await Promise.all(others.map((app) => app.close()));
  }
  await world.settled();
}

/** Jobs that share no key with anybody do not wait for it. */
async function othersStartSoon(world: World, isOn: () => boolean): Promise<void> {
  const ids = new Set<string>();
  while (isOn()) {
    const id = await world.enqueue('work', {});
    if (id) ids.add(id);
    await sleep(world.random.between(20, 80));
  }
  await world.settled();
  const waits = await world.query<{ id: string; ms: number }>(
    `SELECT id, (extract(epoch FROM reserved_at - enqueued_at) * 1000)::float8 AS ms FROM notify_queue.job_history WHERE crashes = 0`,
  );
  for (const { id, ms } of waits) if (ids.has(id)) world.recovered('10: a job beside starts', ms, 1_000);
}

function unavailable(error: { code?: string }): undefined {
  if (error.code !== 'DATABASE_UNAVAILABLE') throw error;
}
