import type { ReservationStore } from '../interfaces/ports/index.js';
import type { RunningJob } from './running-job.js';
import type { TroubleLog } from './trouble-log.js';

const INTERVAL_MS = 100;
const MAX_BATCH_CHARS = 4_000_000;

/** Writes the progress of running jobs, the latest value of each, at most ten times a second. */
export class ProgressWriter {
  private readonly pending = new Map<string, { reservation: number; progress: string }>();
  private timer: NodeJS.Timeout | undefined;
  private writing = false;

  constructor(
    private readonly store: ReservationStore,
    private readonly instanceId: () => string,
    private readonly trouble: TroubleLog,
  ) {}

  save(job: RunningJob, progress: string): void {
    this.pending.set(job.id, { reservation: job.reservation, progress });
    this.plan();
  }

  /** Hands over what was not written yet, for a job that is being settled. */
  take(id: string): string | null {
    if (this.pending.size === 0) return null;
    const item = this.pending.get(id);
    this.pending.delete(id);
    return item?.progress ?? null;
  }

  stop(): void {
    clearTimeout(this.timer);
    this.pending.clear();
  }

  private plan(): void {
    if (this.timer || this.writing) return;
    this.timer = setTimeout(() => void this.write(), INTERVAL_MS);
    this.timer.unref();
  }

  /** The values that were given first; the others wait for the next write. */
  private takeBatch(): Array<{ id: string; reservation: number; progress: string }> {
    const items = [];
    let chars = 0;
    for (const [id, item] of this.pending) {
      chars += item.progress.length;
      if (items.length > 0 && chars > MAX_BATCH_CHARS) break;
      items.push({ id, ...item });
      this.pending.delete(id);
    }
    return items;
  }

  private async write(): Promise<void> {
    this.timer = undefined;
    const items = this.takeBatch();
    if (items.length === 0) return;
    this.writing = true;
    try {
      await this.store.progress(items, this.instanceId());
    } catch (error) {
      this.trouble.report('Progress could not be stored', error);
    }
    this.writing = false;
    if (this.pending.size > 0) this.plan();
  }
}
