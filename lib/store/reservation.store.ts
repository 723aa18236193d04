import type { Requeue } from '../core/settlement.js';
import type {
  EnqueueStore,
  Exchange,
  Exchanged,
  ExchangeHead,
  NewJob,
  Refused,
  Reserver,
  ReservationStore,
  ReservedJob,
  StoredJob,
  UniqueKey,
} from '../interfaces/ports/index.js';
import type { EntityManager } from 'typeorm';
import type { EnqueueOutcome } from '../interfaces/enqueue.interface.js';
import type { Database, Row } from './database.js';
import { text } from './rows.js';
import type { Statements } from './statements/index.js';

/** The hot path in SQL: enqueue, reserve, settle. */
export class PgReservationStore implements EnqueueStore, ReservationStore {
  constructor(
    private readonly database: Database,
    private readonly statements: Statements,
  ) {}

  async insert(jobs: readonly NewJob[], manager?: EntityManager, once = false): Promise<void> {
    const statement = once ? this.statements.insertJobsOnce : this.statements.insertJobs;
    const params = toColumns(jobs);
    if (manager) await this.database.runWith(manager, statement, params, 'storing jobs');
    else await this.database.run(statement, params, 'storing jobs');
  }

  async insertUnique(jobs: readonly NewJob[], manager?: EntityManager): Promise<StoredJob[]> {
    const unique = jobs.map((job) => job.unique as UniqueKey);
    const params = [...toColumns(jobs), unique.map(({ key }) => key), sparse(unique, ({ forMs }) => forMs), unique[0]?.onConflict];
    const { insertUnique } = this.statements;
    const rows = manager
      ? await this.database.runWith(manager, insertUnique, params, 'storing jobs')
      : await this.database.run(insertUnique, params, 'storing jobs');
    const stored = new Map(rows.map((row) => [row['asked'], { id: text(row['id']), outcome: text(row['outcome']) as EnqueueOutcome }]));
    return jobs.map(({ id }) => stored.get(id) as StoredJob);
  }

  async insertReserved(jobs: readonly NewJob[], reserver: Reserver): Promise<ReservedJob[]> {
    const params = [...toColumns(jobs), reserver.instanceId, reserver.suspensionKeys];
    const rows = await this.database.run(this.statements.insertReserved, params, 'storing jobs');
    const reserved = new Map(rows.filter((row) => Number(row['reserved']) === 1).map((row) => [row['id'], row]));
    return jobs.flatMap((job) => {
      const row = reserved.get(job.id);
      if (!row) return [];
      const { id, queue, name, payload, options } = job;
      const enqueuedAt = text(row['enqueued_at']);
      return [{ id, queue, name, payload, options, enqueuedAt, runAt: null, reservedAt: enqueuedAt, attempt: 1, crashes: 0, reservation: 1, failureState: null }];
    });
  }

  async exchange(exchange: Exchange, onHead?: (head: ExchangeHead) => void): Promise<Exchanged> {
    const { finishes, keepMs, after, limits: { groups, rate } } = exchange;
    const rows = await this.database.run(
      rate ? this.statements.exchangeRated : this.statements.exchange,
      [
        exchange.queue,
        exchange.limit,
        exchange.instanceId,
        exchange.names,
        exchange.suspensionKeys,
        finishes.map((finish) => finish.id),
        finishes.map((finish) => finish.reservation),
        sparse(finishes, (finish) => (finish.state === 'completed' ? null : finish.state)),
        sparse(finishes, (finish) => finish.result),
        sparse(finishes, (finish) => finish.failure && JSON.stringify(finish.failure)),
        sparse(finishes, (finish) => finish.progress),
        [keepMs.completed, keepMs.abandoned, keepMs.cancelled],
        after?.priority ?? -32_768,
        after?.runAt ?? '-infinity',
        after?.id ?? '00000000-0000-0000-0000-000000000000',
        groups,
        ...(rate ? [rate.rate, rate.burst] : []),
      ],
      `reserving jobs of queue '${exchange.queue}'`,
      onHead && ((row) => onHead(toHead(row))),
    );
    const [first, ...taken] = rows as [Row, ...Row[]];
    const reservedAt = text(first['now']);
    return { ...toHead(first), jobs: taken.map((row) => toReservedJob(row, exchange.queue, reservedAt)) };
  }

