import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { happened } from '../../support/worker.js';
import { projectRoot } from '../../support/build.js';
import { LEASE_MS, type World } from '../world.js';

/** The clocks of two workers are an hour off, one ahead and one behind, for longer than a lease. */
export async function skewedClocks(world: World): Promise<void> {
  for (const skewMs of [3_600_000, -3_600_000]) await world.startWorker({ env: skewed(skewMs) });
  const long = (await world.enqueue('work', { ms: 2 * LEASE_MS })) as string;
  await Promise.any(world.workers.map((worker) => worker.waitFor(happened('job:started', long))));
  const producing = world.produce(4, () => ({ ms: world.random.integer(50), failures: world.random.integer(2) }));
  await sleep(LEASE_MS);
  await producing.stop();
  await world.settled();
}

function skewed(skewMs: number): Record<string, string> {
  const preload = join(projectRoot, 'dist/test/fixtures/clock-skew.js');
  return { CLOCK_SKEW_MS: `${skewMs}`, NODE_OPTIONS: `--import=${preload}` };
}
