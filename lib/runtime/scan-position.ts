import type { Place } from '../interfaces/ports/index.js';

/** Work may have come in before the place without a wake-up of its own, so look there this often at least. */
const MAX_SKIPPING_MS = 250;
/** A scan from the beginning that takes longer than this passes over many dead entries. */
const COSTLY_SCAN_MS = 20;
/** Costly scans may take a tenth of the time at most. */
const COSTLY_SCAN_SHARE = 10;

/**
 * Remembers where the last reserve of a queue ended, for the next one to start there. A transaction
 * that is held open anywhere keeps dead rows alive, and a reserve that starts from the beginning then
 * becomes slower with each job done. Jobs may come in before the place (a late commit, a more urgent
 * one, a rescue): a wake-up, the end of the queue and time send the next reserve to the beginning.
 */
export class ScanPosition {
  private place: Place | undefined;
  private fromStartAt = -Infinity;
  private scanMs = 0;
  private lastTookMs = 0;
  private suspect = true;

  /** Something may stand before the place. */
  workCameIn(): void {
    this.suspect = true;
  }

  /** Where to start now: behind a place, or undefined for the beginning. */
  next(): Place | undefined {
    const now = performance.now();
    const sinceMs = now - this.fromStartAt;
    const due = this.suspect || sinceMs > MAX_SKIPPING_MS;
    const affordable = this.scanMs <= COSTLY_SCAN_MS || sinceMs > this.scanMs * COSTLY_SCAN_SHARE;
    if (this.place && !(due && affordable)) return this.place;
    this.fromStartAt = now;
    this.suspect = false;
    return undefined;
  }

  /** What a reserve came to: its last place, whether it got all it asked for, where it began, its time. */
  reached(place: Place | undefined, full: boolean, fromStart: boolean, tookMs: number): void {
    if (fromStart) {
      // One that was slow may have waited for the disk or the processor; two in a row have much to pass over.
      this.scanMs = Math.min(tookMs, this.lastTookMs);
      this.lastTookMs = tookMs;
    }
    if (place) this.place = place;
    // Nothing more behind the place: the next look is at the beginning.
    if (!full && !fromStart) this.suspect = true;
  }
}
