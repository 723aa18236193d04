import { hostname } from 'node:os';
import { Logger, type Provider } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { ConnectionCloser } from './connection-closer.module.js';
import { decodedJobs } from './decoded-jobs.js';
import { Enqueuer } from './enqueuer.js';
import { EntitiesNotRegisteredError } from './errors/configuration.errors.js';
import { HandlerRegistry } from './handler-registry.js';
import type { NotifyQueueExtras, NotifyQueueOptions } from './interfaces/module-options.interface.js';
import type { Log } from './interfaces/ports/index.js';
import { JobConfigs } from './job-configs.js';
import { HandlerInvoker } from './job-context/handler-invoker.js';
import { attachAll } from './job-context/middleware.js';
import { JobQueue } from './job-queue.js';
import { getJobConfigsToken, getJobQueueToken } from './job-queue.tokens.js';
import { NewJobs } from './new-jobs.js';
import { BATCHER, CLUSTER_EVENTS, CONFIG_FEED, DATA_SOURCE_TOKEN, DEFAULT_NAME, EVENTS, LOG, MODULE_NAME, RESOLVED_OPTIONS, RUNTIME, STORES } from './notify-queue.constants.js';
import { NotifyQueueLifecycle } from './notify-queue.lifecycle.js';
import { entitiesMissing } from './notify-queue.messages.js';
import { MODULE_OPTIONS_TOKEN } from './notify-queue.module-definition.js';
import { resolveOptions, type ResolvedOptions } from './notify-queue.options.js';
import { namesOf } from './notify-queue.siblings.js';
import { NotifyQueueRuntime } from './notify-queue.runtime.js';
import { ProcessorExplorer } from './processor.explorer.js';
import { ClusterEvents } from './runtime/cluster-events.js';
import { ConfigFeed } from './runtime/config-feed.js';
import { JobEvents } from './runtime/job-events.js';
import { EnqueueBatcher } from './runtime/enqueue-batcher.js';
import { queueEntities, Stores } from './store/index.js';

/** The composition root: the one place that names adapters. */
export function createProviders({ name = DEFAULT_NAME, dataSource, schema }: NotifyQueueExtras): Provider[] {
  return [
    { provide: MODULE_NAME, useValue: name },
    { provide: DATA_SOURCE_TOKEN, useValue: getDataSourceToken(dataSource) },
    HandlerInvoker,
    ProcessorExplorer,
    NotifyQueueLifecycle,
    { provide: LOG, useFactory: () => createLog(name) },
    {
      provide: RESOLVED_OPTIONS,
      inject: [MODULE_OPTIONS_TOKEN, ModulesContainer],
      useFactory: (raw: NotifyQueueOptions, modules: ModulesContainer) => {
        namesOf(modules);
        return resolveOptions(raw, schema, name);
      },
    },
    {
      provide: STORES,
      inject: [RESOLVED_OPTIONS, getDataSourceToken(dataSource), LOG],
      useFactory: (options: ResolvedOptions, source: DataSource, log: Log) => openStores(options, source, dataSource, log),
    },
    {
      provide: HandlerRegistry,
      inject: [RESOLVED_OPTIONS, ProcessorExplorer],
      useFactory: (options: ResolvedOptions, explorer: ProcessorExplorer) =>
        new HandlerRegistry(options, () => explorer.findHandlers(options.name)),
    },
    { provide: EVENTS, inject: [RESOLVED_OPTIONS, LOG], useFactory: createEvents },
    {
      provide: CLUSTER_EVENTS,
      inject: [RESOLVED_OPTIONS, STORES, EVENTS, LOG],
      useFactory: ({ clusterEvents }: ResolvedOptions, stores: Stores, events: JobEvents, log: Log) =>
        new ClusterEvents(stores.events, clusterEvents, events, { host: hostname(), pid: process.pid }, log),
    },
    { provide: CONFIG_FEED, inject: [STORES, LOG], useFactory: openFeed },
    {
      provide: RUNTIME,
      inject: [RESOLVED_OPTIONS, STORES, CONFIG_FEED, HandlerRegistry, ProcessorExplorer, EVENTS, CLUSTER_EVENTS, LOG],
      useFactory: (...parts: ConstructorParameters<typeof NotifyQueueRuntime>) => new NotifyQueueRuntime(...parts),
    },
    {
      provide: BATCHER,
      inject: [STORES, RUNTIME],
      useFactory: (stores: Stores, runtime: NotifyQueueRuntime) =>
        new EnqueueBatcher(stores.reservations, (jobs) => runtime.takeOver(jobs)),
    },
    {
      provide: getJobConfigsToken(name),
      inject: [STORES, CONFIG_FEED, LOG],
      useFactory: (stores: Stores, feed: ConfigFeed, log: Log) => new JobConfigs(stores.configs, feed, log),
    },
    {
      provide: getJobQueueToken(name),
      inject: [RESOLVED_OPTIONS, STORES, getJobConfigsToken(name), BATCHER, RUNTIME, HandlerRegistry, EVENTS, CLUSTER_EVENTS, ConnectionCloser],
      useFactory: (
        options: ResolvedOptions,
        stores: Stores,
        configs: JobConfigs,
        batcher: EnqueueBatcher,
        runtime: NotifyQueueRuntime,
        handlers: HandlerRegistry,
        events: JobEvents,
        clusterEvents: ClusterEvents,
        closer: ConnectionCloser,
      ) => {
        const newJobs = new NewJobs(options, handlers);
        const jobQueue = new JobQueue({
          options,
          enqueuer: new Enqueuer(options, newJobs, stores.reservations, batcher, events),
          store: options.codec ? decodedJobs(stores.jobs, options.codec) : stores.jobs,
          bulk: stores.bulk,
          configs,
          events,
          clusterEvents,
          signals: runtime.signals,
          newJobs,
          schemaVersion: () => stores.schemaVersion(),
          stats: () => ({ ...runtime.stats(), enqueueCalls: batcher.calls, enqueueInserts: batcher.inserts }),
          start: () => runtime.startEngine(),
        });
        return attach(jobQueue, options, stores, closer);
      },
    },
  ];
}

