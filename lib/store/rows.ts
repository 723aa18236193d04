import { toTags } from '../core/run-options.js';
import type { JobConfig } from '../interfaces/job-config.interface.js';
import type { InstanceStatus, JobRecord } from '../interfaces/job-record.interface.js';
import type { Row } from './database.js';

/** Readers of rows: everything arrives as text or number, whatever type parsers the application has set. */

export function toJobRecord(row: Row): JobRecord {
  return {
    id: text(row['id']),
    queue: text(row['queue']),
    name: text(row['name']),
    payload: json(row['payload']),
    state: text(row['state']) as JobRecord['state'],
    priority: Number(row['priority']),
    runAt: date(row['run_at']) as Date,
    attempt: Number(row['attempt']),
    crashes: Number(row['crashes']),
    reservedBy: (row['reserved_by'] as string | null) ?? null,
    reservedAt: date(row['reserved_at']),
    enqueuedAt: date(row['enqueued_at']) as Date,
    finishedAt: date(row['finished_at']),
    progress: json(row['progress']),
    result: json(row['result']),
    failure: json(row['failure']) as JobRecord['failure'],
    tags: toTags(json(row['tags'])),
    group: (row['group_key'] as string | null) ?? null,
  };
}

export function toJobConfig(row: Row): JobConfig {
  return Object.freeze({
    key: text(row['key']),
    value: text(row['value']),
    revision: Number(row['revision']),
    createdAt: date(row['created_at']) as Date,
    updatedAt: date(row['updated_at']) as Date,
  });
}

export function toInstanceStatus(row: Row): InstanceStatus {
  return {
    id: text(row['id']),
    host: text(row['host']),
    pid: Number(row['pid']),
    version: text(row['version']),
    queues: (json(row['queues']) as string[] | null) ?? [],
    startedAt: date(row['started_at']) as Date,
    heartbeatAt: date(row['heartbeat_at']) as Date,
    alive: Number(row['alive']) === 1,
    running: (json(row['running']) as Record<string, number> | null) ?? {},
  };
}

export function text(value: string | number | null | undefined): string {
  return String(value ?? '');
}

function json(value: string | number | null | undefined): unknown {
  return value === null || value === undefined ? null : JSON.parse(String(value));
}

function date(value: string | number | null | undefined): Date | null {
  return value === null || value === undefined ? null : new Date(Number(value));
}
