/** Delays between tries of what must not give up: doubled each time, up to a limit, each with jitter. */
export class Backoff {
  private currentMs: number;

  constructor(
    private readonly firstMs = 50,
    private readonly maxMs = 1_000,
  ) {
    this.currentMs = firstMs;
  }

  /** The next delay in milliseconds: between a half and the whole of the current step. */
  next(): number {
    const delayMs = this.currentMs * (0.5 + Math.random() / 2);
    this.currentMs = Math.min(this.currentMs * 2, this.maxMs);
    return delayMs;
  }

  reset(): void {
    this.currentMs = this.firstMs;
  }
}
