import { setTimeout as sleep } from 'node:timers/promises';
import { Backoff } from '../core/backoff.js';
import { finish, type Outcome } from '../core/settlement.js';
import { DatabaseUnavailableError } from '../errors/database.errors.js';
import { LostReservationError, ShutdownError } from '../errors/job.errors.js';
import type { CommitAnswer, JobTransaction, Log, TransactionStore } from '../interfaces/ports/index.js';
import type { Handler } from './handler.js';
import type { JobExecutor } from './job-executor.js';
import { fieldsOf } from './log-fields.js';
import type { RunningJob } from './running-job.js';

export interface TransactionTools {
  readonly store: TransactionStore;
  readonly executor: JobExecutor;
  /** This process, as the database knows it, and whether its lease can be relied on. */
  readonly lease: { readonly instanceId: string; readonly trusted: boolean };
  /** How long a completed job of this queue is kept. */
  readonly keepMsOf: (queue: string) => number | null;
  /** Progress of this job that was not stored yet, as JSON text. */
  readonly lastProgress: (id: string) => string | null;
  /** A job is given up of which nobody here knows whether it is committed. */
  readonly onLeftOpen: () => void;
  readonly log: Log;
}

type Returned = Extract<Outcome, { kind: 'returned' }>;

/** A run whose connection was lost did not fail, until that has happened so often: its handler may be what ends it. */
const MAX_CUT_OFFS = 3;
const CUT_OFF_DELAY_MS = 1_000;
const MOST_REMEMBERED = 1_000;

/**
 * Runs handlers in a transaction each, which ends with the job: what the handler wrote and the completion are
 * committed together, or not at all. Like the executor it never throws; of the store it knows transactions only.
 */
export class TransactionalRuns {
  private readonly open = new Map<RunningJob, JobTransaction>();
  /** How often the connection was lost during a run of these jobs, lately. */
  private readonly cutOffs = new Map<string, number>();

  constructor(private readonly tools: TransactionTools) {}

  /** As `JobExecutor.run`. The transaction begins when the payload has been read. */
  run(job: RunningJob, handler: Handler, done: (outcome: Outcome) => void): void {
    const invoke = async (): Promise<unknown> => {
      const transaction = await this.tools.store.begin();
      this.open.set(job, transaction);
      if (job.abortReason) throw job.abortReason;
      job.signal.addEventListener('abort', () => this.aborted(job, transaction), { once: true });
      return handler.invoke(job, transaction.manager);
    };
    this.tools.executor.run(job, { ...handler, invoke }, (outcome) => void this.end(job, outcome).then(done));
  }

  /** The outcome of a run for which there is no more time. */
  giveUp(job: RunningJob): Outcome {
    if (!job.committing) {
      this.open.get(job)?.cut();
      return this.tools.executor.aborted(job);
    }
    this.tools.onLeftOpen();
    return { kind: 'lost' };
  }

  /** Nothing of it will be committed, so nothing of it shall hold locks. At a shutdown there is a moment left to end well. */
  private aborted(job: RunningJob, transaction: JobTransaction): void {
    if (!job.committing && !(job.abortReason instanceof ShutdownError)) transaction.cut();
  }

  private async end(job: RunningJob, outcome: Outcome): Promise<Outcome> {
    const transaction = this.open.get(job);
    if (transaction && outcome.kind === 'returned') outcome = await this.commit(job, transaction, outcome);
    else if (outcome.kind === 'failed') outcome = await this.failed(job, transaction, outcome.error);
    else await transaction?.rollback();
    this.open.delete(job);
    return outcome;
  }

  private async failed(job: RunningJob, transaction: JobTransaction | undefined, error: unknown): Promise<Outcome> {
    if (!transaction) return error instanceof DatabaseUnavailableError ? this.again(job, error) : { kind: 'failed', error };
    const isConnected = await transaction.rollback();
    return isConnected || job.abortReason ? { kind: 'failed', error } : this.cutOff(job, error);
  }

  private async commit(job: RunningJob, transaction: JobTransaction, { result, stored }: Returned): Promise<Outcome> {
    const { lease, keepMsOf, lastProgress, executor } = this.tools;
    const { instanceId } = lease;
    job.committing = true;
    try {
      const end = { ...finish(job, 'completed', stored), progress: lastProgress(job.id) };
      const answer = await this.find(job, instanceId, await transaction.commit(end, instanceId, keepMsOf(job.queue)));
      if (answer === 'committed') this.cutOffs.delete(job.id);
      if (answer === 'committed') return { kind: 'committed', result, finish: end };
      if (answer === 'lost') return this.lost(job, `Job ${job.id} was no longer held by this process; what its handler wrote was rolled back`);
      if (answer === 'unknown') return this.lost(job, `Job ${job.id} may or may not be committed, and this process lost its lease`);
    } catch (error) {
      if (!job.abortReason) return { kind: 'failed', error };
    } finally {
      job.committing = false;
    }
    return job.abortReason ? executor.aborted(job) : this.cutOff(job, new Error('The commit had no answer, and did not take place'));
  }

  /**
   * What became of a commit. One without an answer may have taken place, or may do so yet: until its transaction has
   * ended, which the lock of the job's row tells, the job is neither run again nor given up. While the lease lasts
   * nobody else can take it, so a row that is gone is a commit.
   */
  private async find(job: RunningJob, instanceId: string, answer: CommitAnswer): Promise<CommitAnswer | 'rolled back'> {
    if (answer !== 'unknown') return answer;
    const backoff = new Backoff();
    while (this.tools.lease.trusted && this.tools.lease.instanceId === instanceId) {
      const fate = await this.tools.store.fateOf(job, instanceId).catch(() => 'undecided' as const);
      if (fate === 'gone') return 'committed';
      if (fate === 'held') return 'rolled back';
      await sleep(backoff.next(), undefined, { ref: false });
    }
    return 'unknown';
  }

  private lost(job: RunningJob, text: string): Outcome {
    job.abort(new LostReservationError(text));
    this.tools.log.warn(text, fieldsOf(job));
    return { kind: 'lost' };
  }

  private cutOff(job: RunningJob, error: unknown): Outcome {
    const times = (this.cutOffs.get(job.id) ?? 0) + 1;
    this.cutOffs.delete(job.id);
    if (times > MAX_CUT_OFFS) return { kind: 'failed', error };
    if (this.cutOffs.size >= MOST_REMEMBERED) this.cutOffs.clear();
    this.cutOffs.set(job.id, times);
    return this.again(job, error);
  }

  /** The database went away, which is nothing that the job has done. */
  private again(job: RunningJob, error: unknown): Outcome {
    const text = `Job ${job.name} lost the connection of its transaction, which was rolled back; it runs again`;
    this.tools.log.warn(text, { ...fieldsOf(job), error: String(error) });
    return { kind: 'snoozed', delayMs: CUT_OFF_DELAY_MS };
  }
}
