import { setTimeout as sleep } from 'node:timers/promises';
import { cpuUs } from './cpu.mjs';
import { Progress } from './progress.mjs';

const FIRST_JOB_SECONDS = 60;
const SETTLED_SECONDS = 30;

/**
 * Starts processes that work off the queue 'bench'. Their handlers wait until every process has
 * begun; from then on they are measured until so many jobs have run, or until the time is up: then
 * the figure is what they did in that time.
 *
 * @param {import('../contender-run.mjs').ContenderRun} run
 * @param {{ jobs: number, processes?: number, maxSeconds: number, emptied?: boolean, begin?: Begin }} plan
 *   `emptied`: nothing else is in the queue, so that it must be empty at the end
 *
 * @typedef {(worker: import('../processes/contender-process.mjs').ContenderProcess) => Promise<void>} Begin
 *   has a process work off the queue with a gate
 */
export async function drain(run, { jobs, processes = 1, maxSeconds, emptied = true, begin = work }) {
  const workers = await Promise.all(Array.from({ length: processes }, () => run.start()));
  const progress = new Progress(workers, jobs);
  await Promise.all(workers.map(begin));
  if (!(await progress.begunWithin(FIRST_JOB_SECONDS))) throw new Error(`no job ran within ${FIRST_JOB_SECONDS} s`);
  const meter = run.meter();
  await meter.begin();
  const gates = await Promise.all(workers.map((worker) => worker.call('open')));
  const finished = await progress.reachedWithin(maxSeconds);
  if (finished && emptied) await waitUntilSettled(workers[0]);
  const seen = await Promise.all(workers.map((worker) => worker.call('seen')));
  await meter.end();
  await run.endProcesses();

  const sum = (values, key) => values.reduce((total, value) => total + value[key], 0);
  const ran = sum(seen, 'jobs');
  if (finished && emptied && ran > jobs) throw new Error(`${ran - jobs} of ${jobs} jobs ran twice`);
  const measured = ran - sum(gates, 'jobs');
  if (measured === 0) throw new Error(`all ${jobs} jobs had been handed out before the clock started`);
  const ms = Math.max(...seen.map(({ lastAt }) => lastAt)) - Math.max(...gates.map(({ openedAt }) => openedAt));
  return {
    rate: (measured / ms) * 1_000,
    clientUs: seen.reduce((total, { cpu }) => total + cpuUs(cpu), 0) / ran,
    ...(await meter.figures(ran)),
    ...(!finished && { stoppedAfter: ran }),
  };
}

/** @type {Begin} */
async function work(worker) {
  await worker.call('work', { queues: ['bench'], gate: true });
}

async function waitUntilSettled(worker) {
  let left;
  for (const deadline = performance.now() + SETTLED_SECONDS * 1_000; performance.now() < deadline; await sleep(20)) {
    left = await worker.call('remaining', { queue: 'bench' });
    if (left === 0) return;
  }
  throw new Error(`${left} jobs that have run were still there after ${SETTLED_SECONDS} s`);
}
