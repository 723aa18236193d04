import type { ReservedJob } from '../interfaces/ports/index.js';

/** Jobs that were fetched ahead and of which none could start for this long go back, for others to run. */
const MAX_WAIT_MS = 100;

/** Reserved jobs that wait in this process for a free slot, and never for long. */
export class JobBuffer {
  private jobs: ReservedJob[] = [];
  /** Jobs before this one have been handed out. */
  private next = 0;
  private movedAt = 0;
  private moved = false;
  private draining = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly onStale: (jobs: readonly ReservedJob[]) => void) {}

  get size(): number {
    return this.jobs.length - this.next;
  }

  has(id: string): boolean {
    return this.jobs.some((job, index) => index >= this.next && job.id === id);
  }

  push(jobs: readonly ReservedJob[]): void {
    if (this.size === 0) this.movedAt = performance.now();
    // What was handed out is dropped here, so once a batch and not once a job.
    this.jobs = this.size === 0 ? [...jobs] : [...this.jobs.slice(this.next), ...jobs];
    this.next = 0;
    if (this.size > 0) this.watch();
  }

  /** Hands out jobs in order while there is room for one. A start that calls this again adds nothing. */
  drainWhile(hasRoom: () => boolean, start: (job: ReservedJob) => void): void {
    if (this.draining || this.size === 0) return;
    this.draining = true;
    try {
      // The buffer may be emptied meanwhile, when a job that was started made the process lose its lease.
      while (this.size > 0 && hasRoom()) start(this.take());
    } finally {
      if (this.moved) this.movedAt = performance.now();
      this.moved = false;
      this.draining = false;
    }
  }

  /** Empties it. */
  clear(): readonly ReservedJob[] {
    clearTimeout(this.timer);
    this.timer = undefined;
    const left = this.jobs.slice(this.next);
    this.jobs = [];
    this.next = 0;
    return left;
  }

  private take(): ReservedJob {
    this.moved = true;
    return this.jobs[this.next++] as ReservedJob;
  }

  private watch(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (this.size === 0) return;
      if (performance.now() - this.movedAt >= MAX_WAIT_MS * 0.9) this.onStale(this.clear());
      else this.watch();
    }, MAX_WAIT_MS);
  }
}
