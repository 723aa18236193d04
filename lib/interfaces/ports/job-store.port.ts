import type { CancelResult, FinalState, JobCriteria, JobPage, JobRecord, PageOptions, Status } from '../job-record.interface.js';
import type { Finish, Requeue } from '../../core/settlement.js';
import type { ReservedJob } from './enqueue-store.port.js';

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
  readonly limits: ExchangeLimits;
}

/** How many jobs of a queue may start. */
export interface ExchangeLimits {
  /** JSON text of `GroupPolicy`. */
  readonly groups: string;
  /** Of the queue. */
  readonly rate: Rate | undefined;
}

/** A token bucket. */
export interface Rate {
  /** Tokens a second. */
  readonly rate: number;
  readonly burst: number;
}

/** What an exchange comes to, as is known before its jobs have arrived. */
export interface ExchangeHead {
  /** The place of the last job that the reserve looked at; undefined when there was none. */
  readonly place: Place | undefined;
  /** Finishes that changed nothing, because the reservation was no longer held. */
  readonly lost: readonly string[];
  /** Jobs that the reserve looked at: those it took, and those whose group is full. */
  readonly seen: number;
  /** Jobs that were blocked and may run now. */
  readonly pulled: number;
  /** Milliseconds until there is a token again; null when it does not matter. */
  readonly waitMs: number | null;
}

export interface Exchanged extends ExchangeHead {
  readonly jobs: ReservedJob[];
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
  /** There are blocked jobs. */
  readonly blocked: boolean;
}

/** Reserves and settles: the hot path. */
export interface ReservationStore {
  /**
   * Settles finished jobs and reserves the next ones in one round trip. Calls `onHead` as soon as it is known what that
   * comes to; it is committed when the promise resolves, and may fail until then.
   */
  exchange(exchange: Exchange, onHead?: (head: ExchangeHead) => void): Promise<Exchanged>;
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

/** Slots of queues whose concurrency is limited over all processes. */
export interface SlotStore {
  /** Asks for `wanted` slots in all, of which `inUse` cannot be given up. Resolves to how many may be used. */
  takeSlots(queue: string, instanceId: string, inUse: number, wanted: number, most: number): Promise<number>;
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
  /** Looks through so many blocked groups behind one of them. Resolves to the last one, null at the end. */
  sweepGroups(queue: string, after: string, most: number, policy: string): Promise<string | null>;
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
