import { DatabaseUnavailableError } from '../errors/database.errors.js';
import { EnqueueOutcomeUnknownError } from '../errors/enqueue.errors.js';
import type { EnqueueStore, NewJob, ReservedJob, Reserver, StoredJob } from '../interfaces/ports/index.js';

/** How jobs are stored: as new ones, under ids that may exist, or unique, with what happens on a conflict. */
export type InsertKind = 'new' | 'once' | NonNullable<NewJob['unique']>['onConflict'];

interface Call {
  readonly jobs: readonly NewJob[];
  readonly kind: InsertKind;
  readonly resolve: (stored: readonly StoredJob[] | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** A promise of this process to run jobs as soon as they are stored; `settle` must be called once. */
export interface HandOver extends Reserver {
  /** The jobs that are stored and reserved; undefined when no answer came. */
  settle(jobs: readonly ReservedJob[] | undefined): void;
}

const MAX_ROWS = 1_000;
const MAX_CHARS = 4_000_000;

/**
 * Lets calls of `enqueue` that are made at about the same time travel in one insert: those of one
 * turn of the event loop, and those made while an insert is under way. Each call resolves when its
 * commit is confirmed. A lone call is sent at once. Where a runner of this process sleeps on the queue
 * with nothing waiting, the jobs are handed over: stored as reserved by it, without a notification.
 */
export class EnqueueBatcher {
  /** Calls so far, and the inserts that they travelled in. */
  calls = 0;
  inserts = 0;
  private waiting: Call[] = [];
  private sending = false;
  private planned = false;
  private onDrained: (() => void) | undefined;

  constructor(
    private readonly store: EnqueueStore,
    /** Asks the runners of this process to take jobs at once. */
    private readonly handOver: (jobs: readonly NewJob[]) => HandOver | undefined = () => undefined,
  ) {}

  /**
   * Resolves to what there is now, of jobs that are unique.
   *
   * @throws DatabaseUnavailableError nothing was stored; EnqueueOutcomeUnknownError maybe it was
   */
  add(jobs: readonly NewJob[], kind: InsertKind): Promise<readonly StoredJob[] | undefined> {
    this.calls++;
    return new Promise((resolve, reject) => {
      this.waiting.push({ jobs, kind, resolve, reject });
      if (this.sending || this.planned) return;
      this.planned = true;
      queueMicrotask(() => void this.send());
    });
  }

  /** Resolves when every call made so far is answered. */
  async drain(): Promise<void> {
    if (!this.sending && this.waiting.length === 0) return;
    await new Promise<void>((resolve) => (this.onDrained = resolve));
  }

  private async send(): Promise<void> {
    this.planned = false;
    this.sending = true;
    while (this.waiting.length > 0) {
      const calls = this.takeBatch();
      await this.insert(calls);
    }
    this.sending = false;
    this.onDrained?.();
  }

  private takeBatch(): Call[] {
    const kind = this.waiting[0]?.kind;
    let rows = 0;
    let chars = 0;
    let taken = 0;
    for (const call of this.waiting) {
      if (taken > 0 && (call.kind !== kind || rows + call.jobs.length > MAX_ROWS || chars > MAX_CHARS)) break;
      rows += call.jobs.length;
      for (const job of call.jobs) chars += job.payload.length;
      taken++;
    }
    return this.waiting.splice(0, taken);
  }

  private async insert(calls: Call[]): Promise<void> {
    this.inserts++;
    const jobs = calls.length === 1 ? (calls[0] as Call).jobs : calls.flatMap((call) => call.jobs);
    try {
      const stored = await this.storeAs(jobs, calls[0]?.kind);
      let at = 0;
      for (const call of calls) call.resolve(stored?.slice(at, (at += call.jobs.length)));
    } catch (error) {
      if (error instanceof DatabaseUnavailableError) return this.refuse(calls, error);
      if (calls.length === 1) return calls[0]?.reject(error);
      // One bad row fails its statement: nobody pays for another caller's row.
      for (const call of calls) await this.insert([call]);
    }
  }

  private async storeAs(jobs: readonly NewJob[], kind: InsertKind | undefined): Promise<StoredJob[] | undefined> {
    if (kind !== 'new' && kind !== 'once') return this.store.insertUnique(jobs);
    const handOver = kind === 'once' ? undefined : this.handOver(jobs);
    if (handOver) await this.insertReserved(jobs, handOver);
    else await this.store.insert(jobs, undefined, kind === 'once');
    return undefined;
  }

  private async insertReserved(jobs: readonly NewJob[], handOver: HandOver): Promise<void> {
    let reserved: ReservedJob[];
    try {
      reserved = await this.store.insertReserved(jobs, handOver);
    } catch (error) {
      handOver.settle(error instanceof DatabaseUnavailableError && error.mayHaveRun ? undefined : []);
      throw error;
    }
    handOver.settle(reserved);
  }

  private refuse(calls: Call[], error: DatabaseUnavailableError): void {
    for (const call of calls) {
      const ids = call.jobs.map((job) => job.id);
      call.reject(error.mayHaveRun ? new EnqueueOutcomeUnknownError(ids, error) : error);
    }
  }
}
