import { setTimeout as sleep } from 'node:timers/promises';
import { producers } from '../contenders.mjs';
import { column } from '../report/columns.mjs';
import { quantile } from '../report/statistics.mjs';

const GAP_MS = 15;
const WARM_UP = 50;
const WAIT_SECONDS = 10;

const columns = [
  column('p50', 'p50 ms', 2),
  column('p95', 'p95 ms', 2),
  column('p99', 'p99 ms', 2),
  column('insert50', 'plain insert p50 ms', 2),
  column('toInsert', 'p50 / insert', 2),
];
const contenders = producers.filter((name) => name !== 'floor');

/** @type {import('./index.mjs').Scenario} */
export default {
  title: 'A lone job on an idle queue, from the call of enqueue to the start of its handler',
  cases: ({ quick }) => [of('other process', true, quick), of('same process', false, quick)],
};

function of(name, elsewhere, quick) {
  const samples = quick ? 50 : 500;
  return {
    name,
    contenders,
    plan: { queues: ['bench'], options: { goal: 'latency' } },
    columns,
    async measure(run) {
      const worker = await run.start();
      await worker.call('work', { queues: ['bench'], record: 'latency' });
      const producer = elsewhere ? await run.start() : worker;
      await sleep(1_000); // until the worker idles
      const { inserts } = await producer.call('latency', { queue: 'bench', samples, gapMs: GAP_MS, warmUp: WARM_UP });
      const latencies = await latenciesOf(worker, samples);
      const p50 = quantile(latencies, 0.5);
      const insert50 = quantile(inserts.sort(ascending), 0.5);
      return {
        p50,
        p95: quantile(latencies, 0.95),
        p99: quantile(latencies, 0.99),
        ...(insert50 !== undefined && { insert50, toInsert: p50 / insert50 }),
      };
    },
  };
}

async function latenciesOf(worker, samples) {
  let seen = 0;
  for (let waits = 0; waits < WAIT_SECONDS * 10; waits++) {
    const { kept } = await worker.call('seen');
    if (kept.length >= samples) return kept.sort(ascending);
    seen = kept.length;
    await sleep(100);
  }
  throw new Error(`only ${seen} of ${samples} jobs had started ${WAIT_SECONDS} s after the last call`);
}

const ascending = (a, b) => a - b;
