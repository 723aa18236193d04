import type { DataSource, EntityManager } from 'typeorm';
import { JobStateError } from '../../errors/job.errors.js';
import type { HandlerRegistry } from '../../handler-registry.js';
import type { Log } from '../../interfaces/ports/index.js';
import { queueOptionsOf, runsQueue, suspensionKeysOf, type ResolvedOptions } from '../../notify-queue.options.js';
import { jobLog, type NotifyQueueRuntime } from '../../notify-queue.runtime.js';
import type { ProcessorExplorer } from '../../processor.explorer.js';
import type { ClusterEvents } from '../../runtime/cluster-events.js';
import type { ConfigFeed } from '../../runtime/config-feed.js';
import type { EnqueueBatcher } from '../../runtime/enqueue-batcher.js';
import type { JobEvents } from '../../runtime/job-events.js';
import type { TestMode } from '../testing-options.js';
import { isDue, type MemoryJob } from './memory-job.js';
import type { MemoryStores } from './memory-stores.js';
import { TestRunner } from './test-runner.js';

/** More runs than this in one `drain` are jobs that enqueue each other for ever. */
const MAX_RUNS = 10_000;
/** In mode inline each of these waits for the next one. */
const MAX_DEPTH = 100;

type Runtime = Pick<NotifyQueueRuntime, 'signals' | 'listening' | 'stats' | 'takeOver' | 'start' | 'startEngine' | 'stopEngine' | 'stop'>;
type Batcher = Pick<EnqueueBatcher, 'add' | 'drain' | 'calls' | 'inserts'>;

/** In the place of the listener and the engine: runs jobs when the test says so, or at their enqueue. */
export class TestRuntime implements Runtime {
  readonly listening = true;
  readonly takeOver = (): undefined => undefined;
  /** Calls do not wait for each other here: the one that waits may be a job that another call runs. */
  readonly batcher: Batcher = {
    calls: 0,
    inserts: 0,
    add: async (jobs, kind) => {
      this.batcher.calls++;
      this.batcher.inserts++;
      if (kind !== 'new' && kind !== 'once') return this.stores.reservations.insertUnique(jobs);
      await this.stores.reservations.insert(jobs);
      return undefined;
    },
    drain: async () => undefined,
  };
  private readonly runner: TestRunner;
  private depth = 0;

  constructor(
    readonly mode: TestMode,
    private readonly options: ResolvedOptions,
    private readonly stores: MemoryStores,
    private readonly feed: ConfigFeed,
    private readonly handlers: HandlerRegistry,
    explorer: ProcessorExplorer,
    events: JobEvents,
    private readonly clusterEvents: ClusterEvents,
    log: Log,
    findDataSource: () => DataSource | undefined,
  ) {
    this.runner = new TestRunner({
      handlers,
      maxPayloadSize: options.maxPayloadSize,
      codec: options.codec,
      askCustomMode: (className, failure) => explorer.findFailureHandler(className).handleFailure(failure),
      tellCustomMode: (className, success) => explorer.findSuccessHandler(className).handleSuccess(success),
      events,
      log,
      logOf: (job) => jobLog(log, job),
      clock: stores.clock,
      onChanged: (id) => this.signals.signal(id),
      findDataSource,
    });
    stores.hooks = {
      inserted: async (jobs, manager) => (this.mode === 'inline' ? this.runAll(jobs, manager) : undefined),
      changed: (id) => this.signals.signal(id),
      abort: (id) => this.runner.abort(id),
      published: (payload) => this.clusterEvents.receive(payload),
      configChanged: () => void this.feed.refresh(),
    };
  }

  get signals(): NotifyQueueRuntime['signals'] {
    return this.stores.signals;
  }

  get now(): Date {
    return new Date(this.stores.clock.now());
  }

  stats(): ReturnType<NotifyQueueRuntime['stats']> {
    const { sweepIntervalMs } = this.options;
    const none = { listenerReconnects: 0, notifications: 0, wakes: 0, reserves: 0 };
    return { ...none, listening: true, notListeningMs: 0, sweepAgeMs: null, sweepIntervalMs };
  }

  start(): void {}

  async startEngine(): Promise<void> {}

  async stopEngine(): Promise<void> {
    this.runner.stop();
  }

  async stop(): Promise<void> {
    await this.clusterEvents.stop();
    this.feed.stop();
  }

  /** Runs the first job that is due, with those that its handler takes together with it. Resolves to their ids; none when none is. */
  async runNext(name?: string): Promise<readonly string[]> {
    const due = this.runnable().filter((one) => name === undefined || one.name === name);
    const jobs = due[0] ? this.together(due[0], due) : [];
    if (jobs.length > 0) await this.runner.run(jobs);
    return jobs.map(({ id }) => id);
  }

