import { expect } from 'vitest';
import { startApp } from '../../support/app.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { happened } from '../../support/worker.js';
import { LEASE_MS, SPARE_MS, type World } from '../world.js';

/** The statement reaches the server and is committed, and its answer never arrives, or not all of it. */
export async function lostAnswers(world: World): Promise<void> {
  const proxy = await FaultProxy.forTest(world.url);
  const worker = await world.startWorker({ url: proxy.url });
  const distant = await startApp({ url: proxy.url, queue: { role: 'producer' } });
  try {
    for (let round = 0; round < 3; round++) {
      const lostReserve = proxy.loseAnswerTo('nq_exchange');
      await world.enqueue('work', {});
      await lostReserve;
      await world.settled();

      const lostInPart = proxy.loseEndOfAnswerTo('nq_exchange');
      await world.enqueue('work', {});
      await lostInPart;
      await world.settled();

      const id = await world.enqueue('work', { ms: 100 });
      await worker.waitFor(happened('job:started', id), { timeout: LEASE_MS + SPARE_MS });
      const lostSettle = proxy.loseAnswerTo('nq_exchange');
      await lostSettle;
      await world.settled();
      expect(worker.events.filter((event) => event.type === 'job:started' && event.jobId === id)).toHaveLength(1);

      const lostEnqueue = proxy.loseAnswerTo('nq_insert_jobs');
      await world.enqueue('work', {}, distant.queue);
      await lostEnqueue;
      await world.settled();
    }
  } finally {
    await distant.close();
  }
}
