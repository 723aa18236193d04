import { setTimeout as sleep } from 'node:timers/promises';
import { giveBack, type Finish, type Held } from '../core/settlement.js';
import { LostReservationError, ShutdownError } from '../errors/job.errors.js';
import type { ReservationStore, ReservedJob } from '../interfaces/ports/index.js';
import { Appetite } from './appetite.js';
import { JobRuns, type RunTools } from './job-runs.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { ProgressWriter } from './progress-writer.js';
import { Settler } from './settler.js';

export interface QueueRunnerOptions {
  readonly queue: string;
  /** Jobs that run at once. */
  readonly concurrency: number;
  /** Milliseconds that a finished job is kept; Infinity for ever, null for not at all. */
  readonly keepMs: (state: Finish['state']) => number | null;
  /** Config keys that suspend this queue. */
  readonly suspensionKeys: readonly string[];
}

/** What all runners of a process share. */
export interface RunnerTools extends RunTools {
  readonly store: ReservationStore;
  readonly lease: LeaseKeeper;
  readonly progress: ProgressWriter;
  readonly isSuspended: (queue: string) => boolean;
  /** A job of this process will be due in so many milliseconds. */
  readonly onDueIn: (delayMs: number) => void;
}

/** Jobs that were fetched ahead and could not start for this long go back, for others to run. */
const MAX_BUFFERED_MS = 100;
const MAX_BACKOFF_MS = 1_000;
/** At shutdown, handlers have this long to react to their signal. */
const ABORTED_MS = 250;
/** At shutdown, what cannot be settled within this time is left to be rescued. */
const MAX_DRAIN_MS = 500;

/**
 * The loop of one queue: reserves jobs, has them run, settles them. Everything that may mean work
 * (a notification, a due job, a free slot, resume, a sweep) enters by `wake`. One round trip at a
 * time settles what has finished and fetches what comes next, while jobs that were fetched before run.
 */
export class QueueRunner {
  private readonly runs: JobRuns;
  private readonly settler: Settler;
  private readonly appetite = new Appetite();
  private buffer: ReservedJob[] = [];
  private bufferedAt = 0;
  private bufferTimer: NodeJS.Timeout | undefined;
  /** There may be jobs to reserve. */
  private hungry = false;
  private wakes = 0;
  private tripping = false;
  private turnPlanned = false;
  private backoffMs = 0;
  private backingOff = false;
  private starting = false;
  private stopped = false;

  constructor(
    private readonly options: QueueRunnerOptions,
    private readonly tools: RunnerTools,
  ) {
    this.runs = new JobRuns(tools, {
      onSettlement: (settlement) => this.settler.add(settlement),
      onLeft: () => this.slotFreed(),
    });
    this.settler = new Settler(tools.store, options.keepMs, {
      onSettled: (id) => tools.successes.settled(id),
      onLost: (id) => this.reportLost(id),
      onRequeued: (delayMs) => (delayMs > 0 ? tools.onDueIn(delayMs) : this.wake()),
      onFinish: () => this.planTurn(),
      lastProgress: (id) => tools.progress.take(id),
      isTrusted: () => tools.lease.trusted,
    });
  }

  get queue(): string {
    return this.options.queue;
  }

  /** True while a reserve is under way, whose jobs are not known here yet. */
  get reserving(): boolean {
    return this.tripping;
  }

  /** Whether a job that the database says is held by this process is known here. */
  holds(id: string): boolean {
    return this.runs.has(id) || this.settler.has(id) || this.buffer.some((job) => job.id === id);
  }

  wake(): void {
    this.wakes++;
    this.hungry = true;
    this.turn();
  }

  /** Fires the signal of a running job. False when it does not run here. */
  abort(id: string, reason: Error): boolean {
    return this.runs.abort(id, reason);
  }

  /** The lease is gone: nothing that is held here may be settled or run on. */
  loseAll(): void {
    this.buffer = [];
    this.settler.forget();
    this.runs.abortAll((id) => new LostReservationError(`Job ${id} may run elsewhere: this process lost its lease`));
  }

  /** Puts back a job that the database says is held here, but that nothing here knows of. */
  release(job: Held): void {
    this.settler.add(giveBack(job));
  }

