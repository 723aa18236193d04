import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { EFFECTS_TABLE } from '../../fixtures/worker-handlers.js';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { until } from '../../support/wait.js';
import { startWorker, type Worker } from '../../support/worker.js';

const JOBS = 300;
const KILLS = 4;

const database = useTestDatabase();
const start = useApps(database, { role: 'producer' });

it('whatever dies, what transactional handlers write is there once for each job', { timeout: 90_000 }, async () => {
  await database.query(EFFECTS_TABLE);
  const options = { lease: 1_000, sweepInterval: 200, maxCrashes: 100, defaults: { concurrency: 4 } };
  const work = (): Promise<Worker> => startWorker({ url: database.url, options });
  const { queue } = await start();
  const workers = [await work(), await work()];
  await queue.enqueueMany('booked', Array.from({ length: JOBS }, (_, n) => ({ ms: n % 30 })));
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(150 + kill * 37);
    workers.shift()!.kill('SIGKILL');
    workers.push(await work());
  }
  const left = async (): Promise<number> => Number((await database.query('SELECT count(*)::int AS n FROM notify_queue.jobs'))[0]!.n);
  await until(async () => (await left()) === 0, { timeout: 40_000, interval: 100 });

  const [found] = await database.query(`SELECT count(*)::int AS jobs, min(rows)::int AS least, max(rows)::int AS most FROM (
    SELECT h.id, count(e.id) AS rows FROM notify_queue.job_history h LEFT JOIN effects e ON e.job_id = h.id AND e.pid IS NOT NULL
    WHERE h.state = 'completed' GROUP BY h.id) each_job`);
  expect(found).toEqual({ jobs: JOBS, least: 2, most: 2 });
  // The kills did cut runs short, or this proves nothing.
  const [{ crashes }] = (await database.query('SELECT sum(crashes)::int AS crashes FROM notify_queue.job_history')) as [{ crashes: number }];
  expect(crashes).toBeGreaterThan(0);
});
