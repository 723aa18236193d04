import type { EntityManager } from 'typeorm';
import type { CancelResult, FinalState, JobCriteria, JobPage, JobRecord, PageOptions, Status } from '../job-record.interface.js';
import type { Finish, Requeue } from '../../core/settlement.js';

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
  /** Stores jobs of one queue as reserved by this process; resolves to those that are. */
  insertReserved(jobs: readonly NewJob[], reserver: Reserver): Promise<ReservedJob[]>;
}

/** Milliseconds that the history keeps a job of each outcome: Infinity for ever, null not at all. */
export type KeepMs = Readonly<Record<FinalState, number | null>>;

/** Where a reserve starts in the order of a queue; texts as the database wrote them. */
export interface Place {
  readonly priority: number;
  readonly runAt: string;
  readonly id: string;
}

export interface Exchange {
  readonly queue: string;
  readonly instanceId: string;
  readonly finishes: readonly Finish[];
  readonly keepMs: KeepMs;
  /** Jobs to reserve at most. */
  readonly limit: number;
  /** Names of jobs that this process has handlers for. */
  readonly names: readonly string[];
  /** Config keys of which any with value `true` forbids reserving. */
  readonly suspensionKeys: readonly string[];
  /** Reserve jobs behind this place only; undefined from the beginning. */
  readonly after: Place | undefined;
}

export interface Exchanged {
  readonly jobs: ReservedJob[];
  /** The place of the last job reserved; undefined when there was none. */
  readonly place: Place | undefined;
  /** Finishes that changed nothing, because the reservation was no longer held. */
  readonly lost: readonly string[];
}

export interface Refused {
  readonly id: string;
  /** The job is still held, but its cancellation was requested; otherwise it was lost. */
  readonly cancelled: boolean;
}

export interface Holding {
  readonly id: string;
  readonly queue: string;
  readonly reservation: number;
  readonly cancelRequested: boolean;
}

/** What a look through a part of the live jobs came to. */
export interface Patrolled {
  /** Jobs that the database says this process holds. */
  readonly mine: ReadonlyArray<Omit<Holding, 'cancelRequested'>>;
  /** Ids of jobs that are held by dead processes. */
  readonly strays: readonly string[];
  /** Ids of processes whose lease ran out. */
  readonly dead: readonly string[];
  /** Where the next part begins; 0 after the last. */
  readonly nextPage: number;
}

/** Reserves and settles: the hot path. */
export interface ReservationStore {
  /** Settles finished jobs and reserves the next ones in one round trip. */
  exchange(exchange: Exchange): Promise<Exchanged>;
  /** Puts jobs that this process holds back to wait. Resolves to those that it could not. */
  requeue(requeues: readonly Requeue[], instanceId: string): Promise<Refused[]>;
  /** Stores the progress of jobs that run in this process. */
  progress(items: ReadonlyArray<{ id: string; reservation: number; progress: string }>, instanceId: string): Promise<void>;
}

export interface InstanceInfo {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly queues: readonly string[];
}

/** The lease that a process has on all its jobs. */
export interface LeaseStore {
  /** Adds a process, in the place of its former identity if it had one. */
  register(instance: InstanceInfo, leaseMs: number, formerId?: string): Promise<void>;
  /** False when the lease had run out before: it cannot be taken up again. */
  renew(instanceId: string, leaseMs: number): Promise<boolean>;
  /** Removes a process that holds nothing any more. */
  unregister(instanceId: string): Promise<void>;
  /** Ends the lease of a process, so that others look for what it still holds. */
  expire(instanceId: string): Promise<void>;
}

/** What there is to do in a queue. */
export interface QueueSurvey {
  readonly queue: string;
  /** Jobs can be reserved now. */
  readonly available: boolean;
  /** Milliseconds until the next scheduled job is due; null when there is none. */
  readonly nextDueMs: number | null;
}

export interface RescuePolicy {
  readonly maxCrashes: number;
  /** How long an abandoned job is kept, by queue. */
  readonly keepMs: ReadonlyMap<string, number | null>;
  readonly defaultKeepMs: number | null;
}

export interface RescuedJob {
  readonly id: string;
  readonly queue: string;
  readonly name: string;
  readonly state: 'available' | 'abandoned' | 'cancelled';
}

/** The work of the sweep. */
export interface SweepStore {
  /** Makes due jobs available and tells what there is to do. */
  survey(queues: readonly string[]): Promise<QueueSurvey[]>;
  /**
   * Looks through so many pages of the live jobs, and forgets the dead processes for which all of them have
   * been looked through.
   */
  patrol(instanceId: string, fromPage: number, pages: number, searchedFor: readonly string[]): Promise<Patrolled>;
  /** Takes those of these jobs that dead processes hold. */
  rescue(policy: RescuePolicy, ids: readonly string[]): Promise<RescuedJob[]>;
  /** Those of these jobs that the database says this process holds. */
  holdings(instanceId: string, ids: readonly string[]): Promise<Holding[]>;
  /** Takes jobs that run long here out of the way of the reserves. Resolves to the ids it could. */
  shelve(instanceId: string, ids: readonly string[]): Promise<string[]>;
  /** Prepares history partitions for jobs kept this long. */
  prepareHistory(retentionsMs: readonly number[]): Promise<void>;
  /** Drops history past its time. Resolves to the partitions dropped. */
  expireHistory(): Promise<number>;
}

/** What an update changes; undefined is "as it is". */
export interface JobChanges {
  /** JSON text. */
  readonly payload?: string;
  readonly payloadVersion?: number;
  readonly priority?: number;
  readonly delayMs?: number;
  /** Milliseconds since 1970. */
  readonly runAtMs?: number;
}

/** Everything that people ask of jobs. */
export interface JobStore {
  get(id: string): Promise<JobRecord | undefined>;
  find(criteria: JobCriteria, page: PageOptions & { limit: number }): Promise<JobPage>;
  status(queues: readonly string[], queue: string | undefined, keysOf: (queue: string) => string[]): Promise<Status>;
  cancel(
    id: string,
    abort: boolean,
    keepMs: ReadonlyMap<string, number | null>,
    defaultKeepMs: number | null,
  ): Promise<CancelResult>;
  move(id: string, queue: string): Promise<CancelResult>;
  update(id: string, changes: JobChanges): Promise<CancelResult>;
  hold(id: string): Promise<CancelResult>;
  release(id: string): Promise<CancelResult>;
  /** Takes a finished job out of the history and makes it available again. */
  retry(id: string): Promise<'ok' | 'unfinished' | 'not_found'>;
  /** Marks a live job so that its changes are notified. False when it is not live. */
  watch(id: string): Promise<boolean>;
}
