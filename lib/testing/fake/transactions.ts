import type { DataSource, EntityManager, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import { peek } from '../../core/peek.js';

/** Something that happens to the state, and how many transactions deep it was asked for: TypeORM nests with savepoints. */
interface Change<State> {
  depth: number;
  readonly apply: (state: State) => unknown;
}

/**
 * Lets a state take part in TypeORM's transactions: what is done to it in one happens when that commits, and until then
 * only the transaction itself sees it.
 */
export class Transactions<State extends object> {
  private readonly changes = new Map<QueryRunner, Array<Change<State>>>();
  private readonly dataSources = new Set<DataSource>();
  private readonly subscriber: EntitySubscriberInterface = {
    afterTransactionCommit: ({ queryRunner }) => this.committed(queryRunner),
    afterTransactionRollback: ({ queryRunner }) => this.rolledBack(queryRunner),
  };

  constructor(
    private readonly state: State,
    private readonly copy: (state: State) => State,
  ) {}

  /** Applies a change now, or at the commit of the manager's transaction, and answers as that transaction sees it. */
  run<T>(manager: EntityManager | undefined, apply: (state: State) => T): T {
    const queryRunner = manager?.queryRunner;
    if (!manager || !queryRunner?.isTransactionActive) return apply(this.state);
    this.follow(manager.dataSource);
    const changes = this.changes.get(queryRunner) ?? [];
    this.changes.set(queryRunner, changes);
    const seen = this.copy(this.state);
    for (const change of changes) change.apply(seen);
    const answer = apply(seen);
    changes.push({ depth: depthOf(queryRunner), apply });
    return answer;
  }

  close(): void {
    for (const { subscribers } of this.dataSources) subscribers.splice(subscribers.indexOf(this.subscriber), 1);
    this.dataSources.clear();
    this.changes.clear();
  }

  private follow(dataSource: DataSource): void {
    if (this.dataSources.has(dataSource)) return;
    this.dataSources.add(dataSource);
    dataSource.subscribers.push(this.subscriber);
  }

  private committed(queryRunner: QueryRunner): void {
    const changes = this.changes.get(queryRunner) ?? [];
    if (queryRunner.isTransactionActive) {
      const depth = depthOf(queryRunner);
      for (const change of changes) change.depth = Math.min(change.depth, depth);
      return;
    }
    this.changes.delete(queryRunner);
    for (const { apply } of changes) apply(this.state);
  }

  private rolledBack(queryRunner: QueryRunner): void {
    const depth = queryRunner.isTransactionActive ? depthOf(queryRunner) : 0;
    const changes = this.changes.get(queryRunner)?.filter((change) => change.depth <= depth) ?? [];
    if (changes.length > 0) this.changes.set(queryRunner, changes);
    else this.changes.delete(queryRunner);
  }
}

/** TypeORM counts for itself, and tells nobody. */
function depthOf(queryRunner: QueryRunner): number {
  return Number(peek(queryRunner, 'transactionDepth')) || 1;
}
