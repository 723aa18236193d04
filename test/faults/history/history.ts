import type { JobState } from '../../../lib/index.js';

/** A row of `jobs` or `job_history`, as far as the checker reads it. */
export interface JobRow {
  readonly id: string;
  readonly name: string;
  readonly state: JobState;
  readonly attempt: number;
  readonly crashes: number;
  readonly reservation: number;
  readonly reserved_by: string | null;
  readonly queue?: string;
  readonly group_key?: string | null;
  /** In the history only. */
  readonly result?: unknown;
}

/** A row of `job_instances`. */
export interface InstanceRow {
  readonly id: string;
  readonly pid: number;
  /** Milliseconds since 1970. */
  readonly expires_ms: number;
}

/** One committed change of one row, in the order in which the database made them. */
export interface Change<Row = JobRow> {
  readonly seq: number;
  /** Milliseconds since 1970, by the database's clock. */
  readonly at: number;
  readonly transaction: string;
  readonly before: Row | null;
  readonly after: Row | null;
}

/** A row of `job_configs`. */
export interface ConfigRow {
  readonly key: string;
  readonly value: string;
  readonly revision: number;
}

/** What one process was shown of the configuration, in order. */
export interface Follower {
  readonly pid: number;
  /** The values when it began to follow. */
  readonly first: Readonly<Record<string, string>>;
  readonly changes: ReadonlyArray<{ readonly key: string; readonly value?: string | undefined; readonly revision?: number | undefined }>;
  /** It was there when all was over, and had time to hear of it. */
  readonly toTheEnd: boolean;
}

/** What a client was told of an enqueue. */
export interface Call {
  readonly id: string;
  readonly outcome: 'stored' | 'refused' | 'unknown' | 'rolled back';
}

/** One run of a handler, as its process told. Times as in `Change`. */
export interface Run {
  readonly jobId: string;
  /** Tells runs apart; a handler returns it as its result. */
  readonly run: string;
  readonly pid: number;
  readonly startedAt: number;
}

/** Everything that happened in a test. */
export interface History {
  readonly live: ReadonlyArray<Change>;
  readonly finished: ReadonlyArray<Change>;
  readonly instances: ReadonlyArray<Change<InstanceRow>>;
  readonly configs: ReadonlyArray<Change<ConfigRow>>;
  readonly followers: readonly Follower[];
  readonly calls: readonly Call[];
  readonly runs: readonly Run[];
  /** The leases that workers ask for. */
  readonly leasesMs: readonly number[];
  /** How soon a job must leave a process whose lease has ended. */
  readonly rescueMs: number;
  /** The runs that a job of this name may fail, the last one included. */
  readonly allowedAttempts: (name: string) => number;
}

/** An invariant that did not hold. */
export interface Violation {
  readonly invariant: `I${number}`;
  readonly jobId?: string;
  readonly text: string;
}
