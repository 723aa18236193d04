import type { ReservationStore } from '../interfaces/ports/index.js';
import type { RunningJob } from './running-job.js';
import type { TroubleLog } from './trouble-log.js';

const INTERVAL_MS = 100;
const MAX_BATCH_CHARS = 4_000_000;

interface Item {
  readonly reservation: number;
  readonly progress: string;
}

/** Writes the progress of running jobs, the latest value of each, at most ten times a second. */
export class ProgressWriter {
  private readonly pending = new Map<string, Item>();
  /** On its way to the database. */
  private writing: ReadonlyMap<string, Item> | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: ReservationStore,
    private readonly instanceId: () => string,
    private readonly trouble: TroubleLog,
  ) {}

  save(job: RunningJob, progress: string): void {
    this.pending.set(job.id, { reservation: job.reservation, progress });
    this.plan();
  }

  /**
   * Hands over what is not known to be written yet, for a job that is being settled: a write that is on its way,
   * on another connection, may arrive when the job is gone.
   */
  take(id: string): string | null {
    if (this.pending.size === 0 && !this.writing) return null;
    const item = this.pending.get(id) ?? this.writing?.get(id);
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
  private takeBatch(): Map<string, Item> {
    const batch = new Map<string, Item>();
    let chars = 0;
    for (const [id, item] of this.pending) {
      chars += item.progress.length;
      if (batch.size > 0 && chars > MAX_BATCH_CHARS) break;
      batch.set(id, item);
      this.pending.delete(id);
    }
    return batch;
  }

  private async write(): Promise<void> {
    this.timer = undefined;
    if (this.pending.size === 0) return;
    this.writing = this.takeBatch();
    try {
      await this.store.progress([...this.writing].map(([id, item]) => ({ id, ...item })), this.instanceId());
    } catch (error) {
      this.trouble.report('Progress could not be stored', error);
    }
    this.writing = undefined;
    if (this.pending.size > 0) this.plan();
  }
}
