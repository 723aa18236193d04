import { describe } from './errors/configuration.errors.js';
import { InvalidArgumentError } from './errors/enqueue.errors.js';
import { assertName, isName, NAME_EXPECTED } from './core/names.js';
import { OptionReader } from './core/option-reader.js';
import { CLUSTER_EVENT_KINDS } from './core/event-kinds.js';
import { peek } from './core/peek.js';
import { assertSchemaName, DEFAULT_SCHEMA } from './core/schema-name.js';
import type { NotifyQueueOptions, Role } from './interfaces/module-options.interface.js';
import type { GlobalEnhancers } from './job-context/global-enhancers.js';
import type { KeepMs } from './interfaces/ports/index.js';
import type { JobCodec } from './interfaces/job-codec.interface.js';
import type { ClusterEventKind } from './interfaces/job-event.interface.js';
import type { JobMiddleware } from './interfaces/job-middleware.interface.js';
import { DEFAULT_NAME, SUSPENDED_KEY } from './notify-queue.constants.js';
import { BUILT_IN, readQueueOptions, readQueues, readRetention, type ResolvedQueue } from './queue-options.js';

export type { ResolvedQueue } from './queue-options.js';

/** Options of the module: resolved, checked and frozen once. Nothing else reads the raw ones. */
export interface ResolvedOptions {
  /** Of this `forRoot`, among several. */
  readonly name: string;
  readonly schema: string;
  readonly role: Role;
  readonly autoStart: 'bootstrap' | 'manual';
  /** Undefined: all. */
  readonly runQueues: ReadonlySet<string> | undefined;
  readonly queues: ReadonlyMap<string, ResolvedQueue>;
  readonly defaults: ResolvedQueue;
  readonly allowUnknownQueues: boolean;
  readonly listen: boolean;
  readonly listenUrl: string | undefined;
  readonly sweepIntervalMs: number;
  readonly leaseMs: number;
  /** A statement that takes longer is given up, on both sides. */
  readonly queryTimeoutMs: number;
  readonly shutdownGraceMs: number;
  readonly migrations: 'run' | 'check' | 'none';
  readonly maxPayloadSize: number;
  readonly maxCrashes: number;
  readonly middleware: readonly JobMiddleware[];
  readonly codec: JobCodec | undefined;
  readonly clusterEvents: readonly ClusterEventKind[];
  readonly enhancers: GlobalEnhancers;
  readonly resolveManager: NotifyQueueOptions['resolveManager'];
}

const HOUR_MS = 3_600_000;
/** Of 34 MB of JSON, PostgreSQL could not allocate the list that it made of it; 16 MB it reads well within a statement's time. */
const MAX_PAYLOAD_SIZE = 16 * 1_048_576;
const DAY_MS = 24 * HOUR_MS;

/** @throws InvalidOptionError naming the option, its value and what was expected */
export function resolveOptions(
  raw: NotifyQueueOptions = {},
  schema: unknown = DEFAULT_SCHEMA,
  name: string = DEFAULT_NAME,
): ResolvedOptions {
  assertSchemaName(schema);
  const reader = new OptionReader(raw, '');
  const retained = { ...BUILT_IN, ...readRetention(reader, BUILT_IN) };
  const defaults = readQueueOptions(reader.raw('defaults') ?? {}, 'defaults', retained);
  const listen = reader.raw('listen') ?? true;
  const leaseMs = reader.duration('lease', 15_000, 500, HOUR_MS);
  const resolved: ResolvedOptions = {
    name,
    schema,
    role: reader.oneOf('role', 'all', ['all', 'producer', 'worker']),
    autoStart: reader.oneOf('autoStart', 'bootstrap', ['bootstrap', 'manual']),
    runQueues: reader.value('runQueues', undefined, `an array of queue names, each ${NAME_EXPECTED}`, (value) =>
      Array.isArray(value) && value.every(isName) ? new Set(value) : undefined,
    ),
    queues: readQueues(reader.raw('queues') ?? {}, defaults),
    defaults,
    allowUnknownQueues: reader.boolean('allowUnknownQueues', true),
    listen: listen !== false,
    listenUrl: readListenUrl(listen),
    sweepIntervalMs: reader.duration('sweepInterval', 5_000, 10, HOUR_MS),
    leaseMs,
    queryTimeoutMs: Math.max(1_000, Math.min(10_000, (leaseMs * 2) / 3)),
    shutdownGraceMs: reader.duration('shutdownGrace', 20_000, 0, DAY_MS),
    migrations: reader.oneOf('migrations', 'check', ['run', 'check', 'none']),
    maxPayloadSize: reader.integer('maxPayloadSize', 1_048_576, 1, MAX_PAYLOAD_SIZE),
    maxCrashes: reader.integer('maxCrashes', 3, 1, 1_000),
    middleware: reader.value('middleware', [], 'an array of objects with methods enqueue, run, event or attach', (value) =>
      Array.isArray(value) && value.every(isMiddleware) ? value : undefined,
    ),
    codec: reader.value<JobCodec | undefined>('codec', undefined, 'an object with methods encode and decode', (value) =>
      typeof peek(value, 'encode') === 'function' && typeof peek(value, 'decode') === 'function' ? (value as JobCodec) : undefined,
    ),
    clusterEvents: reader.value<readonly ClusterEventKind[]>('clusterEvents', [], `an array of ${CLUSTER_EVENT_KINDS.join(', ')}`, (value) =>
      Array.isArray(value) && value.every((kind) => CLUSTER_EVENT_KINDS.includes(kind)) ? value : undefined,
    ),
    enhancers: readEnhancers(reader),
    resolveManager: reader.value<NotifyQueueOptions['resolveManager']>('resolveManager', undefined, 'a function', (value) =>
      typeof value === 'function' ? (value as NotifyQueueOptions['resolveManager']) : undefined,
    ),
  };
  reader.done();
  return Object.freeze(resolved);
}

