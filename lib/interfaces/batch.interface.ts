import type { Duration } from './duration.interface.js';
import type { Job } from './job.interface.js';

/** How many jobs a handler takes in one call. */
export interface BatchOptions {
  /** At most; 1 to 1,000. @default 100 */
  size?: number;
  /** How long the first job of a batch waits here for more, at most 10 s. Nothing waits once the batch is full. @default '50ms' */
  wait?: Duration;
}

/** What became of one job of a batch: its result, an error that it fails with, or what `Promise.allSettled` says of it. */
export type BatchOutcome<Result = unknown> = Result | Error | PromiseSettledResult<Result>;

/**
 * What a batch handler returns: nothing when all are completed, an outcome for each job in the order of the jobs, or a map
 * of outcomes by job or by its id.
 */
export type BatchOutcomes<Result = unknown> =
  | void
  | ReadonlyArray<BatchOutcome<Result> | Promise<BatchOutcome<Result>>>
  | ReadonlyMap<Job | string, BatchOutcome<Result>>;
