import type { SweepStore } from '../interfaces/ports/index.js';

/** Groups that one statement looks through. */
const PART = 500;

/** Proves, part by part, that no group of blocked jobs sleeps although it could run one. */
export class GroupSweep {
  private readonly places = new Map<string, string>();

  constructor(
    private readonly store: SweepStore,
    private readonly policyOf: (queue: string) => string,
  ) {}

  /** The next part of each of these queues. */
  async look(queues: readonly string[]): Promise<void> {
    for (const queue of queues) await this.next(queue);
  }

  /** All of a queue. */
  async lookThrough(queue: string): Promise<void> {
    this.places.delete(queue);
    do await this.next(queue);
    while (this.places.has(queue));
  }

  private async next(queue: string): Promise<void> {
    const last = await this.store.sweepGroups(queue, this.places.get(queue) ?? '', PART, this.policyOf(queue));
    if (last === null) this.places.delete(queue);
    else this.places.set(queue, last);
  }
}
