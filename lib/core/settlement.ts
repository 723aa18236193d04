import type { FailureRecord, FinalState } from '../interfaces/job-record.interface.js';
import type { FailureState, FailureVerdict } from './decide-failure.js';

/** What became of one run; the executor's answer. It never throws, so this is all there is. */
export type Outcome =
  /** `stored` is the result as a codec has it. */
  | { readonly kind: 'returned'; readonly result: string | null; readonly stored: string | null }
  /** Settled in the transaction of its handler. */
  | { readonly kind: 'committed'; readonly result: string | null; readonly finish: Finish }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'abandoned'; readonly error: unknown }
  /** `trouble`: why, where somebody should know. */
  | { readonly kind: 'snoozed'; readonly delayMs: number; readonly trouble?: string }
  | { readonly kind: 'cancelled'; readonly error: unknown }
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'lost' };

/** The job leaves the table. */
export interface Finish {
  readonly action: 'finish';
  readonly id: string;
  readonly reservation: number;
  readonly state: FinalState;
  /** JSON text, or null for none. */
  readonly result: string | null;
  readonly failure: FailureRecord | null;
  /** JSON text of progress that was not stored yet, or null. */
  readonly progress: string | null;
}

/** The job goes back to wait. */
export interface Requeue {
  readonly action: 'requeue';
  readonly id: string;
  readonly reservation: number;
  readonly delayMs: number;
  /** False gives the attempt back: the run was cut short, not failed. */
  readonly countAttempt: boolean;
  /** A move to this queue, where attempts count from zero. */
  readonly queue: string | null;
  readonly failureState: FailureState | null;
  readonly failure: FailureRecord | null;
}

export type Settlement = Finish | Requeue;

/** Characters that a settlement sends, about. */
export function sizeOf(settlement: Settlement): number {
  let size = settlement.action === 'finish' ? lengthOf(settlement.result) + lengthOf(settlement.progress) : 0;
  for (let failure = settlement.failure; failure; failure = failure.cause ?? null) {
    size += failure.message.length + lengthOf(failure.stack);
  }
  return size;
}

function lengthOf(text: string | null | undefined): number {
  return text ? text.length : 0;
}

/** A job under the reservation that holds it. */
export interface Held {
  readonly id: string;
  readonly reservation: number;
}

export function finish(
  job: Held,
  state: FinalState,
  result: string | null = null,
  failure: FailureRecord | null = null,
): Finish {
  return { action: 'finish', id: job.id, reservation: job.reservation, state, result, failure, progress: null };
}

/** The run did not happen, or was cut short: back in place, with its attempt. */
export function giveBack(job: Held, delayMs = 0): Requeue {
  return {
    action: 'requeue',
    id: job.id,
    reservation: job.reservation,
    delayMs,
    countAttempt: false,
    queue: null,
    failureState: null,
    failure: null,
  };
}

/** The settlement of a failed run, from the verdict of its failure mode. */
export function settleFailure(job: Held, verdict: FailureVerdict, failure: FailureRecord): Settlement {
  if (verdict.kind === 'abandon') return finish(job, 'abandoned', null, failure);
  const moved = verdict.kind === 'move';
  return {
    action: 'requeue',
    id: job.id,
    reservation: job.reservation,
    delayMs: moved ? 0 : verdict.delayMs,
    countAttempt: true,
    queue: moved ? verdict.queue : null,
    failureState: verdict.failureState,
    failure,
  };
}
