import type { SchemaVersion } from '../../interfaces/job-queue-stats.interface.js';
import type { EventStore } from '../../interfaces/ports/index.js';
import { SignalHub } from '../../runtime/signal-hub.js';
import { QueueClosedError } from '../../errors/database.errors.js';
import { TestClock } from './clock.js';
import { MemoryBulkStore } from './memory-bulk.store.js';
import { MemoryConfigStore } from './memory-config.store.js';
import { MemoryJobStore, type MemoryJobEvents } from './memory-job.store.js';
import { createTransactions, type MemoryState } from './memory-state.js';

export interface MemoryHooks extends Omit<MemoryJobEvents, 'refuseClosed'> {
  configChanged(): void;
  /** Of job events, as other processes would hear it. */
  published(payload: string): void;
}

/** In the place of the database. */
export class MemoryStores {
  readonly clock = new TestClock();
  readonly signals = new SignalHub();
  readonly configs: MemoryConfigStore;
  readonly jobs: MemoryJobStore;
  readonly bulk: MemoryBulkStore;
  readonly events: EventStore = {
    publish: async (payloads) => {
      for (const payload of payloads) this.hooks?.published(payload);
    },
  };
  /** Set by whoever runs the jobs. */
  hooks: MemoryHooks | undefined;
  private closed = false;
  private readonly state: MemoryState = { jobs: new Map(), configs: new Map(), keys: new Map() };
  private readonly memory = createTransactions(this.state);

  constructor() {
    this.configs = new MemoryConfigStore(this.memory, this.clock, () => this.hooks?.configChanged());
    this.jobs = new MemoryJobStore(this.state, this.memory, this.clock, {
      inserted: async (jobs, manager) => this.hooks?.inserted(jobs, manager),
      refuseClosed: () => this.refuseClosed(),
      changed: (id) => this.hooks?.changed(id),
      abort: (id) => this.hooks?.abort(id),
    });
    this.bulk = new MemoryBulkStore(this.jobs);
  }

  /** @throws QueueClosedError */
  private refuseClosed(): void {
    if (this.closed) throw new QueueClosedError('The queue is closed: the application has been shut down.');
  }

  /** Jobs run one after another. */
  readonly transactions = { poolSize: Infinity };

  get reservations(): MemoryJobStore {
    return this.jobs;
  }

  /** There are no tables, so none are missing. */
  async schemaVersion(): Promise<SchemaVersion> {
    return { applied: 0, expected: 0 };
  }

  clear(): void {
    this.state.jobs.clear();
    this.state.configs.clear();
    this.state.keys.clear();
    this.hooks?.configChanged();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.memory.close();
  }
}
