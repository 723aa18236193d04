import { expect, it } from 'vitest';
import { useApps } from '../support/apps.js';
import { useTestDatabase } from '../support/database.js';
import { handle } from '../support/handlers.js';
const database = useTestDatabase();
const start = useApps(database, { sweepInterval: '10m' });
it('dbg', async () => {
  const order: number[] = [];
  const a = await start({ providers: [handle({ step: (job) => void order.push((job.payload as any).n) })] });
  await a.queue.enqueueMany('step', [1,2,3].map((n) => ({ n })), { group: 'a' });
  await new Promise((r) => setTimeout(r, 1500));
  console.log(order, a.logger.entries.filter((e) => e.level !== 'log').slice(0, 5).map((e) => JSON.stringify(e)));
  console.log(await database.query('select id, state, blocked, slot, due_at, reserved_by, group_key from notify_queue.jobs'), await database.query('select * from notify_queue.job_groups'));
});
