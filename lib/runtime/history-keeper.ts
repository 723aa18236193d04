import type { Log, SweepStore } from '../interfaces/ports/index.js';

const INTERVAL_MS = 3_600_000;

/** Prepares partitions of the history some days ahead, and drops those past their time. */
export class HistoryKeeper {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: SweepStore,
    /** Every retention in use, in milliseconds. */
    private retentionsMs: readonly number[],
    private readonly log: Log,
  ) {}

  /** Of retentions in use from now on. */
  keep(retentionsMs: readonly number[]): void {
    if (retentionsMs.every((keepMs) => this.retentionsMs.includes(keepMs))) return;
    this.retentionsMs = [...new Set([...this.retentionsMs, ...retentionsMs])];
    void this.run();
  }

  async run(): Promise<void> {
    clearTimeout(this.timer);
    try {
      if (this.retentionsMs.length > 0) await this.store.prepareHistory(this.retentionsMs);
      const dropped = await this.store.expireHistory();
      if (dropped > 0) this.log.debug(`Dropped ${dropped} day(s) of job history past their retention`, { days: dropped });
    } catch (error) {
      this.log.warn('The job history could not be maintained, trying again in an hour', { error: String(error) });
    }
    this.timer = setTimeout(() => void this.run(), INTERVAL_MS * (0.9 + Math.random() * 0.2));
    this.timer.unref();
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}
