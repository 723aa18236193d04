import { DatabaseUnavailableError } from '../errors/database.errors.js';
import { JobCancelledError } from '../errors/job.errors.js';
import type { Log, RescuePolicy, SweepStore } from '../interfaces/ports/index.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { QueueRunner } from './queue-runner.js';
import type { TroubleLog } from './trouble-log.js';

export interface SweeperOptions {
  readonly sweepIntervalMs: number;
  /** The interval while no notifications arrive. */
  readonly pollIntervalMs: number;
  readonly rescue: Omit<RescuePolicy, 'except'>;
}

/** A commit that sent no notification of its own relied on one that was under way: look again after these times. */
const LATER_LOOKS_MS = [10, 100];
const MIN_SURVEY_GAP_MS = 20;
const SECOND_RECONCILE_MS = 200;
/** Jobs due later than a minute notify nobody, so the due times are looked at this often at least. */
const MAX_SURVEY_GAP_MS = 30_000;

/**
 * Finds what no notification tells of: jobs that become due, jobs of dead processes, cancellations
 * and reservations whose messages were lost. It asks for all queues at once, and hands what it finds
 * to the runners by `wake`.
 */
export class Sweeper {
  private readonly runners: ReadonlyMap<string, QueueRunner>;
  /** Rows that made the sweep fail, left alone from then on. */
  private readonly setAside = new Set<string>();
  private surveyTimer: NodeJS.Timeout | undefined;
  private surveyAt = Infinity;
  private surveyedAt = -Infinity;
  private surveying = false;
  private surveyAgain = false;
  private sweepTimer: NodeJS.Timeout | undefined;
  private sweeping = false;
  private sweepAgain = false;
  private reconciling = false;
  /** Jobs held by this process that nothing here knew of at the last look, with their reservation. */
  private suspects: ReadonlySet<string> = new Set();
  private workCameInAt = -Infinity;
  private stopped = false;

  constructor(
    private readonly store: SweepStore,
    runners: readonly QueueRunner[],
    private readonly lease: LeaseKeeper,
    private readonly isListening: () => boolean,
    private readonly options: SweeperOptions,
    private readonly trouble: TroubleLog,
    private readonly log: Log,
  ) {
    this.runners = new Map(runners.map((runner) => [runner.queue, runner]));
  }

