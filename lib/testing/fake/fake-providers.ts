import type { FactoryProvider } from '@nestjs/common';
import { HandlerRegistry } from '../../handler-registry.js';
import { BATCHER, CLUSTER_EVENTS, CONFIG_FEED, EVENTS, LOG, RESOLVED_OPTIONS, RUNTIME, STORES } from '../../notify-queue.constants.js';
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
      inject: [RESOLVED_OPTIONS, STORES, CONFIG_FEED, HandlerRegistry, ProcessorExplorer, EVENTS, CLUSTER_EVENTS, LOG],
      useFactory: (
        options: ResolvedOptions,
        stores: MemoryStores,
        feed: ConfigFeed,
        handlers: HandlerRegistry,
        explorer: ProcessorExplorer,
        events: JobEvents,
        clusterEvents: ClusterEvents,
        log: Log,
      ) => new TestRuntime(mode, options, stores, feed, handlers, explorer, events, clusterEvents, log),
    },
    { provide: BATCHER, inject: [RUNTIME], useFactory: (runtime: TestRuntime) => runtime.batcher },
  ];
}
