import type { ReservedJob } from '../interfaces/ports/index.js';

/** Jobs that were fetched ahead and of which none could start for this long go back, for others to run. */
const MAX_WAIT_MS = 100;

/** Reserved jobs that wait in this process for a free slot, and never for long. */
export class JobBuffer {
  private jobs: ReservedJob[] = [];
  private movedAt = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly onStale: (jobs: readonly ReservedJob[]) => void) {}

  get size(): number {
    return this.jobs.length;
  }

  has(id: string): boolean {
    return this.jobs.some((job) => job.id === id);
  }

  push(jobs: readonly ReservedJob[]): void {
    if (this.jobs.length === 0) this.movedAt = performance.now();
    for (const job of jobs) this.jobs.push(job);
    if (this.jobs.length > 0) this.watch();
  }

  /** Hands out jobs in order while there is room for one. */
  drainWhile(hasRoom: () => boolean, start: (job: ReservedJob) => void): void {
    let started = 0;
    const { jobs } = this;
    while (started < jobs.length && hasRoom()) start(jobs[started++] as ReservedJob);
    if (started === 0) return;
    this.movedAt = performance.now();
    // Emptied meanwhile, when a job that was started made the process lose its lease.
    if (this.jobs === jobs) this.jobs = jobs.slice(started);
  }

  /** Empties it. */
  clear(): readonly ReservedJob[] {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { jobs } = this;
    this.jobs = [];
    return jobs;
  }

  private watch(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (this.jobs.length === 0) return;
      if (performance.now() - this.movedAt >= MAX_WAIT_MS * 0.9) this.onStale(this.clear());
      else this.watch();
    }, MAX_WAIT_MS);
  }
}
