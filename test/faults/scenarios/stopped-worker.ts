import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { happened } from '../../support/worker.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { RESCUE_MS, SPARE_MS, type World } from '../world.js';

/** When the stopped process goes on: while another one runs its job, after that one has completed it. */
export type Resumed = 'while another process runs its job' | 'after another process completed its job';

/** A worker is stopped for longer than its lease, and then goes on as if nothing had happened. */
export async function stoppedWorker(world: World, resumed: Resumed): Promise<void> {
  const ms = resumed === 'while another process runs its job' ? 2_000 : 300;
  const first = await world.startWorker();
  const id = (await world.enqueue('work', { ms })) as string;
  await first.waitFor(happened('job:started', id));
  first.kill('SIGSTOP');
  const second = await world.startWorker();
  await second.waitFor(happened('job:started', id), { timeout: RESCUE_MS + SPARE_MS });
  if (ms < 1_000) await second.waitFor(happened('job:returned', id));
  first.kill('SIGCONT');
  // Its handler may have come to an end at the very moment when it goes on, before it is told.
  await first.waitFor((event) => happened('job:aborted', id)(event) || happened('job:returned', id)(event));
  await second.waitFor(happened('job:returned', id));
  await world.settled();
  // The stopped one is a worker again, under a new identity.
  second.kill('SIGKILL');
  const next = (await world.enqueue('work', {})) as string;
  await first.waitFor(happened('job:started', next), { timeout: RESCUE_MS + SPARE_MS });
  await world.settled();
}

/**
 * The network keeps back what a worker sends from when its job ends: the settlement is on its way when the
 * lease ends, and arrives when another process holds the job.
 */
export async function lateSettlement(world: World): Promise<void> {
  const proxy = await FaultProxy.forTest(world.url);
  const first = await world.startWorker({ url: proxy.url });
  // So that no connection needs setting up when the job ends: what is kept back must be the settlement itself.
  for (let i = 0; i < 20; i++) await world.enqueue('work', { ms: 20 });
  await world.settled();
  const id = (await world.enqueue('work', { ms: 700 })) as string;
  await first.waitFor(happened('job:started', id));
  // Whatever else it asked for meanwhile is answered by then: a settlement would wait for it, and not be sent at all.
  await sleep(200);
  proxy.hold();
  await first.waitFor(happened('job:returned', id), { timeout: 3_000 });
  const second = await world.startWorker();
  await second.waitFor(happened('job:started', id), { timeout: RESCUE_MS + SPARE_MS });
  proxy.release();
  await world.settled();
  const [row] = await world.query('SELECT crashes, attempt FROM notify_queue.job_history WHERE id = $1', [id]);
  expect(row).toEqual({ crashes: 1, attempt: 1 });
}
