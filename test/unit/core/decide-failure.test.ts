import { describe, expect, it } from 'vitest';
import { decideFailure, type FailureState, type FailureTools } from '../../../lib/core/decide-failure.js';
import {
  Abandon,
  ExponentialRetry,
  maxAttemptsOf,
  Move,
  Retry,
  toFailureModeSpec,
} from '../../../lib/core/failure-modes.js';
import type { FailureDecision, FailureModeSpec } from '../../../lib/interfaces/failure-mode.interface.js';

const failure = { jobId: 'j', name: 'n', queue: 'mail', payload: null, attempt: 1, error: new Error('x'), retryDelayMs: 15_000 };
const tools: FailureTools = { custom: (): FailureDecision => 'abandon', random: () => 0.5 };
const decide = (mode: FailureModeSpec, state: FailureState | null = null, with_ = tools) => decideFailure(mode, failure, state, with_);

/** Lets a job fail until it is given up or moved, and lists what was decided. */
async function walk(mode: FailureModeSpec): Promise<Array<number | string>> {
  const decided: Array<number | string> = [];
  for (let state: FailureState | null = null; ; ) {
    const verdict = await decide(mode, state);
    decided.push(verdict.kind === 'retry' ? verdict.delayMs : verdict.kind === 'move' ? `to ${verdict.queue}` : 'abandon');
    if (verdict.kind !== 'retry') return decided;
    state = verdict.failureState;
  }
}

describe('failure modes', () => {
  it.each<[string, FailureModeSpec, Array<number | string>]>([
    ['Abandon', Abandon(), ['abandon']],
    ['Retry with the delay of the queue', Retry({ times: 2 }), [15_000, 15_000, 'abandon']],
    ['Retry with a delay of its own', Retry({ times: 1, delay: '30s' }), [30_000, 'abandon']],
    ['ExponentialRetry', ExponentialRetry({ times: 4 }), [0, 1_000, 3_000, 7_000, 'abandon']],
    ['ExponentialRetry to base 3', ExponentialRetry({ times: 3, base: 3 }), [0, 2_000, 8_000, 'abandon']],
    ['ExponentialRetry with jitter', ExponentialRetry({ times: 3, jitter: true }), [0, 750, 2_250, 'abandon']],
    ['ExponentialRetry with a longest delay', ExponentialRetry({ times: 4, maxDelay: '2s' }), [0, 1_000, 2_000, 2_000, 'abandon']],
    ['Move', Move({ queue: 'dead' }), ['to dead']],
    ['Move to where it is', Move({ queue: 'mail' }), ['abandon']],
    ['Retry, finally Move', Retry({ times: 1, delay: 5, finally: Move({ queue: 'dead' }) }), [5, 'to dead']],
    [
      'a chain of retries',
      Retry({ times: 1, delay: 5, finally: ExponentialRetry({ times: 2, finally: Move({ queue: 'dead' }) }) }),
      [5, 0, 1_000, 'to dead'],
    ],
  ])('%s', async (_name, mode, expected) => {
    expect(await walk(mode)).toEqual(expected);
  });

  it('hands a decide function what it returned as state, until it halts', async () => {
    const seen: unknown[] = [];
    const mode = Retry({
      times: 10,
      decide: ({ retries, state }) => {
        seen.push([retries, state]);
        return retries < 2 ? { retryIn: retries * 10, state: `after ${retries}` } : 'halt';
      },
      finally: Move({ queue: 'dead' }),
    });
    expect(await walk(mode)).toEqual([0, 10, 'to dead']);
    expect(seen).toEqual([[0, undefined], [1, 'after 0'], [2, 'after 1']]);
  });

  it('asks a custom mode by its class', async () => {
    class Breaker {
      handleFailure(): FailureDecision {
        return { retryIn: '1m' };
      }
    }
    const asked: string[] = [];
    const custom = (className: string): FailureDecision => (asked.push(className), new Breaker().handleFailure());
    expect(await decide(toFailureModeSpec('x', Breaker), null, { ...tools, custom })).toMatchObject({ delayMs: 60_000 });
    expect(asked).toEqual(['Breaker']);
  });

  it.each([[undefined], [null], [{}], [{ retryIn: 'soon' }], [{ moveTo: '' }], ['later']])('refuses %j as a decision', async (answer) => {
    const custom = () => answer as unknown as FailureDecision;
    await expect(decide({ mode: 'custom', className: 'X' }, null, { ...tools, custom })).rejects.toThrow(TypeError);
  });

  it('counts the runs that it allows', () => {
    expect(maxAttemptsOf(Abandon())).toBe(1);
    expect(maxAttemptsOf(Retry({ times: 3 }))).toBe(4);
    expect(maxAttemptsOf(Retry({ times: 3, finally: ExponentialRetry({ times: 2 }) }))).toBe(6);
    expect(maxAttemptsOf(Retry({ times: 3, decide: () => 'halt' }))).toBeUndefined();
    expect(maxAttemptsOf({ mode: 'custom', className: 'X' })).toBeUndefined();
  });
});

describe('options of failure modes', () => {
  it.each<[string, () => unknown, string]>([
    ['no times', () => Retry({} as never), 'Retry.times'],
    ['half a time', () => Retry({ times: 1.5 }), 'Retry.times'],
    ['no times at all', () => ExponentialRetry({ times: 0 }), 'ExponentialRetry.times'],
    ['a bad delay', () => Retry({ times: 1, delay: 'soon' as never }), 'Retry.delay'],
    ['an unknown key', () => Retry({ times: 1, dealy: 5 } as never), 'Retry.dealy'],
    ['a bad base', () => ExponentialRetry({ times: 1, base: 0 }), 'ExponentialRetry.base'],
    ['a bad jitter', () => ExponentialRetry({ times: 1, jitter: 'yes' as never }), 'ExponentialRetry.jitter'],
    ['a bad queue', () => Move({ queue: '' }), 'Move.queue'],
    ['a bad finally', () => Retry({ times: 1, finally: {} as never }), 'Retry.finally'],
    ['no options', () => Move(undefined as never), 'Move'],
    ['a class without a method', () => toFailureModeSpec('x', class Y {}), 'x'],
  ])('refuses %s', (_what, make, option) => {
    expect(make).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', option }));
  });
});
