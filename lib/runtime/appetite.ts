const MAX_BATCH = 1_000;
/** Jobs are fetched ahead for so many trips: one batch runs, the next is on its way, and one is being reserved; */
const TRIPS = 3;
/** but for so long at least and at most. */
const HORIZON_MS = { min: 25, max: 75 };

/**
 * Decides how many jobs to fetch beyond the free slots. It follows how fast jobs finish here, so
 * fast handlers are fed in large batches while slow ones never hoard jobs that others could run.
 */
export class Appetite {
  /** Jobs finished a millisecond, smoothed. */
  private rate = 0;
  /** Milliseconds of a trip, smoothed. */
  private tripMs = 0;
  private finished = 0;
  private since = performance.now();

  jobFinished(): void {
    this.finished++;
  }

  /** Call once a trip: takes the measure of the time since the last call. */
  measure(): void {
    const now = performance.now();
    const elapsed = Math.max(now - this.since, 0.5);
    const measured = this.finished / elapsed;
    // Quick to grow while a backlog is worked off, and to shrink when handlers turn slow.
    this.rate = elapsed > 200 ? measured : this.rate * 0.3 + measured * 0.7;
    this.finished = 0;
    this.since = now;
  }

  tripTook(ms: number): void {
    this.tripMs = this.tripMs * 0.7 + ms * 0.3;
  }

  /** Jobs to ask for, when `held` are running or waiting here and `slots` can run at once. */
  want(slots: number, held: number): number {
    const horizonMs = Math.min(Math.max(HORIZON_MS.min, this.tripMs * TRIPS), HORIZON_MS.max);
    const ahead = Math.min(2 * MAX_BATCH, Math.floor(this.rate * horizonMs));
    return Math.max(0, Math.min(MAX_BATCH, slots + ahead - held));
  }
}
