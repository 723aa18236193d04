import { queues } from '../contenders.mjs';
import { drain } from '../measure/drain.mjs';
import { throughput } from '../report/columns.mjs';

/** @type {import('./index.mjs').Scenario} */
export default {
  title: 'Jobs that wait are worked off by handlers that do nothing',
  cases({ quick, full }) {
    const sizes = quick ? [20_000] : full ? [50_000, 500_000] : [50_000];
    return sizes.flatMap((jobs) => [waiting(jobs, 1, quick), waiting(jobs, 2, quick)]);
  },
};

function waiting(jobs, processes, quick) {
  const name = (count) => `${jobs.toLocaleString('en')} waiting, ${count === 1 ? 'one process' : `${count} processes`}`;
  return {
    name: name(processes),
    contenders: queues,
    plan: { queues: ['bench'] },
    columns: throughput,
    ...(processes > 1 && { baseline: name(1) }),
    async measure(run) {
      await run.fill('bench', jobs);
      await run.server.settle();
      return drain(run, { jobs, processes, maxSeconds: quick ? 5 : 20 + jobs / 25_000 });
    },
  };
}
