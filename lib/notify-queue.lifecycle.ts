import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { HandlerRegistry } from './handler-registry.js';
import type { Log } from './interfaces/ports/index.js';
import { BATCHER, LOG, RESOLVED_OPTIONS, RUNTIME, STORES } from './notify-queue.constants.js';
import { noShutdownHooks, smallPool } from './notify-queue.messages.js';
import { namesOf, queueModules } from './notify-queue.siblings.js';
import { queueOptionsOf, runsQueue, type ResolvedOptions } from './notify-queue.options.js';
import type { NotifyQueueRuntime } from './notify-queue.runtime.js';
import { ConnectionCloser } from './connection-closer.module.js';
import { ProcessorExplorer } from './processor.explorer.js';
import type { EnqueueBatcher } from './runtime/enqueue-batcher.js';
import type { Stores } from './store/index.js';

/** `createApplicationContext` has run all hooks before anybody can call `enableShutdownHooks()`. */
const SHUTDOWN_HOOKS_GRACE_MS = 10_000;

/**
 * The class with Nest's lifecycle hooks, but for the last one, which is `ConnectionCloser`'s. Jobs start after every other module has finished its
 * bootstrap, and are drained before any other module is destroyed; `enqueue` works until the connections close.
 */
@Injectable()
export class NotifyQueueLifecycle implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    @Inject(STORES) private readonly stores: Stores,
    @Inject(RUNTIME) private readonly runtime: NotifyQueueRuntime,
    @Inject(BATCHER) private readonly batcher: EnqueueBatcher,
    @Inject(LOG) private readonly log: Log,
    private readonly handlers: HandlerRegistry,
    private readonly explorer: ProcessorExplorer,
    private readonly closer: ConnectionCloser,
    private readonly modules: ModulesContainer,
  ) {
    startLastAndStopFirst(modules);
  }

  async onModuleInit(): Promise<void> {
    try {
      this.explorer.checkJobQueues(namesOf(this.modules));
      const queues = [this.options.defaults, ...this.options.queues.values()];
      for (const settings of [...queues, ...this.handlers.all().map((handler) => handler.settings)]) {
        this.explorer.checkModes(settings);
      }
    } catch (error) {
      // Nest calls no hook of an application that does not start.
      await this.stores.close();
      throw error;
    }
    this.checkPool();
    this.runtime.start();
    this.closer.add(() => this.close());
  }

  async onApplicationBootstrap(): Promise<void> {
    if (this.options.autoStart === 'bootstrap') await this.runtime.startEngine();
    if (this.options.role !== 'producer' && this.handlers.all().length > 0) setTimeout(() => this.checkShutdownHooks(), SHUTDOWN_HOOKS_GRACE_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    await this.runtime.stopEngine();
  }

  /** A handler that waits for a connection looks like a slow one. */
  private checkPool(): void {
    if (this.options.role === 'producer') return;
    const { poolSize } = this.stores.transactions;
    const transactional = this.handlers.all().filter((handler) => handler.transactional && runsQueue(this.options, handler.queue));
    for (const queue of new Set(transactional.map((handler) => handler.queue))) {
      const { concurrency } = queueOptionsOf(this.options, queue);
      if (concurrency > poolSize) this.log.warn(smallPool(queue, concurrency, poolSize), { queue, concurrency, poolSize });
    }
  }

  private checkShutdownHooks(): void {
    if (process.env['NODE_ENV'] === 'production' && process.listenerCount('SIGTERM') === 0) this.log.warn(noShutdownHooks());
  }

  private async close(): Promise<void> {
    await this.batcher.drain();
    await this.runtime.stop();
    await this.stores.close();
    // Whoever still waits for a job is told, by what its next look meets.
    this.runtime.signals.signalAll();
  }
}

/**
 * Nest calls hooks by a module's distance from the root: the farthest starts first and stops last,
 * and a global module counts as farthest of all. Job handlers need the opposite: everything they may
 * use must be ready before the first job and still there for the last one.
 */
function startLastAndStopFirst(modules: ModulesContainer): void {
  for (const module of queueModules(modules)) module.distance = -1;
}
