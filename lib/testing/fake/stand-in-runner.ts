import type { DataSource, EntityManager, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import { JobStateError } from '../../errors/job.errors.js';
import type { TransactionRunner } from './fake-transaction.store.js';

/** The runner of a transaction without a database: its manager can be given to `enqueue` and to configs, and nothing else. */
export function standInRunner(): TransactionRunner {
  const subscribers: EntitySubscriberInterface[] = [];
  const tell = (event: 'afterTransactionCommit' | 'afterTransactionRollback'): void => {
    runner.isTransactionActive = false;
    for (const subscriber of subscribers) void subscriber[event]?.({ queryRunner: runner as unknown as QueryRunner } as never);
  };
  const known: Record<string | symbol, unknown> = {
    '@instanceof': Symbol.for('EntityManager'),
    dataSource: { subscribers } as unknown as DataSource,
  };
  const manager = new Proxy(known, {
    get(target, key) {
      if (key in target || typeof key === 'symbol' || key === 'then') return target[key];
      throw new JobStateError(
        `manager.${key} needs a database, and this test has none. Import TypeOrmModule beside NotifyQueueTestingModule, or test with withTestQueue.`,
      );
    },
  });
  const runner = {
    isTransactionActive: false,
    manager: manager as unknown as EntityManager,
    startTransaction: async () => void (runner.isTransactionActive = true),
    commitTransaction: async () => tell('afterTransactionCommit'),
    rollbackTransaction: async () => tell('afterTransactionRollback'),
    release: async () => undefined,
  };
  known['queryRunner'] = runner;
  return runner;
}
