import type { JobCriteria, JobUpdate } from './job-record.interface.js';

/** Which jobs: criteria as those of `find`, at least one; `'all'` for every job that the call is for. */
export type BulkCriteria = JobCriteria | 'all';

/** How a call that changes many jobs goes about it. */
export interface BulkOptions {
  /** Only count: nothing is changed. @default false */
  dryRun?: boolean;
  /** Jobs at most, 1 to 1,000,000,000; `complete` tells whether there are more. @default 10_000 */
  limit?: number;
  /** Jobs a statement, each of which is a transaction of its own, 1 to 5,000. @default 1_000 */
  batchSize?: number;
  /** Ends it after the batch that is under way. @default none */
  signal?: AbortSignal;
  /** Told after each batch, and awaited; what it throws ends the call. @default none */
  onProgress?: (soFar: BulkResult) => unknown;
}

export interface CancelManyOptions extends BulkOptions {
  /** Also those that run: their signals fire, on whichever instance they run. @default false */
  abort?: boolean;
}

/** What makes sense for many jobs at once; each payload belongs to one job. */
export type BulkUpdate = Omit<JobUpdate, 'payload'>;

/** Counts of jobs. */
export interface BulkResult {
  /** That fitted when they were looked at: `changed`, `aborting` and `skipped` together, unless it was a dry run. */
  readonly matched: number;
  readonly changed: number;
  /** Running ones that were told to end, by `cancelMany` with `abort`. */
  readonly aborting: number;
  /** Left alone, because in that moment they began to run, ended, or were changed by somebody else. */
  readonly skipped: number;
  /** Every job that fitted was looked at. False when `limit` or `signal` came before that, and while it goes on. */
  readonly complete: boolean;
}