  /** Reserves no more, lets running jobs end, then aborts them and puts them back. */
  async stop(graceMs: number): Promise<void> {
    this.stopped = true;
    this.releaseBuffer();
    await this.runs.idle(graceMs);
    this.runs.abortAll(() => new ShutdownError('The application is shutting down'));
    await this.runs.idle(ABORTED_MS);
    this.runs.giveUp();
    const deadline = performance.now() + MAX_DRAIN_MS;
    while ((this.tripping || !this.settler.empty) && performance.now() < deadline) {
      this.turn();
      await sleep(2);
    }
    clearTimeout(this.bufferTimer);
  }

  private turn(): void {
    if (this.tripping || this.backingOff) return;
    const limit = this.limit();
    if (limit === 0 && !this.settler.pending) return;
    this.tripping = true;
    void this.trip(limit);
  }

  private limit(): number {
    const { lease, isSuspended } = this.tools;
    if (!this.hungry || this.stopped || !lease.trusted || isSuspended(this.queue)) return 0;
    return this.appetite.want(this.options.concurrency, this.runs.size + this.buffer.length);
  }

  private async trip(limit: number): Promise<void> {
    const { queue, wakes } = this;
    const { instanceId } = this.tools.lease;
    const { suspensionKeys } = this.options;
    this.appetite.measure();
    try {
      const { names } = this.tools.handlers;
      const jobs = await this.settler.exchange({ queue, instanceId, limit, names, suspensionKeys });
      this.tripping = false;
      this.backoffMs = 0;
      if (limit > 0) this.hungry = jobs.length >= limit || this.wakes > wakes;
      this.receive(jobs, instanceId);
    } catch (error) {
      this.tripping = false;
      this.backOff(error);
    }
  }

  private receive(jobs: ReservedJob[], instanceId: string): void {
    const { lease } = this.tools;
    // Jobs of a lease that was lost meanwhile are rescued like those of the dead.
    if (jobs.length > 0 && lease.instanceId === instanceId && lease.trusted) {
      if (this.buffer.length === 0) this.bufferedAt = performance.now();
      this.buffer.push(...jobs);
      if (this.stopped) this.releaseBuffer();
    }
    // The next batch travels while this one runs.
    this.turn();
    this.startBuffered();
  }

  private slotFreed(): void {
    this.appetite.jobFinished();
    if (this.buffer.length > 0) this.startBuffered();
    this.planTurn();
  }

  private startBuffered(): void {
    if (this.starting) return;
    this.starting = true;
    let started = 0;
    while (started < this.buffer.length && this.runs.size < this.options.concurrency) {
      this.runs.start(this.buffer[started++] as ReservedJob);
    }
    this.starting = false;
    if (started > 0) {
      this.buffer.splice(0, started);
      this.bufferedAt = performance.now();
    }
    if (this.buffer.length > 0) this.watchBuffer();
  }

  /** What ends in the same turn of the event loop is settled together. */
  private planTurn(): void {
    if (this.turnPlanned) return;
    this.turnPlanned = true;
    setImmediate(() => {
      this.turnPlanned = false;
      this.turn();
    });
  }

  private watchBuffer(): void {
    this.bufferTimer ??= setTimeout(() => {
      this.bufferTimer = undefined;
      if (this.buffer.length === 0) return;
      if (performance.now() - this.bufferedAt >= MAX_BUFFERED_MS * 0.9) this.releaseBuffer();
      else this.watchBuffer();
    }, MAX_BUFFERED_MS);
  }

  private releaseBuffer(): void {
    for (const job of this.buffer.splice(0)) this.settler.add(giveBack(job));
  }

  private backOff(error: unknown): void {
    this.backingOff = true;
    this.backoffMs = Math.min(Math.max(50, this.backoffMs * 2), MAX_BACKOFF_MS);
    this.tools.log.debug(`Queue '${this.queue}' could not reach its tables, trying again`, { error: String(error) });
    const retry = setTimeout(
      () => {
        this.backingOff = false;
        this.wake();
      },
      this.backoffMs * (0.5 + Math.random() / 2),
    );
    retry.unref();
  }

  private reportLost(id: string): void {
    this.tools.successes.forget(id);
    this.tools.log.warn(`Job ${id} was no longer held by this process; its outcome here is dropped`, { jobId: id });
  }
}
