import { setTimeout as sleep } from 'node:timers/promises';
import { FaultProxy } from '../../support/fault-proxy.js';
import { NetworkNamespace, type Cut } from '../../support/network-namespace.js';
import { until } from '../../support/wait.js';
import { now } from '../../support/worker.js';
import { LEASE_MS, RESCUE_MS, SPARE_MS, type World } from '../world.js';

/** One of three workers loses its network for three leases while it runs jobs. */
export async function cutOffNetwork(world: World, how: Cut): Promise<void> {
  const network = await NetworkNamespace.forTest();
  // The server listens on 127.0.0.1 only, which is another one in there.
  const proxy = await FaultProxy.forTest(world.url, network.hostAddress);
  const [cutOff, ...others] = [
    await world.startWorker({ url: proxy.url, prefix: network.prefix }),
    await world.startWorker(),
    await world.startWorker(),
  ];
  const producing = world.produce(8, () => ({ ms: world.random.integer(400) }));
  const held = (): Promise<Array<{ id: string }>> =>
    world.query('SELECT j.id FROM notify_queue.jobs j JOIN notify_queue.job_instances i ON i.id = j.reserved_by WHERE i.pid = $1', [cutOff!.pid]);
  await until(async () => (await held()).length >= 3);
  network.cut(how);
  const cutAt = now();
  const left = await held();
  try {
    const elsewhere = await Promise.all(
      left.map(({ id }) =>
        Promise.any(
          others.map((worker) =>
            worker.waitFor((event) => event.type === 'job:started' && event.jobId === id, { timeout: RESCUE_MS + SPARE_MS }),
          ),
        ),
      ),
    );
    const lastAt = Math.max(...elsewhere.map(({ at }) => at));
    world.recovered(`20: the jobs of a worker that was cut off run elsewhere (${how})`, lastAt - cutAt, RESCUE_MS);
    await sleep(Math.max(0, cutAt + 3 * LEASE_MS - now()));
  } finally {
    network.heal(how);
  }
  const healedAt = now();
  const again = await cutOff!.waitFor((event) => event.type === 'job:started' && event.at > healedAt, { timeout: 15_000 });
  world.recovered(`20: a worker that was cut off works again (${how})`, again.at - healedAt, RESCUE_MS + 5_000);
  await producing.stop();
  await world.settled();
}
