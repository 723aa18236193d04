import type { EntityManager } from 'typeorm';
import type { Duration } from './duration.interface.js';
import type { JobCodec } from './job-codec.interface.js';
import type { ClusterEventKind } from './job-event.interface.js';
import type { JobMiddleware } from './job-middleware.interface.js';
import type { RunOptions } from './job-definition.interface.js';

/** How long finished jobs are kept, by outcome; `'none'` deletes them at once. */
export interface RetentionOptions {
  /** @default '7d' */
  completed?: Duration | 'none' | 'forever';
  /** Abandoned and cancelled jobs. @default '30d' */
  abandoned?: Duration | 'none' | 'forever';
}

/** A token bucket: `burst` jobs at once, and `limit` more in each `per`, evenly. */
export interface RateOptions {
  limit: number;
  /** @default '1s' */
  per?: Duration;
  /** @default a tenth of `limit`, at least 1 */
  burst?: number;
}

export interface GroupOptions {
  /** Jobs of one group that all processes together run at once. With 1 they run strictly one after another: a retry comes before the next job. @default 1 */
  concurrency?: number;
  /** How many jobs of one group may start in a time. @default no limit */
  rate?: RateOptions;
}

export interface QueueOptions extends RunOptions {
  /** Jobs of this queue that one process runs at once. @default 10 */
  concurrency?: number;
  /** Jobs of this queue that all processes together run at once. @default no limit */
  globalConcurrency?: number;
  /** How many jobs of this queue may start in a time, over all processes. @default no limit */
  rate?: RateOptions;
  /** What every group of the queue's jobs may do; see `group` of `enqueue`. */
  groups?: GroupOptions;
  /** Delay of a `Retry()` that names none. @default '15s' */
  retryDelay?: Duration;
  /** Whether config row `<queue>_suspended` suspends this queue, beside the global row. @default true */
  perQueueSuspension?: boolean;
  /** How long finished jobs are kept; `'none'` keeps none. */
  retention?: RetentionOptions | 'none';
}

/** What a process does: everything, only enqueue and watch, or only run jobs. */
export type Role = 'all' | 'producer' | 'worker';

/** How the process learns of new work. */
export interface ListenOptions {
  /** A direct URL for the LISTEN connection, for example past PgBouncer. @default the data source's own */
  url?: string;
}

/**
 * Which enhancers that the application registered for everything (`APP_GUARD`, `useGlobalGuards` and the like) apply to
 * job handlers as well. Those that a handler or its class has of its own always apply, and so do global pipes, to
 * parameters with `@JobPayload()`.
 */
export interface EnhancerOptions {
  /** A global guard that wants a request refuses every job: see `isJobContext`. @default false */
  guards?: boolean;
  /** @default false */
  interceptors?: boolean;
  /** They are told of errors; what becomes of the job they do not decide. @default false */
  filters?: boolean;
}

/** Options of `NotifyQueueModule.forRoot`. Every one has a default; unknown keys are refused at boot. */
export interface NotifyQueueOptions {
  /** @default 'all' */
  role?: Role;
  /** `'manual'` runs no job until `jobQueue.start()`. @default 'bootstrap', when every module has started */
  autoStart?: 'bootstrap' | 'manual';
  /** Queues whose jobs this process runs, for processes that share one code base. @default all that it has handlers for, and all in `queues` */
  runQueues?: readonly string[];
  /** Queues by name. A queue that a handler or definition uses without being named here gets `defaults`. */
  queues?: Record<string, QueueOptions>;
  /** Defaults of every queue. */
  defaults?: QueueOptions;
  /** False refuses jobs for queues that are neither in `queues` nor used by a handler. @default true */
  allowUnknownQueues?: boolean;
  /** False polls instead of listening; an object gives the LISTEN connection its own URL. @default true */
  listen?: boolean | ListenOptions;
  /** How often the database is asked for work that no notification told of. @default '5s' */
  sweepInterval?: Duration;
  /** How long a process may be silent before its jobs run elsewhere. @default '15s' */
  lease?: Duration;
  /** How long running jobs may go on after the application was told to stop. @default '20s' */
  shutdownGrace?: Duration;
  /** How long finished jobs are kept, unless a queue says otherwise; `'none'` keeps none. */
  retention?: RetentionOptions | 'none';
  /** What to do about missing tables at boot: create them, refuse to start, or not look. @default 'check' */
  migrations?: 'run' | 'check' | 'none';
  /** Largest payload, result and progress value in bytes of JSON, 16777216 at most. @default 1048576 */
  maxPayloadSize?: number;
  /** A job is abandoned when so many of its runs ended with their process dying or losing its lease. @default 3 */
  maxCrashes?: number;
  /** What happens around each enqueue and each run, the first one outermost. @default none */
  middleware?: readonly JobMiddleware[];
  /** How payloads, results and progress are stored, such as `encryption()`. The same in every process. @default as JSON */
  codec?: JobCodec;
  /** Kinds of events that every process is told of, see `JobQueue.clusterEvents$`. @default none */
  clusterEvents?: readonly ClusterEventKind[];
  /** Which global guards, interceptors and filters apply to handlers. @default none */
  enhancers?: EnhancerOptions;
  /**
   * The transaction that a call without `manager` belongs to, for example from AsyncLocalStorage;
   * undefined when there is none.
   */
  resolveManager?: () => EntityManager | undefined;
}

/** Options that stand beside `useFactory` in `forRootAsync`, because entities and tokens are computed from them. */
export interface NotifyQueueExtras {
  /**
   * Tells several `forRoot` of one application apart, each with its own schema or data source: inject the other ones
   * with `@InjectJobQueue(name)`, and give their handlers and definitions `jobQueue: name`. @default 'default'
   */
  name?: string;
  /** Schema of the tables. @default 'notify_queue' */
  schema?: string;
  /** Name of the TypeORM data source. @default the default data source */
  dataSource?: string;
  /** Whether `JobQueue` and `JobConfigs` can be injected everywhere without importing the module. @default true */
  isGlobal?: boolean;
}
