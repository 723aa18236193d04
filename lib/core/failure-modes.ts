import { InvalidOptionError } from '../errors/configuration.errors.js';
import type { Duration } from '../interfaces/duration.interface.js';
import type {
  CustomMode,
  ExponentialRetryMode,
  AbandonMode,
  Failure,
  FailureDecision,
  FailureMode,
  FailureModeSpec,
  MoveMode,
  RetryMode,
} from '../interfaces/failure-mode.interface.js';
import { DURATION_EXPECTED, parseDuration } from './duration.js';
import { isName, NAME_EXPECTED } from './names.js';

const MAX_TIMES = 1_000;
const MODES: Array<string | undefined> = ['abandon', 'retry', 'exponential-retry', 'move', 'custom'] satisfies Array<FailureModeSpec['mode']>;
const MODE_EXPECTED =
  'Abandon(), Retry({ times }), ExponentialRetry({ times }), Move({ queue }) or a class with a handleFailure method';

/** Give the job up at its first failure; it stays in the history and can be run again with `JobQueue.retry`. */
export function Abandon(): AbandonMode {
  return Object.freeze({ mode: 'abandon' });
}

export interface RetryOptions {
  /** Retries after the first run: a job runs `times + 1` times at most. */
  times: number;
  /** Wait between runs. @default the queue's `retryDelay` */
  delay?: Duration;
  /** Decides each failure itself while retries are left. */
  decide?: (failure: Failure) => FailureDecision | Promise<FailureDecision>;
  /** Handles the failure after the last retry. @default Abandon() */
  finally?: FailureMode;
}

/**
 * Run again after a fixed delay.
 *
 * @example
 * failureMode: Retry({ times: 3, delay: '30s', finally: Move({ queue: 'dead-letters' }) })
 * @throws InvalidOptionError
 */
export function Retry(options: RetryOptions): RetryMode {
  onlyKeys('Retry', options, ['times', 'delay', 'decide', 'finally']);
  if (options.decide !== undefined && typeof options.decide !== 'function') {
    throw new InvalidOptionError('Retry.decide', options.decide, 'a function');
  }
  return Object.freeze({
    mode: 'retry',
    times: times('Retry', options.times),
    delayMs: options.delay === undefined ? undefined : durationOf('Retry.delay', options.delay),
    decide: options.decide,
    finally: finallyOf('Retry', options.finally),
  });
}

export interface ExponentialRetryOptions {
  /** Retries after the first run: a job runs `times + 1` times at most. */
  times: number;
  /** The n-th retry waits `base ** n - 1` seconds, n from 0: 0, 1, 3, 7 s for 2. @default 2 */
  base?: number;
  /** Vary each delay between a half and the whole of it, so that jobs that failed together do not return together. @default false */
  jitter?: boolean;
  /** Longest delay. @default '1d' */
  maxDelay?: Duration;
  /** Handles the failure after the last retry. @default Abandon() */
  finally?: FailureMode;
}

/**
 * Run again after delays that grow.
 *
 * @throws InvalidOptionError
 */
export function ExponentialRetry(options: ExponentialRetryOptions): ExponentialRetryMode {
  onlyKeys('ExponentialRetry', options, ['times', 'base', 'jitter', 'maxDelay', 'finally']);
  const base = options.base ?? 2;
  if (typeof base !== 'number' || !(base >= 1 && base <= 1_000)) {
    throw new InvalidOptionError('ExponentialRetry.base', base, 'a number from 1 to 1,000');
  }
  const jitter = options.jitter ?? false;
  if (typeof jitter !== 'boolean') throw new InvalidOptionError('ExponentialRetry.jitter', jitter, 'true or false');
  return Object.freeze({
    mode: 'exponential-retry',
    times: times('ExponentialRetry', options.times),
    base,
    jitter,
    maxDelayMs: durationOf('ExponentialRetry.maxDelay', options.maxDelay ?? '1d'),
    finally: finallyOf('ExponentialRetry', options.finally),
  });
}

/**
 * Move the failed job to another queue, where its runs count from one again.
 *
 * @throws InvalidOptionError
 */
export function Move(options: { queue: string }): MoveMode {
  onlyKeys('Move', options, ['queue']);
  if (!isName(options.queue)) throw new InvalidOptionError('Move.queue', options.queue, NAME_EXPECTED);
  return Object.freeze({ mode: 'move', queue: options.queue });
}

/**
 * Resolves what an option named as failure mode: a spec stays, a class becomes a reference to it.
 *
 * @throws InvalidOptionError
 */
export function toFailureModeSpec(option: string, value: unknown): FailureModeSpec {
  if (typeof value === 'function') {
    const prototype = value.prototype as { handleFailure?: unknown } | undefined;
    if (typeof prototype?.handleFailure === 'function' && value.name !== '') {
      return Object.freeze({ mode: 'custom', className: value.name }) satisfies CustomMode;
    }
  } else if (typeof value === 'object' && value !== null && Object.isFrozen(value)) {
    if (MODES.includes((value as Partial<FailureModeSpec>).mode)) return value as FailureModeSpec;
  }
  throw new InvalidOptionError(option, value, MODE_EXPECTED);
}

/** The chain that a job's failures walk: the mode, its `finally`, that one's `finally`, and so on. */
export function stagesOf(spec: FailureModeSpec): FailureModeSpec[] {
  const stages: FailureModeSpec[] = [];
  for (let stage: FailureModeSpec | undefined = spec; stage; stage = 'finally' in stage ? stage.finally : undefined) {
    stages.push(stage);
  }
  return stages;
}

/** Runs that the mode allows in all; undefined when code of the user's decides. */
export function maxAttemptsOf(spec: FailureModeSpec): number | undefined {
  let attempts = 1;
  for (const stage of stagesOf(spec)) {
    if (stage.mode === 'custom' || (stage.mode === 'retry' && stage.decide)) return undefined;
    if ('times' in stage) attempts += stage.times;
  }
  return attempts;
}

function times(mode: string, value: unknown): number {
  if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > MAX_TIMES) {
    throw new InvalidOptionError(`${mode}.times`, value, `an integer from 1 to ${MAX_TIMES}`);
  }
  return value as number;
}

function durationOf(option: string, value: unknown): number {
  const durationMs = parseDuration(value);
  if (durationMs === undefined) throw new InvalidOptionError(option, value, DURATION_EXPECTED);
  return durationMs;
}

function finallyOf(mode: string, value: FailureMode | undefined): FailureModeSpec | undefined {
  return value === undefined ? undefined : toFailureModeSpec(`${mode}.finally`, value);
}

function onlyKeys(mode: string, options: object, known: string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidOptionError(mode, options, `an object with ${known.join(', ')}`);
  }
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new InvalidOptionError(`${mode}.${key}`, (options as Record<string, unknown>)[key], `one of the keys ${known.join(', ')}`);
    }
  }
}
