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
  /** Jobs of one group share slots, by default one: they run one after another, in order, over all processes. @default the definition's, else none */
  group?: string;
  /** Lets there be one such job at a time; false any number. @default the definition's, else any number */
  unique?: UniqueOptions | false;
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

/** Of which jobs there is one at a time. They are told apart by their name and a key. */
export interface UniqueOptions<Field extends string = string> {
  /** The key. Not together with `by`. @default the whole payload */
  key?: string;
  /** Fields of the payload that make the key. */
  by?: readonly Field[];
  /** Until the other one has begun to run, or has finished, every retry included. Not together with `for`. @default 'finished' */
  until?: 'started' | 'finished';
  /** For so long after the other one was enqueued, whatever became of it. */
  for?: Duration;
  /**
   * What happens when there is one: `'keep'` it; `'replace'` its payload; `'postpone'` it to the new due time, with the
   * new payload (debounce); or let it run once more, `'again'`, with the new payload, after the run that it is in. What runs is otherwise
   * left alone. @default 'keep'
   */
  onConflict?: 'keep' | 'replace' | 'postpone' | 'again';
}

/**
 * What an enqueue came to: a new job, or with `unique` the other one, as it was, with the new payload, with the new due time too, or a
 * job that runs after it. An `id` that exists counts as `'created'`.
 */
export type EnqueueOutcome = 'created' | 'kept' | 'replaced' | 'postponed' | 'again';

declare const result: unique symbol;

/** Where to find the job that there is after an enqueue; it carries the type of its result for `JobQueue.result`. */
export interface EnqueuedJob<Result = unknown> {
  readonly id: string;
  /** The one that was asked for; with `unique` the other job may be in another one. */
  readonly queue: string;
  /** What the enqueue came to. */
  readonly outcome: EnqueueOutcome;
  /** Carries the type only; it has no value. */
  readonly [result]?: Result;
}
