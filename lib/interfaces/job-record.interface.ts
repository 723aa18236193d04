import type { Duration } from './duration.interface.js';

/** States of a job that is not finished. */
export type LiveState = 'scheduled' | 'available' | 'held' | 'blocked' | 'reserved';
/** States in which a job has left the `jobs` table for the history. */
export type FinalState = 'completed' | 'abandoned' | 'cancelled';
export type JobState = LiveState | FinalState;

/** A stored error. */
export interface FailureRecord {
  name: string;
  message: string;
  code?: string;
  stack?: string;
  cause?: FailureRecord;
}

/** A job as it stands in the database, waiting, running or finished. */
export interface JobRecord<Payload = unknown, Result = unknown> {
  readonly id: string;
  readonly queue: string;
  readonly name: string;
  readonly payload: Payload;
  readonly state: JobState;
  /** Lower runs first. */
  readonly priority: number;
  /** When it is due; once it is, and afterwards, when it was first due, or its turn came after it was blocked. */
  readonly runAt: Date;
  /** Runs that count against the failure mode, the current one included. */
  readonly attempt: number;
  /** Runs that ended with the death of their process. */
  readonly crashes: number;
  /** The process that runs or ran it. */
  readonly reservedBy: string | null;
  readonly reservedAt: Date | null;
  readonly enqueuedAt: Date;
  readonly finishedAt: Date | null;
  /** The last value given to `job.progress()`. */
  readonly progress: unknown;
  /** What the handler returned. */
  readonly result: Result | null;
  /** What the last failed run left. */
  readonly failure: FailureRecord | null;
  /** What it was enqueued with, for people to find it by. */
  readonly tags: readonly string[];
  /** With which it shares slots. */
  readonly group: string | null;
}

/** What `JobQueue.find` selects by; every criterion runs in SQL. */
export interface JobCriteria {
  queue?: string;
  name?: string;
  /** Default: every state. */
  state?: JobState | readonly JobState[];
  /** Jobs whose payload contains this JSON (PostgreSQL's `@>`). */
  payload?: unknown;
  /** Jobs that have this tag, or all of these. */
  tags?: string | readonly string[];
  /** Jobs of this group. */
  group?: string;
  /** Enqueued at or after. */
  enqueuedAfter?: Date;
  /** Enqueued before. */
  enqueuedBefore?: Date;
}

/** How `JobQueue.find` pages. */
export interface PageOptions {
  /** Jobs a page, 1 to 1,000. @default 100 */
  limit?: number;
  /** `nextCursor` of the page before. */
  cursor?: string;
  /** By id, which is by time of creation. @default 'oldest' */
  order?: 'oldest' | 'newest';
}

export interface JobPage {
  readonly jobs: JobRecord[];
  /** Pass it as `cursor` for the next page; undefined on the last one. */
  readonly nextCursor: string | undefined;
}

/** Answer of `JobQueue.cancel`. */
export type CancelResult = 'ok' | 'in_progress' | 'not_found';

/** What `JobQueue.update` changes. */
export interface JobUpdate {
  /** Checked by the schema of the job's handler, where this process has one. */
  payload?: unknown;
  /** -32768 to 32767, lower runs first. */
  priority?: number;
  /** Due so long from now, by the database's clock. Not together with `runAt`. */
  delay?: Duration;
  /** Due at this instant. Not together with `delay`. */
  runAt?: Date;
}

export interface QueueStatus {
  readonly queue: string;
  /** Unfinished jobs. */
  readonly count: number;
  /** Running jobs. */
  readonly inProgress: number;
  /** True while the global row or the queue's own row says so. */
  readonly suspended: boolean;
  readonly scheduled: number;
  readonly available: number;
  readonly reserved: number;
  /** Waiting jobs that somebody holds: they do not run until they are released. */
  readonly held: number;
  /** Waiting jobs whose group is full: they run when another one of it has ended. */
  readonly blocked: number;
  /** Age in milliseconds of the oldest job that is due and not running; null when none is. */
  readonly oldestDueMs: number | null;
}

export interface InstanceStatus {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly queues: readonly string[];
  readonly startedAt: Date;
  readonly heartbeatAt: Date;
  /** True while its lease holds by the database's clock. */
  readonly alive: boolean;
  /** Jobs it holds now, by queue. */
  readonly running: Readonly<Record<string, number>>;
}

export interface Status {
  readonly queues: QueueStatus[];
  readonly instances: InstanceStatus[];
}
