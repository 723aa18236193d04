import type { Rate } from '../interfaces/ports/index.js';

/** A bucket of one token loses whatever comes after it, so it is asked so much too early: the database waits for the token. */
const EARLY_MS = 10;
/** Tokens that come faster than one in this time are taken together, as far as the bucket can hold them. */
const GAP_MS = 10;

/** Knows when a queue with a rate has its next token, and calls back then. */
export class TokenTimer {
  private notBefore = -Infinity;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly onToken: () => void) {}

  /** False while there is no token. */
  allow(): boolean {
    return performance.now() >= this.notBefore;
  }

  /** The next one comes in so many milliseconds; null: there is one. */
  next(waitMs: number | null, { rate, burst }: Rate): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (waitMs === null) return void (this.notBefore = -Infinity);
    const inMs = Math.max(0, Math.ceil(waitMs - (burst === 1 ? EARLY_MS : 0)), Math.min(GAP_MS, Math.floor((burst * 500) / rate)));
    this.notBefore = performance.now() + inMs - 1;
    this.timer = setTimeout(() => {
      this.notBefore = -Infinity;
      this.onToken();
    }, inMs);
    this.timer.unref();
  }
}
