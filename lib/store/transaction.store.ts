import type { DataSource } from 'typeorm';
import type { Held } from '../core/settlement.js';
import type { JobTransaction, RowFate, TransactionStore } from '../interfaces/ports/index.js';
import { DataSourceTransaction } from './data-source-transaction.js';
import type { Database } from './database.js';
import { driverErrorOf, toQueueError } from './database-errors.js';
import type { Statements } from './statements/index.js';

/** That of pg. */
const DEFAULT_POOL_SIZE = 10;
const DOING = 'beginning the transaction of a job';

/** Transactions on the application's own pool, so that a handler writes where the application does. */
export class PgTransactionStore implements TransactionStore {
  constructor(
    private readonly dataSource: DataSource,
    private readonly database: Database,
    private readonly statements: Statements,
    /** After this time without an answer, a connection whose transaction is being ended is given up. */
    private readonly timeoutMs: number,
  ) {}

  /** Connections that the application and its handlers share. */
  get poolSize(): number {
    const { poolSize, extra } = this.dataSource.options as { poolSize?: number; extra?: { max?: number } };
    return extra?.max ?? poolSize ?? DEFAULT_POOL_SIZE;
  }

  /** At read committed: the row of the job may change while it runs, and a stricter level would refuse its end. */
  async begin(): Promise<JobTransaction> {
    const runner = this.dataSource.createQueryRunner();
    try {
      await runner.startTransaction('READ COMMITTED');
    } catch (error) {
      await runner.release();
      throw toQueueError(driverErrorOf(error), DOING);
    }
    return new DataSourceTransaction(runner, this.timeoutMs, async (finish, instanceId, keepMs) => {
      const params = [finish.id, finish.reservation, instanceId, finish.result, finish.progress, keepMs];
      const [row] = await this.database.runWith(runner.manager, this.statements.finishJob, params, `completing job ${finish.id}`);
      return Number(row?.['finished']) > 0;
    });
  }

  async fateOf({ id, reservation }: Held, instanceId: string): Promise<RowFate> {
    const [row] = await this.database.run(this.statements.rowFate, [id, reservation, instanceId], `looking at job ${id}`);
    if (Number(row?.['held']) === 0) return 'gone';
    return Number(row?.['free']) > 0 ? 'held' : 'undecided';
  }
}
