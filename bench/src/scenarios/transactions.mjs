import { setTimeout as sleep } from 'node:timers/promises';
import { measureProducer } from '../measure/produce.mjs';
import { column, throughput } from '../report/columns.mjs';
import { quantile } from '../report/statistics.mjs';

const CALLERS = 48;
const SHIPPED = `${CALLERS} callers, each in its own transaction`;
const WITHOUT_TRIGGER = `${CALLERS} callers, without any trigger`;

/** Only these can enqueue in a transaction of the caller. */
const contenders = ['ours', 'graphile-worker', 'pg-boss'];
const pickUp = [column('p99', 'pick-up p99 ms', 2), column('p50', 'p50 ms', 2), column('max', 'worst ms', 2), column('rate', 'jobs/s')];

/** What waking the workers costs the callers, and how soon the workers begin. */
export function transactionCases(seconds) {
  return [
    {
      name: WITHOUT_TRIGGER,
      contenders: ['ours'],
      plan: plan({ trigger: 'none' }),
      columns: throughput,
      measure: (run) => measureProducer(run, transact(seconds)),
    },
    {
      name: SHIPPED,
      contenders,
      plan: plan(),
      columns: throughput,
      baseline: WITHOUT_TRIGGER,
      measure: (run) => measureProducer(run, transact(seconds)),
    },
    {
      name: `${CALLERS} callers, with a trigger that always notifies`,
      contenders: ['ours'],
      plan: plan({ trigger: 'plain' }),
      columns: throughput,
      baseline: WITHOUT_TRIGGER,
      measure: (run) => measureProducer(run, transact(seconds)),
    },
    picked(`pick-up from ${CALLERS} callers that rest in between`, seconds, true),
    picked(`pick-up from ${CALLERS} callers at full speed`, seconds, false),
  ];
}

function plan(options = {}) {
  return { queues: ['bench'], options: { callers: CALLERS, ...options } };
}

function transact(seconds, paced = false) {
  return (producer) => producer.call('transact', { queue: 'bench', callers: CALLERS, seconds, paced });
}

/** Joins what the callers say of their commits with what a worker in another process says of its starts. */
function picked(name, seconds, paced) {
  return {
    name,
    contenders: ['ours'],
    plan: plan(),
    columns: pickUp,
    async measure(run) {
      const worker = await run.start({ callers: undefined });
      await worker.call('work', { queues: ['bench'], record: 'start' });
      const producer = await run.start();
      const { committed, ms, jobs, all } = await transact(seconds, paced)(producer);
      const started = await startsOf(worker, all);
      // A start that the worker knows of before the caller knows of its commit counts as at once.
      const waits = committed.map(([n, at]) => Math.max(0, started.get(n) - at)).sort((a, b) => a - b);
      return { p99: quantile(waits, 0.99), p50: quantile(waits, 0.5), max: waits.at(-1), rate: (jobs / ms) * 1_000 };
    },
  };
}

async function startsOf(worker, count) {
  for (let tries = 0; tries < 100; tries++) {
    const { kept } = await worker.call('seen');
    if (kept.length >= count) return new Map(kept);
    await sleep(100);
  }
  throw new Error('not every committed job was run');
}
