import { setTimeout as sleep } from 'node:timers/promises';
import type {
  CancelResult,
  JobCriteria,
  JobPage,
  JobRecord,
  PageOptions,
  QueueStatus,
  Status,
} from '../interfaces/job-record.interface.js';
import type { JobChanges, JobStore } from '../interfaces/ports/index.js';
import { criteriaParams } from './criteria.js';
import type { Database, Row } from './database.js';
import { text, toInstanceStatus, toJobRecord } from './rows.js';
import type { Statements } from './statements/index.js';

/** What people ask of jobs, in SQL. */
export class PgJobStore implements JobStore {
  constructor(
    private readonly database: Database,
    private readonly statements: Statements,
  ) {}

  async get(id: string): Promise<JobRecord | undefined> {
    const [row] = await this.database.run(this.statements.getJob, [id], `reading job ${id}`);
    return row && toJobRecord(row);
  }

  async find(criteria: JobCriteria, page: PageOptions & { limit: number }): Promise<JobPage> {
    const statement = page.order === 'newest' ? this.statements.findNewestJobs : this.statements.findOldestJobs;
    const params = [...criteriaParams(criteria), page.cursor ?? null, page.limit + 1];
    const rows = await this.database.run(statement, params, 'finding jobs');
    const jobs = rows.slice(0, page.limit).map(toJobRecord);
    return { jobs, nextCursor: rows.length > page.limit ? jobs.at(-1)?.id : undefined };
  }

  async status(queues: readonly string[], queue: string | undefined, keysOf: (queue: string) => string[]): Promise<Status> {
    const counts = await this.database.run(this.statements.countJobs, [queue ?? null], 'counting jobs');
    const configs = await this.database.run(this.statements.readConfigs, [null], 'reading suspensions');
    const instances = await this.database.run(this.statements.listInstances, [], 'listing instances');
    const suspending = new Set(configs.filter((row) => row['value'] === 'true').map((row) => text(row['key'])));
    const byQueue = new Map(counts.map((row) => [text(row['queue']), row]));
    const names = queue === undefined ? new Set([...queues, ...byQueue.keys()]) : [queue];
    return {
      queues: [...names].sort().map((name) => {
        const suspended = keysOf(name).some((key) => suspending.has(key));
        return toQueueStatus(name, byQueue.get(name), suspended);
      }),
      instances: instances.map(toInstanceStatus),
    };
  }

  async cancel(id: string, abort: boolean, keepMs: ReadonlyMap<string, number | null>, defaultKeepMs: number | null): Promise<CancelResult> {
    const params = [id, abort ? 1 : 0, [...keepMs.keys()], [...keepMs.values()], defaultKeepMs];
    for (;;) {
      const [row] = await this.database.run(this.statements.cancelJob, params, `cancelling job ${id}`);
      if (Number(row?.['gone']) > 0) return 'ok';
      if (Number(row?.['found']) === 0) return 'not_found';
      if (!abort || Number(row?.['asked']) > 0) return 'in_progress';
      // It was reserved or put back between the two halves of the statement.
      await sleep(1);
    }
  }

  async move(id: string, queue: string): Promise<CancelResult> {
    const [row] = await this.database.run(this.statements.moveJob, [id, queue], `moving job ${id}`);
    if (Number(row?.['moved']) > 0) return 'ok';
    return Number(row?.['found']) > 0 ? 'in_progress' : 'not_found';
  }

  async update(id: string, { payload, payloadVersion, priority, delayMs, runAtMs }: JobChanges): Promise<CancelResult> {
    const params = [id, payload ?? null, payloadVersion ?? null, priority ?? null, delayMs ?? null, runAtMs ?? null];
    return changed(await this.database.run(this.statements.updateJob, params, `changing job ${id}`));
  }

  async hold(id: string): Promise<CancelResult> {
    return changed(await this.database.run(this.statements.holdJob, [id], `holding job ${id}`));
  }

  async release(id: string): Promise<CancelResult> {
    const rows = await this.database.run(this.statements.releaseJob, [id], `releasing job ${id}`);
    return Number(rows[0]?.['waits']) > 0 ? 'ok' : changed(rows);
  }

  async retry(id: string): Promise<'ok' | 'unfinished' | 'not_found'> {
    const [row] = await this.database.run(this.statements.retryJob, [id], `retrying job ${id}`);
    if (Number(row?.['retried']) > 0) return 'ok';
    return Number(row?.['live']) > 0 ? 'unfinished' : 'not_found';
  }

  async watch(id: string): Promise<boolean> {
    const [row] = await this.database.run(this.statements.watchJob, [id], `watching job ${id}`);
    return Number(row?.['live']) > 0;
  }
}

function changed([row]: Row[]): CancelResult {
  if (Number(row?.['changed']) > 0) return 'ok';
  return Number(row?.['found']) > 0 ? 'in_progress' : 'not_found';
}

function toQueueStatus(queue: string, row: Row | undefined, suspended: boolean): QueueStatus {
  const oldest = row?.['oldest_due_ms'];
  return {
    queue,
    count: Number(row?.['count'] ?? 0),
    inProgress: Number(row?.['reserved'] ?? 0),
    suspended,
    scheduled: Number(row?.['scheduled'] ?? 0),
    available: Number(row?.['available'] ?? 0),
    reserved: Number(row?.['reserved'] ?? 0),
    held: Number(row?.['held'] ?? 0),
    blocked: Number(row?.['blocked'] ?? 0),
    oldestDueMs: oldest === null || oldest === undefined ? null : Number(oldest),
  };
}
