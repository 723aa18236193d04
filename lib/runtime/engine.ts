import type { Log, NewJob } from '../interfaces/ports/index.js';
import type { Deadlines } from './deadlines.js';
import type { HandOver } from './enqueue-batcher.js';
import type { HistoryKeeper } from './history-keeper.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { LongRuns } from './long-runs.js';
import type { Patrol } from './patrol.js';
import type { ProgressWriter } from './progress-writer.js';
import type { QueueRunner } from './queue-runner.js';
import type { Sweeper } from './sweeper.js';

/** The parts that run jobs in one process. */
export interface EngineParts {
  readonly runners: readonly QueueRunner[];
  readonly lease: LeaseKeeper;
  readonly sweeper: Sweeper;
  readonly patrol: Patrol;
  readonly longRuns: LongRuns;
  readonly history: HistoryKeeper;
  readonly progress: ProgressWriter;
  readonly deadlines: Deadlines;
}

/** Starts and stops the parts of a process that runs jobs, in order, once each. */
export class Engine {
  private stopping: Promise<void> | undefined;
  private started = false;

  constructor(
    readonly parts: EngineParts,
    private readonly log: Log,
  ) {}

  /** @throws DatabaseUnavailableError */
  async start(): Promise<void> {
    await this.parts.history.run();
    await this.parts.lease.start();
    this.started = true;
    this.parts.sweeper.start();
    this.parts.longRuns.start();
  }

  /** Lets running jobs end within the grace, and puts the rest back. */
  stop(graceMs: number): Promise<void> {
    this.stopping ??= this.stopOnce(graceMs);
    return this.stopping;
  }

  private async stopOnce(graceMs: number): Promise<void> {
    const { runners, lease, sweeper, patrol, longRuns, history, progress, deadlines } = this.parts;
    sweeper.stop();
    longRuns.stop();
    history.stop();
    if (!this.started) return;
    const startedAt = performance.now();
    await Promise.all(runners.map((runner) => runner.stop(graceMs)));
    progress.stop();
    deadlines.stop();
    await lease.stop(patrol.isCertain && runners.every((runner) => runner.idle));
    const durationMs = Math.round(performance.now() - startedAt);
    this.log.log(`Stopped running jobs after ${durationMs} ms`, { durationMs });
  }

  /** A runner that takes these new jobs at once; they must be of one queue. */
  takeOver(jobs: readonly NewJob[]): HandOver | undefined {
    const queue = jobs[0]?.queue;
    if (!this.started || jobs.some((job) => job.queue !== queue)) return undefined;
    return this.parts.runners.find((runner) => runner.queue === queue)?.takeOver(jobs);
  }

  wakeAll(): void {
    for (const runner of this.parts.runners) runner.wake();
  }

  loseAll(): void {
    for (const runner of this.parts.runners) runner.loseAll();
  }
}
