import { setTimeout as sleep } from 'node:timers/promises';
import { FaultProxy } from '../fault-proxy.js';
import type { Violation } from '../history/history.js';
import { Random } from '../random.js';
import { LEASE_MS, type World } from '../world.js';
import type { Worker } from '../../support/worker.js';

const WORKERS = 3;

/** What goes wrong in one schedule, each at a random moment. */
type Fault = (schedule: Schedule) => Promise<void>;

const FAULTS: Record<string, Fault> = {
  'a worker is stopped': async ({ random, pickWorker }) => {
    const worker = pickWorker();
    worker.kill('SIGSTOP');
    await sleep(random.between(50, 1.5 * LEASE_MS));
    worker.kill('SIGCONT');
  },
  'a worker is killed': async ({ pickWorker, replace }) => {
    const worker = pickWorker();
    worker.kill('SIGKILL');
    await worker.exited;
    await replace(worker);
  },
  'backends are killed': async ({ random, world }) => {
    for (let i = random.integer(4); i >= 0; i--) {
      const pids = await world.server.backends('notify-queue%');
      if (pids.length > 0) await world.query('SELECT pg_terminate_backend($1)', [random.pick(pids)]).catch(() => undefined);
      await sleep(random.between(0, 200));
    }
  },
  'the network keeps packets back': async ({ random, proxy }) => {
    proxy.hold();
    await sleep(random.between(50, 1.5 * LEASE_MS));
    proxy.release();
  },
  'the queue is suspended for a while': async ({ random, world }) => {
    await world.producer.queue.suspend().catch(() => undefined);
    await sleep(random.between(20, 300));
    while (!(await world.producer.queue.resume().then(() => true, () => false))) await sleep(50);
  },
};

interface Schedule {
  readonly world: World;
  readonly random: Random;
  readonly proxy: FaultProxy;
  readonly pickWorker: () => Worker;
  readonly replace: (worker: Worker) => Promise<void>;
}

/**
 * Schedules of faults, one after another, each decided by a seed of its own: jobs that take some time or fail at
 * first, and some faults beside each other. Each ends when all jobs have ended, and is checked.
 */
export async function mixedFaults(world: World, firstSeed: number, isOver: (done: number) => boolean): Promise<void> {
  const proxy = await FaultProxy.start(world.url);
  const start = (): Promise<Worker> => world.startWorker({ url: world.random.integer(2) === 0 ? proxy.url : world.url });
  const workers = await Promise.all(Array.from({ length: WORKERS }, start));
  try {
    for (let done = 0; !isOver(done); done++) {
      const random = new Random(firstSeed + done);
      const replace = async (worker: Worker): Promise<void> => void workers.splice(workers.indexOf(worker), 1, await start());
      const schedule = { world, random, proxy, pickWorker: () => random.pick(workers), replace };
      const names = Object.keys(FAULTS).filter(() => random.integer(2) === 0);
      const faults = names.map(async (name) => {
        await sleep(random.between(0, 300));
        await FAULTS[name]?.(schedule);
      });
      for (let i = random.integer(60); i >= 0; i--) {
        await world.enqueue('work', { ms: random.integer(40), failures: random.integer(8) === 0 ? 1 : 0 });
        if (random.integer(4) === 0) await sleep(random.between(0, 30));
      }
      await Promise.all(faults);
      await world.settled();
      report(firstSeed + done, names, await world.violations());
      await world.forget();
    }
  } finally {
    proxy.release();
    await proxy.stop();
  }
}

function report(seed: number, faults: readonly string[], violations: readonly Violation[]): void {
  if (violations.length === 0) return;
  throw new Error(`Seed ${seed} (${faults.join(', ') || 'no fault'}):\n${violations.map((it) => JSON.stringify(it)).join('\n')}`);
}
