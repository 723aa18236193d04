import fc from 'fast-check';
import { expect } from 'vitest';
import { until as wait } from '../../../support/wait.js';
import { SEED } from '../../random.js';
import type { World } from '../../world.js';
import { COMMANDS, type Real } from './commands.js';
import { Model, type Standing } from './model.js';

/** More than there is time for. */
const MAX_RUNS = 5_000;

/** Random calls, with two real workers of which some are stopped and killed: what there is equals what a model says. */
export async function modelled(world: World, forMs: number, maxCommands: number): Promise<void> {
  const workers = [await world.startWorker(), await world.startWorker()];
  const replace: Real['replace'] = async (n, signal) => {
    const worker = workers[n]!;
    worker.kill(signal);
    const { code } = await worker.exited;
    if (signal === 'SIGTERM') expect(code).toBe(0);
    workers[n] = await world.startWorker();
  };
  const until = performance.now() + forMs;
  let done = 0;
  const property = fc.asyncProperty(fc.commands(COMMANDS, { maxCommands }), async (commands) => {
    if (performance.now() > until) return;
    const model = new Model();
    await clean(world);
    await fc.asyncModelRun(() => ({ model, real: { world, replace } }), commands);
    await expectEqual(world, model);
    expect(await world.violations()).toEqual([]);
    await clean(world);
    await world.forget();
    done += 1;
  });
  // A failure tells the seed and the path, and the commands.
  await fc.assert(property, { seed: SEED, numRuns: MAX_RUNS, endOnFailure: true });
  expect(done).toBeGreaterThan(0);
  console.log(`${done} lists of commands, seed ${SEED}, and the queue was as the model`);
}

/** After what ends by itself has ended. */
async function expectEqual(world: World, model: Model): Promise<void> {
  const { queue } = world.producer;
  await queue.resume();
  model.suspended = false;
  model.release();
  const ending = model.ending();
  const left = `SELECT count(*)::int AS jobs FROM notify_queue.jobs WHERE id = ANY ($1)`;
  await wait(async () => (await world.query(left, [ending]))[0].jobs === 0, { timeout: 15_000, message: 'jobs have not ended' });

  const ids = model.jobs.map(({ id }) => id);
  const rows = await world.query<Standing>('SELECT id, state, queue, attempt, priority::int FROM notify_queue.all_jobs WHERE id = ANY ($1)', [ids]);
  expect(rows).toHaveLength(ids.length);
  const standing = new Map(rows.map((row) => [row.id, row]));
  for (const possible of model.standings()) expect(possible).toContainEqual(standing.get(possible[0]!.id));

  const configs = (await world.producer.configs.list()).filter(({ key }) => key !== 'suspended');
  expect(new Map(configs.map(({ key, value }) => [key, value]))).toEqual(model.configs);
}

/** Nothing waits, nothing is suspended, no rows of configuration are left. */
async function clean(world: World): Promise<void> {
  const { queue, configs } = world.producer;
  await queue.resume();
  for await (const { id } of queue.iterate({ state: ['scheduled', 'available', 'reserved'] })) await queue.cancel(id, { abort: true });
  for (const { key } of await configs.list()) await configs.delete(key);
  await world.settled();
}
