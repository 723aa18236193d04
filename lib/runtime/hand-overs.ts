import type { NewJob, ReservedJob } from '../interfaces/ports/index.js';
import type { HandOver } from './enqueue-batcher.js';
import type { RunnerTools } from './runner-tools.js';

export interface HandOverOptions {
  readonly queue: string;
  readonly suspensionKeys: readonly string[];
  /** Slots for jobs that could start at once, those that are promised included; 0 unless the queue sleeps with nothing waiting, so that nothing is taken that another process could start sooner. */
  readonly free: () => number;
  readonly receive: (jobs: readonly ReservedJob[], instanceId: string) => void;
}

/** New jobs that this process takes at once, as it stores them. */
export class HandOvers {
  /** Slots for jobs that are being stored. */
  promised = 0;
  private promisedAt = 0;

  constructor(
    private readonly tools: RunnerTools,
    private readonly options: HandOverOptions,
  ) {}

  /** Some were promised before this time, and their answer has not come. */
  awaitedFrom(before: number): boolean {
    return this.promised > 0 && this.promisedAt < before;
  }

  take(jobs: readonly NewJob[]): HandOver | undefined {
    const { lease, handlers, isSuspended, onAnswerLost } = this.tools;
    const { queue, suspensionKeys, free, receive } = this.options;
    if (jobs.length > free() - this.promised || !lease.trusted || isSuspended(queue)) return undefined;
    if (!jobs.every((job) => job.delayMs === 0 && job.runAtMs === null && job.group === null && handlers.get(job.name))) return undefined;
    const { instanceId } = lease;
    if (this.promised === 0) this.promisedAt = performance.now();
    this.promised += jobs.length;
    return {
      instanceId,
      suspensionKeys,
      settle: (reserved) => {
        this.promised -= jobs.length;
        if (!reserved) onAnswerLost();
        receive(reserved ?? [], instanceId);
      },
    };
  }
}
