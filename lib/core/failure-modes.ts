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
import { isFrozen, peek, snapshot } from './peek.js';

const MAX_TIMES = 1_000;
/** A chain is stored with each job of an enqueue that names one, and walked by every failure. */
const MAX_STAGES = 20;
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
  const { times, delay, decide, finally: next } = onlyKeys('Retry', options, ['times', 'delay', 'decide', 'finally']);
  if (decide !== undefined && typeof decide !== 'function') throw new InvalidOptionError('Retry.decide', decide, 'a function');
  return Object.freeze({
    mode: 'retry',
    times: timesOf('Retry', times),
    delayMs: delay === undefined ? undefined : durationOf('Retry.delay', delay),
    decide,
    finally: finallyOf('Retry.finally', next),
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
  const given = onlyKeys('ExponentialRetry', options, ['times', 'base', 'jitter', 'maxDelay', 'finally']);
  const { base = 2, jitter = false, maxDelay = '1d' } = given;
  if (typeof base !== 'number' || !(base >= 1 && base <= 1_000)) {
    throw new InvalidOptionError('ExponentialRetry.base', base, 'a number from 1 to 1,000');
  }
  if (typeof jitter !== 'boolean') throw new InvalidOptionError('ExponentialRetry.jitter', jitter, 'true or false');
  return Object.freeze({
    mode: 'exponential-retry',
    times: timesOf('ExponentialRetry', given.times),
    base,
    jitter,
    maxDelayMs: durationOf('ExponentialRetry.maxDelay', maxDelay),
    finally: finallyOf('ExponentialRetry.finally', given.finally),
  });
}

/**
 * Move the failed job to another queue, where its runs count from one again.
 *
 * @throws InvalidOptionError
 */
export function Move(options: { queue: string }): MoveMode {
  const { queue } = onlyKeys('Move', options, ['queue']);
  if (!isName(queue)) throw new InvalidOptionError('Move.queue', queue, NAME_EXPECTED);
  return Object.freeze({ mode: 'move', queue });
}

/**
 * Resolves what an option named as failure mode: a class becomes a reference to it. A spec is made anew, since
 * another copy of this package, or a hand, may have made it.
 *
 * @throws InvalidOptionError
 */
export function toFailureModeSpec(option: string, value: unknown): FailureModeSpec {
  if (isLongChain(value)) throw new InvalidOptionError(option, value, `a chain of at most ${MAX_STAGES} failure modes`);
  const spec = typeof value === 'function' ? toCustomMode(value) : isFrozen(value) && remake(option, value);
  if (!spec) throw new InvalidOptionError(option, value, MODE_EXPECTED);
  return spec;
}

/** A class is found again by its name, which is stored with a job. */
function toCustomMode(value: unknown): CustomMode | undefined {
  const name = peek(value, 'name');
  if (typeof peek(peek(value, 'prototype'), 'handleFailure') !== 'function' || !isName(name)) return undefined;
  return Object.freeze({ mode: 'custom', className: name });
}

function remake(option: string, value: unknown): FailureModeSpec | undefined {
  const { mode, delayMs, maxDelayMs, className, ...options } = snapshot(value) ?? {};
  switch (mode as FailureModeSpec['mode']) {
    case 'abandon':
      return Abandon();
    case 'retry':
      return Retry({ ...options, delay: delayMs } as RetryOptions);
    case 'exponential-retry':
      return ExponentialRetry({ ...options, maxDelay: maxDelayMs } as ExponentialRetryOptions);
    case 'move':
      return Move(options as { queue: string });
    case 'custom':
      if (!isName(className)) return undefined;
      return Object.freeze({ mode: 'custom', className, finally: finallyOf(option, options['finally'] as FailureMode) });
  }
}

function isLongChain(value: unknown): boolean {
  let stages = 0;
  for (let stage = value; typeof stage === 'object' && stage !== null; stage = peek(stage, 'finally')) {
    if (++stages > MAX_STAGES) return true;
  }
  return false;
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

function timesOf(mode: string, value: unknown): number {
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

function finallyOf(option: string, value: FailureMode | undefined): FailureModeSpec | undefined {
  return value === undefined ? undefined : toFailureModeSpec(option, value);
}

/** What was given, read once. */
function onlyKeys<T extends object>(mode: string, options: T, known: string[]): T {
  const given = snapshot(options);
  if (!given) throw new InvalidOptionError(mode, options, `an object with ${known.join(', ')}`);
  for (const key of Object.keys(given)) {
    if (!known.includes(key)) throw new InvalidOptionError(`${mode}.${key}`, given[key], `one of the keys ${known.join(', ')}`);
  }
  return given as T;
}
