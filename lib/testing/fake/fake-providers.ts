import type { FactoryProvider, InjectionToken } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import type { DataSource } from 'typeorm';
import { HandlerRegistry } from '../../handler-registry.js';
import { BATCHER, CLUSTER_EVENTS, CONFIG_FEED, DATA_SOURCE_TOKEN, EVENTS, LOG, RESOLVED_OPTIONS, RUNTIME, STORES } from '../../notify-queue.constants.js';
import type { ResolvedOptions } from '../../notify-queue.options.js';
import { ProcessorExplorer } from '../../processor.explorer.js';
import type { ClusterEvents } from '../../runtime/cluster-events.js';
import type { ConfigFeed } from '../../runtime/config-feed.js';
import type { JobEvents } from '../../runtime/job-events.js';
import type { Log } from '../../interfaces/ports/index.js';
import type { TestMode } from '../testing-options.js';
import { MemoryStores } from './memory-stores.js';
import { TestRuntime } from './test-runtime.js';

/** What stands in the place of the database, the listener and the engine. All else of the module is the real thing. */
export function fakeProviders(mode: TestMode): FactoryProvider[] {
  return [
    { provide: STORES, useFactory: () => new MemoryStores() },
    {
      provide: RUNTIME,
      inject: [RESOLVED_OPTIONS, STORES, CONFIG_FEED, HandlerRegistry, ProcessorExplorer, EVENTS, CLUSTER_EVENTS, LOG, ModuleRef, DATA_SOURCE_TOKEN],
      useFactory: (
        options: ResolvedOptions,
        stores: MemoryStores,
        feed: ConfigFeed,
        handlers: HandlerRegistry,
        explorer: ProcessorExplorer,
        events: JobEvents,
        clusterEvents: ClusterEvents,
        log: Log,
        modules: ModuleRef,
        token: InjectionToken,
      ) => new TestRuntime(mode, options, stores, feed, handlers, explorer, events, clusterEvents, log, () => find(modules, token)),
    },
    { provide: BATCHER, inject: [RUNTIME], useFactory: (runtime: TestRuntime) => runtime.batcher },
  ];
}

/** A test of single modules may have no data source. */
function find(modules: ModuleRef, token: InjectionToken): DataSource | undefined {
  try {
    return modules.get<DataSource>(token as string, { strict: false });
  } catch {
    return undefined;
  }
}
