import type { EnqueuedJob } from './enqueue.interface.js';
import type { JobEvent } from './job-event.interface.js';
import type { ObservedJobQueue } from './job-queue-stats.interface.js';
import type { Job } from './job.interface.js';

/** A call of `enqueue` or `enqueueMany`, before anything is stored. */
export interface EnqueueCall {
  /** Name of the job. */
  readonly name: string;
  /** How many jobs. */
  readonly count: number;
  /** What is put here travels with the jobs, as JSON of at most 8 KiB, and is `job.context` where they run. */
  readonly context: Record<string, unknown>;
}

/**
 * What happens around each enqueue and each run: tenants, request ids, traces, error reporters. The first one of the
 * option `middleware` is the outermost.
 *
 * @example
 * const tenant: JobMiddleware = {
 *   enqueue(call, next) {
 *     call.context.tenant = tenants.getStore();
 *     return next();
 *   },
 *   run: (job, next) => tenants.run(job.context.tenant as string, next),
 * };
 */
export interface JobMiddleware {
  /** Around an enqueue. It runs where `enqueue` was called, and returns what `next` returns. What it throws, the caller gets. */
  enqueue?(call: EnqueueCall, next: () => Promise<readonly EnqueuedJob[]>): Promise<readonly EnqueuedJob[]>;
  /**
   * Around the run of a handler, its guards and all; around each job of a batch handler. What it returns or throws is what
   * the run comes to.
   */
  run?(job: Job, next: () => unknown): unknown;
  /** Is told what happens in this process, as `JobQueue.events$` is. What it throws is logged. */
  event?(event: JobEvent): void;
  /**
   * Is given the `JobQueue` once, before the first call of the others. What it throws stops the boot. What it returns is
   * called when the queue has closed.
   */
  attach?(jobQueue: ObservedJobQueue): void | (() => void);
}
