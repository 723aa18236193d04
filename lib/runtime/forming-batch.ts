import type { ReservedJob } from '../interfaces/ports/index.js';

/** How the jobs of a handler are called together. */
export interface BatchSize {
  readonly size: number;
  readonly waitMs: number;
}

/** Jobs of one name that wait for each other. */
export class FormingBatch {
  readonly jobs: ReservedJob[] = [];
  private waited = false;
  private readonly timer: NodeJS.Timeout;

  constructor(
    readonly size: number,
    waitMs: number,
    onWaited: () => void,
  ) {
    this.waited = waitMs === 0;
    this.timer = setTimeout(() => {
      this.waited = true;
      if (!this.isFull) onWaited();
    }, waitMs);
  }

  get isFull(): boolean {
    return this.jobs.length >= this.size;
  }

  /** It may be called. */
  get isReady(): boolean {
    return this.waited || this.isFull;
  }

  /** Nothing is to be told of it any more. */
  end(): readonly ReservedJob[] {
    clearTimeout(this.timer);
    return this.jobs;
  }
}
