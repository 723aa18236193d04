import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { FaultProxy } from '../../support/fault-proxy.js';
import { NetworkNamespace, type Cut } from '../../support/network-namespace.js';
import { until } from '../../support/wait.js';
import { happened, now, type Worker } from '../../support/worker.js';
import type { WorkerEvent } from '../../fixtures/worker-events.js';
import { LEASE_MS, RESCUE_MS, SPARE_MS, type World } from '../world.js';

/** One of three workers loses its network for three leases while it runs jobs, so many times. */
export async function cutOffNetwork(world: World, how: Cut, times: number): Promise<void> {
  const network = await NetworkNamespace.forTest();
  // The server listens on 127.0.0.1 only, which is another one in there.
  const proxy = await FaultProxy.forTest(world.url, network.hostAddress);
  const cutOff = await world.startWorker({ url: proxy.url, prefix: network.prefix });
  const others = [await world.startWorker(), await world.startWorker()];
  const producing = world.produce(8, () => ({ ms: world.random.integer(400) }));
  for (let i = 0; i < times; i++) await cutOnce(world, network, how, cutOff, others);
  await producing.stop();
  await world.settled();
}

async function cutOnce(world: World, network: NetworkNamespace, how: Cut, cutOff: Worker, others: readonly Worker[]): Promise<void> {
  const held = (): Promise<Array<{ id: string }>> =>
    world.query('SELECT j.id FROM notify_queue.jobs j JOIN notify_queue.job_instances i ON i.id = j.reserved_by WHERE i.pid = $1', [cutOff.pid]);
  await until(async () => (await held()).length >= 3);
  network.cut(how);
  const cutAt = now();
  // What had arrived by then is still carried out.
  await sleep(200);
  const left = await held();
  expect(left).not.toEqual([]);
  try {
    const elsewhere = await Promise.all(left.map(({ id }) => startsOn(others, id)));
    const lastAt = Math.max(...elsewhere.map(({ at }) => at));
    world.recovered(`20: the jobs of a worker that was cut off run elsewhere (${how})`, lastAt - cutAt, RESCUE_MS);
    await sleep(Math.max(0, cutAt + 3 * LEASE_MS - now()));
  } finally {
    network.heal(how);
  }
  const healedAt = now();
  const again = await cutOff.waitFor((event) => event.type === 'job:started' && event.at > healedAt, { timeout: 15_000 });
  world.recovered(`20: a worker that was cut off works again (${how})`, again.at - healedAt, RESCUE_MS + 5_000);
}

function startsOn(workers: readonly Worker[], id: string): Promise<WorkerEvent> {
  return Promise.any(workers.map((worker) => worker.waitFor(happened('job:started', id), { timeout: RESCUE_MS + SPARE_MS })));
}