  /** Runs jobs until none is due, or until none waits. Resolves to their ids in order. @throws JobStateError for too many, or when nobody handles them */
  async drain(scheduled: boolean): Promise<string[]> {
    const ids: string[] = [];
    for (;;) {
      const ran = await this.runNext();
      ids.push(...ran);
      if (ran.length === 0 && (!scheduled || !this.toNextDue())) break;
      if (ids.length > MAX_RUNS) throw new JobStateError(`More than ${MAX_RUNS} runs, and there is no end: do jobs enqueue each other, or fail for ever?`);
    }
    if (ids.length === 0) this.checkHandlers();
    return ids;
  }

  /** Lets time pass. Jobs that get due run at their time, in the mode that runs jobs by itself. */
  async advance(ms: number): Promise<void> {
    const { clock } = this.stores;
    const end = clock.now() + ms;
    while (this.mode === 'inline') {
      const next = this.nextDueAt();
      if (next === undefined || next > end) break;
      clock.advance(Math.max(0, next - clock.now()));
      while ((await this.runNext()).length > 0) continue;
    }
    clock.advance(Math.max(0, end - clock.now()));
  }

  clear(): void {
    this.stores.clear();
  }

  private async runAll(jobs: readonly MemoryJob[], manager: EntityManager | undefined): Promise<void> {
    if (this.depth >= MAX_DEPTH) throw new JobStateError(`Jobs have enqueued each other ${MAX_DEPTH} deep, each before the one before it ended. Use mode 'manual' for jobs that go on for ever.`);
    this.depth++;
    try {
      const ran = new Set<MemoryJob>();
      for (const job of jobs) {
        if (ran.has(job) || !this.runs(job)) continue;
        const unit = this.together(job, jobs);
        for (const one of unit) ran.add(one);
        await this.runner.run(unit, manager);
      }
    } finally {
      this.depth--;
    }
  }

  /** A job with those of these that its handler takes together with it. */
  private together(first: MemoryJob, jobs: readonly MemoryJob[]): MemoryJob[] {
    const batch = this.handlers.get(first.name)?.batch;
    if (!batch) return [first];
    const others = jobs.slice(jobs.indexOf(first)).filter((job) => job.name === first.name && job.queue === first.queue && this.runs(job));
    return others.slice(0, batch.size);
  }

  private runnable(): MemoryJob[] {
    return this.stores.jobs.waiting().filter((job) => this.runs(job));
  }

  /** Whether this process, were it real, would run the job now. */
  private runs(job: MemoryJob): boolean {
    return isDue(job, this.stores.clock.now()) && this.serves(job) && this.handlers.get(job.name) !== undefined && this.hasSlot(job);
  }

  private hasSlot(job: MemoryJob): boolean {
    const slots = job.group !== null && job.group < ' ' ? 1 : queueOptionsOf(this.options, job.queue).groupConcurrency;
    return this.stores.jobs.before(job, slots).length < slots;
  }

  private serves({ queue }: MemoryJob): boolean {
    const { options, stores } = this;
    return this.isKnown(queue) && runsQueue(options, queue) && !stores.jobs.isSuspended(suspensionKeysOf(options, queue));
  }

  private nextDueAt(): number | undefined {
    const due = this.stores.jobs.waiting().filter((job) => this.serves(job) && this.handlers.get(job.name) && this.hasSlot(job));
    const [first] = due.map(({ dueAt }) => dueAt ?? 0).filter((at) => at < Infinity).sort((a, b) => a - b);
    return first;
  }

  /** False when nothing waits. */
  private toNextDue(): boolean {
    const next = this.nextDueAt();
    if (next === undefined) return false;
    this.stores.clock.advance(Math.max(0, next - this.stores.clock.now()));
    return true;
  }

  /** A test that forgot the provider shall not have to look for it. @throws JobStateError */
  private checkHandlers(): void {
    if (this.options.role === 'producer') return;
    const now = this.stores.clock.now();
    const due = this.stores.jobs.waiting().filter((job) => isDue(job, now));
    const unhandled = due.find(({ name }) => !this.handlers.get(name));
    const unserved = due.find(({ queue }) => !this.isKnown(queue));
    if (unhandled) throw new JobStateError(noHandler(unhandled));
    if (unserved) throw new JobStateError(nobodyServes(unserved));
  }

  /** A process runs the queues that its options or its handlers name. */
  private isKnown(queue: string): boolean {
    return this.options.queues.has(queue) || this.handlers.all().some((handler) => handler.queue === queue);
  }
}

function noHandler({ name, queue }: MemoryJob): string {
  return (
    `Job '${name}' of queue '${queue}' waits, and nothing here handles it. ` +
    `Add the provider with @JobHandler('${name}') to the testing module, or use mode 'fake'.`
  );
}

function nobodyServes({ name, queue }: MemoryJob): string {
  return (
    `Job '${name}' waits in queue '${queue}', which nobody serves: no handler names it, and it is not in \`queues\`. ` +
    'Give its handler the definition, or the queue.'
  );
}
