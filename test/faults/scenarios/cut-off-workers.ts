import { setTimeout as sleep } from 'node:timers/promises';
import { happened, now } from '../../support/worker.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { LEASE_MS, LONG_LEASE_MS, RESCUE_MS, SPARE_MS, type World } from '../world.js';

/** A handler keeps the event loop from turning for twice the lease. */
export async function blockedEventLoop(world: World): Promise<void> {
  // The other one may block for as long as it likes. To start it takes a while, so it is there before, and stands still.
  const second = await world.startWorker({ options: { lease: LONG_LEASE_MS, sweepInterval: '500ms' } });
  second.kill('SIGSTOP');
  const first = await world.startWorker();
  const id = (await world.enqueue('block', { ms: 2 * LEASE_MS })) as string;
  await first.waitFor(happened('job:started', id));
  second.kill('SIGCONT');
  await second.waitFor(happened('job:started', id), { timeout: RESCUE_MS + SPARE_MS });
  await first.waitFor(happened('job:returned', id));
  await second.waitFor(happened('job:returned', id));
  await world.settled();
  second.kill('SIGKILL');
  const next = await world.enqueue('work', {});
  await first.waitFor(happened('job:started', next));
  await world.settled();
}

/** Nothing that a worker sends arrives for three leases, and nothing reaches it. */
export async function blackhole(world: World): Promise<void> {
  const proxy = await FaultProxy.forTest(world.url);
  const first = await world.startWorker({ url: proxy.url });
  const second = await world.startWorker();
  const producing = world.produce(4, () => ({ ms: world.random.integer(100) }));
  await sleep(500);
  proxy.hold();
  await sleep(3 * LEASE_MS);
  proxy.release();
  const healedAt = now();
  await producing.stop();
  await world.settled();
  // It works again.
  second.kill('SIGKILL');
  const id = await world.enqueue('work', {});
  const { at } = await first.waitFor(happened('job:started', id), { timeout: RESCUE_MS + SPARE_MS + 5_000 });
  world.recovered('19: a worker that was cut off works again', at - healedAt, RESCUE_MS + 5_000);
  await world.settled();
}
