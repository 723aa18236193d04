import { EntitySchema, type EntitySchemaColumnOptions } from 'typeorm';
import { assertSchemaName, DEFAULT_SCHEMA } from '../../core/schema-name.js';
import type { FailureRecord, JobState } from '../../interfaces/job-record.interface.js';

/** A row of `jobs`: a job that waits or runs. For reading; `JobQueue` writes. */
export interface JobEntity {
  id: string;
  queue: string;
  name: string;
  payload: unknown;
  state: JobState;
  priority: number;
  runAt: Date;
  /** Until when it waits; Infinity while a long run holds it. */
  dueAt: Date | number | null;
  /** When its last retry was or is due. */
  retryAt: Date | null;
  attempt: number;
  crashes: number;
  /** A bigint, which the driver gives as text. */
  reservation: string;
  reservedBy: string | null;
  reservedAt: Date | null;
  enqueuedAt: Date;
  options: unknown;
  failureState: unknown;
  failure: FailureRecord | null;
  progress: unknown;
}

/** A row of `job_history`: a finished job. */
export interface JobHistoryEntity extends Omit<JobEntity, 'dueAt' | 'retryAt' | 'failureState'> {
  finishedAt: Date;
  keepUntil: Date;
  result: unknown;
}

/** A row of `job_configs`. */
export interface JobConfigEntity {
  key: string;
  value: string;
  /** A bigint, which the driver gives as text. */
  revision: string;
  createdAt: Date;
  updatedAt: Date;
}

/** A row of `job_instances`: a process. */
export interface JobInstanceEntity {
  id: string;
  host: string;
  pid: number;
  version: string;
  queues: string[];
  startedAt: Date;
  heartbeatAt: Date;
  expiresAt: Date;
}

const instant = (name: string, nullable = false): EntitySchemaColumnOptions => ({ type: 'timestamptz', name, nullable });
const json = (name: string): EntitySchemaColumnOptions => ({ type: 'jsonb', name, nullable: true });

const SHARED = {
  id: { type: 'uuid', primary: true },
  queue: { type: 'text' },
  name: { type: 'text' },
  payload: { type: 'jsonb' },
  state: { type: 'text', insert: false, update: false },
  priority: { type: 'smallint' },
  runAt: instant('run_at'),
  attempt: { type: 'int' },
  crashes: { type: 'smallint' },
  reservation: { type: 'bigint' },
  reservedBy: { type: 'uuid', name: 'reserved_by', nullable: true },
  reservedAt: instant('reserved_at', true),
  enqueuedAt: instant('enqueued_at'),
  options: json('options'),
  failure: json('failure'),
  progress: json('progress'),
} as const satisfies Record<string, EntitySchemaColumnOptions>;

/**
 * Entities of the queue's tables in one schema, for repositories and for `entities` of a data source.
 * They never take part in `synchronize` or `migration:generate`: the package's migrations own the
 * tables, whose partial indexes and partitions TypeORM cannot express.
 */
export function createEntities(schema: string) {
  // TypeORM and Nest tell entities of one data source apart by name.
  const named = (name: string): string => (schema === DEFAULT_SCHEMA ? name : `${name}:${schema}`);
  return {
    Job: new EntitySchema<JobEntity>({
      name: named('NotifyQueueJob'),
      schema,
      tableName: 'jobs',
      synchronize: false,
      columns: { ...SHARED, dueAt: instant('due_at', true), retryAt: instant('retry_at', true), failureState: json('failure_state') },
    }),
    JobHistory: new EntitySchema<JobHistoryEntity>({
      name: named('NotifyQueueJobHistory'),
      schema,
      tableName: 'job_history',
      synchronize: false,
      columns: { ...SHARED, finishedAt: instant('finished_at'), keepUntil: instant('keep_until'), result: json('result') },
    }),
    JobConfig: new EntitySchema<JobConfigEntity>({
      name: named('NotifyQueueJobConfig'),
      schema,
      tableName: 'job_configs',
      synchronize: false,
      columns: {
        key: { type: 'text', primary: true },
        value: { type: 'text' },
        revision: { type: 'bigint' },
        createdAt: instant('created_at'),
        updatedAt: instant('updated_at'),
      },
    }),
    JobInstance: new EntitySchema<JobInstanceEntity>({
      name: named('NotifyQueueJobInstance'),
      schema,
      tableName: 'job_instances',
      synchronize: false,
      columns: {
        id: { type: 'uuid', primary: true },
        host: { type: 'text' },
        pid: { type: 'int' },
        version: { type: 'text' },
        queues: { type: 'text', array: true },
        startedAt: instant('started_at'),
        heartbeatAt: instant('heartbeat_at'),
        expiresAt: instant('expires_at'),
      },
    }),
  };
}

export type QueueEntities = ReturnType<typeof createEntities>;

const created = new Map<string, QueueEntities>();

/**
 * The entities of a schema; the same objects at each call, since TypeORM and Nest know them by identity.
 *
 * @throws InvalidOptionError
 */
export function queueEntities(schema: string = DEFAULT_SCHEMA): QueueEntities {
  assertSchemaName(schema);
  let entities = created.get(schema);
  if (!entities) created.set(schema, (entities = createEntities(schema)));
  return entities;
}

/**
 * The queue's entities, for a data source without `autoLoadEntities`.
 *
 * @example
 * TypeOrmModule.forRoot({ type: 'postgres', url, entities: [Order, ...notifyQueueEntities()] })
 * @throws InvalidOptionError
 */
export function notifyQueueEntities(schema: string = DEFAULT_SCHEMA): EntitySchema[] {
  return Object.values(queueEntities(schema)) as EntitySchema[];
}

