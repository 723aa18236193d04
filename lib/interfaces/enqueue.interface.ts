import type { EntityManager } from 'typeorm';
import type { Duration } from './duration.interface.js';
import type { RunOptions } from './job-definition.interface.js';

export interface EnqueueOptions extends RunOptions {
  /**
   * The transaction to store the job in: it exists if and only if that transaction commits.
   * Without it, `resolveManager` is asked; without that, the job is committed by itself.
   */
  manager?: EntityManager;
  /** @default the definition's queue */
  queue?: string;
  /** -32768 to 32767, lower runs first. @default the definition's, else 0 */
  priority?: number;
  /** At most 20 names to find the job by. @default none */
  tags?: readonly string[];
  /** Wait this long, by the database's clock. Not together with `runAt`. */
  delay?: Duration;
  /** Wait until this instant. Not together with `delay`. */
  runAt?: Date;
  /**
   * A UUID of your own; default: a new UUIDv7. Enqueueing an id that exists, waiting, running or in
   * the history, stores nothing, so that a call whose answer was lost can be repeated.
   */
  id?: string;
}

export interface EnqueueManyOptions extends Omit<EnqueueOptions, 'id'> {}

declare const result: unique symbol;

/** Where to find a job that was enqueued; it carries the type of its result for `JobQueue.result`. */
export interface EnqueuedJob<Result = unknown> {
  readonly id: string;
  readonly queue: string;
  /** Carries the type only; it has no value. */
  readonly [result]?: Result;
}
