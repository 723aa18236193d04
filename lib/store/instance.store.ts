import type {
  Holding,
  InstanceInfo,
  LeaseStore,
  QueueSurvey,
  RescuedJob,
  RescuePolicy,
  SweepStore,
} from '../interfaces/ports/index.js';
import type { Database } from './database.js';
import { text } from './rows.js';
import type { Statements } from './statements/index.js';

/** Leases of processes and the sweep, in SQL. */
export class PgInstanceStore implements LeaseStore, SweepStore {
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

  async survey(queues: readonly string[]): Promise<QueueSurvey[]> {
    const rows = await this.database.run(this.statements.survey, [queues], 'looking for due jobs');
    return rows.map((row) => ({
      queue: text(row['queue']),
      available: Number(row['available']) === 1,
      nextDueMs: row['next_due_ms'] === null ? null : Number(row['next_due_ms']),
    }));
  }

  async rescue(policy: RescuePolicy, only?: string): Promise<RescuedJob[]> {
    const rows = await this.database.run(
      this.statements.rescue,
      [
        policy.maxCrashes,
        [...policy.keepMs.keys()],
        [...policy.keepMs.values()],
        policy.defaultKeepMs,
        policy.except,
        only ?? null,
      ],
      'taking jobs from dead processes',
    );
    return rows.map((row) => ({
      id: text(row['id']),
      queue: text(row['queue']),
      name: text(row['name']),
      state: text(row['state']) as RescuedJob['state'],
    }));
  }

  async holdings(instanceId: string): Promise<Holding[]> {
    const rows = await this.database.run(this.statements.holdings, [instanceId], 'listing held jobs');
    return rows.map((row) => ({
      id: text(row['id']),
      queue: text(row['queue']),
      reservation: Number(row['reservation']),
      ageMs: Number(row['age_ms']),
      cancelRequested: Number(row['cancel_requested']) === 1,
    }));
  }

  async strays(): Promise<string[]> {
    const rows = await this.database.run(this.statements.strays, [], 'listing jobs of dead processes');
    return rows.map((row) => text(row['id']));
  }

  async prepareHistory(retentionsMs: readonly number[]): Promise<void> {
    await this.database.run(this.statements.prepareHistory, [retentionsMs], 'preparing history partitions');
  }

  async expireHistory(): Promise<number> {
    const [row] = await this.database.run(this.statements.expireHistory, [], 'dropping old history');
    return Number(row?.['dropped'] ?? 0);
  }
}