/** Options of a queue, the defaults if it is not configured. */
export function queueOptionsOf(options: ResolvedOptions, queue: string): ResolvedQueue {
  return options.queues.get(queue) ?? options.defaults;
}

/** Whether this process runs jobs of a queue that it has handlers for. */
export function runsQueue(options: ResolvedOptions, queue: string): boolean {
  return options.role !== 'producer' && (options.runQueues?.has(queue) ?? true);
}

/** Keys of the config rows that suspend a queue. */
export function suspensionKeysOf(options: ResolvedOptions, queue: string): string[] {
  return queueOptionsOf(options, queue).perQueueSuspension ? [SUSPENDED_KEY, `${queue}_${SUSPENDED_KEY}`] : [SUSPENDED_KEY];
}

/** Key of the config row that suspends one queue, or all of them. @throws InvalidArgumentError */
export function suspensionKeyOf(options: ResolvedOptions, queue: string | undefined): string {
  if (queue === undefined) return SUSPENDED_KEY;
  assertName('queue', queue);
  if (!queueOptionsOf(options, queue).perQueueSuspension) {
    throw new InvalidArgumentError('queue', 'a queue with perQueueSuspension on, or none for all queues', describe(queue));
  }
  const key = `${queue}_${SUSPENDED_KEY}`;
  if (isName(key)) return key;
  const expected = `a queue whose name leaves room for '_${SUSPENDED_KEY}' in the 200 bytes of a config key`;
  throw new InvalidArgumentError('queue', expected, describe(queue));
}

/** Every finite retention in use: the history needs partitions for them. */
export function retentionsOf(options: ResolvedOptions, more: readonly KeepMs[] = []): number[] {
  const all = [
    ...[options.defaults, ...options.queues.values()].flatMap((queue) => [queue.keepCompletedMs, queue.keepAbandonedMs]),
    ...more.flatMap((keepMs) => Object.values(keepMs) as Array<number | null>),
  ];
  return [...new Set(all)].filter((keepMs): keepMs is number => keepMs !== null && keepMs !== Infinity);
}

function readEnhancers(reader: OptionReader): GlobalEnhancers {
  const inner = new OptionReader(reader.raw('enhancers') ?? {}, 'enhancers');
  const enhancers = {
    guards: inner.boolean('guards', false),
    interceptors: inner.boolean('interceptors', false),
    filters: inner.boolean('filters', false),
  };
  inner.done();
  return enhancers;
}

function isMiddleware(value: unknown): value is JobMiddleware {
  if (typeof value !== 'object' || value === null) return false;
  const methods = ['enqueue', 'run', 'event', 'attach'].map((name) => (value as Record<string, unknown>)[name]);
  return methods.every((method) => method === undefined || typeof method === 'function') && methods.some((method) => method);
}

function readListenUrl(raw: unknown): string | undefined {
  if (typeof raw === 'boolean') return undefined;
  const reader = new OptionReader(raw, 'listen');
  const url = reader.value<string | undefined>('url', undefined, 'a postgres:// URL', (value) =>
    typeof value === 'string' && /^postgres(?:ql)?:\/\//.test(value) ? value : undefined,
  );
  reader.done();
  return url;
}