async function openStores(options: ResolvedOptions, source: DataSource, name: string | undefined, log: Log): Promise<Stores> {
  // Entities have one name in every schema, so `hasMetadata` would also find those of another one.
  const entity = queueEntities(options.schema).Job.options.name;
  const registered = source.entityMetadatas.some((one) => one.name === entity && one.schema === options.schema);
  // A data source that the application initializes later knows no entities yet; the queue needs its options only.
  if (source.isInitialized && !registered) {
    throw new EntitiesNotRegisteredError(entitiesMissing(name ? `data source '${name}'` : 'the default data source', options.schema));
  }
  return Stores.open(
    source,
    {
      schema: options.schema,
      migrations: options.migrations,
      queryTimeoutMs: options.queryTimeoutMs,
    },
    log,
  );
}

/** Read before anything is injected, so that whoever subscribes has the current values at once. */
async function openFeed(stores: Stores, log: Log): Promise<ConfigFeed> {
  const feed = new ConfigFeed(stores.configs, log);
  try {
    await feed.refresh();
  } catch (error) {
    await stores.close();
    throw error;
  }
  return feed;
}

/** What fails here stops the boot, and Nest calls no hook of an application that does not start. */
async function attach(jobQueue: JobQueue, options: ResolvedOptions, stores: Stores, closer: ConnectionCloser): Promise<JobQueue> {
  try {
    const end = attachAll(options.middleware, jobQueue);
    closer.add(async () => end());
    return jobQueue;
  } catch (error) {
    await stores.close();
    throw error;
  }
}

function createEvents({ middleware }: ResolvedOptions, log: Log): JobEvents {
  const events = new JobEvents(log);
  for (const one of middleware) if (one.event) events.listen((event) => one.event!(event));
  return events;
}

function createLog(name: string): Log {
  const logger = new Logger(name === DEFAULT_NAME ? 'NotifyQueue' : `NotifyQueue:${name}`);
  return {
    debug: (message, params) => logger.debug(message, ...(params ? [params] : [])),
    log: (message, params) => logger.log(message, ...(params ? [params] : [])),
    warn: (message, params) => logger.warn(message, ...(params ? [params] : [])),
    error: (message, params) => logger.error(message, ...(params ? [params] : [])),
  };
}
