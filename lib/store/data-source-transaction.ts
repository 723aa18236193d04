import { setImmediate as turn } from 'node:timers/promises';
import type { EntityManager, QueryRunner } from 'typeorm';
import { peek } from '../core/peek.js';
import type { Finish } from '../core/settlement.js';
import { TransactionEndedError } from '../errors/job.errors.js';
import type { CommitAnswer, JobTransaction } from '../interfaces/ports/index.js';
import { driverErrorOf, isConnectionError } from './database-errors.js';

type WriteEnd = (finish: Finish, instanceId: string, keepMs: number | null) => Promise<boolean>;

/** What TypeORM's runner for PostgreSQL has beside the `QueryRunner` of all drivers. */
type Runner = QueryRunner & { isReleased: boolean; releasePostgresConnection(error?: Error): Promise<void> };

/** A transaction of TypeORM, with the end of one job in it. */
export class DataSourceTransaction implements JobTransaction {
  private readonly runner: Runner;

  constructor(
    runner: QueryRunner,
    private readonly timeoutMs: number,
    private readonly writeEnd: WriteEnd,
  ) {
    this.runner = runner as Runner;
  }

  get manager(): EntityManager {
    return this.runner.manager;
  }

  async commit(finish: Finish, instanceId: string, keepMs: number | null): Promise<CommitAnswer> {
    try {
      this.checkOpen();
      if (!(await this.inTime(this.writeEnd(finish, instanceId, keepMs)))) {
        await this.rollback();
        return 'lost';
      }
      await this.inTime(this.runner.commitTransaction());
    } catch (error) {
      // What a subscriber of TypeORM throws after the commit changes nothing.
      if (this.runner.isTransactionActive || error instanceof TransactionEndedError) return this.refused(error);
    }
    await this.runner.release();
    return 'committed';
  }

  /**
   * What the handler did not wait for (the others of a `Promise.all` that failed) must not run behind the rollback,
   * where it would commit by itself. So the runner takes nothing but the rollback from here on.
   */
  async rollback(): Promise<boolean> {
    const { runner } = this;
    if (runner.isReleased) return false;
    runner.isReleased = true;
    await turn();
    runner.isReleased = false;
    try {
      while (runner.isTransactionActive) {
        const rolledBack = this.inTime(runner.rollbackTransaction());
        rolledBack.catch(() => undefined);
        await turn();
        runner.isReleased = true;
        await rolledBack;
        runner.isReleased = false;
      }
      await runner.release();
      return true;
    } catch {
      runner.isReleased = false;
      this.cut();
      return false;
    }
  }

  cut(): void {
    void this.runner.releasePostgresConnection(new Error('The run of the job has ended'));
  }

  private async refused(error: unknown): Promise<'unknown'> {
    if (this.runner.isReleased || error instanceof UnansweredError || isConnectionError(driverErrorOf(error))) {
      this.cut();
      return 'unknown';
    }
    await this.rollback();
    throw error;
  }

  /** @throws TransactionEndedError */
  private checkOpen(): void {
    const { isTransactionActive, isReleased } = this.runner;
    if (isReleased) return;
    const advice = 'Leave that to the queue, which ends it with the job: throw to roll back.';
    if (!isTransactionActive) throw new TransactionEndedError(`The handler has ended the transaction that it was given. ${advice}`);
    if (Number(peek(this.runner, 'transactionDepth')) > 1) {
      throw new TransactionEndedError('A transaction inside that of the job is still open. Await manager.transaction() before you return.');
    }
  }

  private async inTime<T>(answer: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new UnansweredError(`No answer within ${this.timeoutMs} ms`)), this.timeoutMs);
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

class UnansweredError extends Error {}
