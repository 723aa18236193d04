import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Log, QueueSurvey, SweepStore } from '../../../lib/interfaces/ports/index.js';
import type { GroupSweep } from '../../../lib/runtime/group-sweep.js';
import type { Patrol } from '../../../lib/runtime/patrol.js';
import type { QueueRunner } from '../../../lib/runtime/queue-runner.js';
import { Sweeper } from '../../../lib/runtime/sweeper.js';
import { TroubleLog } from '../../../lib/runtime/trouble-log.js';
import { deferred, until } from '../../support/wait.js';

const silent = { debug: () => undefined, log: () => undefined, warn: () => undefined, error: () => undefined } as Log;

describe('Sweeper', () => {
  let sweeper: Sweeper;
  afterEach(() => sweeper.stop());

  /** A sweeper whose surveys the test answers; `surveys` are the times at which they were asked for. */
  function sweeperOf(answer: () => Promise<Partial<QueueSurvey>> | Partial<QueueSurvey>) {
    const surveys: number[] = [];
    let wakes = 0;
    const store = {
      survey: async () => {
        surveys.push(performance.now());
        return [{ queue: 'q', available: false, nextDueMs: null, ...(await answer()) }];
      },
    } as unknown as SweepStore;
    const runner = { queue: 'q', wake: () => wakes++ } as unknown as QueueRunner;
    const patrol = { look: async () => undefined } as unknown as Patrol;
    const options = { sweepIntervalMs: 600_000, pollIntervalMs: 1_000 };
    sweeper = new Sweeper(store, new Map([['q', runner]]), patrol, {} as GroupSweep, () => true, options, new TroubleLog(silent));
    return { surveys, wakes: () => wakes };
  }

  it('looks when work came in, and again 10 and 100 ms later for what committed a moment after', async () => {
    const { surveys, wakes } = sweeperOf(() => ({}));
    const cameInAt = performance.now();
    sweeper.workCameIn('q');
    expect(wakes()).toBe(1);
    await until(() => surveys.some((at) => at - cameInAt >= 95), { timeout: 2_000 });
    expect(surveys[0]! - cameInAt).toBeGreaterThanOrEqual(5);
    // A timer may fire a little early, and is then followed by another look; after that it is quiet.
    await sleep(100);
    const looks = surveys.length;
    expect(looks).toBeLessThanOrEqual(8);
    await sleep(150);
    expect(surveys).toHaveLength(looks);
  });

  it('looks when the next job is due', async () => {
    let dueAt = performance.now() + 80;
    const { surveys } = sweeperOf(() => ({ nextDueMs: Math.max(0, dueAt - performance.now()) || null }));
    sweeper.surveyIn(0);
    await until(() => surveys.length === 2, { timeout: 2_000 });
    expect(surveys[1]!).toBeGreaterThanOrEqual(dueAt);
    dueAt = 0;
  });

  it('wakes the queue in which a job has become available', async () => {
    const { wakes } = sweeperOf(() => ({ available: true }));
    sweeper.surveyIn(0);
    await until(() => wakes() === 1);
    sweeper.workCameIn('unknown');
    expect(wakes()).toBe(1);
  });

  it('a look that is due while another one is under way is made afterwards, and so are all later ones', async () => {
    const slow = deferred<Partial<QueueSurvey>>();
    const answers = [slow.promise];
    const { surveys } = sweeperOf(() => answers.shift() ?? {});
    sweeper.surveyIn(0);
    await until(() => surveys.length === 1);
    sweeper.workCameIn('q');
    await sleep(60);
    expect(surveys).toHaveLength(1);
    slow.resolve({});
    await until(() => surveys.length >= 2, { timeout: 1_000, message: 'no look followed the slow one' });
    sweeper.surveyIn(30);
    const before = surveys.length;
    await until(() => surveys.length > before, { timeout: 1_000, message: 'no later look was planned' });
  });

  it('looks again soon after a look that failed', async () => {
    let failures = 1;
    const { surveys } = sweeperOf(() => (failures-- > 0 ? Promise.reject(new Error('away')) : {}));
    sweeper.surveyIn(0);
    await until(() => surveys.length === 2, { timeout: 3_000 });
    expect(surveys[1]! - surveys[0]!).toBeGreaterThanOrEqual(950);
  });
});