  async requeue(requeues: readonly Requeue[], instanceId: string): Promise<Refused[]> {
    const rows = await this.database.run(
      this.statements.requeue,
      [
        requeues.map((requeue) => requeue.id),
        requeues.map((requeue) => requeue.reservation),
        requeues.map((requeue) => requeue.delayMs),
        requeues.map((requeue) => (requeue.countAttempt ? 1 : 0)),
        requeues.map((requeue) => requeue.queue),
        requeues.map((requeue) => requeue.failureState && JSON.stringify(requeue.failureState)),
        requeues.map((requeue) => requeue.failure && JSON.stringify(requeue.failure)),
        instanceId,
      ],
      'putting jobs back',
    );
    return rows.map((row) => ({ id: text(row['id']), cancelled: Number(row['cancelled']) === 1 }));
  }

  async progress(items: ReadonlyArray<{ id: string; reservation: number; progress: string }>, instanceId: string): Promise<void> {
    const params = [items.map((i) => i.id), items.map((i) => i.reservation), items.map((i) => i.progress), instanceId];
    await this.database.run(this.statements.progress, params, 'storing progress');
  }
}

/** New jobs as the columns that the statements take. */
function toColumns(jobs: readonly NewJob[]): unknown[] {
  const { queue = '', name = '' } = jobs[0] ?? {};
  const followers = followersAmong(jobs);
  const notifying = notifyingAmong(followers.size > 0 ? jobs.filter((job) => !followers.has(job)) : jobs);
  return [
    jobs.map((job) => job.id),
    jobs.map((job) => job.payload),
    jobs.map((job) => (notifying.has(job) ? 1 : 0)),
    sparse(jobs, (job) => (job.queue === queue ? null : job.queue)),
    sparse(jobs, (job) => (job.name === name ? null : job.name)),
    queue,
    name,
    sparse(jobs, (job) => job.priority || null),
    sparse(jobs, (job) => job.options),
    sparse(jobs, (job) => job.delayMs || null),
    sparse(jobs, (job) => job.runAtMs),
    sparse(jobs, (job) => job.group),
    sparse(jobs, (job) => (followers.has(job) ? 1 : null)),
  ];
}

const NONE: ReadonlySet<NewJob> = new Set();

/**
 * Jobs that may as well be stored as blocked: another one of their group, due now like them and at least as urgent, is stored
 * with them, and whoever runs it, or takes it away, lets the next ones go.
 */
function followersAmong(jobs: readonly NewJob[]): ReadonlySet<NewJob> {
  if (!jobs.some((job) => job.group !== null)) return NONE;
  const leaders = new Map<string, NewJob>();
  const grouped = jobs.filter((job) => job.group !== null && job.delayMs === 0 && job.runAtMs === null);
  for (const job of grouped) {
    const key = `${job.queue}\n${job.group}`;
    const leader = leaders.get(key);
    if (!leader || job.priority < leader.priority) leaders.set(key, job);
  }
  return new Set(grouped.filter((job) => leaders.get(`${job.queue}\n${job.group}`) !== job));
}

/**
 * The row of each queue with the shortest delay carries the wake-up for all of them, and so does each row
 * with a date: how that compares with a delay only the database's clock can tell.
 */
function notifyingAmong(jobs: readonly NewJob[]): ReadonlySet<NewJob> {
  const first = new Map<string, NewJob>();
  const dated: NewJob[] = [];
  for (const job of jobs) {
    const other = first.get(job.queue);
    if (job.runAtMs !== null) dated.push(job);
    else if (!other || job.delayMs < other.delayMs) first.set(job.queue, job);
  }
  return new Set([...first.values(), ...dated]);
}

/** A column for the database, or null in the place of one that holds nothing. */
function sparse<T, V extends string | number>(items: readonly T[], pick: (item: T) => V | null): Array<V | null> | null {
  return items.some((item) => pick(item) !== null) ? items.map(pick) : null;
}

function toHead(row: Row): ExchangeHead {
  return {
    place: row['place_id'] === null ? undefined : { priority: Number(row['priority']), runAt: text(row['run_at']), id: text(row['place_id']) },
    lost: row['lost'] ? text(row['lost']).split(',') : [],
    seen: Number(row['seen']),
    pulled: Number(row['pulled'] ?? 0),
    waitMs: typeof row['wait_ms'] === 'string' ? Number(row['wait_ms']) : null,
  };
}

function toReservedJob(row: Row, queue: string, reservedAt: string): ReservedJob {
  return {
    id: row['id'] as string,
    queue,
    name: row['name'] as string,
    payload: row['payload'] as string,
    attempt: Number(row['attempt']),
    crashes: Number(row['crashes']),
    reservation: Number(row['reservation']),
    enqueuedAt: row['enqueued_at'] as string,
    runAt: row['run_at'] as string | null,
    reservedAt,
    failureState: row['failure_state'] as string | null,
    options: row['options'] as string | null,
  };
}
