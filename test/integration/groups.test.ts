import { describe, expect, it } from 'vitest';
import type { Job } from '../../lib/index.js';
import { useApps } from '../support/apps.js';
import { useTestDatabase } from '../support/database.js';
import { handle } from '../support/handlers.js';
import { until } from '../support/wait.js';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('groups', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '10m' });

  it('runs jobs of one group one after another, in order, over two processes', async () => {
    const order: number[] = [];
    let running = 0;
    let most = 0;
    const work = handle({
      step: async (job: Job<{ n: number }>) => {
        most = Math.max(most, ++running);
        await pause(2);
        order.push(job.payload.n);
        running--;
      },
    });
    const first = await start({ providers: [work] });
    await start({ providers: [work] });
    const numbers = Array.from({ length: 100 }, (_, n) => ({ n }));
    await first.queue.enqueueMany('step', numbers.slice(0, 50), { group: 'a' });
    for (const payload of numbers.slice(50)) await first.queue.enqueue('step', payload, { group: 'a' });
    await until(() => order.length === 100, { timeout: 10_000 });
    expect(most).toBe(1);
    expect(order).toEqual(numbers.map(({ n }) => n));
  });
});
