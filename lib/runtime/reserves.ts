import type { Place } from '../interfaces/ports/index.js';

/** A reserve that was sent. */
export interface Reserve {
  /** Jobs that it asked for. */
  readonly limit: number;
  /** Where in the queue it began; undefined for the beginning. */
  readonly after: Place | undefined;
  /** By the monotonic clock. */
  readonly beganAt: number;
  /** Jobs that it may yet bring. */
  jobs: number;
  /** It has told how many that are. */
  isSeen: boolean;
  /** Takes what it brought, which has arrived. */
  receive?: () => void;
}

/**
 * The reserves of a queue that are under way. The next one is sent while the jobs of the last one are still on their
 * way, and never before it is known where that one ended; what they bring is taken in the order in which they were sent.
 */
export class Reserves {
  private readonly underWay: Reserve[] = [];

  /** One has not told yet what it comes to. */
  get isBusy(): boolean {
    return this.underWay.some(({ isSeen }) => !isSeen);
  }

  /** Jobs that may yet arrive. */
  get jobs(): number {
    return this.underWay.reduce((sum, { jobs }) => sum + jobs, 0);
  }

  get size(): number {
    return this.underWay.length;
  }

  /** One was sent before this time, and its jobs are not here. */
  awaitedFrom(before: number): boolean {
    return this.underWay.some(({ beganAt }) => beganAt < before);
  }

  begin(limit: number, after: Place | undefined): Reserve {
    const reserve: Reserve = { limit, after, beganAt: performance.now(), jobs: limit, isSeen: false };
    this.underWay.push(reserve);
    return reserve;
  }

  /** One has told how many jobs it brings: another may be sent. */
  seen(reserve: Reserve, jobs: number): void {
    reserve.jobs = jobs;
    reserve.isSeen = true;
  }

  /** Nothing more comes of it; `receive` is called when those before it have ended as well. */
  end(reserve: Reserve, receive: () => void): void {
    reserve.isSeen = true;
    reserve.receive ??= receive;
    while (this.underWay[0]?.receive) this.underWay.shift()?.receive?.();
  }
}
