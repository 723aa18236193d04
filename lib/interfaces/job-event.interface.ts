import type { FailureRecord } from './job-record.interface.js';

/** What can happen to jobs, as one process sees it. */
export type JobEventKind =
  /** Stored. In a transaction of the caller's it is not committed yet. */
  | 'job:enqueued'
  /** A run begins. */
  | 'job:started'
  /** Ended, and committed. */
  | 'job:completed'
  | 'job:abandoned'
  | 'job:cancelled'
  /** A run failed, and the job runs again after a delay. */
  | 'job:retried'
  /** A run failed, and the job went to another queue. */
  | 'job:moved'
  /** A run was cut short or snoozed, and the job waits again with its attempt. */
  | 'job:released'
  /** Its signal fired, and the handler went on past its `abortGrace`: its slot was freed, what it comes to is refused. */
  | 'job:stuck'
  /** The process was no longer the one that held the job; what its run came to was dropped. */
  | 'job:lost'
  /** Taken back from a process that died or lost its lease. */
  | 'job:rescued';

/** Something happened to a job. */
export interface JobEvent {
  readonly kind: JobEventKind;
  readonly jobId: string;
  readonly name: string;
  readonly queue: string;
  /** Which run it is about, 1 for the first. Undefined before the first. */
  readonly attempt?: number;
  /** From when the job was due until its first run began, in milliseconds, by the database's clock. With `job:started` on attempt 1. */
  readonly waitTimeMs?: number;
  /** How long the run took, in milliseconds. With the end of a run. */
  readonly runTimeMs?: number;
  /** After how many milliseconds the job runs again. With `job:retried` and `job:released`. */
  readonly delayMs?: number;
  /** What the run failed with; with `job:stuck`, why its signal fired. */
  readonly failure?: FailureRecord;
  /** What was captured at the enqueue, see `JobMiddleware`. */
  readonly context?: Readonly<Record<string, unknown>>;
}

/** Kinds that can be told to other processes: an enqueue may never be committed. */
export type ClusterEventKind = Exclude<JobEventKind, 'job:enqueued'>;

/** Something happened to a job, in this process or in another one. */
export interface ClusterJobEvent extends Omit<JobEvent, 'context'> {
  readonly kind: ClusterEventKind;
  /** Of the process in which it happened. */
  readonly host: string;
  /** Of the process in which it happened. */
  readonly pid: number;
}
