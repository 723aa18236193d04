import type { FinalState, JobState, LiveState } from '../interfaces/job-record.interface.js';

export const LIVE_STATES = ['scheduled', 'available', 'held', 'blocked', 'reserved'] as const satisfies readonly LiveState[];
export const FINAL_STATES = ['completed', 'abandoned', 'cancelled'] as const satisfies readonly FinalState[];
export const JOB_STATES = [...LIVE_STATES, ...FINAL_STATES] as const;

/** The edges of the state diagram in docs/states.md; null is "does not exist yet". */
export const TRANSITIONS: ReadonlyArray<readonly [from: JobState | null, to: JobState]> = [
  [null, 'scheduled'],
  [null, 'available'],
  ['scheduled', 'available'],
  ['scheduled', 'cancelled'],
  ['available', 'reserved'],
  ['available', 'cancelled'],
  ['scheduled', 'held'],
  ['available', 'held'],
  ['held', 'scheduled'],
  ['held', 'available'],
  ['held', 'cancelled'],
  [null, 'blocked'],
  ['available', 'blocked'],
  ['blocked', 'available'],
  ['blocked', 'scheduled'],
  ['blocked', 'held'],
  ['blocked', 'cancelled'],
  ['reserved', 'completed'],
  ['reserved', 'abandoned'],
  ['reserved', 'cancelled'],
  ['reserved', 'available'],
  ['reserved', 'scheduled'],
  ['completed', 'available'],
  ['abandoned', 'available'],
  ['cancelled', 'available'],
];
