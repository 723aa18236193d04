import { setTimeout as sleep } from 'node:timers/promises';
import { peers } from '../contenders.mjs';
import { drain } from '../measure/drain.mjs';
import { throughput } from '../report/columns.mjs';

const ALONE = 'nothing else runs';
const START_SECONDS = 120;
const contenders = ['ours', 'ours-nohistory', ...peers.filter((name) => name.endsWith('-tuned'))];

/** @type {import('./index.mjs').Scenario} */
export default {
  title: 'Jobs are worked off while many others, reserved at once, are running for long',
  cases({ quick }) {
    const jobs = quick ? 10_000 : 20_000;
    const slow = { queue: 'slow', jobs: quick ? 1_000 : 10_000 };
    const many = slow.jobs.toLocaleString('en');
    const of = (name, prepare, rest = {}) => ({
      name,
      contenders,
      plan: { queues: ['bench', 'slow'] },
      columns: throughput,
      ...(name !== ALONE && { baseline: ALONE }),
      ...rest,
      async measure(run) {
        await run.fill('slow', slow.jobs);
        await run.fill('bench', jobs);
        await run.server.settle();
        return drain(run, { jobs, maxSeconds: quick ? 10 : 60, begin: await prepare(run) });
      },
    });
    return [
      of(ALONE, async () => undefined),
      of(`${many} run in another process`, (run) => holdElsewhere(run, slow)),
      of(`${many} run in the same process`, (run) => holdHere(run, slow), { contenders: ['ours'] }),
    ];
  },
};

async function holdElsewhere(run, slow) {
  const holder = await run.start();
  await holder.call('work', { queues: [], hold: slow });
  await allHeld(holder, slow.jobs);
  return undefined;
}

/** The queue that is measured is suspended until the handlers of the other one all wait. */
async function holdHere(run, slow) {
  await run.once('suspend', { queue: 'bench' });
  return async (worker) => {
    await worker.call('work', { queues: ['bench'], hold: slow, gate: true });
    await allHeld(worker, slow.jobs);
    await worker.call('resume', { queue: 'bench' });
  };
}

async function allHeld(holder, jobs) {
  for (let waits = 0; waits < START_SECONDS * 10; waits++) {
    if ((await holder.call('held')) >= jobs) return;
    await sleep(100);
  }
  throw new Error(`not all of ${jobs} jobs had started after ${START_SECONDS} s`);
}
