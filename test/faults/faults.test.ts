import { afterEach, describe, expect, it, onTestFailed } from 'vitest';
import { useFaultServer } from './fault-server.js';
import { SEED } from './random.js';
import { crashingJob, unrescuableRow } from './scenarios/crashing-jobs.js';
import { cancelledWhileSettled, exhaustedPool, forgedNotifications, strictIsolation } from './scenarios/crowds.js';
import { blackhole, blockedEventLoop } from './scenarios/cut-off-workers.js';
import { killedWorkers } from './scenarios/killed-workers.js';
import { frozenListener, killedListener } from './scenarios/listener.js';
import { lostAnswers } from './scenarios/lost-answers.js';
import { mixedFaults } from './scenarios/mixed.js';
import { killedBackends, serverCrash } from './scenarios/outages.js';
import { skewedClocks } from './scenarios/skewed-clock.js';
import { lateSettlement, stoppedWorker } from './scenarios/stopped-worker.js';
import { World } from './world.js';

/** `npm run faults` sets it; `npm test` runs a short form of what takes long. */
const MINUTES = Number(process.env['FAULT_MINUTES'] ?? 0);
const LONG = MINUTES > 0;

describe('faults', { timeout: (LONG ? 300_000 : 60_000) + MINUTES * 60_000 }, () => {
  const server = useFaultServer();
  let world: World | undefined;
  afterEach(async () => {
    await world?.close();
    world = undefined;
  });

  /** What the checker finds after it, and what the workers wrote to stderr. */
  async function after(scenario: (world: World) => Promise<void>): Promise<unknown[]> {
    onTestFailed(() => console.error(`seed ${SEED}`));
    world = await World.create(server.current);
    await scenario(world);
    return [...(await world.violations()), ...world.workers.flatMap(({ stderr }) => stderr || [])];
  }

  it.each(['while another process runs its job', 'after another process completed its job'] as const)(
    '1: a worker that was stopped past its lease goes on %s',
    async (resumed) => expect(await after((it) => stoppedWorker(it, resumed))).toEqual([]),
  );
  it('1: a settlement arrives when another process holds the job', async () => expect(await after(lateSettlement)).toEqual([]));
  it.each(LONG ? [200, 2_000, 8_000] : [200, 2_000])('2: the server crashes and is away for %i ms', async (awayMs) =>
    expect(await after((it) => serverCrash(it, awayMs))).toEqual([]),
  );
  it('3: the backend of the listener is killed', async () => expect(await after(killedListener)).toEqual([]));
  it('4: the backend of the listener stands still', async () => expect(await after(frozenListener)).toEqual([]));
  it('5: answers of an enqueue, a reserve and a settlement are lost', async () => expect(await after(lostAnswers)).toEqual([]));
  it('6: workers are killed at random points', async () => expect(await after((it) => killedWorkers(it, LONG ? 50 : 5))).toEqual([]));
  it('7: backends are killed at random', async () => expect(await after((it) => killedBackends(it, LONG ? 60_000 : 5_000, LONG ? 64 : 16))).toEqual([]));
  it.each(['repeatable read', 'serializable'] as const)('9: the default isolation of the database is %s', async (level) =>
    expect(await after((it) => strictIsolation(it, level))).toEqual([]),
  );
  it('11: a row makes the sweep fail', async () => expect(await after(unrescuableRow)).toEqual([]));
  it('17: the clocks of the workers are an hour off', async () => expect(await after(skewedClocks)).toEqual([]));
  it('18: the event loop is blocked for twice the lease', async () => expect(await after(blockedEventLoop)).toEqual([]));
  it('19: nothing arrives for three leases', async () => expect(await after(blackhole)).toEqual([]));
  it('22: jobs are cancelled while they are settled', async () => expect(await after(cancelledWhileSettled)).toEqual([]));
  it('23: somebody sends forged notifications', async () => expect(await after(forgedNotifications)).toEqual([]));
  it('24: handlers share one connection of the application', async () => expect(await after(exhaustedPool)).toEqual([]));
  it('25: a job kills its process each time', async () => expect(await after(crashingJob)).toEqual([]));
  it('32: mixed faults by seeds', async () => {
    const until = performance.now() + MINUTES * 60_000;
    const isOver = (done: number): boolean => (LONG ? performance.now() > until : done >= 3);
    expect(await after((it) => mixedFaults(it, SEED, isOver))).toEqual([]);
  });
});
