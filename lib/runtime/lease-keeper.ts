import { setTimeout as sleep } from 'node:timers/promises';
import { Backoff } from '../core/backoff.js';
import type { InstanceInfo, LeaseStore, Log } from '../interfaces/ports/index.js';

export interface LeaseCallbacks {
  /** The lease can no longer be trusted: whatever runs here may be given to others from now on. */
  readonly onLost: () => void;
  /** This process has a lease again, under a new identity. */
  readonly onRegained: () => void;
}

/**
 * Owns the identity and lease of this process. It trusts the lease only up to the start of its last
 * good heartbeat plus the lease minus a margin, by its own monotonic clock, so that its handlers are
 * aborted before the database could hand their jobs to others. A lost lease is never taken up again:
 * the process goes on under a new identity, and its old one's jobs are rescued like those of the dead.
 */
export class LeaseKeeper {
  private instance: InstanceInfo;
  private trustedUntil = 0;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private lost = true;

  constructor(
    private readonly store: LeaseStore,
    instance: Omit<InstanceInfo, 'id'>,
    private readonly newId: () => string,
    private readonly leaseMs: number,
    private readonly callbacks: LeaseCallbacks,
    private readonly log: Log,
  ) {
    this.instance = { ...instance, id: newId() };
  }

  get instanceId(): string {
    return this.instance.id;
  }

  get trusted(): boolean {
    return !this.lost && performance.now() < this.trustedUntil;
  }

  /** @throws DatabaseUnavailableError */
  async start(): Promise<void> {
    await this.register();
    this.schedule(this.leaseMs / 3);
  }

  /** Gives up the lease: nothing hangs on it any more, or others shall look for what does. */
  async stop(holdsNothing: boolean): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    if (this.lost) return;
    const ended = holdsNothing ? this.store.unregister(this.instance.id) : this.store.expire(this.instance.id);
    await ended.catch(() => undefined);
  }

  private async register(formerId?: string): Promise<void> {
    const startedAt = performance.now();
    await this.store.register(this.instance, this.leaseMs, formerId);
    this.trust(startedAt);
    this.lost = false;
  }

  private trust(startedAt: number): void {
    this.trustedUntil = startedAt + this.leaseMs - Math.min(this.leaseMs / 5, 2_000);
  }

  private schedule(inMs: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => void this.beat(), inMs);
  }

  private async beat(): Promise<void> {
    const startedAt = performance.now();
    if (startedAt >= this.trustedUntil) return this.lose('it could not be renewed in time');
    const tooLate = sleep(this.trustedUntil - startedAt, 'late' as const, { ref: false });
    const renewal = this.store.renew(this.instance.id, this.leaseMs).then(
      (renewed) => (renewed ? ('renewed' as const) : ('gone' as const)),
      () => 'failed' as const,
    );
    const answer = await Promise.race([renewal, tooLate]);
    if (this.stopped) return;
    if (answer === 'renewed') {
      this.trust(startedAt);
      this.schedule(this.leaseMs / 3);
    } else if (answer === 'failed') {
      this.schedule(Math.min(this.leaseMs / 20, 500));
    } else {
      await this.lose(answer === 'gone' ? 'it had run out in the database' : 'the database did not answer in time');
    }
  }

  private async lose(why: string): Promise<void> {
    this.lost = true;
    this.log.warn(`This process lost its lease: ${why}. Its running jobs are aborted and run again elsewhere`, { instanceId: this.instance.id });
    this.callbacks.onLost();
    const formerId = this.instance.id;
    this.instance = { ...this.instance, id: this.newId() };
    const backoff = new Backoff();
    while (!this.stopped) {
      try {
        await this.register(formerId);
        this.schedule(this.leaseMs / 3);
        return this.callbacks.onRegained();
      } catch {
        await sleep(backoff.next(), undefined, { ref: false });
      }
    }
  }
}
