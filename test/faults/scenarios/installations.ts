import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { channelsOf, quoteIdentifier } from '../../../lib/core/schema-name.js';
import { startApp, type TestApp } from '../../support/app.js';
import { withClient } from '../../support/server.js';
import { happened, type Worker } from '../../support/worker.js';
import { OPTIONS, RESCUE_MS, SPARE_MS, type World } from '../world.js';

/** Two installations in one database, both with workers: jobs, wakes and configuration stay where they belong. */
export async function twoInstallations(world: World, schemas: readonly [string, string]): Promise<void> {
  const [one, other] = schemas;
  const started: Worker[] = [];
  for (const schema of [one, one, other]) started.push(await world.startWorker({ options: { ...OPTIONS, schema } }));
  const ofOther = new Set(started.slice(2));
  const otherApp = await startApp({ url: world.url, queue: { role: 'producer', schema: other } });
  try {
    const ids = new Map<string, string>();
    const produce = async (app: TestApp, schema: string): Promise<void> => {
      for (let i = 0; i < 40; i++) {
        const id = await world.enqueue('work', { ms: world.random.integer(40), failures: world.random.integer(8) === 0 ? 1 : 0 }, app.queue);
        if (id) ids.set(id, schema);
        await world.enqueueInTransaction('work', {}, world.random.integer(2) === 0, app);
        await sleep(world.random.between(1, 20));
      }
    };
    const producing = Promise.all([produce(world.producer, one), produce(otherApp, other)]);
    // The job of a dead process goes to its own installation.
    const held = (await world.enqueue('sleep', { ms: 60_000 })) as string;
    const mine = started.slice(0, 2);
    const holder = await Promise.any(mine.map((worker) => worker.waitFor(happened('job:started', held)).then(() => worker)));
    holder.kill('SIGKILL');
    const heir = mine.find((worker) => worker !== holder) as Worker;
    await heir.waitFor(happened('job:started', held), { timeout: RESCUE_MS + SPARE_MS });
    await producing;
    await world.producer.queue.cancel(held, { abort: true });
    await world.settled();

    const strangers = started.flatMap((worker) =>
      worker.events.filter((event) => event.type === 'job:started' && ids.has(event.jobId) && (ids.get(event.jobId) === other) !== ofOther.has(worker)),
    );
    expect(strangers).toEqual([]);
    await onlyOneIsTold(world, one, other);
    const [row] = await world.query(`SELECT count(*)::int AS jobs FROM ${quoteIdentifier(other)}.job_history WHERE id = ANY ($1)`, [
      [...ids].filter(([, schema]) => schema === other).map(([id]) => id),
    ]);
    expect(row.jobs).toBe(40);
  } finally {
    await otherApp.close();
  }
}

/** Whatever happens in one, nobody in the other hears of it. */
async function onlyOneIsTold(world: World, one: string, other: string): Promise<void> {
  await withClient(world.url, async (client) => {
    const heard: string[] = [];
    client.on('notification', ({ channel }) => heard.push(channel));
    const channels = [one, other].map((schema) => Object.values(channelsOf(schema)));
    for (const channel of channels.flat()) await client.query(`LISTEN ${quoteIdentifier(channel)}`);
    for (let i = 0; i < 10; i++) await world.producer.queue.result((await world.enqueue('work', {})) as string);
    await world.producer.configs.set('key', 'value');
    await client.query('SELECT 1');
    expect([...new Set(heard)].sort()).toEqual(channels[0]!.toSorted());
  });
}
