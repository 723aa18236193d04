/** Injection tokens of the module's own parts. */
export const RESOLVED_OPTIONS = Symbol('NotifyQueue:ResolvedOptions');
export const STORES = Symbol('NotifyQueue:Stores');
export const CONFIG_FEED = Symbol('NotifyQueue:ConfigFeed');
export const RUNTIME = Symbol('NotifyQueue:Runtime');
export const BATCHER = Symbol('NotifyQueue:EnqueueBatcher');
export const EVENTS = Symbol('NotifyQueue:JobEvents');
export const CLUSTER_EVENTS = Symbol('NotifyQueue:ClusterEvents');
export const DATA_SOURCE_TOKEN = Symbol('NotifyQueue:DataSourceToken');
export const LOG = Symbol('NotifyQueue:Log');

/** The name of a `forRoot` that has none. */
export const DEFAULT_NAME = 'default';
/** Provider that tells the name of a `forRoot`; a registered symbol, so that two copies of this package see each other. */
export const MODULE_NAME = Symbol.for('nestjs-notify-queue:name');

/** Key of the config row that suspends every queue. */
export const SUSPENDED_KEY = 'suspended';
/** The queue of jobs that name none. */
export const DEFAULT_QUEUE = 'default';
