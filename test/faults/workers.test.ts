import { describe, expect, it } from 'vitest';
import { crashingJob, unrescuableRow } from './scenarios/crashing-jobs.js';
import { blackhole, blockedEventLoop } from './scenarios/cut-off-workers.js';
import { killedWorkers } from './scenarios/killed-workers.js';
import { skewedClocks } from './scenarios/skewed-clock.js';
import { lateSettlement, stoppedWorker } from './scenarios/stopped-worker.js';
import { LONG, OPTIONS, useFaults } from './use-faults.js';

describe('faults', OPTIONS, () => {
  const faults = useFaults();

  it.each(['while another process runs its job', 'after another process completed its job'] as const)(
    '1: a worker that was stopped past its lease goes on %s',
    async (resumed) => expect(await faults.after((it) => stoppedWorker(it, resumed))).toEqual([]),
  );
  it('1: a settlement arrives when another process holds the job', async () => expect(await faults.after(lateSettlement)).toEqual([]));
  it('6: workers are killed at random points', async () => expect(await faults.after((it) => killedWorkers(it, LONG ? 50 : 3))).toEqual([]));
  it('11: a row makes the sweep fail', async () => expect(await faults.after(unrescuableRow)).toEqual([]));
  it('17: the clocks of the workers are an hour off', async () => expect(await faults.after(skewedClocks)).toEqual([]));
  it('18: the event loop is blocked for twice the lease', async () => expect(await faults.after(blockedEventLoop)).toEqual([]));
  it('19: nothing arrives for three leases', async () => expect(await faults.after(blackhole)).toEqual([]));
  it('25: a job kills its process each time', async () => expect(await faults.after(crashingJob)).toEqual([]));
});
