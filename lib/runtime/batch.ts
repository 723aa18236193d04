import { AsyncLocalStorage } from 'node:async_hooks';
import { readOutcomes } from '../core/batch-outcomes.js';
import type { RunningJob } from './running-job.js';

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Jobs that one call of a handler takes. Each is opened, guarded and watched like a job of its own, up to where its handler
 * would be called: there it waits until all others are there too, or have ended. Then the handler is called once, and what
 * it says of a job is what that job's run goes on with.
 */
export class Batch {
  private readonly members: RunningJob[] = [];
  private readonly waiting = new Map<RunningJob, Waiting>();
  /** Members that are neither here nor gone. */
  private missing: number;
  private live: number;
  private called = false;
  /** The context of the call is none of those that middleware has made for single jobs. */
  private readonly outside = AsyncLocalStorage.snapshot();

  constructor(
    size: number,
    private readonly invoke: (jobs: readonly RunningJob[]) => unknown,
  ) {
    this.missing = this.live = size;
  }

  add(job: RunningJob): void {
    this.members.push(job);
  }

  /** The job is ready. Settles as the handler says of it. */
  async join(job: RunningJob): Promise<unknown> {
    if (job.abortReason) throw job.abortReason;
    return new Promise((resolve, reject) => {
      if (!this.waiting.has(job)) this.missing--;
      this.waiting.set(job, { resolve, reject });
      // Middleware may try again what has failed.
      if (this.called) void this.run([job]);
      else this.callWhenComplete();
    });
  }

  /** The run of a job has ended, maybe before the call. True for the last one. */
  leave(job: RunningJob): boolean {
    if (!this.called && !this.waiting.delete(job)) this.missing--;
    this.callWhenComplete();
    return --this.live === 0;
  }

  private callWhenComplete(): void {
    if (this.called || this.missing > 0) return;
    this.called = true;
    void this.run(this.members.filter((job) => this.waiting.has(job)));
  }

  private async run(all: readonly RunningJob[]): Promise<void> {
    // What was told to end while it waited has nothing to say any more.
    const jobs = all.filter((job) => !job.abortReason);
    for (const job of all) if (job.abortReason) this.waiting.get(job)?.reject(job.abortReason);
    if (jobs.length === 0) return;
    try {
      const answer = await this.outside(() => this.invoke([...jobs]));
      const outcomes = await readOutcomes(answer, jobs);
      outcomes.forEach((outcome, index) => {
        const waiting = this.waiting.get(jobs[index] as RunningJob);
        if (outcome.status === 'fulfilled') waiting?.resolve(outcome.value);
        else waiting?.reject(outcome.reason);
      });
    } catch (error) {
      for (const job of jobs) this.waiting.get(job)?.reject(error);
    }
  }
}
