const REPEAT_AFTER_MS = 60_000;
const MOST = 100;

/** Keeps one trouble from filling the log: each text is let through once a minute. */
export class Repeats {
  private readonly seenAt = new Map<string, number>();

  /** Whether this text is to be shown now. */
  isDue(text: string): boolean {
    const now = performance.now();
    if (now - (this.seenAt.get(text) ?? -Infinity) < REPEAT_AFTER_MS) return false;
    if (this.seenAt.size > MOST) this.seenAt.clear();
    this.seenAt.set(text, now);
    return true;
  }
}
