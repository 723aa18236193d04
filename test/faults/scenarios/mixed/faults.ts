import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultProxy } from '../../../support/fault-proxy.js';
import type { Worker } from '../../../support/worker.js';
import type { Random } from '../../random.js';
import { LEASE_MS, type World } from '../../world.js';

/** Where faults of a schedule happen. */
export interface Schedule {
  readonly world: World;
  readonly random: Random;
  /** Some of the workers and all callers go by one of them. */
  readonly proxy: FaultProxy;
  pickWorker(): Worker;
  /** One that may be killed. */
  pickMortal(): Worker;
  replace(worker: Worker): Promise<void>;
  crashServer(awayMs: number): Promise<void>;
}

interface Fault {
  /** In one of so many schedules. */
  readonly oneIn: number;
  happen(schedule: Schedule): Promise<void>;
}

/** Mostly short, at times longer than the lease. */
const aWhile = (random: Random): number => 30 + 1.4 * LEASE_MS * random.between(0, 1) ** 3;

/** Process ids of backends of the queue in this database, none while the server is away. */
async function backends({ world }: Schedule, like: string): Promise<number[]> {
  const sql = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE $1 AND state = 'idle'`;
  const rows = await world.query<{ pid: number }>(sql, [like]).catch(() => []);
  return rows.map(({ pid }) => pid);
}

export const FAULTS: Record<string, Fault> = {
  'a worker is stopped': {
    oneIn: 3,
    async happen({ random, pickWorker }) {
      const worker = pickWorker();
      worker.kill('SIGSTOP');
      await sleep(aWhile(random));
      worker.kill('SIGCONT');
    },
  },
  'the server crashes': {
    oneIn: 15,
    happen: ({ random, crashServer }) => crashServer(random.between(0, LEASE_MS)),
  },
  'backends are killed': {
    oneIn: 3,
    async happen(schedule) {
      const { random, world } = schedule;
      for (let i = random.integer(4); i >= 0; i--) {
        const pids = await backends(schedule, 'notify-queue%');
        if (pids.length > 0) await world.query('SELECT pg_terminate_backend($1)', [random.pick(pids)]).catch(() => undefined);
        await sleep(random.between(0, 150));
      }
    },
  },
  'the backend of a listener stands still': {
    oneIn: 5,
    async happen(schedule) {
      const pids = await backends(schedule, 'notify-queue listener');
      if (pids.length === 0) return;
      const pid = schedule.random.pick(pids);
      signal(pid, 'SIGSTOP');
      await sleep(aWhile(schedule.random));
      signal(pid, 'SIGCONT');
    },
  },
  'an answer is lost': {
    oneIn: 2,
    async happen({ random, proxy }) {
      const text = random.pick(['nq_exchange', 'nq_insert', 'COMMIT', 'nq_']);
      await Promise.race([random.integer(2) === 0 ? proxy.loseAnswerTo(text) : proxy.breakAfter(text), sleep(500)]);
    },
  },
  'a worker is killed': {
    oneIn: 4,
    async happen({ pickMortal, replace }) {
      const worker = pickMortal();
      worker.kill('SIGKILL');
      await worker.exited;
      await replace(worker);
    },
  },
  'the network keeps packets back': {
    oneIn: 4,
    async happen({ random, proxy }) {
      proxy.hold();
      await sleep(aWhile(random));
      proxy.release();
    },
  },
  'packets are late': {
    oneIn: 4,
    async happen({ random, proxy }) {
      proxy.slowDown(random.between(1, 80));
      await sleep(random.between(100, 600));
      proxy.slowDown(0);
    },
  },
  'connections are cut': {
    oneIn: 4,
    async happen({ proxy }) {
      proxy.cut();
    },
  },
  'connections are half open': {
    oneIn: 6,
    async happen({ proxy }) {
      proxy.halfOpen();
    },
  },
  'the queue is suspended for a while': {
    oneIn: 4,
    async happen({ random, world }) {
      await world.producer.queue.suspend().catch(() => undefined);
      await sleep(random.between(20, 300));
      while (!(await world.producer.queue.resume().then(() => true, () => false))) await sleep(50);
    },
  },
};

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It was killed meanwhile.
  }
}
