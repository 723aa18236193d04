import type { Requeue, Settlement } from '../../core/settlement.js';
import type { FailureRecord, FinalState, JobRecord, JobState } from '../../interfaces/job-record.interface.js';
import { decodeTags } from '../../core/run-options.js';
import type { NewJob, ReservedJob } from '../../interfaces/ports/index.js';

/** A job as the fake keeps it; the columns of the tables `jobs` and `job_history`. */
export interface MemoryJob {
  readonly id: string;
  queue: string;
  readonly name: string;
  payload: string;
  priority: number;
  options: string | null;
  readonly group: string | null;
  /** Until it has finished, or begins to run. */
  uniqueKey: string | null;
  readonly enqueuedAt: number;
  /** When it was first due. */
  runAt: number;
  /** Until when it waits; null for not at all, infinity while it is held. */
  dueAt: number | null;
  /** When a run is to be repeated, while that is why it waits. */
  retryAt: number | null;
  attempt: number;
  reservation: number;
  reservedAt: number | null;
  isReserved: boolean;
  failureState: string | null;
  failure: FailureRecord | null;
  progress: string | null;
  result: string | null;
  finalState: FinalState | null;
  finishedAt: number | null;
}

/** The one process that there is. */
export const INSTANCE_ID = '00000000-0000-7000-8000-000000000000';

export function toMemoryJob({ id, queue, name, payload, priority, options, delayMs, runAtMs, group, unique }: NewJob, now: number): MemoryJob {
  const runAt = runAtMs ?? now + delayMs;
  return {
    id,
    queue,
    name,
    payload,
    priority,
    options,
    group,
    uniqueKey: unique && unique.forMs === null ? unique.key : null,
    enqueuedAt: now,
    runAt,
    dueAt: runAt > now ? runAt : null,
    retryAt: null,
    attempt: 0,
    reservation: 0,
    reservedAt: null,
    isReserved: false,
    failureState: null,
    failure: null,
    progress: null,
    result: null,
    finalState: null,
    finishedAt: null,
  };
}

export function stateOf(job: MemoryJob, now: number): JobState {
  if (job.finalState) return job.finalState;
  if (job.isReserved) return 'reserved';
  if (job.dueAt === Infinity) return 'held';
  return isDue(job, now) ? 'available' : 'scheduled';
}

export function isDue({ dueAt }: MemoryJob, now: number): boolean {
  return dueAt === null || dueAt <= now;
}

/** Since when a job that waits could run: a retry counts from when it was to be repeated. */
export function dueSince({ dueAt, retryAt, runAt }: MemoryJob): number {
  return dueAt === Infinity || dueAt === null ? (retryAt ?? runAt) : dueAt;
}

export function reserve(job: MemoryJob, now: number): ReservedJob {
  job.isReserved = true;
  job.reservedAt = now;
  job.reservation++;
  job.attempt++;
  if (job.uniqueKey?.startsWith('s:')) job.uniqueKey = null;
  const { id, queue, name, payload, attempt, reservation, failureState, options, enqueuedAt, runAt } = job;
  const first = runAt === enqueuedAt ? null : text(runAt);
  return { id, queue, name, payload, attempt, crashes: 0, reservation, failureState, options, enqueuedAt: text(enqueuedAt), runAt: first, reservedAt: text(now) };
}

/** What a run came to. */
export function settle(job: MemoryJob, settlement: Settlement, now: number): void {
  job.isReserved = false;
  if (settlement.action === 'requeue') return putBack(job, settlement, now);
  finish(job, settlement.state, now);
  job.result = settlement.result;
  job.failure = settlement.failure ?? job.failure;
}

export function finish(job: MemoryJob, state: FinalState, now: number): void {
  job.finalState = state;
  job.uniqueKey = null;
  job.finishedAt = now;
}

/** As `retry`: a finished job, from the beginning. */
export function startOver(job: MemoryJob, now: number): void {
  job.finalState = job.finishedAt = job.reservedAt = job.dueAt = job.retryAt = job.failureState = job.result = job.progress = null;
  job.attempt = 0;
  job.runAt = now;
}

function putBack(job: MemoryJob, { delayMs, countAttempt, queue, failureState, failure }: Requeue, now: number): void {
  job.dueAt = job.retryAt = delayMs > 0 ? now + delayMs : null;
  job.reservedAt = null;
  job.failure = failure ?? job.failure;
  if (countAttempt) job.failureState = failureState && JSON.stringify(failureState);
  else job.attempt--;
  if (queue !== null) {
    job.queue = queue;
    job.attempt = 0;
  }
}

export function toRecord(job: MemoryJob, now: number): JobRecord {
  const state = stateOf(job, now);
  return {
    id: job.id,
    queue: job.queue,
    name: job.name,
    payload: JSON.parse(job.payload),
    state,
    priority: job.priority,
    runAt: new Date(state === 'scheduled' || state === 'held' ? dueSince(job) : job.runAt),
    attempt: job.attempt,
    crashes: 0,
    reservedBy: job.reservedAt === null ? null : INSTANCE_ID,
    reservedAt: date(job.reservedAt),
    enqueuedAt: new Date(job.enqueuedAt),
    finishedAt: date(job.finishedAt),
    progress: json(job.progress),
    result: json(job.result),
    failure: job.failure && structuredClone(job.failure),
    tags: decodeTags(job.options),
    group: job.group !== null && job.group >= ' ' ? job.group : null,
  };
}

function text(ms: number): string {
  return new Date(ms).toISOString();
}

function date(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}

function json(value: string | null): unknown {
  return value === null ? null : JSON.parse(value);
}
