import type {
  Holding,
  InstanceInfo,
  LeaseStore,
  Patrolled,
  QueueSurvey,
  RescuedJob,
  RescuePolicy,
  SlotStore,
  SweepStore,
} from '../interfaces/ports/index.js';
import type { Database } from './database.js';
import { text } from './rows.js';
import type { Statements } from './statements/index.js';

/** Leases of processes and the sweep, in SQL. */
export class PgInstanceStore implements LeaseStore, SweepStore, SlotStore {
  constructor(
    private readonly database: Database,
    private readonly statements: Statements,
  ) {}

  async register(instance: InstanceInfo, leaseMs: number, formerId?: string): Promise<void> {
    const { id, host, pid, version, queues } = instance;
    const params = [id, host, pid, version, queues, leaseMs, formerId ?? null];
    await this.database.run(this.statements.register, params, 'registering this process');
  }

  async renew(instanceId: string, leaseMs: number): Promise<boolean> {
    const rows = await this.database.run(this.statements.renew, [instanceId, leaseMs], 'renewing the lease');
    return rows.length > 0;
  }

  async unregister(instanceId: string): Promise<void> {
    await this.database.run(this.statements.unregister, [instanceId], 'removing this process');
  }

  async expire(instanceId: string): Promise<void> {
    await this.database.run(this.statements.expire, [instanceId], 'ending the lease of this process');
  }

  async survey(queues: readonly string[]): Promise<QueueSurvey[]> {
    const rows = await this.database.run(this.statements.survey, [queues], 'looking for due jobs');
    return rows.map((row) => ({
      queue: text(row['queue']),
      available: Number(row['available']) === 1,
      nextDueMs: row['next_due_ms'] === null ? null : Number(row['next_due_ms']),
    }));
  }

  async patrol(instanceId: string, fromPage: number, pages: number, searchedFor: readonly string[]): Promise<Patrolled> {
    const toPage = fromPage + pages;
    const params = [instanceId, `(${fromPage},0)`, `(${toPage},0)`, searchedFor];
    const [first, ...held] = await this.database.run(this.statements.patrol, params, 'looking through held jobs');
    return {
      mine: held
        .filter((row) => Number(row['stray']) === 0)
        .map((row) => ({ id: text(row['id']), queue: text(row['queue']), reservation: Number(row['reservation']) })),
      strays: held.filter((row) => Number(row['stray']) === 1).map((row) => text(row['id'])),
      dead: first?.['dead'] ? text(first['dead']).split(',') : [],
      nextPage: toPage < Number(first?.['pages']) ? toPage : 0,
      blocked: Number(first?.['blocked']) === 1,
    };
  }

  async rescue(policy: RescuePolicy, ids: readonly string[]): Promise<RescuedJob[]> {
    const { maxCrashes, keepMs, defaultKeepMs } = policy;
    const params = [maxCrashes, [...keepMs.keys()], [...keepMs.values()], defaultKeepMs, ids];
    const rows = await this.database.run(this.statements.rescue, params, 'taking jobs from dead processes');
    return rows.map((row) => ({
      id: text(row['id']),
      queue: text(row['queue']),
      name: text(row['name']),
      state: text(row['state']) as RescuedJob['state'],
    }));
  }

  async holdings(instanceId: string, ids: readonly string[]): Promise<Holding[]> {
    const rows = await this.database.run(this.statements.holdings, [instanceId, ids], 'reading held jobs');
    return rows.map((row) => ({
      id: text(row['id']),
      queue: text(row['queue']),
      reservation: Number(row['reservation']),
      cancelRequested: Number(row['cancel_requested']) === 1,
    }));
  }

  async shelve(instanceId: string, ids: readonly string[]): Promise<string[]> {
    const rows = await this.database.run(this.statements.shelve, [instanceId, ids], 'marking long runs');
    return rows.map((row) => text(row['id']));
  }

  async sweepGroups(queue: string, after: string, most: number, policy: string): Promise<string | null> {
    const [row] = await this.database.run(this.statements.sweepGroups, [queue, after, most, policy], 'looking through blocked groups');
    return (row?.['last'] as string | null) ?? null;
  }

  async takeSlots(queue: string, instanceId: string, inUse: number, wanted: number, most: number): Promise<number> {
    const [row] = await this.database.run(this.statements.takeSlots, [queue, instanceId, inUse, wanted, most], `taking slots of queue '${queue}'`);
    return Number(row?.['slots'] ?? 0);
  }

  async prepareHistory(retentionsMs: readonly number[]): Promise<void> {
    await this.database.run(this.statements.prepareHistory, [retentionsMs], 'preparing history partitions');
  }

  async expireHistory(): Promise<number> {
    const [row] = await this.database.run(this.statements.expireHistory, [], 'dropping old history');
    return Number(row?.['dropped'] ?? 0);
  }
}
