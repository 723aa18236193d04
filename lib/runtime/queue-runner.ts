import { setTimeout as sleep } from 'node:timers/promises';
import { giveBack, type Held } from '../core/settlement.js';
import { DatabaseUnavailableError } from '../errors/database.errors.js';
import { LostReservationError } from '../errors/job.errors.js';
import type { ExchangeHead, NewJob, ReservedJob } from '../interfaces/ports/index.js';
import type { HandOver } from './enqueue-batcher.js';
import { JobBuffer } from './job-buffer.js';
import { JobRuns } from './job-runs.js';
import { Intake } from './intake.js';
import { Pause } from './pause.js';
import type { QueueRunnerOptions, QueueSettings, RunnerTools } from './runner-tools.js';
import { Settler } from './settler.js';
import { stopRuns } from './stop-runs.js';

/** From so many finished jobs on, settling and reserving are worth a trip each. */
const SIDE_BY_SIDE = 100;
/** At shutdown, what cannot be settled within this time is left to be rescued. */
const MAX_DRAIN_MS = 500;

/**
 * The loop of one queue: reserves jobs, has them run, settles them. Everything that may mean work
 * (a notification, a due job, a free slot, resume, a sweep) enters by `wake`. Round trips settle what has finished and
 * fetch what comes next, while jobs that were fetched before run.
 */
export class QueueRunner {
  readonly runs: JobRuns;
  private readonly settler: Settler;
  readonly intake: Intake;
  private readonly buffer: JobBuffer;
  /** There may be jobs to reserve. */
  private hungry = false;
  wakes = 0;
  private settling = false;
  private plannedTurn: NodeJS.Immediate | undefined;
  private readonly pause = new Pause(() => this.wake());
  private stopped = false;

  constructor(
    private readonly options: QueueRunnerOptions,
    private readonly tools: RunnerTools,
  ) {
    this.runs = new JobRuns(tools, {
      onSettlement: (settlement) => this.settler.add(settlement),
      onCommitted: ({ id }) => tools.ends.settled(id),
      onLeft: () => {
        this.intake.jobFinished();
        this.startBuffered();
        this.planTurn();
        if (!this.hungry) this.intake.rest();
      },
    });
    this.buffer = new JobBuffer({
      slots: () => this.settings.concurrency,
      runsAlone: ({ crashes }) => crashes > 0 && crashes >= options.maxCrashes - 1,
      running: () => this.runs.slots,
      settled: () => this.settler.empty && !this.awaitsAnswerFrom(Infinity),
      putBack: (jobs) => this.putBack(jobs),
      batchOf: tools.handlers.batchOf,
      onReady: () => this.startBuffered(),
    });
    this.intake = new Intake(tools, {
      ...options,
      held: () => this.runs.size + this.buffer.size,
      slots: () => this.settings.concurrency - this.runs.slots,
      wants: (promised) => this.buffer.wants(promised),
      isAsleep: () => !this.hungry && this.buffer.size === 0 && !this.buffer.closed && !this.stopped && !this.pause.isOn,
      receive: (jobs, instanceId) => this.receive(jobs, instanceId),
      onMore: () => this.turn(),
      onToken: () => this.wake(),
    });
    this.settler = new Settler(tools.store, {
      onSettled: (id) => tools.ends.settled(id),
      onLost: (id) => tools.ends.lost(id, options.queue),
      onRequeued: (delayMs) => (delayMs > 0 ? tools.onDueIn(delayMs) : this.wake()),
      onFinish: () => this.planTurn(),
      lastProgress: (id) => tools.progress.take(id),
      instanceId: () => tools.lease.instanceId,
      isTrusted: () => tools.lease.trusted,
    });
  }

  get queue(): string { return this.options.queue; }

  private get settings(): QueueSettings {
    return this.tools.settingsOf(this.queue);
  }

  /** Nothing is held here, and nothing is on its way. */
  get idle(): boolean {
    return this.runs.size === 0 && this.buffer.size === 0 && this.settler.empty && !this.awaitsAnswerFrom(Infinity);
  }

  /** Something was asked of the database before this time, and may yet bring jobs. */
  awaitsAnswerFrom(before: number): boolean {
    return this.intake.awaitsAnswerFrom(before);
  }

  /** Whether a job that the database says is held by this process is known here. */
  holds(id: string): boolean {
    return this.runs.has(id) || this.settler.has(id) || this.buffer.has(id);
  }

  wake(): void {
    this.wakes++;
    this.hungry = true;
    this.intake.wake();
    // What was fetched ahead has not started, so a suspension stops it too.
    if (this.buffer.size > 0 && this.tools.isSuspended(this.queue)) this.putBack(this.buffer.clear());
    this.turn();
    this.startBuffered();
  }

  /** Takes new jobs of this queue at once, if it sleeps with enough free slots: never what another process could start sooner. */
  takeOver(jobs: readonly NewJob[]): HandOver | undefined {
    return this.intake.take(jobs);
  }

  /** Ends a job whose cancellation was requested. One that has not started is refused when it is put back, and so cancelled. */
  cancel(id: string, reason: Error): void {
    if (!this.runs.abort(id, reason)) this.putBack(this.buffer.remove(id));
  }

