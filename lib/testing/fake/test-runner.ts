import { toFailureRecord } from '../../core/failure-record.js';
import type { Settlement } from '../../core/settlement.js';
import { JobCancelledError } from '../../errors/job.errors.js';
import type { JobCodec } from '../../interfaces/job-codec.interface.js';
import type { Job, JobLog } from '../../interfaces/job.interface.js';
import type { Log, ReservedJob } from '../../interfaces/ports/index.js';
import { Deadlines } from '../../runtime/deadlines.js';
import { FailureSettler, type AskCustomMode } from '../../runtime/failure-settler.js';
import type { Handlers } from '../../runtime/handler.js';
import type { JobEvents } from '../../runtime/job-events.js';
import { JobExecutor } from '../../runtime/job-executor.js';
import { JobRuns, type RunTools } from '../../runtime/job-runs.js';
import { SuccessReporter, type TellCustomMode } from '../../runtime/success-reporter.js';
import { TransactionalRuns } from '../../runtime/transactional-runs.js';
import type { TestClock } from './clock.js';
import { FakeTransactionStore } from './fake-transaction.store.js';
import { INSTANCE_ID, reserve, settle, type MemoryJob } from './memory-job.js';
import type { DataSource, EntityManager } from 'typeorm';

export interface TestRunnerParts {
  readonly handlers: Handlers;
  readonly maxPayloadSize: number;
  readonly codec: JobCodec | undefined;
  readonly askCustomMode: AskCustomMode;
  readonly tellCustomMode: TellCustomMode;
  readonly events: JobEvents;
  readonly log: Log;
  readonly logOf: (job: Pick<Job, 'id' | 'name' | 'queue' | 'attempt'>) => JobLog;
  readonly clock: TestClock;
  readonly onChanged: (id: string) => void;
  /** Of the application, if it has one. */
  readonly findDataSource: () => DataSource | undefined;
}

/** Runs one job, or one batch, at a time by the parts that run jobs in production: time limit, failure mode, success mode and events. */
export class TestRunner {
  private readonly running = new Map<string, { job: MemoryJob; runs: JobRuns }>();
  /** Jobs of which a failure was logged. */
  private readonly told = new WeakSet<MemoryJob>();
  private readonly successes: SuccessReporter;
  private readonly deadlines = new Deadlines();
  private readonly tools: Omit<RunTools, 'transactional'>;

  constructor(private readonly parts: TestRunnerParts) {
    const { handlers, maxPayloadSize, codec, events, log, logOf } = parts;
    this.successes = new SuccessReporter(parts.tellCustomMode, log);
    this.tools = {
      handlers,
      executor: new JobExecutor(maxPayloadSize),
      failures: new FailureSettler(parts.askCustomMode, log),
      successes: this.successes,
      events,
      deadlines: this.deadlines,
      jobTools: { maxPayloadSize, codec, logOf, saveProgress: ({ id }, progress) => this.saveProgress(id, progress) },
      log,
    };
  }

  /** Runs a job, or several of a batch handler together. Resolves when what became of them is stored. `manager`: of the enqueue that runs them. */
  async run(jobs: readonly MemoryJob[], manager?: EntityManager): Promise<void> {
    const tools = { ...this.tools, transactional: this.transactional(manager) };
    await new Promise<void>((resolve) => {
      const end = (settlement: Settlement): void => this.settle(settlement);
      const runs: JobRuns = new JobRuns(tools, { onSettlement: end, onCommitted: end, onLeft: () => void (runs.size === 0 && resolve()) });
      for (const job of jobs) this.running.set(job.id, { job, runs });
      const reserved = jobs.map((job) => reserve(job, this.parts.clock.now()));
      const [first] = reserved as [ReservedJob];
      if (this.parts.handlers.get(first.name)?.batch) runs.startBatch(reserved);
      else runs.start(first);
    });
  }

  abort(id: string): void {
    this.running.get(id)?.runs.abort(id, new JobCancelledError(`Job ${id} was cancelled`));
  }

  stop(): void {
    this.deadlines.stop();
  }

  private transactional(manager: EntityManager | undefined): TransactionalRuns {
    const { executor, log } = this.tools;
    return new TransactionalRuns({
      store: new FakeTransactionStore(this.parts.findDataSource, manager),
      executor,
      lease: { instanceId: INSTANCE_ID, trusted: true },
      keepMsOf: () => Infinity,
      lastProgress: () => null,
      onLeftOpen: () => undefined,
      log,
    });
  }

  private settle(settlement: Settlement): void {
    const { job } = this.running.get(settlement.id) as { job: MemoryJob };
    this.running.delete(job.id);
    settle(job, settlement, this.parts.clock.now());
    this.successes.settled(job.id);
    this.parts.events.settled(job.id);
    this.parts.onChanged(job.id);
    if (settlement.failure && !this.told.has(job)) this.tell(job);
  }

  /** A test that does not expect the failure shall not have to look for it; the repetitions say nothing new. */
  private tell(job: MemoryJob): void {
    this.told.add(job);
    const { id: jobId, name, attempt, failure, finalState } = job;
    const { message, stack } = toFailureRecord(failure);
    const fate = finalState ? `is ${finalState}` : 'runs again';
    this.parts.log.error(`Job ${name} failed on attempt ${attempt} and ${fate}: ${stack ?? message}`, { jobId });
  }

  private saveProgress(id: string, progress: string): void {
    const running = this.running.get(id);
    if (!running) return;
    running.job.progress = progress;
    this.parts.onChanged(id);
  }
}
