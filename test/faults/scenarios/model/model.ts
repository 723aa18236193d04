/** Served by the workers, and by nobody. */
export const QUEUES = ['default', 'parking'] as const;
export type Queue = (typeof QUEUES)[number];

/** Runs of `work` before it is given up. */
const ALLOWED = 4;

export interface ModelJob {
  readonly id: string;
  readonly failures: number;
  readonly priority: number;
  queue: Queue;
  /** Due in an hour. */
  delayed: boolean;
  /** `over` is known to have ended by itself, `either` was to be aborted, and may have ended before. */
  fate: 'open' | 'cancelled' | 'over' | 'either';
  /** A worker may have it, or have ended it. */
  free: boolean;
}

/** How a job stands in the end. */
export interface Standing {
  readonly id: string;
  readonly state: string;
  readonly queue: string;
  readonly attempt: number;
  readonly priority: number;
}

/** What the queue must look like after the same calls. */
export class Model {
  readonly jobs: ModelJob[] = [];
  readonly configs = new Map<string, string>();
  suspended = false;
  kills = 0;

  /** One of those that are known well enough. */
  pick(n: number): ModelJob | undefined {
    const jobs = this.jobs.filter(({ fate }) => fate !== 'either');
    return jobs[n % jobs.length];
  }

  /** Workers take what they may. */
  release(): void {
    if (this.suspended) return;
    for (const job of this.jobs) if (job.fate === 'open' && job.queue === 'default' && !job.delayed) job.free = true;
  }

  /** The jobs that end by themselves, given time. */
  ending(): string[] {
    return this.jobs.filter(({ free, fate }) => free && fate !== 'cancelled').map(({ id }) => id);
  }

  /** What each job may stand like when all has ended that ends. */
  standings(): Standing[][] {
    return this.jobs.map((job) => {
      const { id, queue, priority, failures, fate, free } = job;
      const ended = { id, queue, priority, state: failures < ALLOWED ? 'completed' : 'abandoned', attempt: Math.min(failures + 1, ALLOWED) };
      // A cancelled one has the attempts that it had.
      const cancelled = Array.from({ length: ALLOWED + 1 }, (_, attempt) => ({ id, queue, priority, state: 'cancelled', attempt }));
      if (fate === 'cancelled') return cancelled;
      if (fate === 'either') return [ended, ...cancelled];
      if (fate === 'over' || free) return [ended];
      return [{ id, queue, priority, state: job.delayed ? 'scheduled' : 'available', attempt: 0 }];
    });
  }
}
