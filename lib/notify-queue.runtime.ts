import { hostname } from 'node:os';
import { newId } from './core/new-id.js';
import { channelsOf } from './core/schema-name.js';
import type { FoundHandler, HandlerRegistry } from './handler-registry.js';
import type { JobQueueStats } from './interfaces/job-queue-stats.interface.js';
import type { Job, JobLog } from './interfaces/job.interface.js';
import type { Log, NewJob } from './interfaces/ports/index.js';
import { Listener } from './listener/listener.js';
import { badSuspension, handlerMapped, noneToRun } from './notify-queue.messages.js';
import { queueOptionsOf, retentionsOf, runsQueue, suspensionKeysOf, type ResolvedOptions } from './notify-queue.options.js';
import { ConfiguredQueues } from './queue-settings.js';
import type { ProcessorExplorer } from './processor.explorer.js';
import type { ClusterEvents } from './runtime/cluster-events.js';
import type { ConfigFeed } from './runtime/config-feed.js';
import { createEngine } from './runtime/create-engine.js';
import type { HandOver } from './runtime/enqueue-batcher.js';
import type { Engine } from './runtime/engine.js';
import type { JobEvents } from './runtime/job-events.js';
import { SignalHub } from './runtime/signal-hub.js';
import type { Stores } from './store/index.js';
import { VERSION } from './version.js';

const POLL_INTERVAL_MS = 1_000;

/**
 * The moving parts of one process: the listener, the configuration feed and, where handlers are,
 * the engine that runs them. Started and stopped by the lifecycle class only.
 */
