import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import type { JobTransaction, TransactionStore } from '../../interfaces/ports/index.js';
import { standInRunner } from './stand-in-runner.js';

/** As much of a runner as a transaction needs. */
export type TransactionRunner = Pick<QueryRunner, 'startTransaction' | 'commitTransaction' | 'rollbackTransaction' | 'release' | 'manager'>;

/**
 * Transactions for handlers that ask for one: inside of that of the enqueue which runs them, or on the application's data
 * source. Without a data source there is a manager that takes part in the fake's own transactions and can do nothing else.
 */
export class FakeTransactionStore implements TransactionStore {
  constructor(
    private readonly findDataSource: () => DataSource | undefined,
    /** Of the enqueue that runs the job. */
    private readonly outer?: EntityManager,
  ) {}

  async begin(): Promise<JobTransaction> {
    const outer = this.outer?.queryRunner;
    const runner = outer?.isTransactionActive ? outer : (this.findDataSource()?.createQueryRunner() ?? standInRunner());
    await runner.startTransaction();
    return new FakeTransaction(runner, runner !== outer);
  }

  /** No connection is ever lost here. */
  async fateOf(): Promise<'held'> {
    return 'held';
  }
}

/** The end of the job is written when it is committed: there is nobody who could take the job meanwhile. */
class FakeTransaction implements JobTransaction {
  private ended = false;

  constructor(
    private readonly runner: TransactionRunner,
    private readonly isOwn: boolean,
  ) {}

  get manager(): EntityManager {
    return this.runner.manager;
  }

  async commit(): Promise<'committed' | 'lost'> {
    if (this.ended) return 'lost';
    this.ended = true;
    try {
      await this.runner.commitTransaction();
      return 'committed';
    } catch (error) {
      await this.runner.rollbackTransaction().catch(() => undefined);
      throw error;
    } finally {
      await this.release();
    }
  }

  async rollback(): Promise<boolean> {
    if (this.ended) return true;
    this.ended = true;
    await this.runner.rollbackTransaction();
    await this.release();
    return true;
  }

  cut(): void {
    void this.rollback();
  }

  private async release(): Promise<void> {
    if (this.isOwn) await this.runner.release();
  }
}
