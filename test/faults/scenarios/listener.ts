import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../support/wait.js';
import { happened, now, type Worker } from '../../support/worker.js';
import { LEASE_MS, SPARE_MS, type World } from '../world.js';

/** Notifications alone must do: the sweep comes too late to help. */
const OPTIONS = { lease: LEASE_MS, sweepInterval: '1m', shutdownGrace: 1_000 } as const;
const HEARTBEAT_MS = LEASE_MS / 3;

/** The listener's backend is killed, and a job enqueued at once. */
export async function killedListener(world: World): Promise<void> {
  const worker = await world.startWorker({ options: OPTIONS });
  await warmUp(world, worker);
  await sleep(300);
  await world.query('SELECT pg_terminate_backend($1)', [await listenerOf(world)]);
  await startsWithin(world, worker, 1_300, '3: a job starts after the backend of the listener was killed');
  await startsWithin(world, worker, 100, '3: the next one');
}

/** The listener's backend stands still: its connection is open, and nothing comes through it any more. */
export async function frozenListener(world: World): Promise<void> {
  const worker = await world.startWorker({ options: OPTIONS });
  await warmUp(world, worker);
  // Past the looks that follow a notification.
  await sleep(300);
  const frozen = await listenerOf(world);
  process.kill(frozen, 'SIGSTOP');
  try {
    await startsWithin(world, worker, 2 * HEARTBEAT_MS + 500, '4: a job starts while the backend of the listener stands still');
    await startsWithin(world, worker, 100, '4: the next one');
  } finally {
    process.kill(frozen, 'SIGCONT');
  }
  // It finds its socket closed.
  await until(async () => !(await world.server.backends('notify-queue listener')).includes(frozen));
}

async function warmUp(world: World, worker: Worker): Promise<void> {
  await startsWithin(world, worker, 10_000, 'the first job of a worker');
}

async function startsWithin(world: World, worker: Worker, ms: number, what: string): Promise<void> {
  const id = await world.enqueue('work', {});
  const enqueuedAt = now();
  const { at } = await worker.waitFor(happened('job:started', id), { timeout: ms + SPARE_MS });
  world.recovered(what, at - enqueuedAt, ms);
}

/** The producer listens as well, so this is the newest. */
async function listenerOf(world: World): Promise<number> {
  const [row] = await world.query(
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'notify-queue listener'
     ORDER BY backend_start DESC LIMIT 1`,
  );
  return row.pid as number;
}
