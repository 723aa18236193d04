import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { DuplicateModuleError } from './errors/configuration.errors.js';
import { type FoundHandler, HandlerRegistry } from './handler-registry.js';
import type { Log } from './interfaces/ports/index.js';
import { BATCHER, LOG, MODULE_NAME, RESOLVED_OPTIONS, RUNTIME, STORES } from './notify-queue.constants.js';
import { handlerMapped, noShutdownHooks, twoModules } from './notify-queue.messages.js';
import { queueOptionsOf, type ResolvedOptions } from './notify-queue.options.js';
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
  private readonly names: readonly string[];

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    @Inject(STORES) private readonly stores: Stores,
    @Inject(RUNTIME) private readonly runtime: NotifyQueueRuntime,
    @Inject(BATCHER) private readonly batcher: EnqueueBatcher,
    @Inject(LOG) private readonly log: Log,
    private readonly handlers: HandlerRegistry,
    private readonly explorer: ProcessorExplorer,
    private readonly closer: ConnectionCloser,
    modules: ModulesContainer,
  ) {
    this.names = startLastAndStopFirst(modules);
  }

  async onModuleInit(): Promise<void> {
    try {
      this.explorer.checkJobQueues(this.names);
      const queues = [this.options.defaults, ...this.options.queues.values()];
      for (const settings of [...queues, ...this.handlers.all().map((handler) => handler.settings)]) {
        this.explorer.checkModes(settings);
      }
    } catch (error) {
      // Nest calls no hook of an application that does not start.
      await this.stores.close();
      throw error;
    }
    this.runtime.start(this.ownHandlers().length > 0);
    this.closer.add(() => this.close());
  }

  async onApplicationBootstrap(): Promise<void> {
    const found = this.ownHandlers();
    if (found.length === 0) return;
    for (const { name, queue, method } of found) {
      this.log.log(handlerMapped(name, queue, queueOptionsOf(this.options, queue).concurrency, method));
    }
    await this.runtime.startEngine(this.handlers, this.explorer);
    setTimeout(() => this.checkShutdownHooks(), SHUTDOWN_HOOKS_GRACE_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    await this.runtime.stopEngine();
  }

  /** The handlers whose jobs this process runs. */
  private ownHandlers(): FoundHandler[] {
    return this.options.role === 'producer' ? [] : this.handlers.all();
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
 *
 * @returns the names of all `forRoot`
 * @throws DuplicateModuleError
 */
function startLastAndStopFirst(modules: ModulesContainer): string[] {
  const ours = [...modules.values()].filter(({ providers }) => providers.has(MODULE_NAME));
  const names = ours.map(({ providers }) => providers.get(MODULE_NAME)?.instance as string);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new DuplicateModuleError(twoModules(twice));
  for (const module of ours) module.distance = -1;
  return names;
}
