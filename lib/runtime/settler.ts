import { setTimeout as sleep } from 'node:timers/promises';
import { Backoff } from '../core/backoff.js';
import { isDataError } from '../core/data-error.js';
import { finish, sizeOf, type Finish, type Requeue, type Settlement } from '../core/settlement.js';
import type { Exchange, Exchanged, ExchangeHead, ReservationStore } from '../interfaces/ports/index.js';

export interface SettlerCallbacks {
  readonly onSettled: (id: string) => void;
  /** Somebody else holds or has settled the job. */
  readonly onLost: (id: string) => void;
  /** A job waits again, for so long. */
  readonly onRequeued: (delayMs: number) => void;
  /** A finish waits for the next exchange. */
  readonly onFinish: () => void;
  /** Progress of this job that was not stored yet, as JSON text. */
  readonly lastProgress: (id: string) => string | null;
  /** This process, as the database knows it. */
  readonly instanceId: () => string;
  /** Whether the lease still allows to settle. */
  readonly isTrusted: () => boolean;
}

const MAX_BATCH = 1_000;
/** A thousand large results in one statement are more than a string, or PostgreSQL's memory, can hold. */
const MAX_BATCH_CHARS = 4_000_000;

/**
 * Owns what has ended but is not in the database yet. A settlement that cannot be written because
 * the database is away is kept and tried again for as long as the lease can be trusted; it is never
 * turned into a failure. Finishes travel with the next reserve; requeues have a statement of their own.
 */
export class Settler {
  private finishes: Finish[] = [];
  private requeues: Requeue[] = [];
  /** Ids not settled yet, those under way included. */
  private readonly open = new Set<string>();
  /** Ids whose settlement was sent without an answer: it may have been written. */
  private readonly uncertain = new Set<string>();
  private flushing = false;
  /** So many settlements are sent one by one, since one among them was refused. */
  private alone = 0;

  constructor(
    private readonly store: ReservationStore,
    private readonly callbacks: SettlerCallbacks,
  ) {}

  /** Finishes that wait for the next exchange. */
  get pending(): number {
    return this.finishes.length;
  }

  get empty(): boolean {
    return this.open.size === 0;
  }

  has(id: string): boolean {
    return this.open.has(id);
  }

  add(settlement: Settlement): void {
    this.open.add(settlement.id);
    if (settlement.action === 'finish') {
      const progress = this.callbacks.lastProgress(settlement.id);
      this.finishes.push(progress === null ? settlement : { ...settlement, progress });
      this.callbacks.onFinish();
    } else {
      this.requeues.push(settlement);
      if (!this.flushing) queueMicrotask(() => void this.flushRequeues());
    }
  }

  /** The lease is gone: nothing here may be written any more. */
  forget(): void {
    this.finishes = [];
    this.requeues = [];
    this.open.clear();
    this.uncertain.clear();
  }

  /**
   * One round trip: settles what has finished, unless another trip does, and reserves. Rejects when
   * the database did not answer.
   */
  async exchange(request: Omit<Exchange, 'finishes'>, settle: boolean, onHead?: (head: ExchangeHead) => void): Promise<Exchanged> {
    const finishes = settle ? this.takeBatch(this.finishes) : [];
    try {
      const exchanged = await this.store.exchange({ ...request, finishes }, finishes.length > 0 ? undefined : onHead);
      if (finishes.length > 0) {
        this.close(finishes, exchanged.lost);
        // Not before: a finish may be refused when everything else has been told.
        onHead?.(exchanged);
      }
      return exchanged;
    } catch (error) {
      const kept = this.setApart(finishes, error);
      this.keep(kept, (unsent) => this.finishes.unshift(...(unsent as Finish[])));
      throw error;
    }
  }

  private takeBatch<T extends Settlement>(waiting: T[]): T[] {
    const most = this.alone > 0 ? 1 : MAX_BATCH;
    if (this.alone > 0) this.alone--;
    let chars = 0;
    let taken = 0;
    for (const settlement of waiting) {
      chars += sizeOf(settlement);
      if (taken === most || (taken > 0 && chars > MAX_BATCH_CHARS)) break;
      taken++;
    }
    return waiting.splice(0, taken);
  }

  /**
   * PostgreSQL refused a value: the settlements of the batch are sent one by one, and the one that is
   * refused alone is replaced by a settlement that holds constants only.
   */
  private setApart<T extends Settlement>(batch: readonly T[], error: unknown): Array<T | Finish> {
    if (!isDataError(error)) return [...batch];
    if (batch.length > 1) this.alone = Math.max(this.alone, batch.length);
    const [only] = batch;
    if (batch.length !== 1 || !only) return [...batch];
    const failure = { name: 'UnstorableOutcomeError', message: 'PostgreSQL could not store the outcome of the run' };
    return [finish(only, 'abandoned', null, failure)];
  }

  private close(settled: readonly Settlement[], lost: readonly string[]): void {
    const gone = lost.length > 0 ? new Set(lost) : undefined;
    for (const { id } of settled) {
      // Forgotten meanwhile: the lease was lost, and the run has been reported as lost.
      if (!this.open.delete(id)) continue;
      const sentBefore = this.uncertain.size > 0 && this.uncertain.delete(id);
      if (!gone?.has(id) || sentBefore) this.callbacks.onSettled(id);
      else this.callbacks.onLost(id);
    }
  }

  private keep<T extends Settlement>(unsent: readonly T[], restore: (kept: T[]) => void): void {
    const kept = unsent.filter(({ id }) => this.open.has(id));
    if (!this.callbacks.isTrusted()) return this.close(kept, kept.map(({ id }) => id));
    for (const { id } of kept) this.uncertain.add(id);
    restore(kept);
  }

  private async flushRequeues(): Promise<void> {
    if (this.flushing) return;
    this.flushing = true;
    const backoff = new Backoff();
    while (this.requeues.length > 0) {
      const batch = this.takeBatch(this.requeues);
      try {
        const refused = await this.store.requeue(batch, this.callbacks.instanceId());
        const cancelled = new Set(refused.filter((job) => job.cancelled).map((job) => job.id));
        const lost = refused.filter((job) => !job.cancelled).map((job) => job.id);
        this.close(batch.filter(({ id }) => !cancelled.has(id)), lost);
        for (const job of batch) if (cancelled.has(job.id)) this.add(finish(job, 'cancelled', null, job.failure));
        const back = batch.filter(({ id, queue }) => queue === null && !cancelled.has(id) && !lost.includes(id));
        if (back.length > 0 || cancelled.size > 0) {
          this.callbacks.onRequeued(Math.min(...back.map(({ delayMs }) => delayMs), 60_000));
        }
      } catch (error) {
        const [kept] = this.setApart(batch, error);
        if (batch.length === 1 && kept?.action === 'finish') {
          this.add(kept);
          continue;
        }
        this.keep(batch, (unsent) => this.requeues.unshift(...unsent));
        await sleep(backoff.next(), undefined, { ref: false });
      }
    }
    this.flushing = false;
  }
}
