import type { ReservedJob } from '../interfaces/ports/index.js';
import { FormingBatch, type BatchSize } from './forming-batch.js';

/** Jobs that were fetched ahead and of which none could start for this long go back, for others to run. */
const MAX_WAIT_MS = 100;

export interface BufferOptions {
  /** Jobs, or batches, that run at once. */
  readonly slots: () => number;
  /** Its process has died at each run: were it at fault, whatever this process holds beside it would pay once more. */
  readonly runsAlone: (job: ReservedJob) => boolean;
  /** How many slots are taken. */
  readonly running: () => number;
  /** Everything that was held of the queue and has ended, or went back, is settled. */
  readonly settled: () => boolean;
  /** Takes jobs that shall not wait here. */
  readonly putBack: (jobs: readonly ReservedJob[]) => void;
  /** How jobs of this name are called together; undefined for those that are not. Not there when none are. */
  readonly batchOf?: (name: string) => BatchSize | undefined;
  /** A batch has waited for long enough. */
  readonly onReady?: () => void;
}

/** What takes one slot. */
type Unit = ReservedJob | FormingBatch;

/**
 * Reserved jobs that wait in this process for a free slot, and never for long; those of batch handlers also for each other.
 * One that must run alone waits until nothing else of the queue is held here, and keeps everything else away until it has ended.
 */
