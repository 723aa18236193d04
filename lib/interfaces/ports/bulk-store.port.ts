import type { JobCriteria, JobState } from '../job-record.interface.js';
import type { JobChanges } from './job-store.port.js';

/** What is done to many jobs. */
export type BulkAction =
  | { readonly kind: 'cancel'; readonly abort: boolean; readonly keepMs: ReadonlyMap<string, number | null>; readonly defaultKeepMs: number | null }
  | { readonly kind: 'hold' | 'release' | 'retry' }
  | { readonly kind: 'update'; readonly changes: Omit<JobChanges, 'payload' | 'payloadVersion'> }
  | { readonly kind: 'move'; readonly queue: string };

export interface BulkSelection extends JobCriteria {
  readonly state: readonly JobState[];
}

/** How far a walk through the jobs has come. */
export interface BulkPlace {
  /** Go on behind this id; undefined at the beginning. */
  readonly after?: string;
  /** Jobs enqueued later are left alone; undefined is now. As the database wrote it. */
  readonly until?: string;
}

export interface BulkPicked {
  /** In order. */
  readonly ids: readonly string[];
  /** Where to go on; undefined at the end. There may be more even where no id was found. */
  readonly next: BulkPlace | undefined;
}

export interface BulkChanged {
  readonly changed: number;
  readonly aborting: number;
  /** Ids of jobs that fitted and were not changed because somebody else had them locked. */
  readonly missed: readonly string[];
}

/** Work on many jobs, a batch at a time. */
export interface BulkStore {
  /** Ids of the next jobs that fit, in order of id: finished ones for `'retry'`, unfinished ones otherwise. */
  pick(kind: BulkAction['kind'], selection: BulkSelection, place: BulkPlace, limit: number): Promise<BulkPicked>;
  /** Changes those of these jobs that still fit, and waits for none of them. */
  change(action: BulkAction, selection: BulkSelection, ids: readonly string[]): Promise<BulkChanged>;
}
