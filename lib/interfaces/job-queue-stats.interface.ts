import type { Observable } from 'rxjs';
import type { JobEvent } from './job-event.interface.js';
import type { Status } from './job-record.interface.js';

/** What one process has counted since it started; reading it asks nobody. */
export interface JobQueueStats {
  /** Whether notifications arrive at the moment; while they do not, the process polls. */
  readonly listening: boolean;
  /** For how many milliseconds they have not arrived, 0 while they do; null with `listen: false`. */
  readonly notListeningMs: number | null;
  /** How often the listener was lost and came back. */
  readonly listenerReconnects: number;
  /** Notifications of new work that arrived. */
  readonly notifications: number;
  /** How often a queue of this process was told that there may be work: by notifications, sweeps, retries and the like. */
  readonly wakes: number;
  /** How often it then asked the database for jobs. Wakes that come together share one reserve. */
  readonly reserves: number;
  /** Calls of `enqueue` and `enqueueMany` outside of a transaction. */
  readonly enqueueCalls: number;
  /** Inserts that they travelled in. Calls made at the same time share one. */
  readonly enqueueInserts: number;
  /** Milliseconds since the last sweep that succeeded, or since jobs began to run; null in a process that runs none. */
  readonly sweepAgeMs: number | null;
  /** How often it sweeps while notifications arrive, in milliseconds. */
  readonly sweepIntervalMs: number;
}

/** Which step of the migrations the database is at. */
export interface SchemaVersion {
  readonly applied: number;
  /** What this release needs. `applied` may be more, after a newer release has come beside this one. */
  readonly expected: number;
}

/** What a middleware can ask of the `JobQueue` that it belongs to. */
export interface ObservedJobQueue {
  /** Of `forRoot({ name })`; `'default'` without. */
  readonly name: string;
  /** What happens to jobs in this process. */
  readonly events$: Observable<JobEvent>;
  status(): Promise<Status>;
  stats(): JobQueueStats;
}
