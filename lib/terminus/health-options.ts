import { OptionReader } from '../core/option-reader.js';
import type { Duration } from '../interfaces/duration.interface.js';
import type { JobQueue } from '../job-queue.js';

export interface JobQueueHealthOptions {
  /** Down when a job of a queue has been due for longer than this and does not run. Suspended queues are left out. @default not looked at */
  maxOldestDueAge?: Duration;
  /** Down when more jobs than this are due in a queue and do not run. Suspended queues are left out. @default not looked at */
  maxWaiting?: number;
  /**
   * Down when no sweep has succeeded for so long; `false`: not looked at. A process that runs no jobs, such as one with
   * `role: 'producer'`, does not sweep. @default '1m', and at least three times `sweepInterval`
   */
  maxSweepAge?: Duration | false;
  /**
   * Down when no notifications have arrived for so long, though the process polls meanwhile; `false`: not looked at. With
   * `listen: false` there is nothing to look at. @default '5m'
   */
  maxNotListening?: Duration | false;
  /** The one queue to look at. @default all */
  queue?: string;
  /** The `JobQueue` of a `forRoot({ name })`. @default the default one */
  jobQueue?: JobQueue;
  /** Down when the database has not answered by then. @default '5s' */
  timeout?: Duration;
}

export interface HealthLimits {
  readonly maxAgeMs: number;
  readonly maxWaiting: number;
  /** Undefined: three times the interval, and at least a minute. */
  readonly maxSweepAgeMs: number | false | undefined;
  readonly maxNotListeningMs: number | false;
  readonly queue: string | undefined;
  readonly jobQueue: JobQueue | undefined;
  readonly timeoutMs: number;
}

/** @throws InvalidOptionError */
export function readHealthOptions(options: JobQueueHealthOptions): HealthLimits {
  const reader = new OptionReader(options, 'isHealthy');
  const limits = {
    maxAgeMs: reader.duration('maxOldestDueAge', Infinity),
    maxWaiting: reader.integer('maxWaiting', Infinity, 0, Number.MAX_SAFE_INTEGER),
    maxSweepAgeMs: reader.source['maxSweepAge'] === undefined ? void reader.raw('maxSweepAge') : reader.durationOrFalse('maxSweepAge', false),
    maxNotListeningMs: reader.durationOrFalse('maxNotListening', 300_000),
    queue: reader.raw('queue') as string | undefined,
    jobQueue: reader.value<JobQueue | undefined>('jobQueue', undefined, 'a JobQueue', (value) =>
      typeof (value as JobQueue).schemaVersion === 'function' ? (value as JobQueue) : undefined,
    ),
    timeoutMs: reader.duration('timeout', 5_000, 1, 600_000),
  };
  reader.done();
  return limits;
}
