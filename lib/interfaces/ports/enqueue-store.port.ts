import type { EntityManager } from 'typeorm';
import type { EnqueueOutcome } from '../enqueue.interface.js';

/** A row to be stored by an enqueue. */
export interface NewJob {
  readonly id: string;
  readonly queue: string;
  readonly name: string;
  /** JSON text. */
  readonly payload: string;
  readonly priority: number;
  readonly delayMs: number;
  /** Milliseconds since 1970, or null for "after the delay". */
  readonly runAtMs: number | null;
  /** JSON text of the run options that this enqueue overrides, or null. */
  readonly options: string | null;
  readonly group: string | null;
  readonly unique: UniqueKey | null;
}

/** What of its kind there is one of. */
export interface UniqueKey {
  readonly key: string;
  /** For so long; null while it waits, or until it has finished, as the key says. */
  readonly forMs: number | null;
  readonly onConflict: 'keep' | 'replace' | 'postpone' | 'again';
}

/** The job that there is after an enqueue. */
export interface StoredJob {
  readonly id: string;
  readonly outcome: EnqueueOutcome;
}

/** A job as a worker is handed it. Texts are parsed by whoever needs them. */
export interface ReservedJob {
  readonly id: string;
  readonly queue: string;
  readonly name: string;
  readonly payload: string;
  readonly attempt: number;
  readonly crashes: number;
  readonly reservation: number;
  readonly enqueuedAt: string;
  /** When it was first due, null for at once. */
  readonly runAt: string | null;
  readonly reservedAt: string;
  readonly failureState: string | null;
  readonly options: string | null;
}

/** Who takes new jobs at once. */
export interface Reserver {
  readonly instanceId: string;
  readonly suspensionKeys: readonly string[];
}

/** Stores new jobs. */
export interface EnqueueStore {
  /**
   * In one statement. With `manager`, in its transaction. With `once`, jobs whose id exists, live or in the
   * history, are passed over.
   */
  insert(jobs: readonly NewJob[], manager?: EntityManager, once?: boolean): Promise<void>;
  /** Stores jobs that are unique, all in the same way, in one statement. Resolves to what there is now, in their order. */
  insertUnique(jobs: readonly NewJob[], manager?: EntityManager): Promise<StoredJob[]>;
  /** Stores jobs of one queue as reserved by this process; resolves to those that are. */
  insertReserved(jobs: readonly NewJob[], reserver: Reserver): Promise<ReservedJob[]>;
}
