import type { ReservedJob } from '../interfaces/ports/index.js';

/** Jobs that were fetched ahead and of which none could start for this long go back, for others to run. */
const MAX_WAIT_MS = 100;

export interface BufferOptions {
  /** Jobs that run at once. */
  readonly slots: () => number;
  /** Its process has died at each run: were it at fault, whatever this process holds beside it would pay once more. */
  readonly runsAlone: (job: ReservedJob) => boolean;
  /** How many jobs run. */
  readonly running: () => number;
  /** Everything that was held of the queue and has ended, or went back, is settled. */
  readonly settled: () => boolean;
  /** Takes jobs that shall not wait here. */
  readonly putBack: (jobs: readonly ReservedJob[]) => void;
}

/**
 * Reserved jobs that wait in this process for a free slot, and never for long. One that must run alone waits
 * until nothing else of the queue is held here, and keeps everything else away until it has ended.
 */
export class JobBuffer {
  private jobs: ReservedJob[] = [];
  /** Jobs before this one have been handed out. */
  private next = 0;
  private lone: ReservedJob | undefined;
  private loneRuns = false;
  private movedAt = 0;
  private draining = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: BufferOptions) {}

  get size(): number {
    return this.jobs.length - this.next + (this.lone ? 1 : 0);
  }

  /** Nothing further may be reserved, however many slots are free. */
  get closed(): boolean {
    return this.loneRuns || this.lone !== undefined;
  }

  has(id: string): boolean {
    return this.lone?.id === id || this.jobs.some((job, index) => index >= this.next && job.id === id);
  }

  push(jobs: readonly ReservedJob[]): void {
    if (this.closed) return this.options.putBack(jobs);
    if (this.size === 0) this.movedAt = performance.now();
    // What was handed out is dropped here, so once a batch and not once a job.
    this.jobs = [...this.jobs.slice(this.next), ...jobs];
    this.next = 0;
    const lone = jobs.find(this.options.runsAlone);
    if (lone) {
      const others = this.clear().filter((job) => job !== lone);
      this.lone = lone;
      this.options.putBack(others);
    } else if (jobs.length > 0) {
      this.watch();
    }
  }

  /** Hands out jobs in order while there is room for one. A start that calls this again adds nothing. */
  drain(start: (job: ReservedJob) => void): void {
    if (this.draining) return;
    this.draining = true;
    let moved = false;
    try {
      // The buffer may be emptied meanwhile, when a job that was started made the process lose its lease.
      for (let job = this.first(); job; job = this.first()) {
        moved = true;
        start(job);
      }
    } finally {
      this.draining = false;
      if (moved) this.movedAt = performance.now();
    }
  }

  /** Takes out the job of this id, if it waits here. */
  take(id: string): readonly ReservedJob[] {
    const taken = this.lone?.id === id ? this.lone : this.jobs.find((job, index) => index >= this.next && job.id === id);
    if (!taken) return [];
    if (taken === this.lone) this.lone = undefined;
    else this.jobs = this.jobs.filter((job) => job !== taken);
    return [taken];
  }

  /** Empties it. */
  clear(): readonly ReservedJob[] {
    clearTimeout(this.timer);
    this.timer = undefined;
    const left = this.jobs.slice(this.next);
    if (this.lone) left.unshift(this.lone);
    this.lone = undefined;
    this.jobs = [];
    this.next = 0;
    return left;
  }

  private first(): ReservedJob | undefined {
    const running = this.options.running();
    if (running === 0) this.loneRuns = false;
    if (this.lone && running === 0 && this.options.settled()) {
      const { lone } = this;
      this.lone = undefined;
      this.loneRuns = true;
      return lone;
    }
    if (this.closed || running >= this.options.slots() || this.next === this.jobs.length) return undefined;
    return this.jobs[this.next++];
  }

  private watch(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (this.next === this.jobs.length) return;
      if (performance.now() - this.movedAt >= MAX_WAIT_MS * 0.9) this.options.putBack(this.clear());
      else this.watch();
    }, MAX_WAIT_MS);
  }
}
