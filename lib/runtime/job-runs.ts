import { toFailureRecord } from '../core/failure-record.js';
import { peek } from '../core/peek.js';
import { finish, giveBack, type Finish, type Outcome, type Settlement } from '../core/settlement.js';
import { JobTimeoutError, LostReservationError } from '../errors/job.errors.js';
import type { Job } from '../interfaces/job.interface.js';
import type { Log, ReservedJob } from '../interfaces/ports/index.js';
import type { Deadlines } from './deadlines.js';
import type { FailureSettler } from './failure-settler.js';
import type { JobEvents } from './job-events.js';
import { Batch } from './batch.js';
import type { BatchHandler, Handler, Handlers } from './handler.js';
import { failedFieldsOf, fieldsOf } from './log-fields.js';
import type { JobExecutor } from './job-executor.js';
import { Repeats } from './repeats.js';
import { RunningJob, type JobTools } from './running-job.js';
import type { SuccessReporter } from './success-reporter.js';
import type { TransactionalRuns } from './transactional-runs.js';

/** What the runs of all queues of a process share. */
export interface RunTools {
  readonly handlers: Handlers;
  readonly executor: JobExecutor;
  readonly transactional: TransactionalRuns;
  readonly failures: FailureSettler;
  readonly successes: SuccessReporter;
  readonly events: JobEvents;
  readonly deadlines: Deadlines;
  readonly jobTools: JobTools;
  readonly log: Log;
}

export interface RunCallbacks {
  readonly onSettlement: (settlement: Settlement) => void;
  /** A run has ended whose settlement is committed already. */
  readonly onCommitted: (settlement: Finish) => void;
  /** A slot is free. */
  readonly onLeft: () => void;
}

/** A job that nobody here can run any more waits this long for another process. */
const UNKNOWN_NAME_DELAY_MS = 60_000;

/** The jobs of one queue that run in this process: starts them, ends them, turns outcomes into settlements. */
export class JobRuns {
  private readonly running = new Map<string, RunningJob>();
  /** Running jobs that share the slot of another. */
  private shared = 0;
  private readonly repeats = new Repeats();
  private onIdle: (() => void) | undefined;

  constructor(
    private readonly tools: RunTools,
    private readonly callbacks: RunCallbacks,
  ) {}

  get size(): number {
    return this.running.size;
  }

  /** Slots that are taken: by each job, or by each batch. */
  get slots(): number {
    return this.running.size - this.shared;
  }

  has(id: string): boolean {
    return this.running.has(id);
  }

  get ids(): string[] {
    return [...this.running.keys()];
  }

  /** Jobs that started before this time and that reserves still pass over. */
  unshelved(startedBefore: number): RunningJob[] {
    const found: RunningJob[] = [];
    for (const job of this.running.values()) {
      if (job.startedAt >= startedBefore) break;
      if (!job.shelved) found.push(job);
    }
    return found;
  }

  start(reserved: ReservedJob): void {
    const handler = this.tools.handlers.get(reserved.name);
    if (!handler) this.callbacks.onSettlement(giveBack(reserved, UNKNOWN_NAME_DELAY_MS));
    else if (handler.batch) this.startBatch([reserved]);
    else this.begin(reserved, handler);
  }

  /** Starts jobs of one batch handler together, in one slot. */
  startBatch(jobs: readonly ReservedJob[]): void {
    const handler = this.tools.handlers.get((jobs[0] as ReservedJob).name) as Handler;
    const batch = new Batch(jobs.length, (handler.batch as BatchHandler).invoke);
    const invoke = (job: Job): unknown => handler.invoke(job, () => batch.join(job as RunningJob));
    this.shared += jobs.length - 1;
    for (const job of jobs) this.begin(job, { ...handler, invoke }, batch);
  }

  private begin(reserved: ReservedJob, handler: Handler, batch?: Batch): void {
    const { handlers, executor, transactional, deadlines, jobTools } = this.tools;
    const policy = handlers.policyOf(reserved.name, reserved.queue, reserved.options);
    const job = new RunningJob(reserved, policy, jobTools, batch);
    batch?.add(job);
    this.running.set(job.id, job);
    deadlines.set(job, policy.maxJobTimeMs, () => {
      const text = `Job ${job.id} ran longer than its maxJobTime of ${policy.maxJobTimeMs} ms`;
      this.end(job, new JobTimeoutError(text));
    });
    this.tools.events.started(job);
    (handler.transactional ? transactional : executor).run(job, handler, (outcome) => void this.ended(job, outcome));
  }

