import { toFailureRecord } from '../core/failure-record.js';
import { peek } from '../core/peek.js';
import { finish, giveBack, type Outcome, type Settlement } from '../core/settlement.js';
import { JobTimeoutError, LostReservationError } from '../errors/job.errors.js';
import type { Log, ReservedJob } from '../interfaces/ports/index.js';
import type { Deadlines } from './deadlines.js';
import type { FailureSettler } from './failure-settler.js';
import type { JobEvents } from './job-events.js';
import type { Handlers } from './handler.js';
import { failedFieldsOf, fieldsOf } from './log-fields.js';
import type { JobExecutor } from './job-executor.js';
import { Repeats } from './repeats.js';
import { RunningJob, type JobTools } from './running-job.js';
import type { SuccessReporter } from './success-reporter.js';

/** What the runs of all queues of a process share. */
export interface RunTools {
  readonly handlers: Handlers;
  readonly executor: JobExecutor;
  readonly failures: FailureSettler;
  readonly successes: SuccessReporter;
  readonly events: JobEvents;
  readonly deadlines: Deadlines;
  readonly jobTools: JobTools;
  readonly log: Log;
}

export interface RunCallbacks {
  readonly onSettlement: (settlement: Settlement) => void;
  /** A slot is free. */
  readonly onLeft: () => void;
}

/** A job that nobody here can run any more waits this long for another process. */
const UNKNOWN_NAME_DELAY_MS = 60_000;

/** The jobs of one queue that run in this process: starts them, ends them, turns outcomes into settlements. */
export class JobRuns {
  private readonly running = new Map<string, RunningJob>();
  private readonly repeats = new Repeats();
  private onIdle: (() => void) | undefined;

  constructor(
    private readonly tools: RunTools,
    private readonly callbacks: RunCallbacks,
  ) {}

  get size(): number {
    return this.running.size;
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
    const { handlers, executor, deadlines, jobTools } = this.tools;
    const handler = handlers.get(reserved.name);
    if (!handler) return this.callbacks.onSettlement(giveBack(reserved, UNKNOWN_NAME_DELAY_MS));
    const policy = handlers.policyOf(reserved.name, reserved.queue, reserved.options);
    const job = new RunningJob(reserved, policy, jobTools);
    this.running.set(job.id, job);
    deadlines.set(job, policy.maxJobTimeMs, () => {
      const text = `Job ${job.id} ran longer than its maxJobTime of ${policy.maxJobTimeMs} ms`;
      this.end(job, new JobTimeoutError(text));
    });
    this.tools.events.started(job);
    executor.run(job, handler, (outcome) => void this.ended(job, outcome));
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
    this.tools.deadlines.set(job, job.policy.abortGraceMs, () => this.abandonHandler(job));
  }

  /** Ends a run whose handler goes on although its signal fired; whatever it comes to is refused. */
  private abandonHandler(job: RunningJob): void {
    const { log, events, executor } = this.tools;
    log.warn(`Job ${job.name} goes on although its signal fired; its slot is freed`, { ...fieldsOf(job), code: peek(job.abortReason, 'code') });
    events.stuck(job);
    void this.ended(job, executor.aborted(job));
  }

  /** Settles a run, once: a handler that ends after its slot was freed changes nothing. */
  private ended(job: RunningJob, outcome: Outcome): void | Promise<void> {
    if (this.running.get(job.id) !== job) return;
    this.tools.deadlines.clear(job);
    if (outcome.kind !== 'failed') return this.leave(job, this.settlementOf(job, outcome));
    return this.tools.failures.settle(job, outcome.error).then((settlement) => {
      this.leave(job, job.abortReason instanceof LostReservationError ? undefined : settlement);
    });
  }

  private settlementOf(job: RunningJob, outcome: Exclude<Outcome, { kind: 'failed' }>): Settlement | undefined {
    switch (outcome.kind) {
      case 'returned':
        this.tools.successes.expect(job, outcome.result);
        return finish(job, 'completed', outcome.stored);
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

  private leave(job: RunningJob, settlement: Settlement | undefined): void {
    if (this.running.get(job.id) !== job) return;
    this.running.delete(job.id);
    job.isOver = true;
    this.tools.events.ended(job, settlement);
    if (settlement) this.callbacks.onSettlement(settlement);
    this.callbacks.onLeft();
    if (this.running.size === 0) this.onIdle?.();
  }
}
