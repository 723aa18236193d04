import { now } from '../clock.mjs';
import { queues } from '../contenders.mjs';
import { cpuUs } from '../measure/cpu.mjs';
import { column, throughput } from '../report/columns.mjs';

const IN_FLIGHT = 32;

/** @type {import('./index.mjs').Scenario} */
export default {
  title: `A process with ${IN_FLIGHT} calls of enqueue in flight and a process that runs the jobs, together`,
  cases: ({ quick }) => [
    {
      name: 'completed',
      contenders: queues.filter((name) => name !== 'floor'),
      plan: { queues: ['bench'] },
      columns: [...throughput, column('left', 'left waiting')],
      measure: (run) => together(run, quick ? 2 : 20),
    },
  ],
};

async function together(run, seconds) {
  const worker = await run.start();
  await worker.call('work', { queues: ['bench'] });
  const producer = await run.start();
  const meter = run.meter();
  await meter.begin();
  const startedAt = now();
  const enqueued = await producer.call('enqueue', { queue: 'bench', inFlight: IN_FLIGHT, seconds });
  const seen = await worker.call('seen');
  const ms = now() - startedAt;
  await meter.end();
  await run.endProcesses();
  return {
    rate: (seen.jobs / ms) * 1_000,
    clientUs: cpuUs(seen.cpu) / seen.jobs + cpuUs(enqueued.cpu) / enqueued.jobs,
    ...(await meter.figures(seen.jobs)),
    left: enqueued.all - seen.jobs,
  };
}
