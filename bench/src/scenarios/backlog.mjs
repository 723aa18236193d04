import { peers } from '../contenders.mjs';
import { drain } from '../measure/drain.mjs';
import { throughput } from '../report/columns.mjs';

const ALONE = 'nothing else';
const queues = ['ours', 'ours-nohistory', ...peers.filter((name) => name.endsWith('-tuned'))];

/** @type {import('./index.mjs').Scenario} */
export default {
  title: 'Jobs are worked off while many others are in the tables',
  cases({ quick }) {
    const jobs = quick ? 5_000 : 50_000;
    const others = quick ? 20_000 : 1_000_000;
    const finished = quick ? 100_000 : 10_000_000;
    const waiting = others.toLocaleString('en');
    const of = (name, rest) => ({
      name,
      contenders: queues,
      plan: { queues: ['bench', 'other'], ...rest.plan },
      columns: throughput,
      ...(name !== ALONE && { baseline: ALONE }),
      async measure(run) {
        await run.fill('bench', jobs);
        await run.server.settle();
        return drain(run, { jobs, maxSeconds: quick ? 10 : 60, emptied: rest.emptied ?? true });
      },
    });
    const ballast = (key, fill) => ({ ballast: { key, fill } });
    return [
      of(ALONE, { plan: {} }),
      of(`${waiting} waiting in another queue`, { plan: ballast('other', (run) => run.fill('other', others)) }),
      of(`${waiting} more waiting in the same queue`, { plan: ballast('same', (run) => run.fill('bench', others)), emptied: false }),
      of(`${waiting} due tomorrow in the same queue`, {
        plan: ballast('later', (run) => run.fill('bench', others, { delaySeconds: 86_400 })),
        emptied: false,
      }),
      {
        ...of(`${finished.toLocaleString('en')} in the history`, { plan: ballast('history', (run) => fillHistory(run, finished)) }),
        contenders: ['ours'],
      },
    ];
  },
};

/** Some jobs are run, and then one of them is copied. */
async function fillHistory(run, jobs) {
  await run.fill('bench', 1_000);
  await drain(run, { jobs: 1_000, maxSeconds: 30 });
  await run.once('fillHistory', { jobs }, 3_600);
}
