import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../../src/report/statistics.mjs';
import { runsOf, tally } from '../tally.mjs';

const KILLS = 20;
const killed = (lease, runs, waitSeconds) => ({
  title: `6: workers are killed ${KILLS} times, ${lease === 'ten' ? 'leases of 10 s' : 'default leases'}`,
  options: { lease },
  runs,
  run: (trial) => kill(trial, waitSeconds),
});

export default [killed('default', 1, 90), killed('ten', 3, 40)];

async function kill(trial, waitSeconds) {
  const workers = [await trial.worker(), await trial.worker()];
  const producer = await trial.start();
  const stop = trial.produce(producer, 6, () => ({ ms: Math.floor(Math.random() * 80) }));
  for (let i = 0; i < KILLS; i++) {
    await sleep(Math.random() * 300);
    const at = Math.floor(Math.random() * 2);
    workers[at].signal('SIGKILL');
    workers[at] = await trial.worker();
  }
  await stop();
  await trial.settled(waitSeconds * 1_000);
  return { ...rescues(trial, waitSeconds), ...(await tally(trial)) };
}

/** From a process's death until each job that it ran starts again. */
function rescues(trial, waitSeconds) {
  const runs = runsOf(trial);
  const cut = runs.filter(({ ended, to }) => !ended && to !== Infinity);
  const again = cut.map(({ id, to }) => runs.find((run) => run.id === id && run.from > to)?.from - to).filter(Number.isFinite).sort((a, b) => a - b);
  return {
    'runs cut short': cut.length,
    [`of these not run again within ${waitSeconds} s`]: cut.length - again.length,
    'the others run again after, median s': seconds(quantile(again, 0.5)),
    'and at worst, s': seconds(again.at(-1)),
  };
}

function seconds(ms) {
  return ms === undefined ? '-' : Math.round(ms / 100) / 10;
}
