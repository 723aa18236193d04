import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Log, ReservedJob, SweepStore } from '../../../lib/interfaces/ports/index.js';
import { JobRuns, type RunTools } from '../../../lib/runtime/job-runs.js';
import type { LeaseKeeper } from '../../../lib/runtime/lease-keeper.js';
import { LongRuns } from '../../../lib/runtime/long-runs.js';
import type { QueueRunner } from '../../../lib/runtime/queue-runner.js';
import { TroubleLog } from '../../../lib/runtime/trouble-log.js';
import { deferred } from '../../support/wait.js';

const reserved = (id: string): ReservedJob => ({
  id, queue: 'q', name: 'work', payload: 'null', attempt: 1, crashes: 0, reservation: 1, enqueuedAt: '2026-01-01', reservedAt: '2026-01-01',
  runAt: null, failureState: null, options: null,
});

/** Lets so much time pass, in the intervals between two looks: two of them make a run long. */
const pass = (intervals: number): Promise<unknown> => vi.advanceTimersByTimeAsync(intervals * 250);

describe('LongRuns', () => {
  let longRuns: LongRuns;
  /** Runs of two queues. */
  let runs: [JobRuns, JobRuns];
  let lease: { instanceId: string; trusted: boolean };
  let asked: string[][];
  /** Who asked last. */
  let holder: string | undefined;
  let logged: string[];
  let answer: (ids: readonly string[]) => Promise<string[]>;
  /** Ends the runs that have started, by id. */
  let end: Map<string, () => void>;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    end = new Map();
    asked = [];
    logged = [];
    answer = async (ids) => [...ids];
    lease = { instanceId: 'me', trusted: true };
    const tools = {
      handlers: { names: ['work'], get: () => ({}), policyOf: () => ({ maxJobTimeMs: 60_000 }) },
      executor: { run: (job: ReservedJob, _handler: unknown, done: (outcome: object) => void) => end.set(job.id, () => done({ kind: 'interrupted' })) },
      events: { started: () => undefined, ended: () => undefined },
      deadlines: { set: () => undefined, clear: () => undefined },
    } as unknown as RunTools;
    const callbacks = { onSettlement: () => undefined, onCommitted: () => undefined, onLeft: () => undefined };
    runs = [new JobRuns(tools, callbacks), new JobRuns(tools, callbacks)];
    const store: Partial<SweepStore> = {
      shelve: async (instanceId, ids) => {
        holder = instanceId;
        asked.push([...ids]);
        return answer(ids);
      },
    };
    const note = (text: string): void => void logged.push(text);
    const log: Log = { debug: note, log: note, warn: note, error: note };
    const runners = runs.map((each) => ({ runs: each }) as QueueRunner);
    longRuns = new LongRuns(store as SweepStore, runners, lease as LeaseKeeper, new TroubleLog(log));
    longRuns.start();
  });

  afterEach(() => {
    longRuns.stop();
    vi.useRealTimers();
  });

  it('shelves runs of all queues that take longer than half a second, each once', async () => {
    await pass(0.5);
    for (const id of ['a', 'b']) runs[0].start(reserved(id));
    runs[1].start(reserved('c'));
    await pass(1);
    runs[0].start(reserved('d'));
    await pass(1);
    expect(asked).toEqual([]);
    await pass(1);
    expect(asked).toEqual([['a', 'b', 'c']]);
    await pass(1);
    expect(asked).toEqual([['a', 'b', 'c'], ['d']]);
    await pass(10);
    expect(asked).toHaveLength(2);
  });

  it('shelves no run that has ended, and the next run of the same job like any other', async () => {
    for (const id of ['a', 'b']) runs[0].start(reserved(id));
    await pass(1.5);
    end.get('a')?.();
    await pass(2);
    expect(asked).toEqual([['b']]);
    end.get('b')?.();
    runs[0].start(reserved('b'));
    await pass(2);
    expect(asked).toEqual([['b']]);
    await pass(1);
    expect(asked).toEqual([['b'], ['b']]);
  });

  it('tries those again that the store could not shelve', async () => {
    for (const id of ['a', 'b']) runs[0].start(reserved(id));
    answer = async () => ['b'];
    await pass(3);
    answer = async () => [];
    await pass(1);
    answer = async (ids) => [...ids];
    await pass(5);
    expect(asked).toEqual([['a', 'b'], ['a'], ['a']]);
    expect(logged).toEqual([]);
  });

  it('tries all of them again when the store fails, and says so', async () => {
    runs[0].start(reserved('a'));
    answer = () => Promise.reject(new Error('no right'));
    await pass(4);
    answer = async (ids) => [...ids];
    await pass(5);
    expect(asked).toEqual([['a'], ['a'], ['a']]);
    expect(logged).toEqual(['Long runs could not be marked: no right']);
  });

  it('asks nothing more while the store has not answered', async () => {
    const slow = deferred<string[]>();
    runs[0].start(reserved('a'));
    answer = () => slow.promise;
    await pass(1.5);
    runs[0].start(reserved('b'));
    await pass(5);
    expect(asked).toEqual([['a']]);
    answer = async (ids) => [...ids];
    slow.resolve(['a']);
    await pass(5);
    expect(asked).toEqual([['a'], ['b']]);
  });

  it('shelves nothing while the lease is not trusted', async () => {
    runs[0].start(reserved('a'));
    lease.trusted = false;
    await pass(10);
    expect(asked).toEqual([]);
    Object.assign(lease, { instanceId: 'me again', trusted: true });
    await pass(1);
    expect([holder, asked]).toEqual(['me again', [['a']]]);
  });

  it('looks no more once it is stopped', async () => {
    runs[0].start(reserved('a'));
    longRuns.stop();
    await pass(10);
    expect(asked).toEqual([]);
  });
});
