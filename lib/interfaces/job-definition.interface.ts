import type { Duration } from './duration.interface.js';
import type { UniqueOptions } from './enqueue.interface.js';
import type { FailureMode } from './failure-mode.interface.js';
import type { StandardSchema } from './standard-schema.interface.js';
import type { SuccessMode } from './success-mode.interface.js';

/** How the runs of a job behave. Set per queue, per definition or handler, and per enqueue; the last wins. */
export interface RunOptions {
  /** The longest one run may take; then its signal fires and the run has failed. @default '1h' */
  maxJobTime?: Duration;
  /**
   * How long a handler may go on after its signal fired. Then it is reported, its slot is freed and what it comes to is
   * refused. At shutdown it is 250 ms, whatever is set here. @default '1s'
   */
  abortGrace?: Duration;
  /** What happens after a failed run. @default Abandon() */
  failureMode?: FailureMode;
  /** What happens after a completed run. @default IgnoreSuccess() */
  successMode?: SuccessMode;
}

/** What a definition says of its payloads. */
export interface PayloadOptions {
  /**
   * A Standard Schema (zod, valibot, arktype). What it refuses is not enqueued, and it is asked again before the handler,
   * which is given what the schema makes of the payload.
   */
  schema?: StandardSchema;
  /** Of payloads that are enqueued now. Those of a newer one wait for a process that knows it. @default 1 */
  version?: number;
  /** Lifts a payload of the version that is the key to the next one. */
  upgrade?: Readonly<Record<number, (payload: never) => unknown>>;
}

export interface JobDefinitionOptions extends RunOptions, PayloadOptions {
  /** @default 'default' */
  queue?: string;
  /** Name of the `NotifyQueueModule.forRoot` that it belongs to. @default 'default' */
  jobQueue?: string;
  /** -32768 to 32767, lower runs first. @default 0 */
  priority?: number;
  /** Wait this long before the first run. @default 0 */
  delay?: Duration;
  /** The group of each job, or what makes it of the payload. @default none */
  group?: string | ((payload: never) => string | undefined);
  /** Lets there be one such job at a time. @default any number */
  unique?: UniqueOptions;
}

declare const types: unique symbol;
declare const handled: unique symbol;

/** A typed handle of a job, made by `defineJob` and used by both ends. */
export interface JobDefinition<Payload = unknown, Result = unknown, Handled = Payload> {
  readonly name: string;
  readonly options: Readonly<JobDefinitionOptions>;
  /** Carries the types only; it has no value. */
  readonly [types]?: (payload: Payload) => Result;
  /** What its handler is given: the payload, or what the schema makes of it. It has no value. */
  readonly [handled]?: Handled;
}

/**
 * Types of jobs that are enqueued by plain name. Augment it:
 *
 * @example
 * declare module 'nestjs-notify-queue' {
 *   interface JobTypes { 'report.build': { payload: { month: string }; result: { pages: number } } }
 * }
 */
// oxlint-disable-next-line typescript/no-empty-object-type
export interface JobTypes {}

export type PayloadOf<Name extends string> = Name extends keyof JobTypes
  ? JobTypes[Name] extends { payload: infer Payload }
    ? Payload
    : unknown
  : unknown;

export type ResultOf<Name extends string> = Name extends keyof JobTypes
  ? JobTypes[Name] extends { result: infer Result }
    ? Result
    : unknown
  : unknown;
