import type { ExchangeHead, NewJob, ReservedJob } from '../interfaces/ports/index.js';
import { Appetite } from './appetite.js';
import type { HandOver } from './enqueue-batcher.js';
import { GlobalSlots } from './global-slots.js';
import { HandOvers } from './hand-overs.js';
import { ReservePace } from './reserve-pace.js';
import { Reserves, type Reserve } from './reserves.js';
import { ScanPosition } from './scan-position.js';
import type { QueueSettings, RunnerTools } from './runner-tools.js';
import { TokenTimer } from './token-timer.js';

export interface IntakeOptions {
  readonly queue: string;
  readonly suspensionKeys: readonly string[];
  /** Jobs that are held here. */
  readonly held: () => number;
  /** Slots that nothing has taken. */
  readonly slots: () => number;
  /** Jobs that free slots and batches could take beside so many that are promised. */
  readonly wants: (promised: number) => number;
  /** There is nothing to reserve, and nothing waits here. */
  readonly isAsleep: () => boolean;
  readonly receive: (jobs: readonly ReservedJob[], instanceId: string) => void;
  /** More may be reserved than before. */
  readonly onMore: () => void;
  /** There is a token again. */
  readonly onToken: () => void;
}

/** Decides how many jobs may come in, and from where in the queue: by what is free here, how fast jobs end here, and what the queue may do over all processes. */
export class Intake {
  readonly pace: ReservePace;
  private readonly position = new ScanPosition();
  private readonly reserves = new Reserves();
  private readonly appetite = new Appetite();
  private readonly tokens: TokenTimer;
  private readonly slots: GlobalSlots;
  private readonly handOvers: HandOvers;

  constructor(
    private readonly tools: RunnerTools,
    private readonly options: IntakeOptions,
  ) {
    const { queue, onMore, onToken, isAsleep, slots } = options;
    this.pace = new ReservePace(onMore);
    this.tokens = new TokenTimer(onToken);
    this.handOvers = new HandOvers(tools, { ...options, free: () => (isAsleep() && this.reserves.size === 0 && this.isFree ? slots() : 0) });
    const most = (): number | undefined => this.settings.globalConcurrency;
    const inUse = (): number => this.held;
    this.slots = new GlobalSlots(tools.slots, { queue, instanceId: () => tools.lease.instanceId, most, inUse, onMore }, tools.trouble);
  }

  private get settings(): QueueSettings {
    return this.tools.settingsOf(this.options.queue);
  }

  /** No further reserve may be sent for now. */
  get isBusy(): boolean {
    return this.reserves.isBusy;
  }

  /** Jobs that may yet arrive. */
  private get promised(): number {
    return this.handOvers.promised + this.reserves.jobs;
  }

  private get held(): number {
    return this.options.held() + this.promised;
  }

  /** Neither a rate nor other processes have a say in what starts here. */
  private get isFree(): boolean {
    const { globalConcurrency, rate } = this.settings;
    return globalConcurrency === undefined && rate === undefined;
  }

  /** Something was asked of the database before this time, and may yet bring jobs. */
  awaitsAnswerFrom(before: number): boolean {
    return this.reserves.awaitedFrom(before) || this.handOvers.awaitedFrom(before);
  }

  /** Takes new jobs at once, if it can. */
  take(jobs: readonly NewJob[]): HandOver | undefined {
    return this.handOvers.take(jobs);
  }

  limit(): number {
    if (!this.pace.allows() || !this.tokens.allow()) return 0;
    const free = this.options.wants(this.promised);
    const want = this.appetite.want(free, 0);
    if (this.isFree || want === 0) return want;
    // A start that is limited is not taken ahead of its time.
    const { held } = this;
    const now = Math.min(want, free);
    return now > 0 ? Math.max(0, this.slots.limit(held + now) - held) : 0;
  }

  begin(limit: number): Reserve {
    this.pace.begin();
    this.appetite.measure();
    return this.reserves.begin(limit, this.position.next());
  }

  /** How many jobs a reserve brings, and in how many milliseconds there is a token again. */
  seen(reserve: Reserve, { place, seen, waitMs }: ExchangeHead): void {
    const { limit, after, beganAt } = reserve;
    this.position.reached(place, seen >= limit, after === undefined, performance.now() - beganAt);
    this.reserves.seen(reserve, seen);
    this.pace.ended(seen);
    const { rate } = this.settings;
    if (rate) this.tokens.next(waitMs, rate);
  }

  /** Nothing more comes of a reserve; `receive` takes what it brought, after what those before it bring. */
  end(reserve: Reserve, receive: () => void = () => undefined): void {
    this.appetite.tripTook(performance.now() - reserve.beganAt);
    this.reserves.end(reserve, receive);
  }

  jobFinished(): void {
    this.appetite.jobFinished();
  }

  /** There is nothing to reserve: what is held beyond need may go to others. */
  rest(): void {
    this.slots.release();
  }

  /** Work may have come in. */
  wake(): void {
    this.position.workCameIn();
    this.slots.wake();
  }

  lose(): void {
    this.slots.lose();
  }

  async stop(): Promise<void> {
    await this.slots.stop();
  }
}
