import type { MigrationInterface, QueryRunner } from 'typeorm';
import { assertSchemaName, DEFAULT_SCHEMA } from '../lib/core/schema-name.js';
import { applyScript, migrationScripts, revertScript, type Query } from './apply.js';
import type { MigrationScript } from './migration-script.js';

/** The migrations of the default schema, to spread into `migrations` of a TypeORM data source. */
export const notifyQueueMigrations = createNotifyQueueMigrations(DEFAULT_SCHEMA);

/**
 * The migrations of a schema of your own.
 *
 * @example
 * new DataSource({ type: 'postgres', migrations: [...createNotifyQueueMigrations('queue'), ...] })
 * @throws InvalidOptionError
 */
export function createNotifyQueueMigrations(schema: string): Array<new () => MigrationInterface> {
  assertSchemaName(schema);
  return migrationScripts.map((script) => toClass(schema, script));
}

function toClass(schema: string, script: MigrationScript): new () => MigrationInterface {
  const migration = class implements MigrationInterface {
    readonly name = script.name;

    async up(queryRunner: QueryRunner): Promise<void> {
      await inTransaction(queryRunner, (query) => applyScript(query, schema, script));
    }

    async down(queryRunner: QueryRunner): Promise<void> {
      await inTransaction(queryRunner, (query) => revertScript(query, schema, script));
    }
  };
  Object.defineProperty(migration, 'name', { value: script.name });
  return migration;
}

/** TypeORM wraps migrations in a transaction unless told not to; the advisory lock needs one. */
async function inTransaction(queryRunner: QueryRunner, work: (query: Query) => Promise<unknown>): Promise<void> {
  const own = !queryRunner.isTransactionActive;
  if (own) await queryRunner.startTransaction();
  try {
    await work((sql) => queryRunner.query(sql) as Promise<unknown[]>);
    if (own) await queryRunner.commitTransaction();
  } catch (error) {
    if (own) await queryRunner.rollbackTransaction();
    throw error;
  }
}
