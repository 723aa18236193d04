import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from '../world.js';

/** Workers are killed at random points of their work, so many times; each is replaced. */
export async function killedWorkers(world: World, kills: number): Promise<void> {
  for (let i = 0; i < 2; i++) await world.startWorker();
  const producing = world.produce(6, () => ({ ms: world.random.integer(80) }));
  for (let i = 0; i < kills; i++) {
    await sleep(world.random.between(0, 300));
    const victim = world.workers.at(-1 - world.random.integer(2));
    victim?.kill('SIGKILL');
    await world.startWorker();
  }
  await producing.stop();
  await world.settled(60_000);
}
