import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { until } from '../../support/wait.js';
import { happened } from '../../support/worker.js';
import { LEASE_MS, SPARE_MS, type World } from '../world.js';

/** The server goes away as after a power failure, while handlers end and callers enqueue, and comes back. */
export async function serverCrash(world: World, awayMs: number): Promise<void> {
  const workers = [await world.startWorker(), await world.startWorker()];
  const producing = world.produce(8, () => ({ ms: world.random.integer(60) }));
  await sleep(world.random.between(300, 800));
  const long = await world.enqueue('work', { ms: 400 });
  await Promise.any(workers.map((worker) => worker.waitFor(happened('job:started', long))));
  const goneAt = performance.now();
  await world.server.crash(awayMs);
  const backAt = performance.now();
  const after = await until(() => world.enqueue('work', {}), { timeout: 20_000 });
  await Promise.any(workers.map((worker) => worker.waitFor(happened('job:started', after), { timeout: 2_000 + SPARE_MS })));
  world.recovered(`2: jobs run again after the server was away for ${awayMs} ms`, performance.now() - backAt, 2_000);
  await sleep(300);
  await producing.stop();
  await world.settled();
  if (backAt - goneAt < LEASE_MS / 2) {
    // What had ended by then is recorded without running again.
    const runs = workers.flatMap((worker) => worker.events.filter((event) => event.type === 'job:started' && event.jobId === long));
    expect(runs).toHaveLength(1);
  }
}

/** Backends are killed at random, five a second. */
export async function killedBackends(world: World, forMs: number, callers: number): Promise<void> {
  for (let i = 0; i < 2; i++) await world.startWorker();
  const producing = world.produce(callers, () => ({ ms: world.random.integer(20), failures: world.random.integer(10) === 0 ? 1 : 0 }));
  for (const until = performance.now() + forMs; performance.now() < until; ) {
    await sleep(200);
    const pids = await world.server.backends('notify-queue%');
    if (pids.length > 0) await world.query('SELECT pg_terminate_backend($1)', [world.random.pick(pids)]).catch(() => undefined);
  }
  await producing.stop();
  await world.settled();
}
