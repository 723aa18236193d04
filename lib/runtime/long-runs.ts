import type { SweepStore } from '../interfaces/ports/index.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { QueueRunner } from './queue-runner.js';
import type { TroubleLog } from './trouble-log.js';

const LOOK_MS = 250;
/** A run is long from then on. */
const LONG_MS = 500;

/**
 * Takes jobs that run long out of the index that reserves walk, so that no reserve passes over their
 * rows again and again. Most jobs end before that, and cost nothing more.
 */
export class LongRuns {
  private timer: NodeJS.Timeout | undefined;
  private shelving = false;

  constructor(
    private readonly store: SweepStore,
    private readonly runners: readonly QueueRunner[],
    private readonly lease: LeaseKeeper,
    private readonly trouble: TroubleLog,
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.shelve(), LOOK_MS);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async shelve(): Promise<void> {
    if (this.shelving || !this.lease.trusted) return;
    const startedBefore = performance.now() - LONG_MS;
    const long = new Map(this.runners.flatMap((runner) => runner.runs.unshelved(startedBefore)).map((job) => [job.id, job]));
    if (long.size === 0) return;
    this.shelving = true;
    try {
      for (const id of await this.store.shelve(this.lease.instanceId, [...long.keys()])) {
        const job = long.get(id);
        if (job) job.shelved = true;
      }
    } catch (error) {
      this.trouble.report('Long runs could not be marked', error);
    }
    this.shelving = false;
  }
}
