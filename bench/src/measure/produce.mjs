import { cpuUs } from './cpu.mjs';

/**
 * Has a process enqueue, and measures it and the server meanwhile.
 *
 * @param {import('../contender-run.mjs').ContenderRun} run
 * @param {(producer: any) => Promise<any>} work
 */
export async function measureProducer(run, work) {
  const producer = await run.start();
  const meter = run.meter();
  await meter.begin();
  const { jobs, all, ms, cpu } = await work(producer);
  await meter.end();
  await run.endProcesses();
  return { rate: (jobs / ms) * 1_000, clientUs: cpuUs(cpu) / jobs, ...(await meter.figures(all)) };
}
