import { DURATION_EXPECTED, parseDuration } from './core/duration.js';
import { Abandon, stagesOf } from './core/failure-modes.js';
import { isName, NAME_EXPECTED } from './core/names.js';
import { OptionReader } from './core/option-reader.js';
import { snapshot } from './core/peek.js';
import { readRate } from './core/rate.js';
import { readRunOptions } from './core/run-options.js';
import { IgnoreSuccess } from './core/success-modes.js';
import { InvalidOptionError } from './errors/configuration.errors.js';
import type { FailureModeSpec } from './interfaces/failure-mode.interface.js';
import type { QueueOptions } from './interfaces/module-options.interface.js';
import type { Rate } from './interfaces/ports/index.js';
import type { SuccessModeSpec } from './interfaces/success-mode.interface.js';

/** Options of one queue, every one set. */
export interface ResolvedQueue {
  readonly concurrency: number;
  readonly maxJobTimeMs: number;
  readonly abortGraceMs: number;
  readonly failureMode: FailureModeSpec;
  readonly successMode: SuccessModeSpec;
  readonly retryDelayMs: number;
  readonly perQueueSuspension: boolean;
  /** Milliseconds; Infinity for ever, null for not at all. */
  readonly keepCompletedMs: number | null;
  readonly keepAbandonedMs: number | null;
  /** Jobs at once over all processes. */
  readonly globalConcurrency: number | undefined;
  readonly rate: Rate | undefined;
  readonly groupConcurrency: number;
  readonly groupRate: Rate | undefined;
}

export const MAX_CONCURRENCY = 10_000;
const DAY_MS = 86_400_000;
export const BUILT_IN: ResolvedQueue = {
  concurrency: 10,
  maxJobTimeMs: 3_600_000,
  abortGraceMs: 1_000,
  failureMode: Abandon(),
  successMode: IgnoreSuccess(),
  retryDelayMs: 15_000,
  perQueueSuspension: true,
  keepCompletedMs: 7 * DAY_MS,
  keepAbandonedMs: 30 * DAY_MS,
  globalConcurrency: undefined,
  rate: undefined,
  groupConcurrency: 1,
  groupRate: undefined,
};

/** @throws InvalidOptionError */
export function readQueues(raw: unknown, defaults: ResolvedQueue): ReadonlyMap<string, ResolvedQueue> {
  const queues = snapshot(raw);
  if (!queues) throw new InvalidOptionError('queues', raw, 'an object of queue options by queue name');
  return new Map(
    Object.entries(queues).map(([name, options]) => {
      if (!isName(name)) throw new InvalidOptionError('queues', name, `as queue name ${NAME_EXPECTED}`);
      const queue = readQueueOptions(options, `queues.${name}`, defaults);
      for (const stage of stagesOf(queue.failureMode)) {
        if (stage.mode === 'move' && stage.queue === name) {
          throw new InvalidOptionError(`queues.${name}.failureMode`, stage, 'a Move to another queue than its own');
        }
      }
      return [name, queue];
    }),
  );
}

/** @throws InvalidOptionError */
export function readQueueOptions(raw: unknown, path: string, defaults: ResolvedQueue): ResolvedQueue {
  const reader = new OptionReader(raw as QueueOptions, path);
  const run = readRunOptions(reader);
  const queue: ResolvedQueue = {
    concurrency: reader.integer('concurrency', defaults.concurrency, 1, MAX_CONCURRENCY),
    maxJobTimeMs: run.maxJobTimeMs ?? defaults.maxJobTimeMs,
    abortGraceMs: run.abortGraceMs ?? defaults.abortGraceMs,
    failureMode: run.failureMode ?? defaults.failureMode,
    successMode: run.successMode ?? defaults.successMode,
    retryDelayMs: reader.duration('retryDelay', defaults.retryDelayMs),
    perQueueSuspension: reader.boolean('perQueueSuspension', defaults.perQueueSuspension),
    ...readRetention(reader, defaults),
    globalConcurrency: reader.integer('globalConcurrency', defaults.globalConcurrency ?? 0, 1, MAX_CONCURRENCY) || undefined,
    rate: readRate(reader, defaults.rate),
    ...readGroups(reader, defaults),
  };
  reader.done();
  return Object.freeze(queue);
}

type Kept = Pick<ResolvedQueue, 'keepCompletedMs' | 'keepAbandonedMs'>;

/** @throws InvalidOptionError */
export function readRetention(reader: OptionReader, defaults: Kept): Kept {
  const raw = reader.raw('retention');
  if (raw === 'none') return { keepCompletedMs: null, keepAbandonedMs: null };
  const inner = new OptionReader(raw ?? {}, reader.name('retention'));
  const read = (key: string, fallback: number | null): number | null => {
    const value = inner.raw(key);
    if (value === undefined) return fallback;
    const keepMs = parseRetention(value);
    if (keepMs === undefined) throw new InvalidOptionError(inner.name(key), value, RETENTION_EXPECTED);
    return keepMs;
  };
  const kept = {
    keepCompletedMs: read('completed', defaults.keepCompletedMs),
    keepAbandonedMs: read('abandoned', defaults.keepAbandonedMs),
  };
  inner.done();
  return kept;
}

function readGroups(reader: OptionReader, defaults: ResolvedQueue): Pick<ResolvedQueue, 'groupConcurrency' | 'groupRate'> {
  const inner = new OptionReader(reader.raw('groups') ?? {}, reader.name('groups'));
  const groups = {
    groupConcurrency: inner.integer('concurrency', defaults.groupConcurrency, 1, MAX_CONCURRENCY),
    groupRate: readRate(inner, defaults.groupRate),
  };
  inner.done();
  return groups;
}

export const RETENTION_EXPECTED = `${DURATION_EXPECTED}, 'none' or 'forever'`;

/** Milliseconds, Infinity for ever, null for not at all; undefined for what is none of these. */
export function parseRetention(value: unknown): number | null | undefined {
  if (value === 'none') return null;
  return value === 'forever' ? Infinity : parseDuration(value);
}
