import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Abandon, Move, Retry } from '../../../lib/core/failure-modes.js';
import { IgnoreSuccess } from '../../../lib/core/success-modes.js';
import type { Settlement } from '../../../lib/core/settlement.js';
import { JobCancelledError, JobTimeoutError, LostReservationError, ShutdownError } from '../../../lib/errors/job.errors.js';
import { AbandonJobError, SnoozeJobError } from '../../../lib/errors/outcome.errors.js';
import type { FailureModeSpec } from '../../../lib/interfaces/failure-mode.interface.js';
import type { JobEvent } from '../../../lib/interfaces/job-event.interface.js';
import type { Job } from '../../../lib/interfaces/job.interface.js';
import type { Log, ReservedJob } from '../../../lib/interfaces/ports/index.js';
import { Deadlines } from '../../../lib/runtime/deadlines.js';
import { FailureSettler } from '../../../lib/runtime/failure-settler.js';
import { JobEvents } from '../../../lib/runtime/job-events.js';
import { JobExecutor } from '../../../lib/runtime/job-executor.js';
import { JobRuns, type RunTools } from '../../../lib/runtime/job-runs.js';
import type { RunningJob } from '../../../lib/runtime/running-job.js';
import type { TransactionalRuns } from '../../../lib/runtime/transactional-runs.js';
import { SuccessReporter } from '../../../lib/runtime/success-reporter.js';
import { deferred, until } from '../../support/wait.js';

const reserved = (id: string): ReservedJob => ({
  id, queue: 'q', name: 'work', payload: '{"n":1}', attempt: 2, crashes: 0, reservation: 9, enqueuedAt: '2026-01-01', reservedAt: '2026-01-01',
  runAt: null, failureState: null, options: null,
});

