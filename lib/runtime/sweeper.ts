import type { SweepStore } from '../interfaces/ports/index.js';
import type { GroupSweep } from './group-sweep.js';
import type { Patrol } from './patrol.js';
import type { QueueRunner } from './queue-runner.js';
import type { TroubleLog } from './trouble-log.js';

export interface SweeperOptions {
  readonly sweepIntervalMs: number;
  /** The interval while no notifications arrive. */
  readonly pollIntervalMs: number;
}

/** A commit that sent no notification of its own relied on one that was under way: look again after these times. */
const LATER_LOOKS_MS = [10, 100];
/** After a queue has come to rest, and whenever there is something that could not be reserved, in twice the time each time: an
 * open transaction may have it locked, and nobody tells of a rollback. */
const LOOK_BACK_MS = 100;
const MIN_SURVEY_GAP_MS = 20;
/** Jobs due later than a minute notify nobody, so the due times are looked at this often at least. */
const MAX_SURVEY_GAP_MS = 30_000;

/**
 * Finds work that no notification tells of, for all queues at once, and hands it to the runners by
 * `wake`: jobs that become due, jobs whose notification was lost, and at each interval whatever the
 * patrol finds.
 */
export class Sweeper {
  private surveyTimer: NodeJS.Timeout | undefined;
  private surveyAt = Infinity;
  private surveyedAt = -Infinity;
  private surveying = false;
  private surveyAgain = false;
  private sweepTimer: NodeJS.Timeout | undefined;
  private sweeping = false;
  private sweepAgain = false;
  private workCameInAt = -Infinity;
  /** Until the next look at what could not be reserved; 0 when there was nothing. */
  private lookBackMs = 0;
  private sweptAt: number | undefined;
  private stopped = false;

  constructor(
    private readonly store: SweepStore,
    private readonly runners: ReadonlyMap<string, QueueRunner>,
    private readonly patrol: Patrol,
    private readonly groups: GroupSweep,
    private readonly isListening: () => boolean,
    private readonly options: SweeperOptions,
    private readonly trouble: TroubleLog,
  ) {}

  /** Since the last sweep that succeeded, or since the start; null before. */
  get ageMs(): number | null {
    return this.sweptAt === undefined ? null : performance.now() - this.sweptAt;
  }

  start(): void {
    this.sweptAt = performance.now();
    void this.sweep();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.surveyTimer);
    clearTimeout(this.sweepTimer);
  }

  /** A notification came: look now, and again for those that committed a moment later. */
  workCameIn(queue: string): void {
    const runner = this.runners.get(queue);
    if (!runner || this.stopped) return;
    runner.wake();
    this.workCameInAt = performance.now();
    this.lookBackMs = 0;
    this.planLaterLooks();
  }

  /** A queue found nothing more to reserve. */
  cameToRest(): void {
    if (this.lookBackMs === 0) this.surveyIn(LOOK_BACK_MS);
  }

  /** Make sure that a survey runs within this time. */
  surveyIn(delayMs: number): void {
    if (this.stopped) return;
    const now = performance.now();
    const at = Math.max(now + Math.min(delayMs, MAX_SURVEY_GAP_MS), this.surveyedAt + MIN_SURVEY_GAP_MS);
    if (at >= this.surveyAt) return;
    this.surveyAt = at;
    clearTimeout(this.surveyTimer);
    // Timers cut off fractions.
    this.surveyTimer = setTimeout(() => void this.survey(), Math.max(0, Math.ceil(at - now)));
  }

  /** Everything, now: at start, after the listener came back, at each interval. */
  async sweep(): Promise<void> {
    if (this.stopped) return;
    if (this.sweeping) return void (this.sweepAgain = true);
    this.sweeping = true;
    clearTimeout(this.sweepTimer);
    try {
      await this.patrol.look();
      if (this.patrol.sawBlocked) await this.groups.look([...this.runners.keys()]);
      this.sweptAt = performance.now();
    } catch (error) {
      this.trouble.report('A sweep failed, trying again at the next one', error);
    }
    await this.survey();
    this.sweeping = false;
    if (!this.sweepAgain) return this.planSweep();
    this.sweepAgain = false;
    await this.sweep();
  }

  /** The limits of these queues have changed: more of their jobs may run now. */
  async limitsChanged(queues: readonly string[]): Promise<void> {
    for (const queue of queues) {
      this.runners.get(queue)?.wake();
      await this.groups.lookThrough(queue).catch((error: unknown) => this.trouble.report('Blocked groups could not be looked through', error));
    }
  }

  private planSweep(): void {
    if (this.stopped) return;
    const { sweepIntervalMs, pollIntervalMs } = this.options;
    const intervalMs = this.isListening() ? sweepIntervalMs : Math.min(sweepIntervalMs, pollIntervalMs);
    // Processes that were started together shall not sweep together.
    this.sweepTimer = setTimeout(() => void this.sweep(), intervalMs * (0.9 + Math.random() * 0.1));
  }

  private async survey(): Promise<void> {
    clearTimeout(this.surveyTimer);
    this.surveyAt = Infinity;
    if (this.stopped) return;
    if (this.surveying) return void (this.surveyAgain = true);
    this.surveying = true;
    this.surveyedAt = performance.now();
    let nextDueMs = MAX_SURVEY_GAP_MS;
    try {
      const all = await this.store.survey([...this.runners.keys()]);
      this.lookBackMs = all.some((found) => found.available) ? Math.max(LOOK_BACK_MS, this.lookBackMs * 2) : 0;
      if (this.lookBackMs > 0) nextDueMs = Math.min(nextDueMs, this.lookBackMs);
      for (const found of all) {
        if (found.available) this.runners.get(found.queue)?.wake();
        if (found.nextDueMs !== null) nextDueMs = Math.min(nextDueMs, found.nextDueMs);
      }
    } catch (error) {
      nextDueMs = this.options.pollIntervalMs;
      this.trouble.report('The due times could not be read, trying again', error);
    }
    this.surveying = false;
    if (this.surveyAgain) nextDueMs = 0;
    this.surveyAgain = false;
    // A timer may fire early by a part of a millisecond.
    this.surveyIn(nextDueMs + 1);
    this.planLaterLooks();
  }

  private planLaterLooks(): void {
    const sinceMs = performance.now() - this.workCameInAt;
    for (const lookMs of LATER_LOOKS_MS) if (sinceMs < lookMs) return this.surveyIn(lookMs - sinceMs);
  }
}
