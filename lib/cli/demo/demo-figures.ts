import type { JobEvent } from '../../interfaces/job-event.interface.js';

export interface DemoFigures {
  readonly enqueued: number;
  readonly completed: number;
  readonly retried: number;
  readonly abandoned: number;
  /** Completed a second, since the figures were last taken. */
  readonly rate: number;
  /** Median of how long jobs waited, in milliseconds, since then. */
  readonly waitMs: number;
}

/** Counts what happens. */
export class DemoCounter {
  private readonly counts = { enqueued: 0, completed: 0, retried: 0, abandoned: 0 };
  private waits: number[] = [];
  private completedBefore = 0;
  private takenAt = performance.now();

  readonly count = ({ kind, waitTimeMs }: JobEvent): void => {
    const name = kind.slice('job:'.length);
    if (name in this.counts) this.counts[name as keyof typeof this.counts]++;
    if (waitTimeMs !== undefined) this.waits.push(waitTimeMs);
  };

  take(): DemoFigures {
    const now = performance.now();
    const sorted = this.waits.sort((a, b) => a - b);
    const rate = Math.round(((this.counts.completed - this.completedBefore) * 1_000) / Math.max(1, now - this.takenAt));
    const waitMs = Math.round((sorted[sorted.length >> 1] ?? 0) * 10) / 10;
    this.waits = [];
    this.completedBefore = this.counts.completed;
    this.takenAt = now;
    return { ...this.counts, rate, waitMs };
  }
}
