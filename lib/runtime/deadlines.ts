/**
 * Owns one timer for many deadlines. Setting and clearing one is cheap, since nearly all runs end
 * long before theirs: the timer is only moved forward, and looks for what is due when it fires.
 */
export class Deadlines {
  private readonly pending = new Map<object, { at: number; expire: () => void }>();
  private timer: NodeJS.Timeout | undefined;
  private timerAt = Infinity;

  set(key: object, inMs: number, expire: () => void): void {
    const at = performance.now() + inMs;
    this.pending.set(key, { at, expire });
    if (at < this.timerAt) this.arm(at);
  }

  clear(key: object): void {
    this.pending.delete(key);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.pending.clear();
  }

  private arm(at: number): void {
    clearTimeout(this.timer);
    this.timerAt = at;
    // A timeout past 2^31 ms fires at once; a day is long enough to look again.
    this.timer = setTimeout(() => this.fire(), Math.min(Math.max(0, at - performance.now()), 86_400_000));
    this.timer.unref();
  }

  private fire(): void {
    this.timerAt = Infinity;
    const now = performance.now();
    let next = Infinity;
    for (const [key, { at, expire }] of this.pending) {
      if (at <= now) {
        this.pending.delete(key);
        expire();
      } else if (at < next) {
        next = at;
      }
    }
    if (next < this.timerAt) this.arm(next);
  }
}
