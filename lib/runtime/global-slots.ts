import type { SlotStore } from '../interfaces/ports/index.js';
import type { TroubleLog } from './trouble-log.js';

/** Slots that have not been needed for so long go to other processes. */
const IDLE_MS = 50;

export interface GlobalSlotsOptions {
  readonly queue: string;
  readonly instanceId: () => string;
  /** Jobs that all processes together run at once; undefined without a limit. */
  readonly most: () => number | undefined;
  /** Jobs that are held here, or that a reserve may yet bring. */
  readonly inUse: () => number;
  /** There may be more slots now. */
  readonly onMore: () => void;
}

/**
 * The share of this process in the slots that a queue has over all processes. It asks for more when it could start a job,
 * and gives back what it has not needed for a while; a process that dies loses its share with its lease. Starts and
 * ends of jobs cost no statement while the share suffices.
 */
export class GlobalSlots {
  private share = 0;
  private asking = false;
  /** There are no more for now: whoever gives some back wakes this queue. */
  private refused = false;
  private idleTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: SlotStore,
    private readonly options: GlobalSlotsOptions,
    private readonly trouble: TroubleLog,
  ) {}

  /** How many of `wanted` jobs may be held here at once. Asks for what is missing. */
  limit(wanted: number): number {
    const most = this.options.most();
    if (most === undefined) return wanted;
    clearTimeout(this.idleTimer);
    this.idleTimer = undefined;
    const need = Math.min(wanted, most);
    if (this.share !== need && !this.refused) void this.ask(need);
    return Math.min(this.share, need);
  }

  /** Work may have come in, the limit may be another one, or slots may have been given back. */
  wake(): void {
    this.refused = false;
  }

  /** The queue has nothing more to do here, or a job has ended. */
  release(): void {
    if (this.options.most() === undefined || this.share <= this.options.inUse()) return;
    this.idleTimer ??= setTimeout(() => {
      this.idleTimer = undefined;
      void this.ask(this.options.inUse());
    }, IDLE_MS);
    this.idleTimer.unref();
  }

  /** The lease is gone, and the share with it. */
  lose(): void {
    this.share = 0;
    this.refused = false;
  }

  async stop(): Promise<void> {
    clearTimeout(this.idleTimer);
    if (this.share > 0) await this.ask(this.options.inUse());
  }

  private async ask(wanted: number): Promise<void> {
    const most = this.options.most();
    if (this.asking || most === undefined) return;
    this.asking = true;
    const { queue, instanceId, inUse, onMore } = this.options;
    const id = instanceId();
    // What is being given back is not to be used meanwhile.
    this.share = Math.min(this.share, wanted);
    try {
      const share = await this.store.takeSlots(queue, id, inUse(), wanted, most);
      if (id !== instanceId()) return;
      this.refused = share < wanted;
      const isMore = share > this.share;
      this.share = share;
      if (isMore) onMore();
    } catch (error) {
      this.trouble.report(`Slots of queue '${queue}' could not be taken, trying again`, error);
    } finally {
      this.asking = false;
    }
  }
}
