import type { Enqueuer } from './enqueuer.js';
import type { JobQueueStats, SchemaVersion } from './interfaces/job-queue-stats.interface.js';
import type { BulkStore, JobStore } from './interfaces/ports/index.js';
import type { JobConfigs } from './job-configs.js';
import type { NewJobs } from './new-jobs.js';
import type { ResolvedOptions } from './notify-queue.options.js';
import type { ClusterEvents } from './runtime/cluster-events.js';
import type { JobEvents } from './runtime/job-events.js';
import type { SignalHub } from './runtime/signal-hub.js';

/** What `JobQueue` is made of; the providers put it together. */
export interface JobQueueParts {
  readonly options: ResolvedOptions;
  readonly store: JobStore;
  readonly bulk: BulkStore;
  readonly configs: JobConfigs;
  readonly enqueuer: Enqueuer;
  readonly events: JobEvents;
  readonly clusterEvents: ClusterEvents;
  readonly signals: SignalHub;
  readonly newJobs: NewJobs;
  readonly schemaVersion: () => Promise<SchemaVersion>;
  readonly stats: () => JobQueueStats;
  readonly start: () => Promise<void>;
}
