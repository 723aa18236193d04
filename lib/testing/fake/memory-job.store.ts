import type { EntityManager } from 'typeorm';
import type { CancelResult, JobCriteria, JobPage, JobRecord, PageOptions, QueueStatus, Status } from '../../interfaces/job-record.interface.js';
import type { EnqueueStore, JobChanges, JobStore, NewJob, StoredJob } from '../../interfaces/ports/index.js';
import type { TestClock } from './clock.js';
import { fits } from './fits.js';
import { dueSince, finish, isDue, startOver, stateOf, toMemoryJob, toRecord, type MemoryJob } from './memory-job.js';
import type { MemoryState, MemoryTransactions } from './memory-state.js';
import { storeUnique } from './memory-unique.js';

/** What the store tells of. */
export interface MemoryJobEvents {
  /** Stored, maybe in a transaction that is still open. */
  inserted(jobs: readonly MemoryJob[], manager: EntityManager | undefined): Promise<void>;
  changed(id: string): void;
  /** @throws QueueClosedError after the application was closed */
  refuseClosed(): void;
  /** A job that runs shall end. */
  abort(id: string): void;
}

/** Jobs, in memory. The history keeps all of them, whatever the retention. */
export class MemoryJobStore implements JobStore, EnqueueStore {
  constructor(
    private readonly state: MemoryState,
    private readonly transactions: MemoryTransactions,
    private readonly clock: TestClock,
    private readonly events: MemoryJobEvents,
  ) {}

  async insert(newJobs: readonly NewJob[], manager?: EntityManager): Promise<void> {
    this.events.refuseClosed();
    const rows = newJobs.map((job) => toMemoryJob(job, this.clock.now()));
    const added = this.transactions.run(manager, ({ jobs }) => {
      const unknown = rows.filter(({ id }) => !jobs.has(id));
      for (const row of unknown) jobs.set(row.id, row);
      return unknown;
    });
    await this.events.inserted(added, manager);
  }

  async insertUnique(newJobs: readonly NewJob[], manager?: EntityManager): Promise<StoredJob[]> {
    this.events.refuseClosed();
    const now = this.clock.now();
    const stored = this.transactions.run(manager, (state) => newJobs.map((job) => storeUnique(state, job, now)));
    const added = new Set(stored.map(({ id }) => id));
    await this.events.inserted([...this.state.jobs.values()].filter(({ id }) => added.has(id)), manager);
    return stored;
  }

  /** Nobody asks for it: `TestRuntime.takeOver` never offers. */
  async insertReserved(): Promise<[]> {
    return [];
  }

  async get(id: string): Promise<JobRecord | undefined> {
    const job = this.row(id);
    return job && toRecord(job, this.clock.now());
  }

  async find(criteria: JobCriteria, { limit, cursor, order }: PageOptions & { limit: number }): Promise<JobPage> {
    const direction = order === 'newest' ? -1 : 1;
    const jobs = this.records()
      .filter((job) => fits(job, criteria) && (cursor === undefined || compare(job.id, cursor.toLowerCase()) === direction))
      .sort((a, b) => compare(a.id, b.id) * direction);
    const page = jobs.slice(0, limit);
    return { jobs: page, nextCursor: jobs.length > limit ? page.at(-1)?.id : undefined };
  }

  async status(queues: readonly string[], queue: string | undefined, keysOf: (queue: string) => string[]): Promise<Status> {
    const live = [...this.state.jobs.values()].filter((job) => !job.finalState);
    const names = queue === undefined ? new Set([...queues, ...live.map((job) => job.queue)]) : [queue];
    return {
      queues: [...names].sort().map((name) =>
        this.queueStatus(
          name,
          live.filter((job) => job.queue === name),
          this.isSuspended(keysOf(name)),
        ),
      ),
      instances: [],
    };
  }

  isSuspended(keys: readonly string[]): boolean {
    return keys.some((key) => this.state.configs.get(key)?.value === 'true');
  }

  async cancel(id: string, abort: boolean): Promise<CancelResult> {
    const job = this.live(id);
    if (!job) return 'not_found';
    if (job.isReserved) {
      if (abort) this.events.abort(job.id);
      return 'in_progress';
    }
    finish(job, 'cancelled', this.clock.now());
    this.events.changed(job.id);
    return 'ok';
  }

