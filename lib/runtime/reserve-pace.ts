/** After so many reserves in a row that found nothing, they keep a distance. */
const PATIENCE = 10;
const DISTANCE_MS = 32;

/**
 * Keeps notifications that bring nothing (forged ones, or of jobs that other processes were first to take)
 * from keeping the database busy. A lone wake-up is never delayed, and one job found ends it.
 */
export class ReservePace {
  /** When the last reserve was sent, by the monotonic clock. */
  private beganAt = -Infinity;
  /** How many were sent. */
  reserves = 0;
  private emptyInARow = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly onAgain: () => void) {}

  begin(): void {
    this.beganAt = performance.now();
    this.reserves++;
  }

  ended(jobs: number): void {
    this.emptyInARow = jobs > 0 ? 0 : this.emptyInARow + 1;
  }

  /** False when it is too early; then it calls back when it is not. */
  allows(): boolean {
    const waitMs = this.beganAt + DISTANCE_MS - performance.now();
    if (this.emptyInARow < PATIENCE || waitMs <= 0) return true;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.onAgain();
    }, Math.ceil(waitMs));
    this.timer.unref();
    return false;
  }
}
