import { setTimeout as sleep } from 'node:timers/promises';
import { startApp, type TestApp } from '../../../support/app.js';
import { FaultProxy } from '../../../support/fault-proxy.js';
import type { Worker } from '../../../support/worker.js';
import type { Violation } from '../../history/history.js';
import { Random } from '../../random.js';
import { LEASE_MS, type World } from '../../world.js';
import { FAULTS } from './faults.js';
import { Growth } from './growth.js';

const WORKERS = 3;

/**
 * Schedules of faults, one after another, each decided by a seed of its own: jobs that take some time or fail at
 * first, some of them in transactions, and some faults beside each other. Each ends when all jobs have ended, and is checked.
 */
export async function mixedFaults(world: World, firstSeed: number, isOver: (done: number) => boolean): Promise<void> {
  const proxy = await FaultProxy.forTest(world.url);
  const booting = new Mutex();
  const start = (): Promise<Worker> =>
    booting.run(() => world.restartWorker({ url: world.random.integer(2) === 0 ? proxy.url : world.url }));
  const workers: Worker[] = [];
  for (let i = 0; i < WORKERS; i++) workers.push(await start());
  // The first one is never killed.
  const growth = new Growth(world, workers[0]!.pid);
  const caller = await startApp({
    url: proxy.url,
    queue: { role: 'producer', lease: LEASE_MS },
    typeorm: { extra: { max: 4, query_timeout: LEASE_MS, connectionTimeoutMillis: LEASE_MS } },
  });
  let done = 0;
  try {
    for (; !isOver(done); done++) {
      const random = new Random(firstSeed + done);
      const names = Object.keys(FAULTS).filter((name) => random.integer(FAULTS[name]!.oneIn) === 0);
      const schedule = {
        world,
        random,
        proxy,
        pickWorker: () => random.pick(workers),
        pickMortal: () => random.pick(workers.slice(1)),
        replace: async (worker: Worker) => void workers.splice(workers.indexOf(worker), 1, await start()),
        crashServer: (awayMs: number) => booting.run(() => world.server.crash(awayMs)),
      };
      const faults = names.map(async (name) => {
        await sleep(random.between(0, 200));
        await FAULTS[name]!.happen(schedule);
      });
      await enqueueSome(world, random, caller);
      await Promise.all(faults);
      await world.settled();
      report(firstSeed + done, names, await world.violations());
      await world.forget();
      await growth.look(done);
    }
    growth.conclude();
  } finally {
    proxy.heal();
    await caller.close();
    console.log(`${done} schedules of mixed faults, seeds ${firstSeed} to ${firstSeed + done - 1}, without a violation`);
  }
}

async function enqueueSome(world: World, random: Random, caller: TestApp): Promise<void> {
  const calls: Array<Promise<unknown>> = [];
  for (let i = random.integer(50); i >= 0; i--) {
    const payload = { ms: random.integer(40), failures: random.integer(8) === 0 ? 1 : 0 };
    const app = random.integer(2) === 0 ? caller : world.producer;
    const how = random.integer(6);
    if (how === 0) calls.push(world.enqueueInTransaction('work', payload, random.integer(3) > 0, app));
    else calls.push(world.enqueue('work', payload, app.queue));
    if (random.integer(4) === 0) await sleep(random.between(0, 25));
  }
  await Promise.all(calls);
}

function report(seed: number, faults: readonly string[], violations: readonly Violation[]): void {
  if (violations.length === 0) return;
  throw new Error(`Seed ${seed} (${faults.join(', ') || 'no fault'}):\n${violations.map((it) => JSON.stringify(it)).join('\n')}`);
}

/** No worker boots while the server crashes: it would not come up, as any other application. */
class Mutex {
  private last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(work, work);
    this.last = result;
    return result;
  }
}