export class NotifyQueueRuntime {
  readonly signals = new SignalHub();
  private readonly listener: Listener | undefined;
  private readonly lastGood = new Map<string, boolean>();
  /** The last values of suspension rows, so that a bad one is reported once. */
  private readonly reported = new Map<string, string>();
  private readonly configured: ConfiguredQueues;
  private engine: Engine | undefined;
  private started: Promise<void> | undefined;
  private pollTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly options: ResolvedOptions,
    private readonly stores: Stores,
    private readonly feed: ConfigFeed,
    private readonly handlers: HandlerRegistry,
    private readonly explorer: ProcessorExplorer,
    private readonly events: JobEvents,
    private readonly clusterEvents: ClusterEvents,
    private readonly log: Log,
  ) {
    this.configured = new ConfiguredQueues(options, log);
    if (!options.listen) return;
    const connection = options.listenUrl ? { connectionString: options.listenUrl, connectionTimeoutMillis: 5_000, keepAlive: true } : stores.connection;
    this.listener = new Listener(
      {
        connection,
        channels: channelsOf(options.schema),
        heartbeatMs: Math.min(5_000, options.leaseMs / 3),
        heartbeatTimeoutMs: Math.min(3_000, options.leaseMs / 3),
      },
      {
        onWork: (queue) => this.engine?.parts.sweeper.workCameIn(queue),
        onConfig: (key) => void this.feed.refresh(key === '' ? undefined : [key]),
        onSignal: (jobId) => this.signalled(jobId),
        onEvents: (payload) => this.clusterEvents.receive(payload),
        onUp: (direct) => this.catchUp(direct),
        onDown: () => this.startPolling(),
      },
      log,
    );
  }

  /** A runner of this process that takes these new jobs at once. */
  takeOver(jobs: readonly NewJob[]): HandOver | undefined {
    return this.engine?.takeOver(jobs);
  }

  get listening(): boolean {
    return this.listener?.listening ?? false;
  }

  stats(): Omit<JobQueueStats, 'enqueueCalls' | 'enqueueInserts'> {
    const { listener } = this;
    const { runners, sweeper } = this.engine?.parts ?? { runners: [], sweeper: undefined };
    return {
      listening: this.listening,
      notListeningMs: listener ? listener.downMs : null,
      listenerReconnects: listener?.reconnects ?? 0,
      notifications: listener?.notifications ?? 0,
      wakes: runners.reduce((sum, { wakes }) => sum + wakes, 0),
      reserves: runners.reduce((sum, { intake }) => sum + intake.pace.reserves, 0),
      sweepAgeMs: sweeper?.ageMs ?? null,
      sweepIntervalMs: this.options.sweepIntervalMs,
    };
  }

  /** Begins to listen. */
  start(): void {
    this.feed.config$.subscribe((snapshot) => this.configure(snapshot));
    this.listener?.start(this.runHandlers().length > 0);
    this.pollConfigs();
  }

  /** Begins to run jobs, where there are handlers for any; once, unless it failed. @throws DatabaseUnavailableError */
  async startEngine(): Promise<void> {
    try {
      await (this.started ??= this.runEngine());
    } catch (error) {
      this.started = undefined;
      throw error;
    }
  }

  async stopEngine(): Promise<void> {
    await this.engine?.stop(this.options.shutdownGraceMs);
  }

  async stop(): Promise<void> {
    clearTimeout(this.pollTimer);
    await this.clusterEvents.stop();
    await this.listener?.stop();
    this.feed.stop();
  }

  /** Notifications may have been missed: look at everything. */
  private catchUp(direct: boolean): void {
    // With a URL of its own, the listener knows nothing of the data source's connections.
    if (direct && this.options.listenUrl === undefined) this.stores.trustSessions();
    void this.feed.refresh();
    this.signals.signalAll();
    void this.engine?.parts.sweeper.sweep();
    this.engine?.wakeAll();
  }

  private startPolling(): void {
    this.pollConfigs();
    void this.engine?.parts.sweeper.sweep();
  }

  private signalled(jobId: string): void {
    this.signals.signal(jobId);
    this.engine?.parts.patrol.signal(jobId);
  }

  private pollConfigs(): void {
    clearTimeout(this.pollTimer);
    const intervalMs = this.listening ? 60_000 : Math.min(POLL_INTERVAL_MS, this.options.sweepIntervalMs);
    this.pollTimer = setTimeout(() => {
      void this.feed.refresh();
      this.pollConfigs();
    }, intervalMs);
    this.pollTimer.unref();
  }

  /** What the rows say of the queues that run here, from now on. */
  private configure(snapshot: ReadonlyMap<string, string>): void {
    this.readSuspensions(snapshot);
    const { runners = [], sweeper, history } = this.engine?.parts ?? {};
    const changed = this.configured.apply(snapshot, runners.map(({ queue }) => queue));
    history?.keep(retentionsOf(this.options, changed.map((queue) => this.configured.of(queue).keepMs)));
    void sweeper?.limitsChanged(changed);
  }

  private readSuspensions(snapshot: ReadonlyMap<string, string>): void {
    const before = new Map(this.lastGood);
    for (const key of this.suspensionKeys()) {
      const value = snapshot.get(key);
      if (value === undefined || value === 'false') this.lastGood.set(key, false);
      else if (value === 'true') this.lastGood.set(key, true);
      else if (this.reported.get(key) !== value) this.log.error(badSuspension(key, value), { key });
      if (value !== undefined) this.reported.set(key, value);
    }
    const changed = [...this.lastGood].some(([key, suspended]) => before.get(key) !== suspended);
    if (changed) this.engine?.wakeAll();
  }

  private suspensionKeys(): Set<string> {
    const queues = this.engine?.parts.runners.map((runner) => runner.queue) ?? [...this.options.queues.keys()];
    return new Set(queues.flatMap((queue) => suspensionKeysOf(this.options, queue)));
  }

  /** The handlers whose jobs this process runs. */
  private runHandlers(): FoundHandler[] {
    return this.options.role === 'producer' ? [] : this.handlers.all().filter(({ queue }) => runsQueue(this.options, queue));
  }

  private async runEngine(): Promise<void> {
    const found = this.runHandlers();
    if (found.length === 0) return this.tellOfNone();
    for (const { name, queue, method, batch } of found) {
      const { concurrency } = queueOptionsOf(this.options, queue);
      this.log.log(handlerMapped(name, queue, concurrency, method, batch?.size), { job: name, queue, concurrency, handler: method });
    }
    await this.buildEngine().start();
  }

  /** A misspelt queue would look like a worker that has nothing to do. */
  private tellOfNone(): void {
    const { runQueues, role } = this.options;
    if (role === 'producer' || !runQueues?.size) return;
    this.log.warn(noneToRun([...runQueues], this.handlers.all().map(({ queue }) => queue)));
  }

  private buildEngine(): Engine {
    const { options, stores, handlers, explorer, log } = this;
    const served = [...options.queues.keys(), ...handlers.all().map((handler) => handler.queue)];
    const queues = new Set(served.filter((queue) => runsQueue(options, queue)));
    const engine = createEngine({
      reservations: stores.reservations,
      instances: stores.instances,
      transactions: stores.transactions,
      handlers,
      queues: [...queues].map((queue) => ({ queue, maxCrashes: options.maxCrashes, suspensionKeys: suspensionKeysOf(options, queue) })),
      instance: { host: hostname(), pid: process.pid, version: VERSION, queues: [...queues] },
      newId,
      leaseMs: options.leaseMs,
      queryTimeoutMs: options.queryTimeoutMs,
      sweepIntervalMs: options.sweepIntervalMs,
      pollIntervalMs: POLL_INTERVAL_MS,
      maxPayloadSize: options.maxPayloadSize,
      codec: options.codec,
      rescue: {
        maxCrashes: options.maxCrashes,
        keepMs: new Map([...options.queues].map(([name, queue]) => [name, queue.keepAbandonedMs])),
        defaultKeepMs: options.defaults.keepAbandonedMs,
      },
      retentionsMs: retentionsOf(options),
      askCustomMode: (className, failure) => explorer.findFailureHandler(className).handleFailure(failure),
      tellCustomMode: (className, success) => explorer.findSuccessHandler(className).handleSuccess(success),
      isSuspended: (queue) => suspensionKeysOf(options, queue).some((key) => this.lastGood.get(key)),
      settingsOf: (queue) => this.configured.of(queue),
      events: this.events,
      isListening: () => this.listening,
      log,
      logOf: (job) => jobLog(log, job),
    });
    this.engine = engine;
    this.configure(this.feed.current);
    return engine;
  }
}

export function jobLog(log: Log, { id, name, queue, attempt }: Pick<Job, 'id' | 'name' | 'queue' | 'attempt'>): JobLog {
  const params = { jobId: id, job: name, queue, attempt };
  return {
    log: (message) => log.log(message, params),
    warn: (message) => log.warn(message, params),
    error: (message) => log.error(message, params),
    debug: (message) => log.debug(message, params),
  };
}
