import type { Duration } from './duration.interface.js';

/** What a failure mode, a `decide` function or a custom mode is told about a failed run. */
export interface Failure {
  readonly jobId: string;
  readonly name: string;
  readonly queue: string;
  readonly payload: unknown;
  /** The run that failed: 1 for the first. */
  readonly attempt: number;
  /** Retries that this mode has asked for so far: 0 at the first failure. */
  readonly retries: number;
  /** What this mode returned as `state` at the previous failure of this job. */
  readonly state: unknown;
  /** What the handler threw, or a `JobTimeoutError`. */
  readonly error: unknown;
  /** The queue's `retryDelay`, in milliseconds. */
  readonly retryDelayMs: number;
}

/**
 * What happens to a failed job: run it again after a delay, move it to another queue, give it up,
 * or `'halt'`: this mode is done, the next one in the `finally` chain decides.
 */
export type FailureDecision =
  | { readonly retryIn: Duration; readonly state?: unknown }
  | { readonly moveTo: string }
  | 'abandon'
  | 'halt';

/**
 * A failure mode of your own: an injectable class, named wherever a failure mode is expected.
 * When it throws, the job is abandoned with both errors on record, never lost.
 *
 * @example
 * @Injectable()
 * class RetryWhileOpen implements FailureHandler {
 *   constructor(private readonly breaker: CircuitBreaker) {}
 *   handleFailure(failure: Failure): FailureDecision {
 *     return this.breaker.isOpen ? { retryIn: '1m' } : 'abandon';
 *   }
 * }
 */
export interface FailureHandler {
  handleFailure(failure: Failure): FailureDecision | Promise<FailureDecision>;
}

export interface AbandonMode {
  readonly mode: 'abandon';
}

export interface RetryMode {
  readonly mode: 'retry';
  readonly times: number;
  readonly delayMs?: number;
  readonly decide?: (failure: Failure) => FailureDecision | Promise<FailureDecision>;
  readonly finally?: FailureModeSpec;
}

export interface ExponentialRetryMode {
  readonly mode: 'exponential-retry';
  readonly times: number;
  readonly base: number;
  readonly jitter: boolean;
  readonly maxDelayMs: number;
  readonly finally?: FailureModeSpec;
}

export interface MoveMode {
  readonly mode: 'move';
  readonly queue: string;
}

/** A custom mode: the class's name, resolved among the application's providers. */
export interface CustomMode {
  readonly mode: 'custom';
  readonly className: string;
  readonly finally?: FailureModeSpec;
}

/** A resolved failure mode, as `Retry()` and its siblings return it. */
export type FailureModeSpec = AbandonMode | RetryMode | ExponentialRetryMode | MoveMode | CustomMode;

/** A failure mode as options take it: `Abandon()`, `Retry()`, `ExponentialRetry()`, `Move()`, or a class. */
export type FailureMode = FailureModeSpec | (new (...args: never[]) => FailureHandler);