  start(): void {
    void this.sweep();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.surveyTimer);
    clearTimeout(this.sweepTimer);
  }

  /** A notification came: look now, and again for those that committed a moment later. */
  workCameIn(queue: string): void {
    const runner = this.runners.get(queue);
    if (!runner || this.stopped) return;
    runner.wake();
    this.workCameInAt = performance.now();
    this.planLaterLooks();
  }

  /** Make sure that a survey runs within this time. */
  surveyIn(delayMs: number): void {
    if (this.stopped) return;
    const now = performance.now();
    const at = Math.max(now + Math.min(delayMs, MAX_SURVEY_GAP_MS), this.surveyedAt + MIN_SURVEY_GAP_MS);
    if (at >= this.surveyAt) return;
    this.surveyAt = at;
    clearTimeout(this.surveyTimer);
    this.surveyTimer = setTimeout(() => void this.survey(), Math.max(0, at - now));
  }

  /** Everything, now: at start, after the listener came back, at each interval. */
  async sweep(): Promise<void> {
    if (this.stopped) return;
    if (this.sweeping) return void (this.sweepAgain = true);
    this.sweeping = true;
    clearTimeout(this.sweepTimer);
    try {
      await this.rescue();
      await this.reconcile();
    } catch (error) {
      this.trouble.report('A sweep failed, trying again at the next one', error);
    }
    await this.survey();
    this.sweeping = false;
    if (!this.sweepAgain) return this.planSweep();
    this.sweepAgain = false;
    await this.sweep();
  }

  /**
   * Aborts jobs that run here and whose cancellation was requested, and puts back what nothing here
   * knows of: the answer to its reserve was lost. A job that ends just now looks the same, so it
   * must be unknown twice.
   */
  async reconcile(): Promise<void> {
    if (!this.lease.trusted) return;
    const { instanceId } = this.lease;
    const unknown = new Set<string>();
    for (const holding of await this.store.holdings(instanceId)) {
      const runner = this.runners.get(holding.queue);
      if (!runner || this.lease.instanceId !== instanceId) continue;
      if (holding.cancelRequested) runner.abort(holding.id, new JobCancelledError(`Job ${holding.id} was cancelled`));
      if (runner.holds(holding.id) || runner.expecting) continue;
      const key = `${holding.id} ${holding.reservation}`;
      if (this.suspects.has(key)) runner.release(holding);
      else unknown.add(key);
    }
    this.suspects = unknown;
    if (unknown.size > 0) setTimeout(() => this.reconcileSoon(), SECOND_RECONCILE_MS).unref();
  }

  /** As `reconcile`, for a signal that one of the jobs here has something. Signals that come together share one look. */
  reconcileSoon(): void {
    if (this.reconciling || this.stopped) return;
    this.reconciling = true;
    setImmediate(() => {
      this.reconciling = false;
      this.reconcile().catch((error: unknown) => this.trouble.report('Held jobs could not be listed', error));
    });
  }

  private planSweep(): void {
    if (this.stopped) return;
    const { sweepIntervalMs, pollIntervalMs } = this.options;
    const intervalMs = this.isListening() ? sweepIntervalMs : Math.min(sweepIntervalMs, pollIntervalMs);
    // Processes that were started together shall not sweep together.
    this.sweepTimer = setTimeout(() => void this.sweep(), intervalMs * (0.9 + Math.random() * 0.1));
  }

  private async survey(): Promise<void> {
    clearTimeout(this.surveyTimer);
    this.surveyAt = Infinity;
    if (this.stopped) return;
    if (this.surveying) return void (this.surveyAgain = true);
    this.surveying = true;
    this.surveyedAt = performance.now();
    let nextDueMs = MAX_SURVEY_GAP_MS;
    try {
      for (const found of await this.store.survey([...this.runners.keys()])) {
        if (found.available) this.runners.get(found.queue)?.wake();
        if (found.nextDueMs !== null) nextDueMs = Math.min(nextDueMs, found.nextDueMs);
      }
    } catch (error) {
      nextDueMs = this.options.pollIntervalMs;
      this.trouble.report('The due times could not be read, trying again', error);
    }
    this.surveying = false;
    if (this.surveyAgain) nextDueMs = 0;
    this.surveyAgain = false;
    // A timer may fire early by a part of a millisecond.
    this.surveyIn(nextDueMs + 1);
    this.planLaterLooks();
  }

  private planLaterLooks(): void {
    const sinceMs = performance.now() - this.workCameInAt;
    for (const lookMs of LATER_LOOKS_MS) if (sinceMs < lookMs) return this.surveyIn(lookMs - sinceMs);
  }

  private async rescue(): Promise<void> {
    try {
      this.reportRescued(await this.store.rescue({ ...this.options.rescue, except: [...this.setAside] }));
    } catch (error) {
      if (error instanceof DatabaseUnavailableError) throw error;
      await this.rescueOneByOne(error);
    }
  }

  /** One row must not keep the jobs of all other dead processes from running. */
  private async rescueOneByOne(cause: unknown): Promise<void> {
    for (const id of await this.store.strays()) {
      if (this.setAside.has(id)) continue;
      try {
        this.reportRescued(await this.store.rescue({ ...this.options.rescue, except: [] }, id));
      } catch (error) {
        if (error instanceof DatabaseUnavailableError) throw error;
        this.setAside.add(id);
        this.log.error(`Job ${id} of a dead process cannot be taken back and is set aside; mend its row by hand`, {
          jobId: id,
          error: String(error),
          batchError: String(cause),
        });
      }
    }
  }

  private reportRescued(jobs: ReadonlyArray<{ id: string; queue: string; name: string; state: string }>): void {
    const again = new Map<string, number>();
    for (const { id: jobId, queue, name, state } of jobs) {
      if (state === 'available') again.set(queue, (again.get(queue) ?? 0) + 1);
      else this.log.warn(`Job ${name} was held by a process that died or lost its lease, and is ${state}`, { jobId, queue });
    }
    for (const [queue, count] of again) {
      this.log.warn(`${count} job(s) of queue '${queue}' were held by a process that died or lost its lease, and run again`, { queue, count });
      this.runners.get(queue)?.wake();
    }
  }
}
