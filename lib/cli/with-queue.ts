import { Enqueuer } from '../enqueuer.js';
import { HandlerRegistry } from '../handler-registry.js';
import type { Log } from '../interfaces/ports/index.js';
import { JobConfigs } from '../job-configs.js';
import { JobQueue } from '../job-queue.js';
import { NewJobs } from '../new-jobs.js';
import { resolveOptions } from '../notify-queue.options.js';
import { ClusterEvents } from '../runtime/cluster-events.js';
import { ConfigFeed } from '../runtime/config-feed.js';
import { EnqueueBatcher } from '../runtime/enqueue-batcher.js';
import { JobEvents } from '../runtime/job-events.js';
import { SignalHub } from '../runtime/signal-hub.js';
import type { Database } from '../store/database.js';
import { createStores } from '../store/index.js';
import { LATEST_VERSION, prepareSchema } from '../store/migrator.js';
import { CliError } from './cli-error.js';
import type { DatabaseOptions } from './options.js';
import { withDatabase } from './with-database.js';

/** What commands work with: the same classes that applications inject. */
export interface Queue {
  readonly jobs: JobQueue;
  readonly configs: JobConfigs;
  readonly database: Database;
}

const SILENT: Log = { debug() {}, log() {}, warn() {}, error() {} };

const NOTHING_COUNTED = {
  listening: false,
  notListeningMs: null,
  listenerReconnects: 0,
  notifications: 0,
  wakes: 0,
  reserves: 0,
  enqueueCalls: 0,
  enqueueInserts: 0,
  sweepAgeMs: null,
};

/** Lends a queue that runs no jobs and does not listen. @throws CliError, MigrationsPendingError, SchemaTooNewError */
export function withQueue<T>({ url, schema }: DatabaseOptions, work: (queue: Queue) => Promise<T>): Promise<T> {
  return withDatabase(url, async (database) => {
    await prepareSchema(database, schema, 'check');
    return work(createQueue(database, schema));
  });
}

function createQueue(database: Database, schema: string): Queue {
  const options = resolveOptions({ role: 'producer', listen: false }, schema);
  const stores = createStores(database, schema);
  const feed = new ConfigFeed(stores.configs, SILENT);
  const configs = new JobConfigs(stores.configs, feed, SILENT);
  const events = new JobEvents(SILENT);
  const newJobs = new NewJobs(options, new HandlerRegistry(options, () => []));
  const jobs = new JobQueue({
    options,
    store: stores.jobs,
    bulk: stores.bulk,
    configs,
    enqueuer: new Enqueuer(options, newJobs, stores.reservations, new EnqueueBatcher(stores.reservations), events),
    events,
    clusterEvents: new ClusterEvents(stores.events, [], events, { host: '', pid: process.pid }, SILENT),
    signals: new SignalHub(),
    newJobs,
    schemaVersion: async () => ({ applied: LATEST_VERSION, expected: LATEST_VERSION }),
    stats: () => ({ ...NOTHING_COUNTED, sweepIntervalMs: options.sweepIntervalMs }),
    start: () => Promise.reject(new CliError('The command line runs no jobs.')),
  });
  return { jobs, configs, database };
}
