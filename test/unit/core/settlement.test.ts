import { describe, expect, it } from 'vitest';
import { finish, giveBack, settleFailure } from '../../../lib/core/settlement.js';
import { JOB_STATES, LIVE_STATES, TRANSITIONS } from '../../../lib/core/states.js';

const job = { id: 'j', reservation: 7, extra: 'is not carried along' };
const failure = { name: 'Error', message: 'x' };
const failureState = { stage: 0, retries: 1 };

describe('settlements', () => {
  it.each([
    ['a completion', finish(job, 'completed', '{"a":1}'), { action: 'finish', state: 'completed', result: '{"a":1}', failure: null }],
    ['a run cut short', giveBack(job), { action: 'requeue', countAttempt: false, delayMs: 0, queue: null, failure: null }],
    ['a snooze', giveBack(job, 50), { action: 'requeue', countAttempt: false, delayMs: 50 }],
    ['giving up', settleFailure(job, { kind: 'abandon' }, failure), { action: 'finish', state: 'abandoned', failure }],
    [
      'a retry',
      settleFailure(job, { kind: 'retry', delayMs: 9, failureState }, failure),
      { action: 'requeue', countAttempt: true, delayMs: 9, queue: null, failureState, failure },
    ],
    [
      'a move',
      settleFailure(job, { kind: 'move', queue: 'dead', failureState: { stage: 0, retries: 0, moves: 1 } }, failure),
      { action: 'requeue', countAttempt: true, delayMs: 0, queue: 'dead', failureState: { moves: 1 }, failure },
    ],
  ])('%s names the job and its reservation', (_what, settlement, expected) => {
    expect(settlement).toMatchObject({ id: 'j', reservation: 7, ...expected });
    expect(settlement).not.toHaveProperty('extra');
  });
});

describe('the state machine', () => {
  it('leaves every state but by its edges, and reaches each', () => {
    for (const state of JOB_STATES) {
      expect(TRANSITIONS.some(([, to]) => to === state)).toBe(true);
      expect(TRANSITIONS.some(([from]) => from === state)).toBe(true);
    }
    const reservable = TRANSITIONS.filter(([, to]) => to === 'reserved').map(([from]) => from);
    expect(reservable).toEqual(['available']);
    const finals = JOB_STATES.filter((state) => !LIVE_STATES.includes(state as never));
    for (const [from, to] of TRANSITIONS) if (finals.includes(from as never)) expect(to).toBe('available');
  });
});