describe('JobRuns', () => {
  let settlements: Settlement[];
  let left: number;
  let saved: string[];
  let logged: string[];
  let deadlines: Deadlines;
  let maxJobTimeMs: number;
  let abortGraceMs: number;
  let failureMode: FailureModeSpec;
  let handler: ((job: Job) => unknown) | undefined;
  let runs: JobRuns;
  let events: JobEvents;

  beforeEach(() => {
    settlements = [];
    left = 0;
    saved = [];
    logged = [];
    deadlines = new Deadlines();
    maxJobTimeMs = 60_000;
    abortGraceMs = 1_000;
    failureMode = Retry({ times: 5, delay: 70 });
    const note = (text: string): void => void logged.push(text);
    const log: Log = { debug: note, log: note, warn: note, error: note };
    const executor = new JobExecutor(100);
    events = new JobEvents(log);
    const tools: RunTools = {
      handlers: {
        names: ['work'],
        get: () => handler && { name: 'work', invoke: handler },
        policyOf: () => ({ maxJobTimeMs, abortGraceMs, failureMode, successMode: IgnoreSuccess(), retryDelayMs: 15_000 }),
      },
      executor,
      transactional: { giveUp: (job: RunningJob) => executor.aborted(job) } as TransactionalRuns,
      failures: new FailureSettler(() => 'abandon', log),
      successes: new SuccessReporter(() => undefined, log),
      events,
      deadlines,
      jobTools: { codec: undefined, maxPayloadSize: 100, logOf: () => log, saveProgress: (_job, json) => void saved.push(json) },
      log,
    };
    runs = new JobRuns(tools, { onSettlement: (settlement) => settlements.push(settlement), onCommitted: () => undefined, onLeft: () => left++ });
  });
  afterEach(() => deadlines.stop());

  /** Runs one job to its end and gives its settlement. */
  async function settled(work: (job: Job) => unknown): Promise<Settlement | undefined> {
    handler = work;
    runs.start(reserved('a'));
    await until(() => left > 0, { timeout: 3_000 });
    expect([runs.size, left]).toEqual([0, 1]);
    return settlements[0];
  }
  const throwing = (error: unknown) => (): never => {
    throw error;
  };

  it.each<[string, (job: Job) => unknown, object]>([
    ['returns', () => ({ pages: 3 }), { action: 'finish', state: 'completed', result: '{"pages":3}', failure: null }],
    ['returns later', async () => 5, { action: 'finish', state: 'completed', result: '5' }],
    ['returns nothing', () => undefined, { action: 'finish', state: 'completed', result: null }],
    ['throws', throwing(new Error('broken')), { action: 'requeue', countAttempt: true, delayMs: 70, failure: { message: 'broken' } }],
    ['rejects', () => Promise.reject(new Error('broken')), { action: 'requeue', countAttempt: true, delayMs: 70 }],
    ['throws undefined', throwing(undefined), { action: 'requeue', countAttempt: true, failure: { name: 'NonError' } }],
    ['gives up', throwing(new AbandonJobError('no order')), { action: 'finish', state: 'abandoned', failure: { message: 'no order' } }],
    ['gives up by code', throwing({ code: 'ABANDON_JOB' }), { action: 'finish', state: 'abandoned' }],
    ['snoozes', throwing(new SnoozeJobError('2s')), { action: 'requeue', countAttempt: false, delayMs: 2_000, failureState: null }],
    ['snoozes for no time', throwing(new SnoozeJobError(0)), { action: 'requeue', countAttempt: false, delayMs: 1 }],
    ['snoozes for nonsense', throwing(Object.assign(new SnoozeJobError(0), { delay: 'x' })), { action: 'requeue', countAttempt: true, delayMs: 70 }],
    ['returns what cannot be stored', () => 1n, { action: 'finish', state: 'abandoned', failure: { code: 'UNSTORABLE_VALUE' } }],
    ['returns too much', () => 'x'.repeat(200), { action: 'finish', state: 'abandoned', failure: { code: 'VALUE_TOO_LARGE' } }],
  ])('settles a handler that %s', async (_what, work, expected) => {
    expect(await settled(work)).toMatchObject({ id: 'a', reservation: 9, ...expected });
  });

  it.each<[string, FailureModeSpec, object]>([
    ['abandons', Abandon(), { action: 'finish', state: 'abandoned', result: null, failure: { message: 'broken' } }],
    ['moves', Move({ queue: 'dead' }), { action: 'requeue', queue: 'dead', delayMs: 0, countAttempt: true }],
    [
      'throws',
      Retry({ times: 1, decide: throwing(new Error('mode broke')) }),
      { action: 'finish', state: 'abandoned', failure: { message: 'broken', cause: { message: 'mode broke' } } },
    ],
  ])('settles a failure whose mode %s', async (_what, mode, expected) => {
    failureMode = mode;
    expect(await settled(throwing(new Error('broken')))).toMatchObject(expected);
  });

  const REASONS: Array<[string, () => Error, object | undefined]> = [
    ['a timeout', () => new JobTimeoutError('too long'), { action: 'requeue', countAttempt: true, failure: { code: 'JOB_TIMEOUT' } }],
    ['a cancellation', () => new JobCancelledError('cancelled'), { action: 'finish', state: 'cancelled', failure: { code: 'JOB_CANCELLED' } }],
    ['a lost reservation', () => new LostReservationError('lost'), undefined],
    ['a shutdown', () => new ShutdownError('bye'), { action: 'requeue', countAttempt: false, delayMs: 0, failure: null }],
  ];

  it.each(REASONS)('after %s the reason decides, although the handler throws something else', async (_what, reasonOf, expected) => {
    const reason = reasonOf();
    const seen: unknown[] = [];
    const result = settled((job) => new Promise((_, reject) => {
      job.signal.addEventListener('abort', () => (seen.push(job.signal.reason), reject(new Error('something else'))));
    }));
    expect(runs.abort('a', reason)).toBe(true);
    runs.abort('a', new Error('the first reason counts'));
    if (expected) expect(await result).toMatchObject(expected);
    else expect(await result).toBeUndefined();
    expect(seen).toEqual([reason]);
  });

  it.each(REASONS)('after %s a handler that goes on loses its slot, and what it does later changes nothing', async (_what, reasonOf, expected) => {
    const end = deferred<string>();
    const result = settled(() => end.promise);
    runs.abort('a', reasonOf());
    if (expected) expect(await result).toMatchObject(expected);
    else expect(await result).toBeUndefined();
    end.resolve('too late');
    await end.promise;
    expect([settlements.length, left]).toEqual([expected ? 1 : 0, 1]);
    expect(logged.join()).toMatch(/goes on although its signal fired; its slot is freed/);
  });

  it('being told again gives a handler no more time', async () => {
    const again = setInterval(() => runs.abort('a', new JobCancelledError('again')), 100);
    const result = settled(() => new Promise(() => {}));
    await expect(result.finally(() => clearInterval(again))).resolves.toMatchObject({ state: 'cancelled' });
  });

  it('a result that comes within the last moments of a shutdown counts', async () => {
    const end = deferred<string>();
    const result = settled(() => end.promise);
    runs.abort('a', new ShutdownError('bye'));
    end.resolve('just in time');
    expect(await result).toMatchObject({ state: 'completed', result: '"just in time"' });
  });

  it('a run that takes longer than maxJobTime has failed', async () => {
    maxJobTimeMs = 20;
    const result = await settled((job) => new Promise((_, reject) => job.signal.addEventListener('abort', () => reject(job.signal.reason as Error))));
    expect(result).toMatchObject({ action: 'requeue', countAttempt: true, failure: { message: expect.stringMatching(/maxJobTime of 20 ms/) } });
  });

  it('a job that nobody here can run goes back for others, and takes no slot', () => {
    handler = undefined;
    runs.start(reserved('a'));
    expect([runs.size, left, settlements]).toMatchObject([0, 0, [{ action: 'requeue', countAttempt: false, delayMs: 60_000 }]]);
  });

  it.each([
    [new JobCancelledError('cancelled'), { action: 'finish', state: 'cancelled' }],
    [new JobTimeoutError('too long'), { action: 'requeue', countAttempt: true }],
    [new ShutdownError('bye'), { action: 'requeue', countAttempt: false }],
    [new LostReservationError('lost'), undefined],
  ])('a handler that ignores its signal (%s) is reported once, and what it comes to after abortGrace is refused', async (reason, expected) => {
    abortGraceMs = 30;
    const end = deferred<string>();
    const told: JobEvent[] = [];
    events.listen((event) => told.push(event));
    let running: Job | undefined;
    const result = settled((job) => {
      running = job;
      job.progress(1);
      return end.promise;
    });
    runs.abort('a', reason);
    await sleep(10);
    expect([runs.size, told.map(({ kind }) => kind)]).toEqual([1, ['job:started']]);
    const settlement = await result;
    if (expected) expect(settlement).toMatchObject(expected);
    else expect(settlement).toBeUndefined();
    const before = structuredClone(settlements);
    running!.progress(2);
    end.resolve('late');
    await sleep(10);
    expect([settlements, left, saved]).toEqual([before, 1, ['1']]);
    expect(told.filter(({ kind }) => kind === 'job:stuck')).toMatchObject([{ jobId: 'a', attempt: 2, failure: { code: reason.code }, runTimeMs: expect.any(Number) }]);
    expect(logged.filter((text) => text.includes('goes on although its signal fired'))).toHaveLength(1);
  });

  it('a handler that heeds its signal is not', async () => {
    abortGraceMs = 50;
    const told: string[] = [];
    events.listen(({ kind }) => told.push(kind));
    const result = settled((job) => new Promise((_, reject) => job.signal.addEventListener('abort', () => reject(job.signal.reason as Error))));
    runs.abort('a', new JobCancelledError('cancelled'));
    await result;
    await sleep(70);
    expect([told, logged.filter((text) => text.includes('goes on'))]).toEqual([['job:started'], []]);
  });

  it('a signal that is asked for late has fired already', async () => {
    let aborted: boolean | undefined;
    const go = deferred();
    const result = settled(async (job) => {
      await go.promise;
      aborted = job.signal.aborted;
    });
    runs.abort('a', new JobCancelledError('cancelled'));
    go.resolve();
    await result;
    expect(aborted).toBe(true);
  });

  it('is idle when nothing runs, or after the time given', async () => {
    await runs.idle(0);
    const end = deferred<number>();
    handler = () => end.promise;
    runs.start(reserved('a'));
    await runs.idle(10);
    expect(runs.size).toBe(1);
    const idle = runs.idle(60_000);
    end.resolve(1);
    await idle;
    expect(runs.size).toBe(0);
  });
});
