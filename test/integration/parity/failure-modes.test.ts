import { Injectable, type Provider } from '@nestjs/common';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  Abandon,
  AbandonJobError,
  ExponentialRetry,
  Move,
  Retry,
  SnoozeJobError,
  type Failure,
  type FailureDecision,
  type FailureHandler,
  type FailureMode,
  type Job,
  type QueueOptions,
} from '../../../lib/index.js';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';
import { until } from '../../support/wait.js';

interface Setting {
  readonly queues?: Record<string, QueueOptions>;
  readonly providers?: Provider[];
}

interface Run {
  readonly queue: string;
  readonly attempt: number;
  readonly maxAttempts: number | undefined;
  readonly at: number;
}

describe('failure modes', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m', shutdownGrace: '100ms' });
  beforeEach(() => database.query('TRUNCATE notify_queue.jobs'));

  /** An instance whose handler always fails, and a list of its runs. */
  async function failing(failureMode: FailureMode | undefined, { queues = {}, providers = [] }: Setting = {}) {
    const runs: Run[] = [];
    const fails = (job: Job): never => {
      runs.push({ queue: job.queue, attempt: job.attempt, maxAttempts: job.maxAttempts, at: performance.now() });
      throw new Error(`failure ${runs.length}`);
    };
    const app = await start({ providers: [handle({ fails }), ...providers], queue: { queues, defaults: { failureMode } } });
    const enqueue = async () => (await app.queue.enqueue('fails', { order: 7 })).id;
    const gaps = () => runs.slice(1).map(({ at }, n) => Math.round(at - runs[n]!.at));
    return { ...app, runs, enqueue, gaps };
  }

  it('Abandon is the default: one run, and the failure stays readable', async () => {
    const { queue, enqueue, runs, logger } = await failing(undefined);
    const id = await enqueue();
    await expect(queue.result(id)).rejects.toMatchObject({ failure: { name: 'Error', message: 'failure 1' } });
    expect(runs).toMatchObject([{ attempt: 1, maxAttempts: 1 }]);
    expect(await queue.get(id)).toMatchObject({ state: 'abandoned', attempt: 1, failure: { message: 'failure 1' } });
    expect(logger.of('error').join('\n')).toMatch(/Job fails failed on attempt 1 and is abandoned: Error: failure 1/);
  });

  it('Retry runs times + 1 times, after its delay', async () => {
    const { queue, enqueue, runs, gaps } = await failing(Retry({ times: 3, delay: 200 }));
    await expect(queue.result(await enqueue())).rejects.toMatchObject({ failure: { message: 'failure 4' } });
    expect(runs.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
    expect(runs[0]).toMatchObject({ maxAttempts: 4 });
    for (const gap of gaps()) expect(gap).toBeGreaterThanOrEqual(195);
  });

  it('retries 0/1/3 s apart, then Move: source count 0, target count 1', async () => {
    const { queue, enqueue, runs, gaps } = await failing(ExponentialRetry({ times: 3, finally: Move({ queue: 'dead' }) }));
    const id = await enqueue();
    await until(async () => (await queue.get(id))?.queue === 'dead', { timeout: 15_000 });
    expect(runs.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
    for (const [n, seconds] of [0, 1, 3].entries()) {
      expect(gaps()[n]).toBeGreaterThanOrEqual(seconds * 1_000 - 10);
      expect(gaps()[n]).toBeLessThan(seconds * 1_000 + 1_000);
    }
    expect(await queue.status('default')).toMatchObject({ count: 0 });
    expect(await queue.status('dead')).toMatchObject({ count: 1, available: 1 });
    expect(await queue.get(id)).toMatchObject({ attempt: 0, payload: { order: 7 }, failure: { message: 'failure 4' } });
  });

  it('Move hands the job to another queue, whose own mode decides there', async () => {
    const queues = { second: { failureMode: Retry({ times: 1, delay: 0 }) } };
    const { queue, enqueue, runs } = await failing(Move({ queue: 'second' }), { queues });
    const id = await enqueue();
    await expect(queue.result(id)).rejects.toMatchObject({ code: 'JOB_ABANDONED' });
    expect(runs.map((run) => [run.queue, run.attempt])).toEqual([['default', 1], ['second', 1], ['second', 2]]);
  });

  it('a Move that comes back to its own queue ends there', async () => {
    const { queue, runs } = await failing(undefined, { queues: { dead: {} } });
    const { id } = await queue.enqueue('fails', {}, { failureMode: Move({ queue: 'dead' }) });
    await expect(queue.result(id)).rejects.toMatchObject({ code: 'JOB_ABANDONED' });
    expect(runs.map((run) => run.queue)).toEqual(['default', 'dead']);
  });

  it('finally chains modes', async () => {
    const chain = Retry({ times: 1, delay: 0, finally: ExponentialRetry({ times: 1, finally: Retry({ times: 1, delay: 0, finally: Abandon() }) }) });
    const { queue, enqueue, runs } = await failing(chain);
    await expect(queue.result(await enqueue())).rejects.toMatchObject({ failure: { message: 'failure 4' } });
    expect(runs.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
    expect(runs[0]).toMatchObject({ maxAttempts: 4 });
  });

  it('a function of one’s own continues with a delay and a state, moves, abandons, or halts for finally', async () => {
    const asked: Array<Pick<Failure, 'attempt' | 'retries' | 'state' | 'payload'>> = [];
    const decide = ({ attempt, retries, state, payload, error }: Failure): FailureDecision => {
      asked.push({ attempt, retries, state, payload });
      expect((error as Error).message).toBe(`failure ${attempt}`);
      return retries < 2 ? { retryIn: 0, state: { seen: retries + 1 } } : 'halt';
    };
    const { queue, enqueue, runs } = await failing(Retry({ times: 10, decide, finally: Retry({ times: 1, delay: 0 }) }));
    await expect(queue.result(await enqueue())).rejects.toMatchObject({ code: 'JOB_ABANDONED' });
    expect(asked).toEqual([
      { attempt: 1, retries: 0, state: undefined, payload: { order: 7 } },
      { attempt: 2, retries: 1, state: { seen: 1 }, payload: { order: 7 } },
      { attempt: 3, retries: 2, state: { seen: 2 }, payload: { order: 7 } },
    ]);
    expect(runs).toHaveLength(4);
    expect(runs[0]).toMatchObject({ maxAttempts: undefined });
  });

  it('a class of one’s own is an injectable, and keeps its state over a restart', async () => {
    @Injectable()
    class Breaker {
      open = true;
    }
    @Injectable()
    class WhileOpen implements FailureHandler {
      constructor(private readonly breaker: Breaker) {}
      async handleFailure({ state }: Failure): Promise<FailureDecision> {
        const count = ((state as number | undefined) ?? 0) + 1;
        return this.breaker.open ? { retryIn: count === 1 ? '1s' : 0, state: count } : { moveTo: `after ${count}` };
      }
    }
    const options = { providers: [Breaker, WhileOpen] };
    const first = await failing(WhileOpen, options);
    const id = await first.enqueue();
    await until(async () => (await first.queue.get(id))?.state === 'scheduled');
    await first.close();
    const second = await failing(WhileOpen, options);
    second.app.get(Breaker).open = false;
    await until(async () => (await second.queue.get(id))?.queue === 'after 2');
    expect([first.runs.length, second.runs.length]).toEqual([1, 1]);
  });

  const promise = (): Promise<never> => new Promise(() => {});
  const BAD: Record<string, [decide: () => unknown, text: RegExp]> = {
    'throws': [() => { throw new Error('mode broke'); }, /mode broke/],
    'rejects': [() => Promise.reject(new Error('mode broke')), /mode broke/],
    'throws nothing': [() => { throw undefined; }, /undefined/],
    'answers nothing': [() => undefined, /must answer/],
    'answers null': [() => null, /must answer/],
    'answers a word': [() => 'retry', /must answer/],
    'answers a delay that is none': [() => ({ retryIn: 'soon' }), /must answer/],
    'answers a blank queue': [() => ({ moveTo: '' }), /must answer/],
    'keeps a BigInt': [() => ({ retryIn: 0, state: { n: 1n } }), /BigInt/],
    'keeps a circle': [() => { const state: object[] = []; state.push(state); return { retryIn: 0, state }; }, /contains itself/],
    'keeps a NUL character': [() => ({ retryIn: 0, state: 'a\u0000b' }), /NUL/],
    'keeps half a surrogate pair': [() => ({ retryIn: 0, state: '\ud83d' }), /surrogate/],
    'keeps 2 MB': [() => ({ retryIn: 0, state: 'x'.repeat(2_000_000) }), /bytes or more; the limit is/],
    'never answers': [promise, /did not answer/],
  };

  it.for(Object.keys(BAD))('a mode that %s never strands the job: it is abandoned with both errors', async (title) => {
    const [decide, text] = BAD[title]!;
    const { queue, enqueue, logger } = await failing(Retry({ times: 5, decide: decide as () => FailureDecision }), {
      queues: { default: { maxJobTime: '500ms', concurrency: 1 } },
      providers: [handle({ next: () => 'ran' })],
    });
    const id = await enqueue();
    await expect(queue.result(id, { timeout: '5s' })).rejects.toMatchObject({
      code: 'JOB_ABANDONED',
      failure: { message: 'failure 1', cause: { message: expect.stringMatching(text) } },
    });
    expect(logger.of('error').join('\n')).toMatch(/The failure mode of job fails failed itself; the job is abandoned/);
    const next = await queue.enqueue('next', {});
    expect(await queue.result(next.id, { timeout: '5s' })).toBe('ran');
  });

  it('AbandonJobError gives up whatever the mode says; SnoozeJobError comes back without counting', async () => {
    const attempts: number[] = [];
    const work = (job: Job<{ give?: string }>): string => {
      attempts.push(job.attempt);
      if (job.payload.give === 'up') throw new AbandonJobError('There is no such order');
      if (attempts.length <= 3) throw new SnoozeJobError('50ms');
      return 'awake';
    };
    const { queue } = await start({ providers: [handle({ work })], queue: { defaults: { failureMode: Retry({ times: 9, delay: 0 }) } } });
    const up = await queue.enqueue('work', { give: 'up' });
    await expect(queue.result(up.id)).rejects.toMatchObject({ failure: { name: 'AbandonJobError', code: 'ABANDON_JOB', message: 'There is no such order' } });
    attempts.length = 0;
    const { id } = await queue.enqueue('work', {});
    expect(await queue.result(id)).toBe('awake');
    expect(attempts).toEqual([1, 1, 1, 1]);
  });
});
