import { peers } from '../contenders.mjs';
import { drain } from '../measure/drain.mjs';
import { throughput } from '../report/columns.mjs';

const UNDISTURBED = 'undisturbed';
const contenders = ['ours', 'ours-nohistory', 'floor', ...peers.filter((name) => name.endsWith('-tuned') && name !== 'bullmq-redis-tuned')];

/** @type {import('./index.mjs').Scenario} */
export default {
  title: 'Jobs are worked off while an old transaction elsewhere keeps every dead row alive',
  cases({ quick }) {
    const jobs = quick ? 10_000 : 200_000;
    const of = (name, disturbed) => ({
      name,
      contenders,
      plan: { queues: ['bench'] },
      columns: throughput,
      ...(disturbed && { baseline: UNDISTURBED }),
      async measure(run) {
        await run.fill('bench', jobs);
        await run.server.settle();
        const work = () => drain(run, { jobs, maxSeconds: quick ? 10 : 60 });
        if (!disturbed) return work();
        return run.server.connected(async (client) => {
          await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
          await client.query('SELECT count(*) FROM pg_class'); // takes the snapshot
          return work();
        });
      },
    });
    return [of(UNDISTURBED, false), of('a transaction is open', true)];
  },
};
