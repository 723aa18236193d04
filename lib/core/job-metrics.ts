import type { JobEventKind } from '../interfaces/job-event.interface.js';
import type { JobQueueStats } from '../interfaces/job-queue-stats.interface.js';
import type { QueueStatus } from '../interfaces/job-record.interface.js';

// Names are those of OpenTelemetry below `notify_queue`; Prometheus has the same with underscores, unit and `_total`.

interface Described {
  readonly name: string;
  readonly help: string;
  /** Seconds, where it is a time. */
  readonly unit?: 's';
}

/** One counter for each kind of event, by queue and name of the job. Ids are no labels: each would be a time series of its own. */
export const JOB_COUNTERS: Readonly<Record<JobEventKind, Described>> = {
  'job:enqueued': { name: 'jobs.enqueued', help: 'Jobs stored by this process' },
  'job:started': { name: 'jobs.started', help: 'Runs begun' },
  'job:completed': { name: 'jobs.completed', help: 'Jobs completed' },
  'job:abandoned': { name: 'jobs.failed', help: 'Jobs abandoned: they failed and do not run again' },
  'job:cancelled': { name: 'jobs.cancelled', help: 'Running jobs cancelled' },
  'job:retried': { name: 'jobs.retried', help: 'Runs that failed and are repeated' },
  'job:moved': { name: 'jobs.moved', help: 'Runs that failed and sent the job to another queue' },
  'job:released': { name: 'jobs.released', help: 'Runs cut short by a shutdown, or snoozed' },
  'job:stuck': { name: 'jobs.stuck', help: 'Runs that went on although their signal had fired, until their slot was freed' },
  'job:lost': { name: 'jobs.lost', help: 'Runs whose outcome was dropped, as the process no longer held the job' },
  'job:rescued': { name: 'jobs.rescued', help: 'Jobs taken back from processes that died or lost their lease' },
};

/** By queue and name of the job. */
export const JOB_HISTOGRAMS = {
  waitTimeMs: { name: 'job.wait.duration', help: 'From when a job was due until its first run began', unit: 's' },
  runTimeMs: { name: 'job.run.duration', help: 'How long runs took', unit: 's' },
} as const satisfies Record<string, Described>;

export const JOB_TIMES = ['waitTimeMs', 'runTimeMs'] as const;

/** Upper bounds in seconds, from what a notification takes to an hour. */
export const JOB_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600];

export interface QueueGauge extends Described {
  readonly byState?: boolean;
  /** Values by state, or one alone. */
  read(status: QueueStatus): ReadonlyArray<readonly [state: string | undefined, value: number]>;
}

/** What the database says of each queue; the same in every process. */
export const QUEUE_GAUGES: readonly QueueGauge[] = [
  {
    name: 'jobs',
    help: 'Unfinished jobs by state',
    byState: true,
    read: ({ scheduled, available, held, reserved }) => Object.entries({ scheduled, available, held, reserved }),
  },
  {
    name: 'oldest_due.age',
    help: 'Age of the oldest job that is due and not running, 0 when there is none',
    unit: 's',
    read: ({ oldestDueMs }) => [[undefined, (oldestDueMs ?? 0) / 1_000]],
  },
  { name: 'suspended', help: '1 while the queue is suspended', read: ({ suspended }) => [[undefined, Number(suspended)]] },
];

export interface ProcessMetric extends Described {
  readonly kind: 'counter' | 'gauge';
  /** Undefined where it does not apply. */
  read(stats: JobQueueStats): number | undefined;
}

/** What a process knows of itself. */
export const PROCESS_METRICS: readonly ProcessMetric[] = [
  {
    name: 'listener.up',
    kind: 'gauge',
    help: '1 while notifications arrive, 0 while the process polls instead',
    read: ({ listening, notListeningMs }) => (notListeningMs === null ? undefined : Number(listening)),
  },
  {
    name: 'listener.reconnects',
    kind: 'counter',
    help: 'How often the listener was lost and came back',
    read: ({ listenerReconnects }) => listenerReconnects,
  },
  { name: 'notifications', kind: 'counter', help: 'Notifications of new work', read: ({ notifications }) => notifications },
  { name: 'wakes', kind: 'counter', help: 'How often a queue was told that there may be work', read: ({ wakes }) => wakes },
  { name: 'reserves', kind: 'counter', help: 'How often the database was asked for jobs', read: ({ reserves }) => reserves },
  { name: 'enqueue.calls', kind: 'counter', help: 'Enqueue calls outside of a transaction', read: ({ enqueueCalls }) => enqueueCalls },
  { name: 'enqueue.inserts', kind: 'counter', help: 'Inserts that these calls shared', read: ({ enqueueInserts }) => enqueueInserts },
  {
    name: 'sweep.age',
    kind: 'gauge',
    help: 'Time since the last sweep that succeeded',
    unit: 's',
    read: ({ sweepAgeMs }) => (sweepAgeMs === null ? undefined : sweepAgeMs / 1_000),
  },
];