  async move(id: string, queue: string): Promise<CancelResult> {
    const job = this.live(id);
    if (!job) return 'not_found';
    if (job.isReserved) return 'in_progress';
    job.queue = queue;
    job.attempt = 0;
    job.failureState = null;
    job.retryAt = null;
    if (job.dueAt !== Infinity) job.dueAt = this.waitFor(job.runAt);
    this.events.changed(job.id);
    return 'ok';
  }

  async update(id: string, { payload, payloadVersion, priority, delayMs, runAtMs }: JobChanges): Promise<CancelResult> {
    return this.change(id, (job) => {
      job.payload = payload ?? job.payload;
      job.priority = priority ?? job.priority;
      if (payloadVersion !== undefined) job.options = JSON.stringify({ ...JSON.parse(job.options ?? '{}'), payloadVersion });
      const due = runAtMs ?? (delayMs === undefined ? undefined : this.clock.now() + delayMs);
      if (due === undefined) return;
      job.runAt = due;
      job.retryAt = null;
      if (job.dueAt !== Infinity) job.dueAt = this.waitFor(due);
    });
  }

  async hold(id: string): Promise<CancelResult> {
    return this.change(id, (job) => void (job.dueAt = Infinity));
  }

  async release(id: string): Promise<CancelResult> {
    return this.change(id, (job) => {
      if (job.dueAt === Infinity) job.dueAt = this.waitFor(job.retryAt ?? job.runAt);
    });
  }

  async retry(id: string): Promise<'ok' | 'unfinished' | 'not_found'> {
    const job = this.row(id);
    if (!job) return 'not_found';
    if (!job.finalState) return 'unfinished';
    startOver(job, this.clock.now());
    this.events.changed(job.id);
    return 'ok';
  }

  async watch(id: string): Promise<boolean> {
    return this.live(id) !== undefined;
  }

  /** Jobs of the same group that keep it from running: those that run and, where there is one slot, the one that waits for its retry. */
  before({ id, queue, group }: MemoryJob, slots: number): MemoryJob[] {
    if (group === null) return [];
    const others = [...this.state.jobs.values()].filter((job) => job.group === group && job.queue === queue && job.id !== id && !job.finalState);
    return others.filter((job) => job.isReserved || (slots === 1 && job.attempt > 0));
  }

  /** Every job that waits, the one that runs first of all first. */
  waiting(): MemoryJob[] {
    return [...this.state.jobs.values()]
      .filter((job) => !job.finalState && !job.isReserved)
      .sort((a, b) => a.priority - b.priority || a.runAt - b.runAt || compare(a.id, b.id));
  }

  private change(id: string, apply: (job: MemoryJob) => void): CancelResult {
    const job = this.live(id);
    if (!job) return 'not_found';
    if (job.isReserved) return 'in_progress';
    apply(job);
    this.events.changed(job.id);
    return 'ok';
  }

  private waitFor(due: number): number | null {
    return due > this.clock.now() ? due : null;
  }

  private records(): JobRecord[] {
    const now = this.clock.now();
    return [...this.state.jobs.values()].map((job) => toRecord(job, now));
  }

  private row(id: string): MemoryJob | undefined {
    return this.state.jobs.get(id.toLowerCase());
  }

  private live(id: string): MemoryJob | undefined {
    const job = this.row(id);
    return job?.finalState ? undefined : job;
  }

  private queueStatus(queue: string, jobs: readonly MemoryJob[], suspended: boolean): QueueStatus {
    const now = this.clock.now();
    const count = (state: string): number => jobs.filter((job) => stateOf(job, now) === state).length;
    const due = jobs.filter((job) => !job.isReserved && isDue(job, now));
    const reserved = count('reserved');
    return {
      queue,
      count: jobs.length,
      inProgress: reserved,
      suspended,
      scheduled: count('scheduled'),
      available: count('available'),
      reserved,
      held: count('held'),
      blocked: 0,
      oldestDueMs: due.length > 0 ? now - Math.min(...due.map(dueSince)) : null,
    };
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
