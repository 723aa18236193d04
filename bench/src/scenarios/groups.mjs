import { drain } from '../measure/drain.mjs';
import { throughput } from '../report/columns.mjs';

const ALONE = 'no groups';

/** @type {import('./index.mjs').Scenario} */
export default {
  title: 'Jobs are worked off that are in groups, or beside others whose groups are full',
  cases({ quick }) {
    const jobs = quick ? 5_000 : 50_000;
    const many = quick ? 10_000 : 100_000;
    const of = (name, count, fill, emptied = true) => ({
      name,
      contenders: ['ours', 'ours-nohistory'],
      plan: { queues: ['bench'] },
      columns: throughput,
      ...(name !== ALONE && { baseline: ALONE }),
      async measure(run) {
        await fill(run, count);
        await run.server.settle();
        return drain(run, { jobs: count, maxSeconds: quick ? 10 : 60, emptied });
      },
    });
    return [
      of(ALONE, jobs, (run, count) => run.fill('bench', count)),
      of(`each of ${many.toLocaleString('en')} in a group of its own`, many, (run, count) => run.fill('bench', count, { grouped: true })),
      of(
        `${many.toLocaleString('en')} more in two groups that are full`,
        jobs,
        async (run, count) => {
          await run.once('blockGroups', { queue: 'bench', jobs: many }, 600);
          await run.fill('bench', count);
        },
        false,
      ),
    ];
  },
};
