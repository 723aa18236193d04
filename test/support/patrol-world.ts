import type { Held } from '../../lib/core/settlement.js';
import type { Holding, Log, SweepStore } from '../../lib/interfaces/ports/index.js';
import type { LeaseKeeper } from '../../lib/runtime/lease-keeper.js';
import { Patrol } from '../../lib/runtime/patrol.js';
import { JobEvents } from '../../lib/runtime/job-events.js';
import { Suspicion } from '../../lib/runtime/suspicion.js';
import type { QueueRunner } from '../../lib/runtime/queue-runner.js';
import { TroubleLog } from '../../lib/runtime/trouble-log.js';

/** A patrol with all that it sees, for a test to change and to look at. */
export class PatrolWorld {
  /** The live table: its size, where its strays are, what the database says this process holds. */
  pages = 1;
  dead: string[] = [];
  strays: Array<{ readonly page: number; readonly id: string }> = [];
  held: Holding[] = [];

  /** Queue 'q' of this process; `askedAt` are the times of the answers that it awaits. */
  readonly known = new Set<string>();
  running: string[] = [];
  askedAt: number[] = [];
  readonly released: Held[] = [];
  readonly aborted: unknown[] = [];
  wakes = 0;
  readonly lease = { instanceId: 'me', trusted: true };

  /** What the store was asked: first page and number of pages, the processes to forget, ids. */
  readonly looks: number[][] = [];
  readonly searched: string[][] = [];
  readonly rescues: string[][] = [];
  readonly holdings: string[][] = [];
  /** Called at the beginning of each call of the store, once it is noted; may throw. */
  trouble: { patrol?: () => void; rescue?: (ids: readonly string[]) => void; holdings?: () => void } = {};

  readonly logged: Array<[level: string, text: string, params: object | undefined]> = [];
  readonly patrol = this.createPatrol();

  /** What one look asks of the store. */
  async look(): Promise<number[][]> {
    const before = this.looks.length;
    await this.patrol.look();
    return this.looks.slice(before);
  }

  of(level: string): unknown[] {
    return this.logged.filter((entry) => entry[0] === level);
  }

  private createPatrol(): Patrol {
    const note = (level: string) => (text: string, params?: object): void => void this.logged.push([level, text, params]);
    const log: Log = { debug: note('debug'), log: note('log'), warn: note('warn'), error: note('error') };
    const runners = new Map([['q', this.createRunner()]]);
    const policy = { maxCrashes: 3, keepMs: new Map(), defaultKeepMs: null };
    return new Patrol(this.createStore(), runners, this.lease as LeaseKeeper, policy, new Suspicion(0), new JobEvents(log), new TroubleLog(log), log);
  }

  private createStore(): SweepStore {
    const store: Partial<SweepStore> = {
      patrol: async (_instanceId, fromPage, pages, searchedFor) => {
        this.looks.push([fromPage, pages]);
        this.searched.push([...searchedFor]);
        this.trouble.patrol?.();
        const end = fromPage + pages;
        const strays = this.strays.filter(({ page }) => page >= fromPage && page < end).map(({ id }) => id);
        return { mine: [...this.held], strays, dead: [...this.dead], nextPage: end < this.pages ? end : 0, blocked: false };
      },
      rescue: async (_policy, ids) => {
        this.rescues.push([...ids]);
        this.trouble.rescue?.(ids);
        this.strays = this.strays.filter(({ id }) => !ids.includes(id));
        return ids.map((id) => ({ id, queue: 'q', name: 'work', state: 'available' }));
      },
      holdings: async (_instanceId, ids) => {
        this.holdings.push([...ids]);
        this.trouble.holdings?.();
        return this.held.filter(({ id }) => ids.includes(id));
      },
    };
    return store as SweepStore;
  }

  private createRunner(): QueueRunner {
    const idsOfRuns = (): string[] => this.running;
    const runner = {
      holds: (id: string) => this.known.has(id),
      awaitsAnswerFrom: (before: number) => this.askedAt.some((at) => at < before),
      putBack: (jobs: Held[]) => this.released.push(...jobs),
      wake: () => this.wakes++,
      cancel: (id: string, reason: Error) => this.aborted.push([id, reason]),
      runs: {
        get ids() {
          return idsOfRuns();
        },
      },
    };
    return runner as unknown as QueueRunner;
  }
}