export class JobBuffer {
  private units: Unit[] = [];
  /** Units before this one have been handed out. */
  private next = 0;
  /** Jobs in the others. */
  private waiting = 0;
  /** The batch of each name that takes further jobs. */
  private readonly forming = new Map<string, FormingBatch>();
  /** Jobs that a slot took, by what came last. */
  private perSlot = 1;
  private lone: ReservedJob | undefined;
  private loneRuns = false;
  private movedAt = 0;
  private draining = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: BufferOptions) {}

  get size(): number {
    return this.waiting + (this.lone ? 1 : 0);
  }

  /** Nothing further may be reserved, however many slots are free. */
  get closed(): boolean {
    return this.loneRuns || this.lone !== undefined;
  }

  /** Jobs that free slots and batches could take beside those that are here, when so many more are promised; may be negative. */
  wants(promised: number): number {
    const slots = this.options.slots() - this.options.running();
    if (!this.options.batchOf) return slots - this.size - promised;
    const units = this.units.length - this.next;
    const free = slots - units - promised;
    if (free < 0) return units === 0 ? free : Math.floor((free * this.waiting) / units);
    let wanted = free * this.perSlot;
    for (const { size, jobs } of this.forming.values()) wanted += Math.max(0, size - jobs.length);
    return wanted;
  }

  has(id: string): boolean {
    return this.lone?.id === id || this.jobs().some((job) => job.id === id);
  }

  push(jobs: readonly ReservedJob[]): void {
    if (this.closed) return this.options.putBack(jobs);
    if (this.size === 0) this.movedAt = performance.now();
    // What was handed out is dropped here, so once a batch and not once a job.
    this.units = this.options.batchOf ? this.units.slice(this.next) : [...this.units.slice(this.next), ...jobs];
    this.next = 0;
    this.waiting += jobs.length;
    if (this.options.batchOf) this.group(jobs, this.options.batchOf);
    const lone = jobs.find(this.options.runsAlone);
    if (lone) {
      const others = this.clear().filter((job) => job !== lone);
      this.lone = lone;
      this.options.putBack(others);
    } else if (jobs.length > 0) {
      this.watch();
    }
  }

  /** Hands out jobs and batches in order while there is room for one. A start that calls this again adds nothing. */
  drain(start: (job: ReservedJob) => void, startBatch?: (jobs: readonly ReservedJob[]) => void): void {
    if (this.draining) return;
    this.draining = true;
    let moved = false;
    try {
      // The buffer may be emptied meanwhile, when a job that was started made the process lose its lease.
      for (let unit = this.take(); unit; unit = this.take()) {
        moved = true;
        if (unit instanceof FormingBatch) startBatch?.(unit.end());
        else start(unit);
      }
    } finally {
      this.draining = false;
      if (moved) this.movedAt = performance.now();
    }
  }

  /** Takes out the job of this id, if it waits here. */
  remove(id: string): readonly ReservedJob[] {
    if (!this.has(id)) return [];
    const left = this.clear();
    this.push(left.filter((job) => job.id !== id));
    return left.filter((job) => job.id === id);
  }

  /** Empties it. */
  clear(): readonly ReservedJob[] {
    clearTimeout(this.timer);
    this.timer = undefined;
    const left = this.jobs();
    for (const unit of this.units) if (unit instanceof FormingBatch) unit.end();
    if (this.lone) left.unshift(this.lone);
    this.lone = undefined;
    this.forming.clear();
    this.units = [];
    this.next = this.waiting = 0;
    return left;
  }

  private jobs(): ReservedJob[] {
    return this.units.slice(this.next).flatMap((unit) => (unit instanceof FormingBatch ? unit.jobs : unit));
  }

  private group(jobs: readonly ReservedJob[], batchOf: (name: string) => BatchSize | undefined): void {
    let perSlot = Infinity;
    for (const job of jobs) {
      const batch = batchOf(job.name);
      perSlot = Math.min(perSlot, batch?.size ?? 1);
      if (!batch) this.units.push(job);
      else this.batchFor(job.name, batch).jobs.push(job);
    }
    if (jobs.length > 0) this.perSlot = perSlot;
  }

  private batchFor(name: string, { size, waitMs }: BatchSize): FormingBatch {
    const open = this.forming.get(name);
    if (open && !open.isFull) return open;
    const batch = new FormingBatch(size, waitMs, () => {
      this.movedAt = performance.now();
      this.options.onReady?.();
    });
    this.forming.set(name, batch);
    this.units.push(batch);
    return batch;
  }

  private take(): Unit | undefined {
    const running = this.options.running();
    if (running === 0) this.loneRuns = false;
    if (this.lone && running === 0 && this.options.settled()) {
      const { lone } = this;
      this.lone = undefined;
      this.loneRuns = true;
      return lone;
    }
    if (this.closed || running >= this.options.slots()) return undefined;
    return this.takeFirst();
  }

  /** The first unit that need not wait; those before it keep their places. */
  private takeFirst(): Unit | undefined {
    const { units } = this;
    let at = this.next;
    while (at < units.length && !isReady(units[at]!)) at++;
    const unit = units[at];
    if (!unit) return undefined;
    for (; at > this.next; at--) units[at] = units[at - 1]!;
    this.next++;
    if (!(unit instanceof FormingBatch)) {
      this.waiting--;
      return unit;
    }
    this.waiting -= unit.jobs.length;
    this.forget(unit);
    return unit;
  }

  private forget(unit: FormingBatch): void {
    for (const [name, batch] of this.forming) if (batch === unit) this.forming.delete(name);
  }

  /** Takes out what could run, if only there were a slot. */
  private takeStuck(): ReservedJob[] {
    const waits = this.units.slice(this.next).filter((unit) => !isReady(unit));
    const stuck: ReservedJob[] = [];
    for (const unit of this.units.slice(this.next)) {
      if (!isReady(unit)) continue;
      if (unit instanceof FormingBatch) {
        this.forget(unit);
        stuck.push(...unit.end());
      } else stuck.push(unit);
    }
    this.units = waits;
    this.next = 0;
    this.waiting -= stuck.length;
    return stuck;
  }

  private watch(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (this.waiting === 0) return;
      if (performance.now() - this.movedAt >= MAX_WAIT_MS * 0.9) this.options.putBack(this.takeStuck());
      if (this.waiting > 0) this.watch();
    }, MAX_WAIT_MS);
  }
}

function isReady(unit: Unit): boolean {
  return !(unit instanceof FormingBatch) || unit.isReady;
}