  /** The lease is gone: nothing that is held here may be settled or run on. */
  loseAll(): void {
    this.buffer.clear();
    this.intake.lose();
    this.settler.forget();
    this.tools.ends.lostAll();
    this.runs.abortAll((id) => new LostReservationError(`Job ${id} may run elsewhere: this process lost its lease`));
  }

  /** For jobs that are held here and shall not run here. */
  putBack(jobs: readonly Held[]): void {
    for (const job of jobs) this.settler.add(giveBack(job));
  }

  /** Reserves no more, lets running jobs end, then aborts them. */
  async stop(graceMs: number): Promise<void> {
    this.stopped = true;
    this.putBack(this.buffer.clear());
    await stopRuns(this.runs, graceMs);
    const deadline = performance.now() + MAX_DRAIN_MS;
    while (!this.idle && performance.now() < deadline) {
      this.turn();
      await sleep(2);
    }
    await this.intake.stop();
  }

  /**
   * One trip settles and reserves. While a large backlog is worked off there are two, side by side: one settles the last
   * batch while the other fetches the next, and the one after that as soon as it is known where it begins. A few finishes
   * wait for a reserve.
   */
  private turn(): void {
    if (this.pause.isOn) return;
    const limit = this.intake.isBusy ? 0 : this.limit();
    const settle = !this.settling && this.settler.pending >= (this.intake.isBusy ? SIDE_BY_SIDE : 1);
    if (limit > 0 && settle && this.settler.pending >= SIDE_BY_SIDE) {
      void this.trip(limit, false);
      void this.trip(0, true);
    } else if (limit > 0 || settle) {
      void this.trip(limit, settle);
    }
  }

  private limit(): number {
    const { lease, isSuspended } = this.tools;
    if (!this.hungry || this.stopped || !lease.trusted || isSuspended(this.queue)) return 0;
    return this.buffer.closed ? 0 : this.intake.limit();
  }

  private async trip(limit: number, settle: boolean): Promise<void> {
    const { wakes, tools } = this;
    const { instanceId } = tools.lease;
    if (settle) this.settling = true;
    const reserve = limit > 0 ? this.intake.begin(limit) : undefined;
    const onHead = (head: ExchangeHead): void => {
      // A statement that had to be repeated tells once more: what is missing then is reserved by the next one.
      if (!reserve || reserve.isSeen) return;
      this.intake.seen(reserve, head);
      // Behind a place there may be nothing while there is something before it.
      this.hungry = head.seen >= limit || this.wakes > wakes || reserve.after !== undefined || head.waitMs !== null;
      // The next batch is reserved while this one is on its way.
      this.turn();
    };
    try {
      const { keepMs, groups, rate } = this.settings;
      const request = { ...this.options, keepMs, limits: { groups, rate }, instanceId, names: this.stopped ? [] : tools.handlers.names, limit, after: reserve?.after };
      const { jobs, seen, pulled } = await this.settler.exchange(request, settle, onHead);
      this.pause.succeeded();
      if (settle) this.settling = false;
      // What was locked or changed just then is left, and a reserve that was sent meanwhile passed it by.
      if (pulled > 0 || seen > jobs.length) this.blockedMoved(pulled);
      if (reserve && !this.hungry) this.rest();
      const receive = (): void => this.receive(jobs, instanceId);
      if (reserve) this.intake.end(reserve, receive);
      else receive();
    } catch (error) {
      if (reserve) this.intake.end(reserve);
      if (settle) this.settling = false;
      if (error instanceof DatabaseUnavailableError && error.mayHaveRun) tools.onAnswerLost();
      this.backOff(error);
    }
  }

  private rest(): void {
    this.intake.rest();
    this.tools.onRest();
  }

  /** Jobs of groups have become free to run, or wait for a token from now on. */
  private blockedMoved(pulled: number): void {
    if (this.settings.hasGroupRate) this.tools.onDueIn(0);
    this.hungry = true;
    this.wakes++;
    if (pulled > 0) this.intake.wake();
  }

  private receive(jobs: readonly ReservedJob[], instanceId: string): void {
    const { lease } = this.tools;
    // Jobs of a lease that was lost meanwhile are rescued like those of the dead.
    if (jobs.length > 0 && lease.instanceId === instanceId && lease.trusted) {
      if (this.stopped) this.putBack(jobs);
      else this.buffer.push(jobs);
    }
    // The next batch travels while this one runs.
    this.turn();
    this.startBuffered();
  }

  private startBuffered(): void {
    this.buffer.drain((job) => this.runs.start(job), (jobs) => this.runs.startBatch(jobs));
  }

  /** What ends in the same turn of the event loop is settled together. */
  private planTurn(): void {
    this.plannedTurn ??= setImmediate(() => {
      this.plannedTurn = undefined;
      this.turn();
    });
  }

  private backOff(error: unknown): void {
    this.tools.trouble.report(`Queue '${this.queue}' cannot reserve or settle jobs, trying again`, error);
    this.pause.begin();
  }
}