  /** Fires the signal of a job. False when it does not run here. */
  abort(id: string, reason: Error): boolean {
    const job = this.running.get(id);
    if (job) this.end(job, reason);
    return job !== undefined;
  }

  /** Fires the signal of every job, with a reason of its own. */
  abortAll(reasonOf: (id: string) => Error): void {
    for (const job of this.running.values()) this.end(job, reasonOf(job.id));
  }

  /** Settles what still runs by its abort reason: there is no more time. */
  giveUp(): void {
    for (const job of this.running.values()) this.abandonHandler(job);
  }

  /** Resolves when nothing runs, or after this time. */
  async idle(withinMs: number): Promise<void> {
    if (this.running.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.onIdle = undefined;
  }

  /** The first reason counts, and the time that it gives: being told again is no reprieve. */
  private end(job: RunningJob, reason: Error): void {
    if (job.abortReason) return;
    job.abort(reason);
    if (job.committing) return;
    this.tools.deadlines.set(job, job.policy.abortGraceMs, () => this.abandonHandler(job));
  }

  /** Ends a run whose handler goes on although its signal fired; whatever it comes to is refused. */
  private abandonHandler(job: RunningJob): void {
    const { log, events, transactional } = this.tools;
    // A batch goes on for its other jobs.
    const fate = job.batch ? 'it is settled without its batch' : 'its slot is freed';
    log[job.batch ? 'debug' : 'warn'](`Job ${job.name} goes on although its signal fired; ${fate}`, { ...fieldsOf(job), code: peek(job.abortReason, 'code') });
    events.stuck(job);
    void this.ended(job, transactional.giveUp(job));
  }

  /** Settles a run, once: a handler that ends after its slot was freed changes nothing. */
  private ended(job: RunningJob, outcome: Outcome): void | Promise<void> {
    if (this.running.get(job.id) !== job) return;
    this.tools.deadlines.clear(job);
    if (outcome.kind !== 'failed') return this.leave(job, this.settlementOf(job, outcome), outcome.kind === 'committed');
    return this.tools.failures.settle(job, outcome.error).then((settlement) => {
      this.leave(job, job.abortReason instanceof LostReservationError ? undefined : settlement);
    });
  }

  private settlementOf(job: RunningJob, outcome: Exclude<Outcome, { kind: 'failed' }>): Settlement | undefined {
    switch (outcome.kind) {
      case 'returned':
        this.tools.successes.expect(job, outcome.result);
        return finish(job, 'completed', outcome.stored);
      case 'committed':
        this.tools.successes.expect(job, outcome.result);
        return outcome.finish;
      case 'abandoned':
      case 'cancelled': {
        const failure = toFailureRecord(outcome.error);
        const text = `Job ${job.name} is ${outcome.kind} on attempt ${job.attempt}: ${failure.name}: ${failure.message}`;
        this.tools.log[outcome.kind === 'abandoned' ? 'error' : 'debug'](text, failedFieldsOf(job, failure));
        return finish(job, outcome.kind, null, failure);
      }
      case 'snoozed':
        if (outcome.trouble && this.repeats.isDue(job.name)) {
          this.tools.log.warn(`Job ${job.name} cannot run here: ${outcome.trouble}`, fieldsOf(job));
        }
        return giveBack(job, Math.max(outcome.delayMs, 1));
      case 'interrupted':
        return giveBack(job);
      case 'lost':
        return undefined;
    }
  }

  private leave(job: RunningJob, settlement: Settlement | undefined, isCommitted = false): void {
    if (this.running.get(job.id) !== job) return;
    this.running.delete(job.id);
    if (job.batch && !job.batch.leave(job)) this.shared--;
    job.isOver = true;
    this.tools.events.ended(job, settlement);
    if (isCommitted) this.callbacks.onCommitted(settlement as Finish);
    else if (settlement) this.callbacks.onSettlement(settlement);
    this.callbacks.onLeft();
    if (this.running.size === 0) this.onIdle?.();
  }
}
